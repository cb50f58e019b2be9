//! The pages of the audit log.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use provisor::audit::{Action, Outcome};
use provisor::auth::role::Role;
use provisor::backend::Backend;
use provisor::id::TenantId;
use provisor::store::{AuditFilter, AuditRow, AuditStart};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::signed_in;
use crate::support::browser::{Form, Page};
use crate::support::{Browser, Random, Tenant, database, eventually, groups, operator, shared, tenant};

/// A tenant with entries of several kinds: users created, changed and deleted, and writes refused.
fn busy() -> Tenant {
    let tenant = tenant();
    let mut random = Random::new(Random::seed(50));
    for number in 0..30 {
        let user = tenant.user(&format!("user{number}@example.com"));
        let path = format!("/Users/{}", user["id"].as_str().unwrap());
        if random.chance(60) {
            tenant
                .client
                .modify(&path, &json!([{"op": "replace", "path": "displayName", "value": format!("Name_{number}%")}]));
        }
        if random.chance(30) {
            tenant.client.post("/Users", &json!({"schemas": ["x"], "userName": 7}));
        }
        if random.chance(30) {
            tenant.client.delete(&path);
        }
    }
    // Refusals are written in their order, a while after they happened.
    let last = tenant.client.post("/Groups", &json!({}));
    assert_eq!(last.status, 400, "{}", last.text);
    let last = last.header("x-request-id").unwrap();
    eventually("the refusals", || tenant.audit().iter().any(|row| row.request_id == last).then_some(()));
    tenant
}

/// What the filter of the store must find, as plain conditions.
fn reference(rows: &[AuditRow], filter: &AuditFilter) -> Vec<AuditRow> {
    let milliseconds = |at: DateTime<Utc>| at.timestamp_millis();
    let id_time = |row: &AuditRow| {
        let (seconds, nanoseconds) = row.id.get_timestamp().unwrap().to_unix();
        i64::try_from(seconds).unwrap() * 1_000 + i64::from(nanoseconds) / 1_000_000
    };
    let says = |row: &AuditRow, text: &str| {
        let states = [&row.before, &row.after].map(|state| state.as_ref().map(Value::to_string).unwrap_or_default());
        let texts = [&row.actor_id, &row.actor_name, &row.target_id, &row.target_type, &row.action, &row.request_id];
        let more = [row.detail.as_deref(), row.address.as_deref()].map(Option::unwrap_or_default);
        let all = texts.map(String::as_str).into_iter().chain(more).chain(states.iter().map(String::as_str));
        all.map(str::to_lowercase).any(|one| one.contains(&text.to_lowercase()))
    };
    let is_wanted = |row: &&AuditRow| {
        filter.actor.as_ref().is_none_or(|actor| row.actor_id == *actor)
            && filter.actor_name.as_ref().is_none_or(|name| row.actor_name == *name)
            && filter.action.is_none_or(|action| row.action == action.code())
            && filter.target.as_ref().is_none_or(|target| row.target_id == *target)
            && filter.outcome.is_none_or(|outcome| Action::parse(&row.action).unwrap().outcome() == outcome)
            && filter.from.is_none_or(|from| id_time(row) >= milliseconds(from))
            && filter.to.is_none_or(|to| id_time(row) < milliseconds(to))
            && filter.text.as_ref().is_none_or(|text| says(row, text))
    };
    rows.iter().filter(is_wanted).cloned().collect()
}

fn ids(rows: &[AuditRow]) -> Vec<uuid::Uuid> {
    rows.iter().map(|row| row.id).collect()
}

