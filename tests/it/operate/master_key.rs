//! `provisor master-key replace`: what a thief of the key could use is over and shown so, the rest stays, and no crash leaves a database
//! without its key.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use chrono::{SubsecRound, Utc};
use nix::sys::signal::Signal;
use oauth2::AuthType;
use provisor::audit::{Action, AuditEvent, Target};
use provisor::auth::invitations;
use provisor::auth::role::Role as Rank;
use provisor::auth::setup_links::{self, NewSetupLink};
use provisor::auth::sso::provider::{self, Entered};
use provisor::backend::Backend;
use provisor::id::TenantId;
use provisor::private_postgres::Role;
use provisor::store::{self, CheckpointRow, Replacement};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Postgres;
use crate::oauth_flow::provider::{Provider, come_back};
use crate::support::process::{program, run, run_json, signal};
use crate::support::{
    Browser, Client, Random, ServerProcess, TemporaryDirectory, database, eventually, operator, scaled, settings, totp,
};

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery staple";
const SSO_SECRET: &str = "what the identity provider knows";
const OKTA_APP: &str = "trial7464750_ouraoo_1";

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn refused(output: &Output, code: i32, sentence: &str) {
    assert_eq!(output.status.code(), Some(code), "{}", said(output));
    assert!(said(output).contains(sentence), "{}", said(output));
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

fn key(data: &Path, ending: &str) -> Option<String> {
    fs::read_to_string(data.join(format!("master.key{ending}"))).ok()
}

fn bearer(url: &str, token: &str) -> Client {
    Client::new(url, &format!("Bearer {token}"))
}

fn create_token(data: &Path, tenant: &str) -> (String, String) {
    let made = run_json(data, &["token", "create", "okta", "--tenant", tenant]);
    (text(&made["id"]), text(&made["token"]))
}

/// The breaks of each chain: the fault and where it is.
fn breaks(data: &Path) -> Vec<(String, Value)> {
    let output = run(data, &["audit", "verify", "--json"]);
    let chains: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    assert!(chains.iter().any(|chain| chain["checkpoints"].as_i64() > Some(0)), "{chains:?}");
    let of = |chain: &Value| {
        let tenant = text(&chain["tenant"]);
        chain["breaks"].as_array().unwrap().clone().into_iter().map(move |found| (tenant.clone(), found))
    };
    let all: Vec<_> = chains.iter().flat_map(of).collect();
    assert_eq!(output.status.success(), all.is_empty());
    all
}

/// An installation with all that a master key stands behind, at rest.
struct Victim {
    data: TemporaryDirectory,
    /// Id and text of header tokens: one of each tenant.
    tokens: [(String, String); 2],
    client: (String, String),
    access: String,
    refresh: String,
    session: String,
    app: totp::App,
    recovery: String,
}

fn victim() -> Victim {
    let data = TemporaryDirectory::new("robbed");
    let server = ServerProcess::start(&data);
    run_json(&data, &["tenant", "create", "acme"]);
    let tokens = [create_token(&data, "default"), create_token(&data, "acme")];
    let (revoked, _) = create_token(&data, "default");
    run_json(&data, &["token", "revoke", &revoked]);
    let created = run_json(&data, &["client", "create", "okta", "--okta-app", OKTA_APP]);
    let client = (text(&created["id"]), text(&created["secret"]));
    let password = data.join("password");
    fs::write(&password, PASSWORD).unwrap();
    let made = run(&data, &["admin", "create", EMAIL, "--password-file", password.to_str().unwrap()]);
    assert!(made.status.success(), "{}", said(&made));

    let mut browser = Browser::new(&server.url);
    browser.sign_in(EMAIL, PASSWORD);
    let (app, codes) = totp::set_up(&mut browser);
    let okta = Provider::new(&server.url, &client.0, &client.1, AuthType::RequestBody);
    browser.open_authorize(okta.authorize(&[]).0.as_str());
    let issued = okta.exchange(&come_back(&browser.consent(true)).0).unwrap();
    for token in [&tokens[0].1, &tokens[1].1, &issued.access] {
        assert_eq!(bearer(&server.url, token).get("/Users").status, 200);
    }

    let backend = Backend::open(&settings(&data), Role::Command).unwrap();
    let caller = operator(TenantId::DEFAULT);
    invitations::invite(&backend.store, &backend.token_key, &caller, "grace@example.com", Rank::Owner).unwrap();
    let link = NewSetupLink { id: Uuid::now_v7(), email: "it@example.com", label: "Acme", days: 3 };
    setup_links::create(&backend.store, &backend.token_key, &caller, &link).unwrap();
    let entered = Entered {
        enabled: true,
        issuer: "https://id.example.com",
        client_id: "provisor",
        client_secret: SSO_SECRET,
        role_claim: "",
        roles: "",
        default_role: "",
        is_for_tenant: false,
        tenant: "",
        email_domains: "",
        assumes_verified_email: false,
    };
    provider::save(&backend.store, &backend.sso_key, &operator(TenantId::NONE), &entered).unwrap();
    backend.close().unwrap();
    // It signs the heads when it ends.
    assert!(server.stop());
    let (refresh, session) = (issued.refresh.unwrap(), browser.cookies["sid"].clone());
    Victim { data, tokens, client, access: issued.access, refresh, session, app, recovery: codes[0].clone() }
}

impl Victim {
    /// Works on the database at rest.
    fn with_database<T>(&self, work: impl FnOnce(&Backend, &mut diesel::PgConnection) -> T) -> T {
        let backend = Backend::open(&settings(&self.data), Role::Command).unwrap();
        let worked = work(&backend, &mut database::connect(&self.data, "provisor"));
        backend.close().unwrap();
        worked
    }

    fn states(&self, tenant: &str) -> Vec<(String, String)> {
        let listed = run_json(&self.data, &["token", "list", "--tenant", tenant]);
        let state = |row: &Value| (text(&row["id"]), text(&row["state"]));
        listed.as_array().unwrap().iter().map(state).collect()
    }
}

/// That the client secret of single sign-on is what it was.
fn assert_sso_opens(backend: &Backend) {
    let sso = provider::load(&backend.store, &backend.sso_key).unwrap().unwrap();
    assert_eq!(sso.client_secret.as_slice(), SSO_SECRET.as_bytes());
}

/// That no table holds what is taken, or would be if somebody had the former key.
fn assert_ended(pg: &mut diesel::PgConnection) {
    let mut counted = |query: &str| database::texts(pg, &format!("SELECT count(*)::text AS value FROM {query}"));
    for none in [
        "header_tokens WHERE revoked_at IS NULL",
        "client_secrets WHERE expires_at IS NULL OR expires_at > now()",
        "oauth_grants WHERE revoked_at IS NULL",
        "refresh_tokens",
        "authorization_codes",
        "sessions",
        "invitations",
        "setup_codes",
        "recovery_codes",
        "setup_links WHERE revoked_at IS NULL",
    ] {
        assert_eq!(counted(none), ["0"], "{none}");
    }
    assert_eq!(counted("setup_links"), ["1"]);
}

/// Enters the second factor.
fn enter_code(browser: &mut Browser, code: &str) -> u16 {
    let form = browser.page.form("/admin/login/code").with("code", code);
    browser.post(&form).status
}

/// That a server takes nothing from before, and what is made anew.
fn assert_over_and_made_anew(victim: &Victim) {
    let data = &*victim.data;
    let server = ServerProcess::start(data);
    for token in [&victim.tokens[0].1, &victim.tokens[1].1, &victim.access] {
        assert_eq!(bearer(&server.url, token).get("/Users").status, 401);
    }
    let okta = Provider::new(&server.url, &victim.client.0, &victim.client.1, AuthType::RequestBody);
    assert!(okta.refresh(&victim.refresh).is_err());
    let secret = text(&run_json(data, &["client", "rotate-secret", &victim.client.0])["secret"]);
    let okta = Provider::new(&server.url, &victim.client.0, &secret, AuthType::RequestBody);
    assert!(okta.refresh(&victim.refresh).is_err());
    let (_, token) = create_token(data, "acme");
    assert_eq!(bearer(&server.url, &token).get("/Users").status, 200);

    let mut browser = Browser::new(&server.url);
    browser.cookies.insert("sid".into(), victim.session.clone());
    browser.open("/admin/account");
    assert!(browser.page.text.contains("name=\"password\""), "{}", browser.page.text);
    let mut browser = Browser::new(&server.url);
    browser.sign_in(EMAIL, PASSWORD);
    assert_eq!(enter_code(&mut browser, &victim.recovery), 422);
    assert_eq!(enter_code(&mut browser, &victim.app.code(1)), 303);
    browser.open_authorize(okta.authorize(&[]).0.as_str());
    let issued = okta.exchange(&come_back(&browser.consent(true)).0).unwrap();
    assert_eq!(bearer(&server.url, &issued.access).get("/Users").status, 200);
    let doctor = run(data, &["doctor", "--json"]);
    let doctor: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let fits = doctor["findings"].as_array().unwrap().iter().find(|found| found["check"] == "master-key.fits");
    assert_eq!(fits.unwrap()["state"], "ok", "{doctor}");
    assert!(server.stop());
}

#[test]
fn what_a_thief_could_use_is_over_and_shown_so_and_the_rest_stays() {
    let victim = victim();
    let data = &*victim.data;
    let forged = format!(
        "INSERT INTO audit_checkpoints SELECT tenant_id, seq, hash, now(), 'forged' FROM audit_seals
         WHERE tenant_id = '{}' AND seq = 1",
        TenantId::DEFAULT
    );
    let (checkpoints, before) = victim.with_database(|_, pg| {
        database::execute(pg, &forged);
        let count = database::texts(pg, "SELECT count(*)::text AS value FROM audit_checkpoints");
        (count[0].parse::<i64>().unwrap(), database::texts(pg, "SELECT t::text AS value FROM audit_checkpoints AS t"))
    });
    let told = breaks(data);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0].0[..], &told[0].1["fault"], &told[0].1["seq"]), ("default", &json!("forged"), &json!(1)));
    let old = key(data, "").unwrap();

    let replaced = run_json(data, &["master-key", "replace"]);
    assert_eq!(
        replaced["carriedOver"],
        json!({
            "checkpoints": checkpoints - 1, "forgedCheckpoints": 1, "authenticatorApps": 1, "voidAuthenticatorApps": 0,
            "singleSignOn": true,
        })
    );
    let ended = |tokens, others| {
        json!({
            "headerTokens": tokens, "clientSecrets": others, "grants": others, "invitations": others, "setupLinks": others,
        })
    };
    let mut all = ended(2, 1);
    (all["sessions"], all["recoveryCodes"]) = (json!(1), replaced["ended"]["recoveryCodes"].clone());
    assert_eq!(replaced["ended"], all);
    assert!(all["recoveryCodes"].as_i64() > Some(5));
    let mut tenants = replaced["tenants"].as_array().unwrap().clone();
    tenants.sort_by_key(|row| text(&row["tenant"]));
    let of = |tenant, ended| json!({"tenant": tenant, "ended": ended});
    assert_eq!(tenants, [of("acme", ended(1, 0)), of("default", ended(1, 1))]);

    let new = key(data, "").unwrap();
    assert_ne!(new, old);
    assert_eq!((key(data, ".former").unwrap(), key(data, ".next")), (old, None));
    for ending in ["", ".former"] {
        let mode = fs::metadata(data.join(format!("master.key{ending}"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(breaks(data), told);

    // Lists say it. What had ended before ended then.
    let ids = |state: &str| {
        let listed = victim.states("default").into_iter().chain(victim.states("acme"));
        listed.filter(|(_, known)| known == state).count()
    };
    assert_eq!((ids("revoked"), ids("valid")), (3, 0));
    victim.with_database(|backend, pg| {
        assert_ended(pg);
        assert_sso_opens(backend);
        // Checkpoints are as they were written.
        let after = database::texts(pg, "SELECT t::text AS value FROM audit_checkpoints AS t");
        assert!(before.iter().all(|row| after.contains(row)));
        let dump = database::dump(pg).join("\n");
        assert!(dump.contains("master_key.replace") && !dump.contains(new.trim()));
    });
    let entries = |arguments: &[&str]| {
        let action = ["audit", "list", "--action", Action::MasterKeyReplace.code()];
        run_json(data, &[&action, arguments].concat())
    };
    let entry = |found: &Value| (text(&found[0]["target"]["id"]), found[0]["after"]["ended"].clone());
    let own = entries(&["--tenant", "acme"]);
    assert_eq!((own.as_array().unwrap().len(), entry(&own)), (1, ("master-key".into(), ended(1, 0))));
    let own = entries(&["--no-tenant"]);
    assert_eq!((own.as_array().unwrap().len(), entry(&own)), (1, ("master-key".into(), all)));

    assert_over_and_made_anew(&victim);

    // Once more, with checkpoints of two keys by now.
    let again = run_json(data, &["master-key", "replace"]);
    assert!(again["carriedOver"]["checkpoints"].as_i64().unwrap() > checkpoints - 1, "{again}");
    assert_eq!(key(data, ".former-2").unwrap(), new);
    assert_eq!(breaks(data), told);
}

#[test]
fn a_crash_before_the_new_key_was_put_in_place_is_told_and_finished() {
    let victim = victim();
    let data = &*victim.data;
    let old = key(data, "").unwrap();
    let done = run(data, &["master-key", "replace"]);
    assert!(
        done.status.success() && said(&done).contains("1 authenticator apps, the client secret"),
        "{}",
        said(&done)
    );
    let new = key(data, "").unwrap();
    // As after the commit.
    fs::rename(data.join("master.key"), data.join("master.key.next")).unwrap();
    fs::copy(data.join("master.key.former"), data.join("master.key")).unwrap();
    let file = data.with_extension("backup");
    let next = format!("new master key, which lies in {}", data.join("master.key.next").display());
    for command in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["token", "create", "late"],
        &["key", "replace"],
        &["backup", file.to_str().unwrap()],
    ] {
        refused(&run(data, command), 78, &next);
    }
    refused(&run(data, &["doctor"]), 1, &next);
    let finished = run(data, &["master-key", "replace"]);
    assert!(finished.status.success() && said(&finished).contains("went by it already"), "{}", said(&finished));
    assert_eq!((key(data, "").unwrap(), key(data, ".next")), (new.clone(), None));
    // It had been kept already.
    assert_eq!((key(data, ".former").unwrap(), key(data, ".former-2")), (old, None));
    assert_eq!(breaks(data), []);
    let replacements = run_json(data, &["audit", "list", "--no-tenant", "--action", "master_key.replace"]);
    assert_eq!(replacements.as_array().unwrap().len(), 1);

    // As before the commit: a key that nothing goes by yet. It is not used, as it may be any.
    let stray = ["master-key", "create", "--master-key-file", data.join("master.key.next").to_str().unwrap()]
        .map(str::to_owned);
    assert!(run(data, &stray.each_ref().map(String::as_str)).status.success());
    let stray = key(data, ".next").unwrap();
    let (_, token) = create_token(data, "acme");
    let doctor = run(data, &["doctor"]);
    assert!(said(&doctor).contains("lies one that nothing goes by"), "{}", said(&doctor));
    let again = run_json(data, &["master-key", "replace"]);
    assert_eq!((&again["finishedOnly"], &again["ended"]["headerTokens"]), (&json!(false), &json!(1)));
    assert!(![stray, new].contains(&key(data, "").unwrap()));
    let server = ServerProcess::start(data);
    assert_eq!(bearer(&server.url, &token).get("/Users").status, 401);
    assert!(server.stop());
    assert_eq!(breaks(data), []);
}

#[test]
fn whenever_it_is_killed_the_next_run_comes_to_the_end() {
    let victim = victim();
    let data = &*victim.data;
    let mut random = Random::new(Random::seed(76));
    for round in 0..scaled(4) {
        let mut command = program();
        command.args(["master-key", "replace", "--data-dir"]).arg(data);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(random.below(1_500) as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        let done = run_json(data, &["master-key", "replace"]);
        if done["finishedOnly"] == false {
            let carried = &done["carriedOver"];
            let told = ["authenticatorApps", "voidAuthenticatorApps", "singleSignOn"].map(|name| &carried[name]);
            assert_eq!(told, [&json!(1), &json!(0), &json!(true)], "{round}: {carried}");
        }
        assert_eq!(key(data, ".next"), None, "{round}");
        assert_eq!(breaks(data), [], "{round}");
    }
    victim.with_database(|backend, _| assert_sso_opens(backend));
    let server = ServerProcess::start(data);
    let mut browser = Browser::new(&server.url);
    browser.sign_in(EMAIL, PASSWORD);
    assert_eq!(enter_code(&mut browser, &victim.app.code(1)), 303);
    let (_, token) = create_token(data, "acme");
    assert_eq!(bearer(&server.url, &token).get("/Users").status, 200);
    assert!(server.stop());
}

#[test]
fn many_checkpoints_are_signed_anew_a_stretch_at_a_time() {
    const MANY: i64 = 12_000;
    let data = TemporaryDirectory::new("signed");
    assert!(ServerProcess::start(&data).stop());
    let backend = Backend::open(&settings(&data), Role::Command).unwrap();
    let (tenant_id, hash, at) = (TenantId::DEFAULT.0, vec![7; 32], Utc::now().trunc_subsecs(3));
    let row = |seq: i64| {
        let (number, micros) = (seq.to_be_bytes(), at.timestamp_micros().to_be_bytes());
        let signature = backend.checkpoint_key.stamp(&[tenant_id.as_bytes(), &number, &hash, &micros], &[]);
        CheckpointRow { tenant_id, seq, hash: hash.clone(), at, signature }
    };
    // Behind the end of the chain, of which there is an entry.
    let event = AuditEvent::new(Action::TenantUpdate, Target::new("Tenant", tenant_id));
    let caller = operator(TenantId::DEFAULT);
    backend.store.run::<_, store::Error>(&caller, |tenant| tenant.record(&event)).unwrap();
    let rows: Vec<CheckpointRow> = (1_000_000..1_000_000 + MANY).map(row).collect();
    for stretch in rows.chunks(5_000) {
        backend.store.gate(|gate| gate.insert_checkpoints(stretch)).unwrap();
    }
    backend.close().unwrap();
    let output = run(&data, &["master-key", "replace", "--json"]);
    assert!(said(&output).contains("signing checkpoints\n"), "{}", said(&output));
    let replaced: Value = serde_json::from_slice(&output.stdout).unwrap();
    let carried = &replaced["carriedOver"];
    assert!(carried["checkpoints"].as_i64() >= Some(MANY) && carried["forgedCheckpoints"] == 0, "{carried}");
    let found = breaks(&data);
    assert!(found.len() > 900 && found.iter().all(|(_, found)| found["fault"] == "seal_deleted"), "{found:?}");
}

#[test]
fn while_a_server_runs_nothing_is_replaced_and_who_comes_meanwhile_waits() {
    let victim = victim();
    let data = &*victim.data;
    let old = key(data, "").unwrap();
    let server = ServerProcess::start(data);
    let url = database::url(data, "provisor");
    let file = data.join("master.key");
    let named = ["--database-url", &url, "--master-key-file", file.to_str().unwrap()];
    for arguments in [&[][..], &named] {
        let arguments = [&["master-key", "replace"], arguments].concat();
        refused(&run(data, &arguments), 1, "at the database: stop all of them first; the master key");
    }
    assert_eq!((key(data, "").unwrap(), key(data, ".next"), key(data, ".former")), (old, None, None));
    assert_eq!(bearer(&server.url, &victim.tokens[1].1).get("/Users").status, 200);
    let entries = run_json(data, &["audit", "list", "--no-tenant", "--action", "master_key.replace"]);
    assert_eq!(entries, json!([]));
    assert!(server.stop());

    // A database of one's own.
    let postgres = Postgres::start(data, &[]);
    let other = TemporaryDirectory::new("elsewhere");
    let replaced = run(&other, &[&["master-key", "replace"], &named[..]].concat());
    assert!(replaced.status.success(), "{}", said(&replaced));
    let key_of_now = key(data, "");
    // On another machine the former key may still be in its place.
    let former = data.join("master.key.former");
    let astray = ["--database-url", &url, "--master-key-file", former.to_str().unwrap()];
    refused(&run(&other, &[&["token", "create", "void"], &astray[..]].concat()), 78, "sealed under another master key");
    let listed = run(&other, &[&["token", "list", "--json"], &named[..]].concat());
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert!(listed.as_array().unwrap().iter().all(|row| row["state"] == "revoked"), "{listed}");
    let with_former = run(&other, &[&["master-key", "replace"], &astray[..]].concat());
    refused(&with_former, 1, "sealed under another master key");
    assert_eq!((key(data, ""), key(data, ".former.next")), (key_of_now, None));

    // Whoever comes while it is under way waits, and has the new key then.
    let mut pg = database::connect(data, "provisor");
    database::execute(&mut pg, "SET statement_timeout = 0; SELECT pg_advisory_lock(7643, 7644)");
    let spawn = |arguments: &[&str]| {
        let mut command = program();
        command.args(arguments).args(named).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut wait_for = |waiting: &str| {
        let query = "SELECT count(*)::text AS value FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
        let cell = std::cell::RefCell::new(&mut pg);
        eventually("the wait", || (database::texts(&mut cell.borrow_mut(), query) == [waiting]).then_some(()));
    };
    let replacing = spawn(&["master-key", "replace"]);
    wait_for("1");
    let creating = spawn(&["token", "create", "in time"]);
    wait_for("2");
    drop(pg);
    let (replaced, created) = (replacing.wait_with_output().unwrap(), creating.wait_with_output().unwrap());
    assert!(replaced.status.success() && created.status.success(), "{}{}", said(&replaced), said(&created));
    drop(postgres);
    eventually("the end of Postgres", || (!data.join("postgres/postmaster.pid").exists()).then_some(()));
    let server = ServerProcess::start(data);
    let token = String::from_utf8(created.stdout).unwrap();
    assert_eq!(bearer(&server.url, token.trim()).get("/Users").status, 200);
    assert!(server.stop());
    assert_eq!(breaks(data), []);
}

#[test]
fn who_left_before_the_commit_does_not_hinder_it_and_who_stays_does() {
    let data = TemporaryDirectory::new("visited");
    assert!(ServerProcess::start(&data).stop());
    let postgres = Postgres::start(&data, &[]);
    let url = database::url(&data, "provisor");
    let begin = || eventually("to be alone", || Replacement::begin(&url).unwrap());
    for stays in [false, true] {
        let mut replacement = begin();
        let visitor = database::connect(&data, "provisor");
        let visit = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(if stays { 6 } else { 1 }));
            drop(visitor);
        });
        assert_eq!(replacement.commit().unwrap(), !stays);
        drop(replacement);
        visit.join().unwrap();
    }
    drop(postgres);
}

#[test]
fn behind_a_link_the_file_itself_gets_the_new_key() {
    let data = TemporaryDirectory::new("linked");
    assert!(ServerProcess::start(&data).stop());
    let kept = data.join("kept");
    fs::create_dir(&kept).unwrap();
    fs::rename(data.join("master.key"), kept.join("master.key")).unwrap();
    std::os::unix::fs::symlink("kept/master.key", data.join("master.key")).unwrap();
    let old = key(&kept, "").unwrap();
    let replaced = run(&data, &["master-key", "replace"]);
    assert!(replaced.status.success(), "{}", said(&replaced));
    assert_eq!(fs::read_link(data.join("master.key")).unwrap(), Path::new("kept/master.key"));
    assert_eq!(key(&kept, ".former"), Some(old));
    // As after a crash: the new key is looked for where it lies.
    fs::rename(kept.join("master.key"), kept.join("master.key.next")).unwrap();
    fs::copy(kept.join("master.key.former"), kept.join("master.key")).unwrap();
    refused(&run(&data, &["token", "create", "late"]), 78, "kept/master.key.next");
    let finished = run(&data, &["master-key", "replace"]);
    assert!(finished.status.success() && said(&finished).contains("went by it already"), "{}", said(&finished));
    run_json(&data, &["token", "create", "late"]);
}

/// Has a process go on that was halted, whatever comes.
struct Halted(u32);

impl Halted {
    fn new(pid: u32) -> Self {
        signal(pid, Signal::SIGSTOP);
        Self(pid)
    }
}

impl Drop for Halted {
    fn drop(&mut self) {
        signal(self.0, Signal::SIGCONT);
    }
}

#[test]
fn a_server_that_was_cut_off_and_comes_back_signs_and_judges_nothing_under_the_former_key() {
    const CUT_OFF: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE application_name = 'provisor' AND pid <> pg_backend_pid()";
    const JUDGED: &str = "SELECT count(*)::text AS value FROM audit_chains WHERE asked_at IS NULL";
    let victim = victim();
    let data = &*victim.data;
    let postgres = Postgres::start(data, &[]);
    let (url, file) = (database::url(data, "provisor"), data.join("master.key"));
    let named = ["--database-url", &url, "--master-key-file", file.to_str().unwrap()];
    let forgotten = ServerProcess::start_with(data, &named);
    let halted = Halted::new(forgotten.pid());
    database::execute(&mut database::connect(data, "provisor"), CUT_OFF);
    let other = TemporaryDirectory::new("of-now");
    let replaced = run(&other, &[&["master-key", "replace"], &named[..]].concat());
    assert!(replaced.status.success(), "{}", said(&replaced));
    // This one signs heads under the new key.
    assert!(ServerProcess::start_with(&other, &named).stop());
    let _ = fs::remove_file(other.with_extension("log"));
    let made = run(&other, &[&["tenant", "create", "later"], &named[..]].concat());
    assert!(made.status.success(), "{}", said(&made));

    let mut pg = database::connect(data, "provisor");
    database::execute(&mut pg, "UPDATE audit_chains SET asked_at = now()");
    drop(halted);
    let log = || fs::read_to_string(data.with_extension("log")).unwrap();
    let cell = std::cell::RefCell::new(&mut pg);
    eventually("its judgement", || {
        let is_judged = || database::texts(&mut cell.borrow_mut(), JUDGED) != ["0"];
        (log().contains("the audit log was not verified") || is_judged()).then_some(())
    });
    assert!(forgotten.stop());
    assert_eq!(database::texts(&mut pg, "SELECT sum(breaks)::text AS value FROM audit_chains"), ["0"]);
    drop(pg);
    drop(postgres);
    eventually("the end of Postgres", || (!data.join("postgres/postmaster.pid").exists()).then_some(()));
    assert_eq!(breaks(data), []);
    let told = log();
    let told = told.lines().find(|line| line.contains("checkpoint")).unwrap_or_else(|| panic!("{told}"));
    assert!(told.contains("ERROR") && told.contains("another master key"), "{told}");
}
