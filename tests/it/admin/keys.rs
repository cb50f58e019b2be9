//! Signing keys. What changes them is done to a server of its own: all tests share the keys of the other one.

use provisor::auth::role::Role;

use super::signed_in;
use crate::support::people::PASSWORD;
use crate::support::process::{run, run_json};
use crate::support::{Browser, ServerProcess, TemporaryDirectory, database, shared, tenant};

#[test]
fn whoever_may_read_sees_the_keys_and_why_they_cannot_be_changed() {
    let tenant = tenant();
    for role in [Role::Auditor, Role::Admin, Role::Owner] {
        let page = signed_in(tenant.id, role).open("/admin/keys");
        assert!(page.says(&format!("{}/.well-known/jwks.json", shared().url)), "{}", page.text);
        assert!(page.says("Current") && page.says("Next") && page.says("Needs an owner over all tenants."));
    }
}

#[test]
fn keys_are_rotated_and_retired() {
    let data_dir = TemporaryDirectory::new("admin-keys");
    let server = ServerProcess::start(&data_dir);
    let file = data_dir.with_extension("password");
    std::fs::write(&file, PASSWORD).unwrap();
    let made = run(&data_dir, &["admin", "create", "ada@example.com", "--password-file", file.to_str().unwrap()]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::remove_file(&file).unwrap();
    let mut browser = Browser::new(&server.url);
    browser.sign_in("ada@example.com", PASSWORD);
    let keys = || run_json(&data_dir, &["key", "list"]);
    let kid = |state: &str| {
        let keys = keys();
        let key = keys.as_array().unwrap().iter().find(|key| key["state"] == state);
        key.map(|key| key["kid"].as_str().unwrap().to_owned())
    };
    let (current, next) = (kid("current").unwrap(), kid("next").unwrap());
    // The next key was published a moment ago.
    let form = browser.open("/admin/keys/rotate").form("/rotate");
    assert!(browser.page.says("The next key was published a moment ago"));
    let page = browser.post(&form);
    assert_eq!((page.status, page.says("tick the box")), (422, true), "{}", page.text);
    assert_eq!(kid("current"), Some(current.clone()));
    let form = form.with("at_once", "yes");
    assert_eq!(browser.post(&form).status, 303);
    assert!(browser.follow().says("The keys are rotated"));
    assert_eq!(kid("current"), Some(next.clone()));
    // Sent twice, it rotates once.
    assert_eq!(browser.post(&form).status, 409);
    assert_eq!((kid("current"), kid("previous")), (Some(next.clone()), Some(current.clone())));
    for path in [format!("/admin/keys/{next}/retire"), format!("/admin/keys/{}/retire", kid("next").unwrap())] {
        assert_eq!(browser.open(&path).status, 409, "{path}");
    }
    let form = browser.open(&format!("/admin/keys/{current}/retire")).form("/retire");
    assert!(browser.page.says("Every access token that it signed is refused within a second"));
    assert_eq!(browser.post(&form).status, 303);
    assert_eq!(kid("previous"), None);
    assert_eq!(browser.post(&form).status, 404);
    let page = browser.open("/admin/keys");
    assert!(!page.says("Make next key"));
    let form = crate::support::browser::Form { action: "/admin/keys/next".into(), ..page.form("/logout") };
    assert_eq!(browser.post(&form).status, 409);
    let mut pg = database::connect(&data_dir, "provisor");
    database::execute(&mut pg, "DELETE FROM signing_keys WHERE activated_at IS NULL");
    assert_eq!(kid("next"), None);
    assert!(browser.open("/admin/keys/rotate").says("There is no next key to take over"));
    let form = browser.open("/admin/keys").form("/keys/next");
    assert_eq!(browser.post(&form).status, 303);
    assert!(kid("next").is_some());
    let actions: Vec<String> = database::texts(
        &mut pg,
        "SELECT action || ' ' || actor_kind AS value FROM audit_events WHERE action LIKE 'key.%' ORDER BY id",
    );
    assert_eq!(
        actions,
        ["key.create system", "key.rotate administrator", "key.remove administrator", "key.create administrator"]
    );
    drop(pg);
    assert!(server.stop());
}