#[test]
fn every_filter_finds_what_plain_conditions_find_page_by_page_in_both_directions() {
    let tenant = busy();
    let all = tenant.audit();
    let mut random = Random::new(Random::seed(51));
    let page = |filter: &AuditFilter, start| {
        let read = |backend: &Backend| {
            let caller = operator(tenant.id);
            let page = backend.store.run(&caller, |tenant| tenant.audit_export(filter, start, 7)).unwrap();
            let list = backend.store.run(&caller, |tenant| tenant.audit_list(filter, start, 7)).unwrap();
            let history = backend.store.run(&caller, |tenant| tenant.audit_history(filter, start, 7)).unwrap();
            for other in [list, history] {
                let listed: Vec<_> = other.rows.iter().map(|entry| entry.row.id).collect();
                assert_eq!((listed, other.newer, other.older), (ids(&page.rows), page.newer, page.older));
            }
            page
        };
        shared().with_backend(read)
    };
    let mut found_something = 0;
    for _ in 0..300 {
        let row = random.pick(&all).clone();
        let mut filter = AuditFilter::default();
        let mut maybe = |percent| random.chance(percent);
        filter.actor = maybe(20).then(|| row.actor_id.clone());
        filter.actor_name = maybe(20).then(|| row.actor_name.clone());
        filter.action = if maybe(30) { Action::parse(&row.action) } else { None };
        filter.target = maybe(20).then(|| row.target_id.clone());
        filter.outcome = if maybe(20) { Some(Outcome::Refused) } else { None };
        filter.outcome = if maybe(20) { Some(Outcome::Done) } else { filter.outcome };
        filter.from = maybe(20).then_some(row.occurred_at);
        filter.to = maybe(20).then_some(row.occurred_at);
        if maybe(40) {
            let texts = [
                "user1",
                "NAME_",
                "_1%",
                "%",
                "\\",
                "User",
                "okta",
                "405",
                "example.com",
                &row.request_id,
                "nothing says this",
            ];
            filter.text = Some((*random.pick(&texts)).to_owned());
        }
        let expected = ids(&reference(&all, &filter));
        let (mut found, mut pages, mut start) = (Vec::new(), Vec::new(), AuditStart::Newest);
        loop {
            let next = page(&filter, start);
            found.extend(ids(&next.rows));
            pages.push(ids(&next.rows));
            match next.older {
                Some(older) => start = AuditStart::OlderThan(older),
                None => break,
            }
        }
        assert_eq!(found, expected, "{filter:?}");
        found_something += usize::from(!expected.is_empty());
        // And back again.
        for before in pages.windows(2).rev() {
            let back = page(&filter, AuditStart::NewerThan(before[1][0]));
            assert_eq!(ids(&back.rows), before[0], "{filter:?}");
            assert!(back.older.is_some());
        }
    }
    assert!(found_something > 50, "{found_something}");
}

#[test]
fn the_list_is_filtered_by_its_url_and_leads_from_page_to_page() {
    let tenant = busy();
    let mut browser = signed_in(tenant.id, Role::Auditor);
    let first = browser.open("/admin/audit");
    assert_eq!(first.heading(), "Audit log");
    assert_eq!(first.text.matches("<tr>").count(), 51);
    let link = |page: &Page, label: &str| {
        let end = page.text.find(&format!(">{label}</a>"))?;
        let start = page.text[..end].rfind("href=\"")? + 6;
        Some(page.text[start..].split('"').next()?.replace("&#x2F;", "/").replace("&amp;", "&"))
    };
    assert_eq!(link(&first, "Newer"), None);
    let second = browser.open(&link(&first, "Older").unwrap());
    assert!(second.text.matches("<tr>").count() > 1 && second.status == 200);
    let back = browser.open(&link(&second, "Newer").unwrap());
    let rows = |text: &str| text.matches("<tr>").count();
    assert_eq!(rows(&back.text), 51);

    let refused = browser.open("/admin/audit?outcome=refused&actor=okta");
    assert!(refused.says("write.refused") && !refused.says("resource.create</small>"));
    assert!(browser.open("/admin/audit?action=resource.modify&text=name_1").says("resource.modify"));
    let none = browser.open("/admin/audit?text=nothing+says+this");
    assert!(none.says("No entry matches") && none.says("Clear filters"));
    let quoted = browser.open("/admin/audit?text=%22%3E%3Cscript%3Ealert(1)%3C/script%3E");
    assert!(!quoted.text.contains("<script>alert"));
    for odd in [
        "actor=%00".to_owned(),
        format!("text={}", "x".repeat(5_000)),
        "target=%F0%9F%92%A9%E2%80%AE".to_owned(),
        "older=not-an-id".to_owned(),
        "where=no-tenant".to_owned(),
        "actor=%FF%FE".to_owned(),
    ] {
        assert_eq!(browser.open(&format!("/admin/audit?{odd}")).status, 200, "{odd}");
    }
    for wrong in ["action=no", "outcome=maybe", "from=yesterday", "to=99999-99-99", "from=2026-02-02&to=2026-02-01"] {
        let page = browser.open(&format!("/admin/audit?{wrong}"));
        assert_eq!(page.status, 422, "{wrong}");
        assert!(page.says("Look at:"), "{wrong}");
    }
}

