//! Directories of any size, made in the database from one user that came by HTTP.

use super::common::driver::Client;
use super::common::server::Server;

/// What the users have in the place of their number.
const FIRST: &str = "number-0";

/// Makes so many users, all alike but for their numbers.
pub fn fill(server: &Server, users: usize) {
    create(&mut Client::connect(server), FIRST);
    let more = users - 1;
    server.sql(&format!(
        "INSERT INTO resources (tenant_id, resource_type, id, version, created_at, last_modified_at, unique_name, external_id, document,
             comparable)
         SELECT tenant_id, resource_type, (left(id::text, 24) || lpad(to_hex(n), 12, '0'))::uuid, version, created_at, last_modified_at,
             replace(unique_name, '{FIRST}', 'number-' || n), replace(external_id, '{FIRST}', 'number-' || n),
             replace(document, '{FIRST}', 'number-' || n), replace(comparable::text, '{FIRST}', 'number-' || n)::jsonb
         FROM resources, generate_series(1, {more}) AS n WHERE resource_type = 'User' AND document LIKE '%{FIRST}%';
         UPDATE resource_counts SET resources = resources + {more}
         WHERE ctid = (SELECT ctid FROM resource_counts WHERE resource_type = 'User' LIMIT 1);"
    ));
    server.sql("VACUUM ANALYZE resources");
}

/// A user of the size that directories send, by a key that is its name.
pub fn user(key: &str) -> String {
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"userName":"{key}@bench.example","externalId":"ext-{key}","name":{{"givenName":"Given {key}","familyName":"Family {key}"}},"displayName":"Given Family {key}","title":"Engineer","locale":"en-US","emails":[{{"value":"{key}@bench.example","type":"work","primary":true}},{{"value":"home-{key}@bench.example","type":"home"}}],"phoneNumbers":[{{"value":"+49 30 123","type":"work"}}],"active":true,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{{"department":"Department 7","manager":{{"value":"00ujl29u0le5T6Aj10h7"}}}}}}"#
    )
}

/// Creates a user; its id.
pub fn create(client: &mut Client, key: &str) -> String {
    let (status, answer) = client.send("POST", "/Users", &user(key));
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(answer));
    let answer: serde_json::Value = serde_json::from_slice(answer).unwrap();
    answer["id"].as_str().unwrap().to_owned()
}

/// A PATCH that sets the title.
pub fn title(text: &str) -> String {
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{{"op":"replace","path":"title","value":"{text}"}}]}}"#
    )
}
