//! What a tenant is served, as the pages show and change it.

use std::time::Duration;

use provisor::auth::role::Role;
use serde_json::{Value, json};

use super::signed_in;
use crate::support::browser::Page;
use crate::support::{Browser, USER, tenant};

const HR: &str = "urn:example:scim:schemas:extension:hr:1.0:User";

fn hr() -> Value {
    json!({"id": HR, "name": "HR", "attributes": [
        {"name": "grade", "type": "string", "description": "<b>Grade</b>"},
        {"name": "desk", "type": "complex", "subAttributes": [{"name": "floor", "type": "integer"}]},
    ]})
}

fn upload(browser: &mut Browser, definition: &str, extends: &str) -> Page {
    let form = browser.open("/admin/schemas/upload").form("/upload");
    browser.post(&form.with("definition", definition).with("extends", extends))
}

#[test]
fn a_schema_is_uploaded_served_shown_and_removed() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    assert_eq!(upload(&mut browser, &hr().to_string(), "User").status, 303);
    let page = browser.follow();
    assert_eq!(page.heading(), "HR");
    for shown in ["The schema is served now.", "User (extension)", "desk.floor", "integer", "readWrite", "<b>Grade</b>"]
    {
        assert!(page.says(shown), "{shown}: {}", page.text);
    }
    assert!(!page.text.contains("<b>Grade</b>"), "{}", page.text);
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(tenant.client.get(&format!("/Schemas/{HR}")).json()["name"], "HR");
    let list = browser.open("/admin/schemas");
    assert!(list.says(HR) && list.says("EnterpriseUser"), "{}", list.text);

    let user = json!({"schemas": [USER, HR], "userName": "ada", HR: {"grade": "a"}});
    let path = crate::support::path_of(&tenant.create(&user));
    let remove = format!("/admin/schemas/{HR}/remove");
    let form = browser.open(&remove).form("/remove");
    let page = browser.post(&form);
    assert_eq!(page.status, 422);
    assert!(page.says("while 1 resources of type 'User' depend on it"), "{}", page.text);
    tenant.client.delete(&path);
    browser.post(&form);
    assert!(browser.follow().says("The schema is removed."));
    assert_eq!(browser.post(&form).status, 404);
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(tenant.client.get(&format!("/Schemas/{HR}")).status, 404);
    let actions: Vec<String> = tenant.audit().into_iter().map(|row| row.action).collect();
    for action in ["schema.import", "schema.remove"] {
        assert!(actions.iter().any(|known| known == action), "{actions:?}");
    }
}

#[test]
fn what_is_wrong_with_a_definition_is_said_with_its_place() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Owner);
    let schema = |attributes: Value| json!({"id": HR, "name": "HR", "attributes": attributes}).to_string();
    let wrong_part =
        json!([{"name": "desk", "type": "complex", "subAttributes": [{"name": "floor", "type": "number"}]}]);
    for (definition, says) in [
        (String::new(), "Paste a definition, or choose a file."),
        ("{\n  \"id\": 1,,\n}".into(), "line 2 column"),
        ("[]".into(), "A schema is a JSON object"),
        ("\"a\u{0}b\"".into(), "The body is not acceptable JSON"),
        (schema(json!([])), "'attributes' must list 1 to 200"),
        (schema(json!([{"name": "grade", "typ": "string"}])), "Attribute 'grade': unknown field `typ`"),
        (
            schema(json!([{"name": "a"}, {"type": "string"}])),
            "Attribute number 2, which has no name: missing field `name`",
        ),
        (schema(wrong_part), "Attribute 'desk', sub-attribute 'floor': unknown variant `number`"),
        (json!({"id": USER, "name": "x", "attributes": [{"name": "a"}]}).to_string(), "IANA keeps"),
        (json!({"name": "T", "endpoint": "/Ts", "schema": "urn:x:y"}).to_string(), "There is no schema"),
    ] {
        let page = upload(&mut browser, &definition, "User");
        assert_eq!(page.status, 422, "{definition:.80}");
        assert!(page.says(says), "{says}: {:.4000}", page.text);
    }
    let page = upload(&mut browser, "</textarea><script>alert(1)</script>", "User");
    assert!(!page.text.contains("<script>alert"), "{}", page.text);
    let page = upload(&mut browser, &schema(json!([{"name": "grade"}])), "Nothing");
    assert!(page.says("There is no resource type 'Nothing' to extend"), "{}", page.text);
}

#[test]
fn a_resource_type_is_uploaded_served_and_removed() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Owner);
    let badge = "urn:example:scim:schemas:1.0:Badge";
    let schema = json!({"id": badge, "name": "Badge", "attributes": [{"name": "code", "type": "string"}]});
    upload(&mut browser, &schema.to_string(), "");
    let page = browser.follow();
    assert!(page.says("No resource type has this schema") && page.says("It is served once"), "{}", page.text);
    assert!(browser.open("/admin/schemas").says("not served"));
    let badge_type = json!({"name": "Badge", "endpoint": "/Badges", "schema": badge});
    upload(&mut browser, &badge_type.to_string(), "");
    assert!(browser.follow().says("The resource type Badge is served now."));
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(tenant.client.get("/Badges").status, 200);
    let remove = "/admin/schemas/types/Badge/remove";
    let form = browser.open(&format!("/admin/schemas/{badge}/remove")).form("/remove");
    let page = browser.post(&form);
    assert!(page.says("remove the resource type first"), "{}", page.text);
    let form = browser.open(remove).form(remove);
    browser.post(&form);
    assert!(browser.follow().says("The resource type is removed."));
    assert_eq!(browser.post(&form).status, 404);
}

#[test]
fn an_auditor_looks_and_is_told_why_not_more() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Auditor);
    let page = browser.open("/admin/schemas");
    assert!(page.says("Only owners and admins change schemas.") && !page.text.contains("/okta\""), "{}", page.text);
    assert!(browser.open(&format!("/admin/schemas/{USER}")).says("userName"));
    for path in ["x", "%00", "urn:x:y/remove", "types/User/remove"] {
        let status = browser.open(&format!("/admin/schemas/{path}")).status;
        assert!([403, 404].contains(&status), "{path} {status}");
    }
}

#[test]
fn another_tenant_s_schemas_are_not_found() {
    let (tenant, other) = (tenant(), tenant());
    upload(&mut signed_in(other.id, Role::Owner), &hr().to_string(), "User");
    let mut browser = signed_in(tenant.id, Role::Owner);
    for path in [format!("/admin/schemas/{HR}"), format!("/admin/schemas/{HR}/remove")] {
        assert_eq!(browser.open(&path).status, 404);
    }
}