#[test]
fn an_entry_tells_who_did_what_and_what_it_was_before() {
    let tenant = tenant();
    let user = tenant.user("<b>ada</b>@example.com");
    let path = format!("/Users/{}", user["id"].as_str().unwrap());
    let answer = tenant.client.modify(&path, &json!([{"op": "replace", "path": "displayName", "value": "<i>Ada</i>"}]));
    assert_eq!(answer.status, 200);
    let row = tenant.audit().remove(0);
    let mut browser = signed_in(tenant.id, Role::Auditor);
    let entry = format!("/admin/audit/{}", row.id);
    let page = until(&mut browser, &entry, |page| page.says("Hash before"));
    assert_eq!(page.heading(), "User modified");
    assert!(page.says("<ins><span class=\"quiet\">+ added</span> <i>Ada</i></ins>"), "{}", page.text);
    assert!(!page.text.contains("<i>Ada"), "what clients send is escaped");
    for said in [&*row.request_id, &row.actor_id, &row.target_id, "Header token", "the SCIM API"] {
        assert!(page.says(said), "{said}");
    }
    let mut stranger = signed_in(crate::support::tenant().id, Role::Owner);
    assert_eq!(stranger.open(&entry).status, 404);
    assert_eq!(browser.open("/admin/audit/nonsense").status, 404);
    assert_eq!(browser.open("/admin/audit/%00").status, 404);
}

#[test]
fn operators_alone_see_entries_of_no_tenant() {
    let mut browser = signed_in(TenantId::NONE, Role::Owner);
    let page = browser.open("/admin/audit?where=no-tenant&action=session.sign_in");
    assert!(page.says("Entries of no tenant") && page.says("Signed in"), "{}", page.text);
    let mut other = signed_in(tenant().id, Role::Owner);
    let page = other.open("/admin/audit?where=no-tenant");
    assert!(!page.says("Entries of no tenant") && !page.says("Where"));
}

/// Opens a page until it says what is waited for.
fn until(browser: &mut Browser, path: &str, is_it: impl Fn(&Page) -> bool) -> Page {
    let browser = RefCell::new(browser);
    eventually(path, || Some(browser.borrow_mut().open(path)).filter(|page| is_it(page)))
}

/// The form of an export on the open page.
fn export(browser: &mut Browser, path: &str, format: &str) -> Page {
    let form: Form = browser.open(path).form(&format!("/admin/audit/export.{format}"));
    browser.post(&form)
}

