//! What each form of the table of pages asks for can be done without scripts: some page that links lead to has the form, in HTML that
//! a browser sends by itself. A server of its own has one of everything, so that every form is on some page.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use provisor::http::page_routes;
use provisor::id::TenantId;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::support::access::Forge;
use crate::support::browser::{Page, attribute};
use crate::support::groups::group_body;
use crate::support::openid::{CLIENT_ID, CLIENT_SECRET, Provider, Somebody};
use crate::support::people::PASSWORD;
use crate::support::process::{run, run_json};
use crate::support::totp::begin;
use crate::support::{Browser, Client, ServerProcess, TemporaryDirectory, database, minimal};

const ADA: &str = "ada@example.com";
/// Addresses of one path that differ in their queries, at most: filters lead to no other forms.
const QUERIES: usize = 4;

/// What is on the pages that were looked at.
#[derive(Default)]
struct Seen {
    /// What their forms are sent to, as the table has it.
    forms: BTreeSet<&'static str>,
    /// The addresses that were opened, with their queries, by path.
    addresses: BTreeMap<String, BTreeSet<String>>,
}

impl Seen {
    /// Looks at the forms of a page, each of which has what a browser needs to send it.
    fn look(&mut self, page: &Page) {
        for form in page.text.split("<form").skip(1).map(|form| form.split("</form>").next().unwrap()) {
            let head = &form[..form.find('>').unwrap()];
            if attribute(head, "method").as_deref() != Some("post") {
                continue;
            }
            let action = attribute(head, "action").unwrap_or_else(|| panic!("a form without action: {}", page.url));
            let buttons: Vec<&str> = form.split("<button").skip(1).map(|tag| &tag[..tag.find('>').unwrap()]).collect();
            let sends = |tag: &&&str| {
                let kind = attribute(tag, "type");
                kind.is_none_or(|kind| kind == "submit") && !tag.contains(" hidden") && !tag.contains(" disabled")
            };
            assert!(buttons.iter().find(sends).is_some(), "no button sends {action} on {}", page.url);
            assert!(form.contains("name=\"form_token\""), "{action} on {}", page.url);
            assert!(!head.contains(" hidden"), "{action} on {}", page.url);
            self.forms.extend(route(&action));
            let others = buttons.iter().filter_map(|tag| attribute(tag, "formaction"));
            self.forms.extend(others.filter_map(|action| route(&action)));
        }
    }

    /// Opens this page and all that links lead to from there, none of which may be dead.
    fn walk(&mut self, browser: &mut Browser, from: &str) {
        let mut ahead = VecDeque::from([from.to_owned()]);
        while let Some(address) = ahead.pop_front() {
            let (path, query) = address.split_once('?').unwrap_or((&address, ""));
            let known = self.addresses.entry(path.to_owned()).or_default();
            if known.len() == QUERIES || !known.insert(query.to_owned()) {
                continue;
            }
            let page = browser.open(&address);
            // The test of single sign-on leads to the provider.
            assert!(matches!(page.status, 200 | 303), "{address} answers {}: {}", page.status, page.text);
            self.look(&page);
            ahead.extend(links(&page));
        }
    }
}

/// Where the links of a page lead to in the UI.
fn links(page: &Page) -> Vec<String> {
    let tags = page.text.split("<a ").skip(1).map(|tag| format!(" {}", &tag[..tag.find('>').unwrap()]));
    let addresses = tags.filter_map(|tag| attribute(&tag, "href"));
    let addresses = addresses.map(|address| address.split('#').next().unwrap().to_owned());
    addresses.filter(|address| address == "/admin" || address.starts_with("/admin/")).collect()
}

/// The row of the table that a form is sent to; what is spelled out there goes before what is a parameter.
fn route(action: &str) -> Option<&'static str> {
    let below = action.strip_prefix("/admin")?;
    let is_like = |pattern: &str| {
        pattern.split('/').count() == below.split('/').count()
            && pattern.split('/').zip(below.split('/')).all(|(want, have)| want.starts_with('{') || want == have)
    };
    let rows = || page_routes().filter(|page| page.method == "POST").map(|page| page.path);
    rows().find(|path| *path == below).or_else(|| rows().find(|path| is_like(path)))
}

/// Opens a page, fills in its form to this path, which must have these fields, and sends it.
fn submit(browser: &mut Browser, page: &str, action: &str, values: &[(&str, &str)]) -> Page {
    let page = browser.open(page);
    let form = values.iter().fold(page.form(action), |form, (name, value)| {
        assert!(page.text.contains(&format!(" name=\"{name}\"")), "no field {name} on {}", page.url);
        form.with(name, value)
    });
    let answer = browser.post(&form);
    assert!(answer.status < 400, "{}: {}", form.action, answer.text);
    answer
}

/// Creates somebody who signs in.
fn create(data_dir: &Path, email: &str, more: &[&str]) {
    let file = data_dir.with_extension("password");
    std::fs::write(&file, PASSWORD).unwrap();
    let made = run(data_dir, &[&["admin", "create", email, "--password-file", file.to_str().unwrap()], more].concat());
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::remove_file(&file).unwrap();
}

