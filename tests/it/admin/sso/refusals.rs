//! What is not taken of a provider, and what of somebody who comes from one.

use chrono::Utc;
use provisor::auth::sso::provider::Entered;
use reqwest::Method;
use serde_json::{Value, json};

use super::{address, assert_refused, installation};
use crate::support::openid::{Signs, Somebody};

#[test]
fn an_id_token_that_is_not_valid_signs_nobody_in() {
    let installation = installation();
    let email = address();
    let somebody = || Somebody::new(&email, &email);
    let now = Utc::now().timestamp();
    for (somebody, reason) in [
        (somebody().with("nonce", json!("another")), "ID token with a wrong nonce"),
        (somebody().with("nonce", Value::Null), "ID token with a wrong nonce"),
        (somebody().with("exp", json!(now - 120)), "expired ID token"),
        (somebody().with("iat", json!(now + 600)), "ID token from the future"),
        (somebody().with("iss", json!("https://other.example.com")), "ID token of another issuer"),
        (somebody().with("aud", json!("somebody else")), "ID token for another audience"),
        (somebody().with("azp", json!("somebody else")), "ID token for another authorized party"),
        (somebody().with("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA")), "ID token for another access token"),
        (somebody().with("sub", json!("")), "ID token without a usable subject"),
        (somebody().with("sub", json!("a\u{0}b")), "ID token without a usable subject"),
        (somebody().signed(Signs::Stranger), "ID token with an unknown key"),
        (somebody().signed(Signs::Hs256), "ID token with an unknown key"),
        (somebody().signed(Signs::Forged), "ID token with a wrong signature"),
        (somebody().signed(Signs::Nothing), "malformed ID token"),
    ] {
        let mut browser = installation.browser();
        let page = installation.sign_in(&mut browser, &somebody);
        assert_refused(&mut browser, &page, 403);
        installation.assert_recorded(reason);
    }
    let query = format!("SELECT count(*)::text AS value FROM administrators WHERE folded_email = '{email}'");
    assert_eq!(installation.query(&query), ["0"]);
}

#[test]
fn an_address_that_may_not_sign_in_does_not() {
    let installation = installation();
    installation.set_up(Entered { email_domains: "example.org, @Example.net", ..installation.entered() });
    for (email, verified, reason) in [
        (json!(address()), json!(true), "an e-mail address of a domain that is not let in"),
        (json!("ada@sub.example.org"), json!(true), "an e-mail address of a domain that is not let in"),
        (json!("ada@example.org"), json!(false), "the e-mail address is not verified"),
        (json!("ada@example.org"), Value::Null, "does not say that the e-mail address is verified"),
        (json!("<b>ada</b>"), json!(true), "no e-mail address"),
        (Value::Null, json!(true), "no e-mail address"),
    ] {
        let somebody = Somebody::new(&address(), "").with("email", email).with("email_verified", verified);
        let mut browser = installation.browser();
        let page = installation.sign_in(&mut browser, &somebody);
        assert_refused(&mut browser, &page, 403);
        installation.assert_recorded(reason);
    }
    let somebody = Somebody::new(&address(), &format!("{}.example.net", address()).replace("example.com.", ""));
    assert_eq!(installation.sign_in(&mut installation.browser(), &somebody).heading(), "Overview");
}

#[test]
fn nobody_takes_an_address_that_is_not_verified() {
    let installation = installation();
    let email = address();
    let silent = Somebody::new("somebody else", &email).with("email_verified", Value::Null);
    let mut browser = installation.browser();
    let page = installation.sign_in(&mut browser, &silent);
    assert_refused(&mut browser, &page, 403);
    let query = format!("SELECT count(*)::text AS value FROM administrators WHERE folded_email = '{email}'");
    assert_eq!(installation.query(&query), ["0"]);
    // Whom it belongs to gets an account.
    let own = Somebody::new(&email, &email);
    assert_eq!(installation.sign_in(&mut browser, &own).heading(), "Overview");
}

