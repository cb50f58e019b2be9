//! The pages about tenants: create, change, suspend, delete and restore.

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use provisor::auth::role::Role;
use provisor::id::TenantId;
use provisor::oauth::clients;
use provisor::provider::tenants;
use serde_json::json;

use super::signed_in;
use crate::support::groups::{group_body, id};
use crate::support::oauth::{Endpoints, assert_oauth_error, client, script};
use crate::support::people::{registered, somebody};
use crate::support::{Browser, Tenant, assert_error, database, operator, shared, tenant, tenant_with};

fn operating() -> Browser {
    signed_in(TenantId::NONE, Role::Owner)
}

fn path(tenant: &Tenant) -> String {
    format!("/admin/tenants/{}", tenant.id)
}

/// Answers a question with yes.
fn confirm(browser: &mut Browser, path: &str) -> crate::support::browser::Page {
    let page = browser.open(path);
    assert_eq!(page.status, 200, "{}", page.text);
    browser.post(&page.form(path));
    browser.follow()
}

fn actions(tenant: &Tenant) -> Vec<String> {
    tenant.audit().into_iter().map(|row| row.action).collect()
}

#[test]
fn a_tenant_is_created_listed_and_worked_in() {
    let mut browser = operating();
    let name = format!("acme-{}", std::process::id());
    let form = browser.open("/admin/tenants/new").form("/admin/tenants/new");
    let form = form.with("name", &name).with("stores_passwords", "on").with("unique_group_names", "on");
    browser.post(&form);
    let page = browser.follow();
    assert_eq!(page.heading(), name);
    assert!(page.says("is created"), "{}", page.text);
    assert!(page.text.contains("name=\"stores_passwords\" checked"), "{}", page.text);
    let list = browser.open(&format!("/admin/tenants?q={name}"));
    assert!(list.says(&name) && list.says("active"));
    assert!(browser.open("/admin/tenants?q=no-such-name").says("No tenant matches"));
    // The same again makes no second one.
    let page = browser.post(&form);
    assert_eq!(page.status, 422);
    assert!(page.says(&format!("There is a tenant '{name}' already")), "{}", page.text);
    let list = browser.open(&format!("/admin/tenants?q={name}"));
    let start = list.text.find("/admin/tenants/0").unwrap();
    let path: String = list.text[start..].chars().take_while(|c| *c != '"').collect();
    let page = browser.open(&path);
    assert!(page.says("Work in this tenant"), "{}", page.text);
    browser.post(&page.form("/admin/tenant").with("tenant", path.rsplit('/').next().unwrap()));
    assert!(browser.follow().text.contains(&format!("{name} · provisor</title>")));
}

#[test]
fn a_name_that_cannot_be_one_is_refused_and_shown_as_it_was_typed() {
    let mut browser = operating();
    let form = browser.open("/admin/tenants/new").form("/admin/tenants/new");
    let long = "a".repeat(64);
    for name in ["", " ", "Acme", "a b", "-a", "a\u{0}b", "\u{1f600}", "<script>alert(1)</script>", &long] {
        let page = browser.post(&form.clone().with("name", name));
        assert_eq!(page.status, 422, "{name}");
        assert!(page.says("A name has small letters, digits and hyphens"), "{}", page.text);
        assert!(!page.text.contains("<script>alert"), "{}", page.text);
    }
}