/// What commands make: administrators, tokens, clients, keys and tenants in every state, and users and groups.
fn furnish(server: &ServerProcess, data_dir: &Path) {
    let json = |arguments: &[&str]| run_json(data_dir, arguments);
    let id = |made: serde_json::Value| made["id"].as_str().unwrap().to_owned();
    create(data_dir, "bob@example.com", &["--tenant", "default"]);
    create(data_dir, "eve@example.com", &["--tenant", "default"]);
    json(&["admin", "disable", "eve@example.com"]);
    Browser::new(&server.url).sign_in("bob@example.com", PASSWORD);

    let token = json(&["token", "create", "okta"]);
    let rotated = id(json(&["token", "create", "okta-preview"]));
    json(&["token", "rotate", &rotated]);
    let okta = id(json(&["client", "create", "Acme Okta", "--okta-app", "acme_1"]));
    let disabled = id(json(&["client", "create", "script"]));
    json(&["client", "disable", &disabled]);
    json(&["key", "rotate", "--now"]);
    for name in ["suspended", "deleted"] {
        json(&["tenant", "create", name]);
    }
    json(&["tenant", "suspend", "suspended"]);
    let tenants = json(&["tenant", "list"]);
    let of = |tenant: &&serde_json::Value| tenant["name"] == "default";
    let tenant = tenants.as_array().unwrap().iter().find(of).unwrap()["id"].as_str().unwrap();
    Forge::of(&server.url, data_dir).grant(TenantId(Uuid::parse_str(tenant).unwrap()), &okta);

    let client = Client::new(&server.url, &format!("Bearer {}", token["token"].as_str().unwrap()));
    let user = client.post("/Users", &minimal("grace")).json();
    let mut inactive = minimal("heidi");
    inactive["active"] = false.into();
    client.post("/Users", &inactive);
    client.post("/Groups", &group_body("staff", &[user["id"].as_str().unwrap()]));
}

/// What the forms themselves make, each sent as it is.
fn fill_in(browser: &mut Browser, provider: &Provider) {
    let hr = json!({"id": "urn:example:scim:schemas:extension:hr:1.0:User", "name": "HR", "attributes": [
        {"name": "grade", "type": "string"},
    ]});
    submit(
        browser,
        "/admin/schemas/upload",
        "/schemas/upload",
        &[("definition", &hr.to_string()), ("extends", "User")],
    );
    submit(browser, "/admin/schemas", "/schemas/okta", &[("on", "on")]);
    submit(browser, "/admin/connect", "/connect", &[("provider", "okta"), ("method", "header_token")]);
    let run = browser.page.location().unwrap().to_owned();
    submit(browser, &run, "/credential", &[("name", "wizard"), ("life", "365")]);
    submit(browser, "/admin/connect", "/connect", &[("provider", "entra"), ("method", "header_token")]);
    let link = [("email", "ivan@example.com"), ("label", "Acme Okta"), ("days", "7")];
    submit(browser, "/admin/connect/links", "/connect/links", &link);
    let invitation = [("email", "judy@example.com"), ("role", "admin")];
    submit(browser, "/admin/administrators/invite", "/administrators/invite", &invitation);
    let list = browser.open("/admin/tenants?q=deleted");
    let detail = links(&list).into_iter().find(|link| link.len() == "/admin/tenants/".len() + 36).unwrap();
    submit(browser, &format!("{detail}/delete"), "/delete", &[("typed", "deleted")]);
    let sso = [
        ("issuer", provider.issuer.as_str()),
        ("client_id", CLIENT_ID),
        ("client_secret", CLIENT_SECRET),
        ("role_claim", "groups"),
        ("roles", "chiefs = owner"),
        ("reach", "all"),
        ("enabled", "on"),
    ];
    submit(browser, "/admin/settings/sso", "/settings/sso", &sso);
}

#[test]
fn each_form_of_the_table_is_on_a_page_that_needs_no_scripts() {
    let data_dir = TemporaryDirectory::new("admin-forms");
    let server = ServerProcess::start_with(&data_dir, &["--allow-private-addresses"]);
    let mut seen = Seen::default();
    // Before there is anybody, and before anybody has signed in.
    seen.look(&Browser::new(&server.url).open("/admin/setup"));
    create(&data_dir, ADA, &[]);
    for open in ["/admin/login", "/admin/invitation", "/admin/link"] {
        seen.look(&Browser::new(&server.url).open(open));
    }

    // Somebody with a second factor.
    create(&data_dir, "frank@example.com", &["--role", "auditor"]);
    let mut frank = Browser::new(&server.url);
    frank.sign_in("frank@example.com", PASSWORD);
    let (app, form) = begin(&mut frank);
    seen.look(&frank.page);
    frank.post(&form.with("code", &app.code(0)));
    for link in links(&frank.open("/admin/account")).iter().filter(|link| link.contains("/account/totp/")) {
        seen.look(&frank.open(link));
    }
    let mut again = Browser::new(&server.url);
    seen.look(&again.sign_in("frank@example.com", PASSWORD));

    furnish(&server, &data_dir);
    let (mut ada, mut elsewhere) = (Browser::new(&server.url), Browser::new(&server.url));
    ada.sign_in(ADA, PASSWORD);
    elsewhere.sign_in(ADA, PASSWORD);
    let provider = Provider::start();
    fill_in(&mut ada, &provider);
    // Once an owner has come by single sign-on, passwords can be switched off.
    let mut owner = Browser::new(&server.url);
    let location = owner.request(Method::GET, "/admin/login/sso").location().unwrap().to_owned();
    let back = provider.sign_in(&location, &Somebody::new(ADA, ADA).with("groups", json!(["chiefs"])));
    assert_eq!(owner.open(&back).heading(), "Overview");

    seen.walk(&mut ada, "/admin");
    // There is a next key at any time, but for the moment after it took over.
    let mut pg = database::connect(&data_dir, "provisor");
    database::execute(&mut pg, "DELETE FROM signing_keys WHERE activated_at IS NULL");
    seen.look(&ada.open("/admin/keys"));
    drop(pg);

    let missing: Vec<&str> = page_routes()
        .filter(|page| page.method == "POST" && !seen.forms.contains(page.path))
        .map(|page| page.path)
        .collect();
    assert!(missing.is_empty(), "no page has a form to {missing:?}; looked at {:?}", seen.addresses);
    assert!(server.stop());
}