#[test]
fn an_export_has_every_entry_of_the_filter_once_with_a_checksum_and_is_recorded() {
    let tenant = busy();
    tenant.user("=cmd|' /C calc'!A0");
    let mut browser = signed_in(tenant.id, Role::Auditor);
    let before = tenant.audit();
    let answer = export(&mut browser, "/admin/audit?action=resource.create", "jsonl");
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .header("content-disposition")
            .unwrap()
            .starts_with(&format!("attachment; filename=\"audit-{}-", tenant.name))
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let lines: Vec<&str> = answer.text.lines().collect();
    let (last, lines) = lines.split_last().unwrap();
    let exported: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let wanted = AuditFilter { action: Some(Action::Create), ..AuditFilter::default() };
    let expected = reference(&before, &wanted);
    assert_eq!(exported.len(), expected.len());
    for (line, row) in exported.iter().zip(&expected) {
        assert_eq!(line["id"], row.id.to_string());
        assert_eq!(line["after"], row.after.clone().unwrap_or_default());
        assert_eq!(line["time"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap(), row.occurred_at);
    }
    let last: Value = serde_json::from_str(last).unwrap();
    let body = &answer.text[..=answer.text.trim_end().rfind('\n').unwrap()];
    let hex = |text: &str| {
        let digest = Sha256::digest(text);
        digest.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
    };
    assert_eq!(last["export"]["sha256"], hex(body));
    assert_eq!(last["export"]["entries"], expected.len());
    assert_eq!(last["export"]["complete"], true);
    let recorded = tenant.audit().remove(0);
    assert_eq!(
        (recorded.action.as_str(), &recorded.after),
        ("audit.export", &Some(json!({"format": "jsonl", "filter": {"action": "resource.create"}})))
    );

    let csv = export(&mut browser, "/admin/audit?action=resource.create", "csv").text;
    assert_eq!(csv.matches("\r\n").count(), expected.len() + 2);
    assert!(csv.starts_with("\"seq\",\"time\",\"id\""));
    let body = &csv[..=csv.trim_end().rfind('\n').unwrap()];
    assert!(csv.contains(&format!("sha256 of the lines above {}", hex(body))));
    let browser_page = export(&mut signed_in(tenant.id, Role::Owner), "/admin/audit?text=calc", "csv");
    assert!(browser_page.says("=cmd") && !browser_page.text.contains(",\"="), "no cell begins a formula");
}

#[test]
fn whoever_asks_has_the_whole_chain_verified() {
    let tenant = tenant();
    tenant.user("ada");
    let mut browser = signed_in(tenant.id, Role::Auditor);
    let page = until(&mut browser, "/admin/audit/verify", |page| page.says("Chain verified"));
    let began = page.text.clone();
    assert_eq!(browser.post(&page.form("/admin/audit/verify")).status, 303);
    assert!(browser.follow().says("The whole chain is being verified"));
    let done = until(&mut browser, "/admin/audit/verify", |page| {
        !page.says("Waiting for the server") && !page.says("Verifying:")
    });
    assert!(done.says("Chain verified") && done.text != began);
    assert!(tenant.audit().iter().any(|row| row.action == "audit.verify"));
}

#[test]
fn the_pages_of_a_group_whose_members_were_all_replaced_are_there_at_once() {
    const MEMBERS: usize = 20_000;
    let tenant = tenant();
    let path = groups::group(&tenant, "Everybody", &[]);
    let id = uuid::Uuid::now_v7();
    // As a PUT leaves it, which takes a while to be carried out.
    let members = |salt: &str| {
        format!(
            "(SELECT json_build_object('displayName', 'Everybody', 'members', json_agg(json_build_object('type', 'User', 'value', \
             md5('{salt}' || n)::uuid))) FROM generate_series(1, {MEMBERS}) AS n)"
        )
    };
    let entry = format!(
        "INSERT INTO audit_events (tenant_id, id, occurred_at, action, actor_kind, actor_id, actor_name, target_type, target_id, before, after, \
         request_id) VALUES ('{}', '{id}', now(), 'resource.replace', 'header_token', 'token', 'okta', 'Group', '{}', {}, {}, 'request')",
        tenant.id,
        path.trim_start_matches("/Groups/"),
        members("old"),
        members("new")
    );
    database::execute(&mut database::connect(&shared().data_dir, "provisor"), &entry);
    let mut browser = signed_in(tenant.id, Role::Auditor);
    let mut open = |path: &str| {
        let begun = Instant::now();
        let page = browser.open(path);
        assert_eq!(page.status, 200, "{path}");
        assert!(begun.elapsed() < Duration::from_secs(15), "{path}: {:?}", begun.elapsed());
        assert!(page.text.len() < 1 << 20, "{path}: {}", page.text.len());
        page
    };
    for page in [format!("/admin/audit/{id}"), format!("/admin{}/history", path.to_lowercase())] {
        let page = open(&page);
        let rest = "and 19\u{202f}800 more";
        assert!(page.says(&format!("− removed</span> {rest}")) && page.says(&format!("+ added</span> {rest}")));
    }
    assert!(open(&format!("/admin/audit/{id}")).says("This is the beginning."));
    let list = open("/admin/audit");
    assert!(list.says("resource.replace") && list.says(path.trim_start_matches("/Groups/")));
}

#[test]
fn lists_name_what_entries_are_about() {
    let tenant = tenant();
    let mut pg = database::connect(&shared().data_dir, "provisor");
    let mut insert = |before: &str, after: &str| {
        let statement = format!(
            "INSERT INTO audit_events (tenant_id, id, occurred_at, action, actor_kind, actor_id, actor_name, target_type, target_id, before, \
             after, request_id) VALUES ('{}', '{}', now(), 'resource.modify', 'header_token', 'a', 'okta', 'User', 'the-id', {before}, {after}, 'r')",
            tenant.id,
            uuid::Uuid::now_v7()
        );
        database::execute(&mut pg, &statement);
    };
    for (before, after) in [
        ("NULL", r#"'{"name": "d", "email": "c", "displayName": "b", "userName": "a"}'"#),
        (r#"'{"userName": "before"}'"#, r#"'{"displayName": "after"}'"#),
        (r#"'{"userName": "before"}'"#, r#"'{"userName": "the-id", "active": true}'"#),
        ("NULL", r#"'{"userName": 7, "name": {"givenName": "x"}, "email": "e"}'"#),
        ("NULL", r#"'{"userName": "\u0000"}'"#),
        (r#"'["userName"]'"#, r#"'"userName"'"#),
        ("'null'", "NULL"),
        (
            "NULL",
            "json_build_object('userName', 'large', 'members', (SELECT json_agg(md5(n::text)) FROM generate_series(1, 1000) AS n))",
        ),
    ] {
        insert(before, after);
    }
    let list = shared().with_backend(|backend| {
        let newest = |tenant: &mut provisor::store::TenantConn<'_>| {
            tenant.audit_list(&AuditFilter::of_target("the-id"), AuditStart::Newest, 50)
        };
        backend.store.run(&operator(tenant.id), newest).unwrap()
    });
    let names: Vec<_> = list.rows.iter().rev().map(|entry| entry.name.as_deref()).collect();
    assert_eq!(names, [Some("a"), Some("after"), Some("before"), Some("e"), None, None, None, None]);
    assert!(list.rows.iter().all(|entry| entry.row.before.is_none() && entry.row.after.is_none()));
    assert_eq!(signed_in(tenant.id, Role::Auditor).open("/admin/audit?target=the-id").status, 200);
}