#[test]
fn a_suspended_tenant_is_served_nothing_within_a_second_and_goes_on_afterwards() {
    let (tenant, other) = (tenant(), tenant());
    let endpoints = Endpoints::shared();
    let script = client(tenant.id, &script());
    let access_token = script.ask(&endpoints).json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(tenant.client.get("/Users").status, 200);
    let mut browser = operating();
    let page = confirm(&mut browser, &format!("{}/suspend", path(&tenant)));
    assert!(page.says("The tenant is suspended") && page.says("Resume tenant"), "{}", page.text);
    let suspended = Instant::now();
    std::thread::sleep(Duration::from_millis(1_100));
    for path in ["/Users", "/Schemas", "/ServiceProviderConfig"] {
        let answer = tenant.client.get(path);
        assert_error(&answer, 403, None);
        assert!(answer.json()["detail"].as_str().unwrap().contains("this tenant is suspended"), "{}", answer.text);
    }
    assert!(suspended.elapsed() < Duration::from_secs(5));
    assert_error(&tenant.client.post("/Users", &json!({"userName": "ada"})), 403, None);
    assert_eq!(other.client.get("/Users").status, 200);
    assert_oauth_error(&script.ask(&endpoints), 400, "unauthorized_client");
    assert!(!script.sees(&endpoints, &access_token));
    let refused = shared().with_backend(|backend| {
        let new = provisor::auth::NewToken {
            name: "okta".into(),
            scopes: provisor::auth::Scopes::default(),
            expires_at: None,
            allowed_networks: Vec::new(),
            user: None,
        };
        provisor::auth::tokens::create(&backend.store, &operator(tenant.id), &backend.token_key, &new).is_err()
    });
    assert!(refused);
    let form = browser.open(&path(&tenant)).form("/resume");
    browser.post(&form);
    assert!(browser.follow().says("The tenant is served again."));
    // Again, which changes nothing.
    browser.post(&form);
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(tenant.client.get("/Users").status, 200);
    assert!(script.sees(&endpoints, &access_token));
    let actions = actions(&tenant);
    for action in ["tenant.suspend", "tenant.resume"] {
        assert_eq!(actions.iter().filter(|done| *done == action).count(), 1, "{actions:?}");
    }
}

#[test]
fn whoever_works_in_a_suspended_tenant_is_told() {
    let tenant = tenant();
    shared().with_backend(|backend| tenants::set_suspended(&backend.store, &operator(tenant.id), true)).unwrap();
    let page = signed_in(tenant.id, Role::Auditor).open("/admin");
    assert!(page.says(&format!("{} is suspended", tenant.name)), "{}", page.text);
}

#[test]
fn switches_are_changed_and_passwords_are_erased_only_when_asked_twice() {
    let tenant = tenant_with(true);
    let user = tenant.create(&crate::support::okta_user("ada@example.com"));
    assert!(database::password_hash(id(&user)).is_some());
    let mut browser = operating();
    let form = browser.open(&path(&tenant)).form(&path(&tenant));
    let question = browser.post(&form.with("unique_group_names", "on"));
    assert_eq!(question.status, 200);
    assert!(question.says("Erase the passwords kept"), "{}", question.text);
    assert!(database::password_hash(id(&user)).is_some());
    browser.post(&question.form(&path(&tenant)));
    assert!(browser.follow().says("The settings of the tenant are saved."));
    assert_eq!(database::password_hash(id(&user)), None);
}

#[test]
fn names_become_unique_only_where_they_are() {
    let tenant = tenant();
    let mut browser = operating();
    let form = browser.open(&path(&tenant)).form(&path(&tenant));
    browser.post(&form);
    assert!(browser.follow().says("saved"));
    std::thread::sleep(Duration::from_millis(1_100));
    for _ in 0..2 {
        assert_eq!(tenant.client.post("/Groups", &group_body("Twice", &[])).status, 201);
    }
    let page = browser.post(&form.with("unique_group_names", "on"));
    assert_eq!(page.status, 422);
    assert!(page.says("cannot be unique: two have 'twice'"), "{}", page.text);
}

#[test]
fn okta_s_resource_types_come_and_go() {
    let tenant = tenant();
    let mut browser = operating();
    let form = browser.open(&path(&tenant)).form("/okta");
    browser.post(&form);
    assert!(browser.follow().says("Roles and entitlements are served now."));
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(tenant.client.get("/Roles").status, 200);
    let role = json!({"schemas": ["urn:okta:scim:schemas:core:1.0:Role"], "displayName": "Reader"});
    let created = tenant.client.post("/Roles", &role);
    assert_eq!(created.status, 201, "{}", created.text);
    let form = browser.open(&path(&tenant)).form("/okta");
    let page = browser.post(&form);
    assert_eq!(page.status, 422);
    assert!(page.says("while 1 resources of type 'Role' depend on it"), "{}", page.text);
    tenant.client.delete(&format!("/Roles/{}", id(&created.json())));
    browser.post(&form);
    assert!(browser.follow().says("Roles and entitlements are served no longer."));
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(tenant.client.get("/Roles").status, 404);
}

