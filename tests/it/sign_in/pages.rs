//! What all pages have in common: headers, validity, and that they give nothing away.

use provisor::auth::role::Role;
use reqwest::Method;

use crate::support::browser::Page;
use crate::support::people::{PASSWORD, somebody};
use crate::support::process::{ServerProcess, TemporaryDirectory, run_json};
use crate::support::{Browser, shared, tenant};

/// The pages that there are, each with its title.
fn all(browser: &mut Browser, email: &str) -> Vec<Page> {
    let mut pages = vec![browser.open("/"), browser.open("/admin/nothing"), browser.open("/admin/login")];
    pages.push(browser.request(Method::POST, "/admin/login"));
    pages.push(browser.open("/oauth/authorize"));
    pages.push(browser.open("/oauth/consent"));
    browser.open("/admin/login");
    pages.push(browser.enter(email, PASSWORD));
    pages
}

#[test]
fn every_page_keeps_to_itself_and_out_of_frames() {
    let person = somebody(tenant().id, Role::Owner);
    for page in all(&mut Browser::new(&shared().url), &person.email) {
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(page.header(name), Some(value), "{}", page.url);
        }
        let policy = page.header("content-security-policy").unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.split("; ").any(|own| own == part), "{policy}");
        }
        assert!(!policy.contains("unsafe"));
        assert!(page.header("permissions-policy").unwrap().contains("camera=()"));
        assert!(page.header("x-request-id").is_some());
        assert_eq!(page.header("access-control-allow-origin"), None);
        assert_eq!(page.header("strict-transport-security"), None);
    }
}

#[test]
fn every_page_has_a_language_one_heading_labels_and_no_script_of_its_own() {
    let person = somebody(tenant().id, Role::Owner);
    let pages = all(&mut Browser::new(&shared().url), &person.email);
    for page in &pages {
        assert!(page.text.starts_with("<!doctype html>\n<html lang=\"en\">"), "{}", page.text);
        assert!(!page.heading().is_empty());
        let scripts = page.text.matches("<script").count();
        assert_eq!(scripts, page.text.matches("<script src=\"/static/app.js?v=").count(), "{}", page.text);
        assert!(!page.text.contains(" style=") && !page.text.contains(" onclick"));
        for input in page.text.split("<input").skip(1).map(|input| &input[..input.find('>').unwrap()]) {
            let id = input.split(" id=\"").nth(1).map(|rest| rest.split('"').next().unwrap());
            let labelled = id.is_some_and(|id| page.text.contains(&format!("<label for=\"{id}\">")));
            assert!(labelled || input.contains("type=\"hidden\"") || input.ends_with(" hidden"), "{input}");
        }
    }
    let title = |page: &Page| page.text.split("<title>").nth(1).unwrap().split("</title>").next().unwrap().to_owned();
    let titles: std::collections::BTreeSet<String> = pages.iter().map(title).collect();
    assert_eq!(titles.len(), pages.len(), "{titles:?}");
}

#[test]
fn an_error_page_names_the_request_as_the_log_does() {
    let mut browser = Browser::new(&shared().url).sending("x-request-id", "mine-1");
    let page = browser.open("/admin/nothing");
    assert_eq!((page.status, page.header("x-request-id")), (404, Some("mine-1")));
    assert!(page.says("mine-1"));
}

#[test]
fn what_was_entered_is_shown_again_escaped_but_for_the_password() {
    let mut browser = Browser::new(&shared().url);
    let email = "\"><script>alert(1)</script>@example.com";
    let page = browser.sign_in(email, "a secret to be kept");
    assert_eq!(page.status, 422);
    assert!(page.says(email) && !page.text.contains("<script>") && !page.text.contains("a secret"), "{}", page.text);
}

#[test]
fn behind_https_and_a_path_cookies_are_for_this_host_only_and_links_keep_the_path() {
    let data_dir = TemporaryDirectory::new("https");
    let server = ServerProcess::start_with(&data_dir, &["--public-url", "https://id.example.com/scim-server/"]);
    let file = data_dir.with_extension("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    run_json(&data_dir, &["admin", "create", "ada@example.com", "--password-file", file.to_str().unwrap()]);
    std::fs::remove_file(file).unwrap();
    let mut browser = Browser::new(&server.url);
    let page = browser.request(Method::GET, "/admin/login");
    assert_eq!(page.header("strict-transport-security"), Some("max-age=31536000"));
    let mut form = page.form("/scim-server/admin/login").with("email", "ada@example.com").with("password", PASSWORD);
    form.action = "/admin/login".into();
    let attempt = |origin: &str| {
        let mut sender = Browser::new(&server.url).sending("origin", origin);
        sender.cookies = browser.cookies.clone();
        sender.post(&form)
    };
    assert_eq!(attempt("null").status, 403);
    assert_eq!(attempt("http://id.example.com").status, 403);
    let page = attempt("https://id.example.com");
    assert_eq!(page.location(), Some("/scim-server/admin"));
    let cookies = page.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let cookies: Vec<&str> = cookies.collect();
    assert!(cookies[0].starts_with("__Host-sid=pvr_u_") && cookies[1].starts_with("__Host-device="), "{cookies:?}");
    let attributes = "; Path=/; HttpOnly; SameSite=Lax; Secure";
    assert!(cookies.iter().all(|cookie| cookie.ends_with(attributes)), "{cookies:?}");
}