#[test]
fn what_was_not_begun_in_this_browser_or_comes_back_again_is_refused() {
    let installation = installation();
    let email = address();
    let somebody = Somebody::new(&email, &email);
    let mut browser = installation.browser();
    let back = installation.come_back(&mut browser, "/admin/login/sso", &somebody);
    // The URL alone is worth nothing, and so is a cookie of somebody else's making.
    let mut stranger = installation.browser();
    let page = stranger.open(&back);
    assert_refused(&mut stranger, &page, 400);
    stranger.cookies.insert("sso".into(), "AAAA".repeat(30));
    let page = stranger.open(&back);
    assert_refused(&mut stranger, &page, 400);
    installation.assert_recorded("a sign-in that was not begun in this browser");
    // Nor does the cookie of another attempt help.
    installation.come_back(&mut stranger, "/admin/login/sso", &somebody);
    let page = stranger.open(&back);
    assert_refused(&mut stranger, &page, 400);
    installation.assert_recorded("a sign-in with a wrong state");
    let cookie = browser.cookies["sso"].clone();
    assert_eq!(browser.open(&back).heading(), "Overview");
    let mut again = installation.browser();
    again.cookies.insert("sso".into(), cookie);
    let page = again.open(&back);
    assert_refused(&mut again, &page, 400);
    installation.assert_recorded("a sign-in that came back before");
}

#[test]
fn an_error_of_the_provider_is_told_in_our_words_alone() {
    let installation = installation();
    for (error, reason) in [
        ("access_denied", "the identity provider answered access_denied"),
        ("%3Cscript%3Ealert(1)%3C/script%3E", "the identity provider answered another error"),
    ] {
        let mut browser = installation.browser();
        let page = browser.request(Method::GET, "/admin/login/sso");
        let state = crate::support::browser::parameter(page.location().unwrap(), "state").unwrap();
        let description = "%3Cscript%3Ealert(1)%3C/script%3E";
        let page = browser
            .open(&format!("/admin/login/sso/callback?error={error}&error_description={description}&state={state}"));
        assert_refused(&mut browser, &page, 403);
        assert!(page.says("Your identity provider did not let you in."));
        assert!(!page.says("alert"));
        installation.assert_recorded(reason);
    }
}

#[test]
fn a_provider_that_does_not_answer_as_it_should_signs_nobody_in() {
    let installation = installation();
    let email = address();
    let mut somebody = Somebody::new(&email, &email);
    somebody.status = 400;
    let mut browser = installation.browser();
    let page = installation.sign_in(&mut browser, &somebody);
    assert_refused(&mut browser, &page, 502);
    installation.assert_recorded("its token endpoint: the identity provider answered another error");
    // A code that it does not know.
    let page = browser.request(Method::GET, "/admin/login/sso");
    let state = crate::support::browser::parameter(page.location().unwrap(), "state").unwrap();
    let page = browser.open(&format!("/admin/login/sso/callback?code=unknown&state={state}"));
    assert_refused(&mut browser, &page, 502);
    installation.assert_recorded("its token endpoint: the identity provider answered invalid_grant");
    // Another issuer answers (RFC 9207).
    somebody.status = 200;
    let back = installation.come_back(&mut browser, "/admin/login/sso", &somebody);
    let page = browser.open(&format!("{back}&iss=https%3A%2F%2Fother.example.com"));
    assert_refused(&mut browser, &page, 403);
    installation.assert_recorded("answer of another issuer");
    for without in ["", "&code=", "&code=a&code=b%00"] {
        let page = browser.request(Method::GET, "/admin/login/sso");
        let state = crate::support::browser::parameter(page.location().unwrap(), "state").unwrap();
        let page = browser.open(&format!("/admin/login/sso/callback?state={state}{without}"));
        assert!([403, 502].contains(&page.status), "{}", page.text);
    }
    // A wrong secret, and an issuer that is written otherwise than the provider writes it.
    installation.set_up(Entered { client_secret: "wrong", ..installation.entered() });
    let page = installation.sign_in(&mut browser, &somebody);
    assert_refused(&mut browser, &page, 502);
    installation.assert_recorded("its token endpoint: the identity provider answered invalid_client");
    let slash = format!("{}/", installation.provider.issuer);
    installation.set_up(Entered { issuer: &slash, ..installation.entered() });
    let page = browser.open("/admin/login/sso");
    assert_refused(&mut browser, &page, 502);
    installation.assert_recorded("its discovery document is of another issuer");
}