#[test]
fn a_deleted_tenant_can_be_restored_and_needs_its_name_typed() {
    let tenant = tenant();
    let mut browser = operating();
    let delete = format!("{}/delete", path(&tenant));
    let form = browser.open(&delete).form(&delete);
    for typed in ["", "default", &tenant.name.to_uppercase()] {
        let page = browser.post(&form.clone().with("typed", typed));
        assert_eq!(page.status, 422);
        assert!(page.says("This is not the name of the tenant."), "{}", page.text);
    }
    browser.post(&form.clone().with("typed", &tenant.name));
    let page = browser.follow();
    assert!(page.says("to be deleted") && page.says("Restore tenant"), "{}", page.text);
    std::thread::sleep(Duration::from_millis(1_100));
    assert_error(&tenant.client.get("/Users"), 403, None);
    // Nothing else can be changed meanwhile.
    let page = browser.open(&format!("{}/suspend", path(&tenant)));
    assert_eq!(page.status, 409, "{}", page.text);
    assert!(browser.open("/admin/tenants?state=deleted").says(&tenant.name));
    let restore = browser.open(&path(&tenant)).form("/restore");
    browser.post(&restore);
    assert!(browser.follow().says("The tenant is kept, and served again."));
    assert_eq!(browser.post(&restore).status, 409);
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(tenant.client.get("/Users").status, 200);
    assert_eq!(actions(&tenant)[..2], ["tenant.restore", "tenant.delete"]);
}

#[test]
fn after_its_grace_the_data_of_a_tenant_is_gone_and_its_audit_log_stays() {
    let (tenant, other) = (tenant(), tenant());
    let users: Vec<String> = (0..3).map(|number| id(&tenant.user(&format!("user-{number}"))).to_owned()).collect();
    let members: Vec<&str> = users.iter().map(String::as_str).collect();
    assert_eq!(tenant.client.post("/Groups", &group_body("All", &members)).status, 201);
    other.user("ada");
    registered(crate::support::people::client(tenant.id));
    let person = somebody(tenant.id, Role::Owner);
    let caller = "INSERT INTO header_token_callers SELECT id, '192.0.2.1', now(), now() FROM header_tokens";
    let mut pg = database::connect(&shared().data_dir, "provisor");
    database::execute(&mut pg, &format!("{caller} WHERE tenant_id IN ('{}', '{}')", tenant.id, other.id));
    let before = tenant.audit().len();
    let later = Utc::now() + tenants::GRACE + TimeDelta::minutes(1);
    shared().with_backend(|backend| {
        let row = backend.store.gate(|gate| gate.tenant_with_id(tenant.id)).unwrap().unwrap();
        // Before its time nothing is touched.
        tenants::delete(&backend.store, &operator(tenant.id), &row, &tenant.name).unwrap();
        tenants::erase_due(&backend.store, Utc::now(), || true).unwrap();
        assert!(backend.store.gate(|gate| gate.administrator(person.id)).unwrap().is_some());
        let due = backend.store.gate(|gate| gate.tenants_to_erase(later)).unwrap();
        assert!(due.iter().any(|due| due.id == tenant.id.0));
    });
    database::execute(
        &mut database::connect(&shared().data_dir, "provisor"),
        &format!("UPDATE tenants SET delete_after = now() - interval '1 minute' WHERE id = '{}'", tenant.id),
    );
    shared().with_backend(|backend| {
        tenants::erase_due(&backend.store, Utc::now(), || true).unwrap();
        // Again, which finds nothing.
        tenants::erase_due(&backend.store, Utc::now(), || true).unwrap();
        assert!(clients::list(&backend.store, &operator(tenant.id)).unwrap().is_empty());
        assert!(backend.store.gate(|gate| gate.administrator(person.id)).unwrap().is_none());
        assert!(backend.store.gate(|gate| gate.tenant(&tenant.name)).unwrap().is_none());
        let row = backend.store.gate(|gate| gate.tenant_with_id(tenant.id)).unwrap().unwrap();
        assert!(row.deleted_at.is_some() && row.name.starts_with(&format!("{} (deleted ", tenant.name)));
    });
    for table in ["resources", "resource_counts", "memberships", "header_tokens"] {
        let left = format!("SELECT count(*) AS number FROM {table} WHERE tenant_id = '{}'", tenant.id);
        assert_eq!(database::number(&left), 0, "{table}");
    }
    // The addresses that its tokens came from are gone with them.
    let strays = "SELECT count(*) AS number FROM header_token_callers WHERE address = '192.0.2.1'";
    let of_other = format!("{strays} AND token_id IN (SELECT id FROM header_tokens WHERE tenant_id = '{}')", other.id);
    assert_eq!((database::number(strays), database::number(&of_other)), (1, 1));
    assert_eq!(other.client.get("/Users").json()["totalResults"], 1);
    let audit = tenant.audit();
    assert_eq!(audit.len(), before + 2);
    assert_eq!((audit[0].action.as_str(), audit[0].actor_kind.as_str()), ("tenant.erase", "system"));
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(tenant.client.get("/Users").status, 401);
    let mut browser = operating();
    let page = browser.open(&path(&tenant));
    assert!(page.says("The data of this tenant was deleted"), "{}", page.text);
    // It can be worked in, to read; nothing new comes to it.
    browser.post(&page.form("/admin/tenant").with("tenant", &tenant.id.to_string()));
    let form = browser.open("/admin/administrators/invite").form("/invite");
    let page = browser.post(&form.with("email", "fresh@example.com").with("role", "admin"));
    assert_eq!(page.status, 409);
    assert!(page.says("nothing can be changed"), "{}", page.text);
}

