//! What the simulation sends is what Okta sends.

use provisor::simulate::client::Credential;
use reqwest::Method;
use serde_json::{Value, json};

use super::proxy::{Asked, plant};
use super::{PATIENCE, plan, simulate, token};
use crate::support::tenant;

const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

fn first(asked: &[Asked], fits: impl Fn(&Asked) -> bool) -> &Asked {
    asked.iter().find(|asked| fits(asked)).unwrap()
}

#[test]
fn requests_are_those_of_okta() {
    let tenant = tenant();
    let (base_url, server) = plant(&tenant, |asked, server| server.pass(asked));
    let plan = plan(6, 2);
    simulate(&base_url, Credential::Token(token(&tenant)), &plan, PATIENCE).unwrap();
    let asked = server.asked.lock().unwrap();

    let connection = &asked[0];
    assert_eq!(connection.path, "/Users?startIndex=1&count=2");
    assert_eq!(asked[1].path, "/Groups?startIndex=1&count=100");
    let header = |asked: &Asked, name: &str| asked.headers.get(name).cloned();
    assert_eq!(header(connection, "user-agent").as_deref(), Some("Okta SCIM Client 1.0.0"));
    assert_eq!(header(connection, "accept").as_deref(), Some("application/scim+json"));
    assert_eq!(header(connection, "accept-charset").as_deref(), Some("utf-8"));
    assert_eq!(header(connection, "authorization"), Some(server.authorization.clone()));
    assert_eq!(header(connection, "content-type"), None);
    assert_eq!(header(&asked[2], "authorization").as_deref(), Some("non-token"));

    let run = &plan.run;
    let look_up =
        format!("/Users?filter=userName%20eq%20%22Amara.Abernathy.0%40{run}.example.com%22&startIndex=1&count=100");
    let looked_up = asked.iter().position(|asked| asked.path == look_up).unwrap();
    let is_creation = |asked: &Asked| asked.method == Method::POST && asked.body["name"]["givenName"] == "Amara";
    let created = asked.iter().position(is_creation).unwrap();
    assert!(looked_up < created);
    let creation = &asked[created];
    assert_eq!(header(creation, "content-type").as_deref(), Some("application/scim+json; charset=utf-8"));
    let user = &creation.body;
    assert_eq!(user["userName"], format!("Amara.Abernathy.0@{run}.example.com"));
    assert_eq!(user["emails"], json!([{"primary": true, "value": user["userName"], "type": "work"}]));
    assert_eq!((&user["groups"], &user["active"], &user["locale"]), (&json!([]), &json!(true), &json!("en-US")));
    assert!(user["externalId"].as_str().is_some_and(|id| id.len() == 20 && id.starts_with("00u")));
    assert!(user["password"].as_str().is_some_and(|password| password.len() > 8));

    // The profile goes back as it was read, with what the server keeps in it.
    let update = first(&asked, |asked| asked.is(&Method::PUT, "/Users/"));
    for name in ["id", "meta", "schemas", "emails", "externalId", "active"] {
        assert!(!update.body[name].is_null(), "{name}: {}", update.body);
    }
    assert_eq!(update.body["password"], Value::Null);
    let before = &asked[..update.number];
    assert!(before.iter().any(|asked| asked.method == Method::GET && asked.path == update.path));

    let patches: Vec<&Value> =
        asked.iter().filter(|asked| asked.method == Method::PATCH).map(|asked| &asked.body).collect();
    let deactivation = json!({"schemas": [PATCH_OP], "Operations": [{"op": "replace", "value": {"active": false}}]});
    assert!(patches.contains(&&deactivation));
    let members = patches.iter().find(|patch| patch["Operations"][1]["op"] == "remove").unwrap();
    let [name, remove, add] = members["Operations"].as_array().unwrap().as_slice() else { panic!("{members}") };
    assert!(name["value"]["id"].is_string() && name["value"]["displayName"].is_string() && name["path"].is_null());
    assert!(remove["path"].as_str().unwrap().starts_with("members[value eq \""));
    assert_eq!((&add["op"], &add["path"]), (&json!("add"), &json!("members")));
    let member = add["value"][0].as_object().unwrap();
    assert_eq!(member.keys().collect::<Vec<_>>(), ["display", "value"]);

    // Okta deletes no users.
    assert!(asked.iter().all(|asked| asked.method != Method::DELETE || asked.path.starts_with("/Groups/")));
}