#[test]
fn nobody_is_sent_to_a_provider_that_is_not_enabled() {
    let installation = installation();
    let email = address();
    let mut browser = installation.browser();
    let back = installation.come_back(&mut browser, "/admin/login/sso", &Somebody::new(&email, &email));
    installation.set_up(Entered { enabled: false, ..installation.entered() });
    assert_eq!(browser.open(&back).status, 404);
    assert_eq!(browser.open("/admin/login/sso").status, 404);
    installation.set_up(installation.entered());
    let back = installation.come_back(&mut browser, "/admin/login/sso", &Somebody::new(&email, &email));
    installation.set_up(Entered { issuer: "https://id.example.com", ..installation.entered() });
    let page = browser.open(&back);
    assert_refused(&mut browser, &page, 400);
    installation.assert_recorded("a sign-in by a provider that was replaced meanwhile");
    installation.set_up(Entered { enabled: false, ..installation.entered() });
    assert!(!browser.open("/admin/login").says("Sign in with SSO"));
}

#[test]
fn whoever_is_signed_in_goes_on_at_once_and_to_pages_of_ours_only() {
    let installation = installation();
    let email = address();
    let mut browser = installation.browser();
    for (from, to) in [
        ("/admin/login/sso?return_to=%2F%2Fevil.example", "/admin"),
        ("/admin/login/sso?return_to=https%3A%2F%2Fevil.example", "/admin"),
        ("/admin/login/sso?return_to=%2Fadmin%2Faccount", "/admin/account"),
    ] {
        let mut browser = installation.browser();
        let back = installation.come_back(&mut browser, from, &Somebody::new(&email, &email));
        assert_eq!(browser.request(Method::GET, &back).location(), Some(to));
    }
    installation.sign_in(&mut browser, &Somebody::new(&email, &email));
    let page = browser.request(Method::GET, "/admin/login/sso?return_to=%2Fadmin%2Faccount");
    assert_eq!(page.location(), Some("/admin/account"));
}

#[test]
fn attempts_from_an_address_are_held_up_before_the_provider_is_asked() {
    let installation = installation();
    let email = address();
    let somebody = Somebody::new(&email, &email);
    let (mut browser, mut stranger) = (installation.browser(), installation.browser());
    let back = installation.come_back(&mut browser, "/admin/login/sso", &somebody);
    let assert_held_up = |page: &crate::support::browser::Page| {
        assert_eq!((page.status, &*page.heading()), (429, "You were not signed in"), "{}", page.text);
        assert!((1..=900).contains(&page.header("retry-after").unwrap().parse::<u32>().unwrap()));
        assert!(page.says("Too many attempts failed. Try again in "), "{}", page.text);
        assert!(page.says("Back to the sign-in"), "{}", page.text);
    };
    // A state that is not of this browser costs the provider nothing, however often it comes.
    let asked = installation.provider.connections();
    let tried = (0..60).take_while(|_| stranger.request(Method::GET, &back).status == 400).count();
    assert_eq!(installation.provider.connections(), asked);
    assert!((20..30).contains(&tried), "{tried}");
    assert_held_up(&stranger.page);
    let page = browser.request(Method::GET, &back);
    assert_held_up(&page);
    installation.assert_recorded("single sign-on: too many attempts");
    assert_eq!(installation.provider.connections(), asked);

    // When the time is over somebody signs in, and clears the counts.
    let later =
        "UPDATE throttles SET last_failed_at = last_failed_at - interval '10 minutes' WHERE subject LIKE 'arrivals %'";
    installation.execute(later);
    assert_eq!(installation.sign_in(&mut browser, &somebody).heading(), "Overview");
    let left = "SELECT DISTINCT failures::text AS value FROM throttles WHERE subject ~ '^(departures|arrivals) '";
    assert_eq!(installation.query(left), ["0"]);

    // Going there is counted as well, and holds up nobody who comes back.
    let mut last = installation.browser();
    let back = installation.come_back(&mut last, "/admin/login/sso", &somebody);
    let tried = (0..60).take_while(|_| stranger.request(Method::GET, "/admin/login/sso").status == 303).count();
    assert!((15..30).contains(&tried), "{tried}");
    assert_held_up(&stranger.page);
    assert_eq!(last.open(&back).heading(), "Overview");
}