#[test]
fn whoever_comes_into_a_tenant_in_the_last_moment_is_erased_with_it() {
    let tenant = tenant();
    let mut pg = database::connect(&shared().data_dir, "provisor");
    database::execute(
        &mut pg,
        &format!("UPDATE tenants SET delete_after = now() - interval '1 minute' WHERE id = '{}'", tenant.id),
    );
    let erase = || {
        let erased = shared().with_backend(|backend| tenants::erase_due(&backend.store, Utc::now(), || true));
        erased.unwrap().iter().any(|(name, done)| *name == tenant.name && matches!(done, Ok(true)))
    };
    // Somebody who began to come before, and is not done.
    let email = format!("late.{}@example.com", tenant.name);
    let begun = format!(
        "BEGIN; SELECT 1 FROM tenants WHERE id = '{0}' FOR SHARE;
         INSERT INTO administrators (id, tenant_id, email, folded_email, role, created_at)
         VALUES (gen_random_uuid(), '{0}', '{email}', '{email}', 'admin', now())",
        tenant.id
    );
    database::execute(&mut pg, &begun);
    let is_erased = std::thread::scope(|scope| {
        let erasing = scope.spawn(erase);
        std::thread::sleep(Duration::from_millis(500));
        assert!(!erasing.is_finished());
        database::execute(&mut pg, "COMMIT");
        erasing.join().unwrap()
    });
    assert!(is_erased || erase());
    let left = format!("SELECT count(*) AS number FROM administrators WHERE tenant_id = '{}'", tenant.id);
    assert_eq!(database::number(&left), 0);
}

/// What a tenant has is deleted with it: a table that is new must be cleared away too, or stay for a reason.
#[test]
fn every_table_of_tenants_is_cleared_away_or_kept_for_a_reason() {
    // The audit log stays, and what proves it. A session names the tenant that an operator works in, and ends by itself.
    let kept = [
        "audit_events",
        "audit_unsealed",
        "audit_seals",
        "audit_checkpoints",
        "audit_checkpoint_signatures",
        "audit_chains",
        "sessions",
    ];
    let erasure = include_str!("../../../src/store/erasure.rs");
    let tables = "SELECT attrelid::regclass::text AS value FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE attname = 'tenant_id' AND relkind = 'r' AND relnamespace = 'public'::regnamespace";
    let mut pg = database::connect(&shared().data_dir, "provisor");
    for table in database::texts(&mut pg, tables) {
        let is_erased =
            erasure.contains(&format!("{table}::table")) || erasure.contains(&format!("tenant, {table} by"));
        assert!(is_erased != kept.contains(&table.as_str()), "{table}");
    }
}

