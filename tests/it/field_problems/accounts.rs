//! Who is whom: names, conflicts, renames, deletion.

use serde_json::json;

use super::*;
use crate::support::{assert_error, minimal, path_of, tenant};

#[test]
fn row_17_a_name_that_differs_only_in_case_is_a_conflict_and_an_email_is_none() {
    let tenant = tenant();
    let with_email = |name: &str| json!({"userName": name, "emails": [{"value": "same@x.example", "type": "work"}]});
    tenant.create(&with_email("Jane@X.example"));
    for name in ["jane@x.example", "JANE@X.EXAMPLE", "Jane@X.example"] {
        let answer = tenant.client.post("/Users", &minimal(name));
        assert_error(&answer, 409, Some("uniqueness"));
        assert_eq!(answer.json()["status"], "409");
    }
    tenant.create(&with_email("another"));
    assert_eq!(tenant.client.get("/Users").json()["totalResults"], 2);
}

#[test]
fn row_18_names_keep_their_case_and_are_compared_without() {
    let tenant = tenant();
    let path = tenant.create_path(&minimal("Jane.DOE@Example.COM"));
    assert_eq!(tenant.client.get(&path).json()["userName"], "Jane.DOE@Example.COM");
    assert_eq!(tenant.client.found("userName eq \"jane.doe@example.com\""), ["Jane.DOE@Example.COM"]);
    let renamed =
        tenant.client.modify(&path, &json!([{"op": "replace", "value": {"userName": "jane.doe@Example.com"}}]));
    assert_eq!((renamed.status, &renamed.json()["userName"]), (200, &json!("jane.doe@Example.com")));
}

#[test]
fn row_19_an_inactive_user_is_a_conflict_by_name_and_a_deleted_one_is_none() {
    let tenant = tenant();
    let person = json!({"userName": "jane", "externalId": "e1"});
    let path = tenant.create_path(&person);
    let active = |active: bool| tenant.client.modify(&path, &json!([{"op": "replace", "value": {"active": active}}]));
    assert_eq!(active(false).status, 200);
    assert_error(&tenant.client.post("/Users", &person), 409, Some("uniqueness"));
    assert_eq!(tenant.client.get(&path).json()["active"], false);
    // The client looks up, by whichever it matches, and sets it active.
    for filter in ["userName eq \"jane\"", "externalId eq \"e1\""] {
        assert_eq!(tenant.client.found(filter), ["jane"]);
    }
    assert_eq!(active(true).json()["active"], true);
    // externalId alone is no conflict: it belongs to the client.
    tenant.create(&json!({"userName": "jane2", "externalId": "e1"}));
    assert_eq!(tenant.client.delete(&path).status, 204);
    tenant.create(&person);
}

type Rename<'a> = &'a dyn Fn(&str) -> Answer;

#[test]
fn row_31_a_rename_keeps_the_id_and_frees_the_old_name_at_once() {
    let tenant = tenant();
    let created = tenant.user("old");
    let path = path_of(&created);
    tenant.user("taken");
    let by_put = |name: &str| tenant.client.put(&path, &minimal(name));
    let by_patch =
        |name: &str| tenant.client.modify(&path, &json!([{"op": "Replace", "path": "userName", "value": name}]));
    let ways: [(Rename<'_>, &str, &str); 2] = [(&by_put, "old", "new"), (&by_patch, "new", "newer")];
    for (rename, old, new) in ways {
        assert_error(&rename("TAKEN"), 409, Some("uniqueness"));
        assert_eq!(tenant.client.found(&format!("userName eq \"{old}\"")), [old]);
        let answer = rename(new);
        assert_eq!((answer.status, &answer.json()["id"]), (200, &created["id"]), "{}", answer.text);
        assert_eq!(answer.json()["meta"]["created"], created["meta"]["created"]);
        assert_eq!(tenant.client.found(&format!("userName eq \"{new}\"")), [new]);
        assert_eq!(tenant.client.found(&format!("userName eq \"{old}\"")), [""; 0]);
        let another = tenant.create_path(&minimal(old));
        assert_eq!(tenant.client.delete(&another).status, 204);
    }
}

#[test]
fn row_34_times_have_milliseconds_and_are_utc() {
    let tenant = tenant();
    let path = tenant.create_path(&minimal("ada"));
    tenant.client.modify(&path, &json!([{"op": "add", "path": "title", "value": "x"}]));
    let user = tenant.client.get(&path).json();
    for name in ["created", "lastModified"] {
        let time = user["meta"][name].as_str().unwrap();
        let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{time}");
    }
    assert!(user["meta"]["lastModified"].as_str() > user["meta"]["created"].as_str());
}

#[test]
fn row_35_only_what_the_tenant_provisioned_is_listed_and_a_deleted_account_is_hidden() {
    let (one, other) = (tenant(), tenant());
    other.create(&json!({"userName": "elsewhere", "emails": [{"value": "jane@x.example"}]}));
    let created = one.create(&json!({"userName": "jane", "emails": [{"value": "jane@x.example"}]}));
    assert_found(&one.client.get("/Users"), &[&created]);
    assert_error(&one.client.post("/Users", &minimal("jane")), 409, Some("uniqueness"));
    // The same e-mail under another name is another person.
    let second = one.create(&json!({"userName": "jane.doe", "emails": [{"value": "jane@x.example"}]}));
    let path = path_of(&created);
    assert_eq!(one.client.delete(&path).status, 204);
    assert_error(&one.client.get(&path), 404, None);
    assert_error(&one.client.put(&path, &minimal("jane")), 404, None);
    assert_error(&one.client.delete(&path), 404, None);
    assert_found(&one.client.get("/Users"), &[&second]);
    let again = one.user("jane");
    assert_ne!(again["id"], created["id"]);
    assert_eq!(other.client.get("/Users").json()["totalResults"], 1);
}