#[test]
fn a_tenant_that_there_is_not_is_not_found() {
    let mut browser = operating();
    for id in ["x", "00000000-0000-0000-0000-000000000000", "%00", "01890000-0000-7000-8000-00000000000g"] {
        assert_eq!(browser.open(&format!("/admin/tenants/{id}")).status, 404, "{id}");
    }
    for query in ["?q=%00", "?q=%25", "?after=%00&before=%FF", "?state=x", &format!("?q={}", "a".repeat(5_000))] {
        assert_eq!(browser.open(&format!("/admin/tenants{query}")).status, 200, "{query}");
    }
}

#[test]
fn a_long_list_has_pages_in_both_directions() {
    let prefix = format!("page-{}", std::process::id());
    shared().with_backend(|backend| {
        for number in 0..120 {
            let name = format!("{prefix}-{number:03}");
            let new = provisor::store::NewTenant { name: &name, stores_passwords: false, unique_group_names: true };
            tenants::create(&backend.store, &operator(TenantId::generate()), &new).unwrap();
        }
    });
    let mut browser = operating();
    let link = |text: &str, rel: &str| -> Option<String> {
        let link = text.split("<a ").find(|link| link.contains(&format!("rel=\"{rel}\"")))?;
        Some(link.split("href=\"").nth(1)?.split('"').next()?.replace("&amp;", "&").replace("&#x2F;", "/"))
    };
    let first = |text: &str| text.split("<th scope=\"row\">").nth(1).unwrap().split('>').nth(1).unwrap()[..].to_owned();
    let mut page = browser.open(&format!("/admin/tenants?q={prefix}"));
    assert_eq!(link(&page.text, "prev"), None);
    let mut starts = vec![first(&page.text)];
    while let Some(next) = link(&page.text, "next") {
        page = browser.open(&next);
        starts.push(first(&page.text));
    }
    let expected: Vec<String> = [0, 50, 100].iter().map(|number| format!("{prefix}-{number:03}</a")).collect();
    assert_eq!(starts, expected);
    while let Some(previous) = link(&page.text, "prev") {
        page = browser.open(&previous);
        assert_eq!(first(&page.text), starts[starts.len() - 2]);
        starts.pop();
    }
    assert_eq!(starts.len(), 1);
}

#[test]
fn a_tenant_that_cannot_be_cleared_away_holds_up_no_other() {
    let (broken, sound) = (tenant(), tenant());
    let mut pg = database::connect(&shared().data_dir, "provisor");
    // The one that is looked at first.
    let name = format!("hold_{}", broken.id.0.simple());
    database::execute(
        &mut pg,
        &format!(
            "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'held'; END $$; \
             CREATE TRIGGER {name} BEFORE DELETE ON header_tokens FOR EACH ROW WHEN (OLD.tenant_id = '{0}') EXECUTE FUNCTION {name}(); \
             UPDATE tenants SET delete_after = now() - interval '2 minutes' WHERE id = '{0}'; \
             UPDATE tenants SET delete_after = now() - interval '1 minute' WHERE id = '{1}'",
            broken.id, sound.id
        ),
    );
    let erase = || {
        shared().with_backend(|backend| {
            tenants::erase_due(&backend.store, Utc::now(), || true).unwrap();
            let is_gone =
                |id| backend.store.gate(|gate| gate.tenant_with_id(id)).unwrap().unwrap().deleted_at.is_some();
            (is_gone(broken.id), is_gone(sound.id))
        })
    };
    let first = erase();
    database::execute(&mut pg, &format!("DROP TRIGGER {name} ON header_tokens; DROP FUNCTION {name}()"));
    assert_eq!(first, (false, true));
    // It is done the next time.
    assert_eq!(erase(), (true, true));
}
