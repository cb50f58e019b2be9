//! Redirect URIs: which may be registered, and which one a request may name (RFC 6749 section 3.1.2, RFC 9700 section 2.1).

use std::net::IpAddr;

use url::{Host, Url};

use super::parameters::is_printable;

/// The hosts from which Okta sends administrators out and takes them back: production, EMEA, preview, and its own tests.
const OKTA_HOSTS: [&str; 4] = [
    "system-admin.okta.com",
    "system-admin.okta-emea.com",
    "system-admin.oktapreview.com",
    "system-admin.trexcloud.com",
];
/// Where newer connectors of Okta are taken back, whatever the app.
const OKTA_GENERIC: &str = "https://system-admin.okta.com/admin/app/generic/oauth20redirect";
/// A machine of Okta's developers, in clear text.
const OKTA_INTERNAL_HOST: &str = "http://system-admin.okta1.com:1802";
/// Bytes of a redirect URI at most.
const LENGTH: usize = 2_048;

/// Checks a URI that is to be registered: absolute, encrypted unless it leads to the person's own machine, and without anything
/// that makes it mean more than one place.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub fn check(uri: &str) -> Result<(), &'static str> {
    if uri.len() > LENGTH || !is_printable(uri) || uri.contains([' ', '"', '<', '>', '\\']) {
        return Err("has at most 2048 characters, and only those of a URI");
    }
    let parsed = Url::parse(uri).map_err(|_| "is an absolute URI")?;
    // What the parser would mend was not meant so.
    if !uri.starts_with(&format!("{}://", parsed.scheme())) {
        return Err("is an absolute URI");
    }
    if uri.contains('#') {
        return Err("has no fragment");
    }
    if uri.contains('*') {
        return Err("has no wildcard; it is compared as it stands");
    }
    if !parsed.username().is_empty() || parsed.password().is_some() || authority(uri).contains('@') {
        return Err("has no user name and no password");
    }
    match parsed.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&parsed) => Ok(()),
        _ => Err("begins with https, or with http where it leads to this machine (127.0.0.1, [::1] or localhost)"),
    }
}

/// Whether a URI that a request names is this registered one: byte for byte. Only a native app, a public client on the person's own
/// machine, may come with any port, because it listens where it can (RFC 8252 section 7.3).
#[must_use]
pub fn matches(registered: &str, given: &str, native: bool) -> bool {
    registered == given
        || native
            && without_loopback_port(registered)
                .is_some_and(|bare| Some(bare) == without_loopback_port(given) && check(given).is_ok())
}

/// The redirect URIs of an Okta app, of which the administrator gives the name, or the URL of its page in the admin console.
/// `internal` adds the one that Okta's developers use, which is not encrypted.
///
/// # Errors
/// When it is neither.
pub fn okta(app: &str, internal: bool) -> Result<Vec<String>, &'static str> {
    let name = match Url::parse(app) {
        Ok(page) if matches!(page.scheme(), "http" | "https") => {
            let mut segments = page.path_segments().into_iter().flatten().skip_while(|segment| *segment != "app");
            segments.nth(1).unwrap_or_default().to_owned()
        }
        _ => app.to_owned(),
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.is_empty() || name.len() > 100 || !name.bytes().all(fits) {
        return Err(
            "wants the name of the Okta app, like trial123_acme_1, or the URL of its page in the admin console, \
                    like https://acme-admin.okta.com/admin/app/trial123_acme_1/instance/0oa1/",
        );
    }
    let callback = |host: &str| format!("{host}/admin/app/cpc/{name}/oauth/callback");
    let encrypted = OKTA_HOSTS.map(|host| callback(&format!("https://{host}")));
    let internal = internal.then(|| callback(OKTA_INTERNAL_HOST));
    Ok(encrypted.into_iter().chain([OKTA_GENERIC.to_owned()]).chain(internal).collect())
}

fn authority(uri: &str) -> &str {
    let rest = uri.split_once("://").map_or("", |(_, rest)| rest);
    &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())]
}

fn is_loopback(uri: &Url) -> bool {
    match uri.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// What stands before and behind the port of a URI on the loopback interface, by its address. `localhost` may be another machine.
fn without_loopback_port(uri: &str) -> Option<(&str, &str)> {
    let hosts = ["http://127.0.0.1", "http://[::1]"];
    let host = hosts.into_iter().find(|host| uri.starts_with(host))?;
    let rest = &uri[host.len()..];
    let rest = match rest.strip_prefix(':') {
        Some(rest) => rest.trim_start_matches(|digit: char| digit.is_ascii_digit()),
        None => rest,
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encrypted_uris_and_those_of_this_machine_may_be_registered() {
        for uri in [
            "https://client.example.com/callback",
            "https://client.example.com:8443/cb?app=1",
            "https://192.0.2.1/cb",
            "http://127.0.0.1/cb",
            "http://127.0.0.1:4711/cb",
            "http://[::1]:4711/cb",
            "http://localhost:4711/cb",
        ] {
            assert_eq!(check(uri), Ok(()), "{uri}");
        }
    }

    #[test]
    fn what_is_ambiguous_or_in_clear_text_may_not() {
        for uri in [
            "",
            "/callback",
            "client.example.com/callback",
            "//client.example.com/callback",
            "https:client.example.com",
            "https:/client.example.com/cb",
            "https://",
            "HTTPS://client.example.com/cb",
            "http://client.example.com/callback",
            "http://localhost.example.com/cb",
            "http://127.0.0.1.example.com/cb",
            "http://10.0.0.1/cb",
            "https://client.example.com/cb#part",
            "https://client.example.com/cb#",
            "https://user@client.example.com/cb",
            "https://@client.example.com/cb",
            "https://user:pass@client.example.com/cb",
            "https://*.example.com/cb",
            "https://client.example.com/*",
            "https://client.example.com/c b",
            "https://client.example.com\\@evil.example/cb",
            "https://client.example.com/\u{e9}",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://client.example.com/cb",
            "com.example.app://cb",
        ] {
            assert!(check(uri).is_err(), "{uri}");
        }
        assert!(check(&format!("https://client.example.com/{}", "a".repeat(2_048))).is_err());
    }

    #[test]
    fn uris_are_compared_byte_for_byte() {
        let registered = "https://client.example.com/callback";
        assert!(matches(registered, registered, false));
        for given in [
            "https://client.example.com/callback/",
            "https://client.example.com/Callback",
            "https://CLIENT.example.com/callback",
            "https://client.example.com:443/callback",
            "https://client.example.com/callback?x=1",
            "https://client.example.com/call%62ack",
            "http://client.example.com/callback",
            "https://client.example.com@evil.example/callback",
            "https://client.example.com",
            "",
        ] {
            assert!(!matches(registered, given, false), "{given}");
            assert!(!matches(registered, given, true), "{given}");
        }
    }

    #[test]
    fn only_a_native_app_on_a_loopback_address_may_come_with_any_port() {
        for (registered, given, native, same) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:4711/cb", true, true),
            ("http://127.0.0.1:1/cb", "http://127.0.0.1:4711/cb", true, true),
            ("http://[::1]/cb?x", "http://[::1]:4711/cb?x", true, true),
            ("http://127.0.0.1/cb", "http://127.0.0.1:4711/cb", false, false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:4711/other", true, false),
            ("http://127.0.0.1/cb", "http://[::1]:4711/cb", true, false),
            ("http://localhost/cb", "http://localhost:4711/cb", true, false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:99999/cb", true, false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb", true, false),
            ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb", true, false),
            ("http://127.0.0.1", "http://127.0.0.1:1", true, true),
            ("https://client.example.com/cb", "https://client.example.com:1/cb", true, false),
        ] {
            assert_eq!(matches(registered, given, native), same, "{registered} {given}");
        }
    }

    #[test]
    fn an_okta_app_has_four_callbacks_and_the_one_of_all_apps() {
        let uris = okta("trial7464750_acme_1", false).unwrap();
        assert_eq!(
            uris,
            [
                "https://system-admin.okta.com/admin/app/cpc/trial7464750_acme_1/oauth/callback",
                "https://system-admin.okta-emea.com/admin/app/cpc/trial7464750_acme_1/oauth/callback",
                "https://system-admin.oktapreview.com/admin/app/cpc/trial7464750_acme_1/oauth/callback",
                "https://system-admin.trexcloud.com/admin/app/cpc/trial7464750_acme_1/oauth/callback",
                "https://system-admin.okta.com/admin/app/generic/oauth20redirect",
            ]
        );
        assert!(uris.iter().all(|uri| check(uri).is_ok()));
        let page = "https://acme-admin.okta.com/admin/app/trial7464750_acme_1/instance/0oa1/#tab-general";
        assert_eq!(okta(page, false).unwrap(), uris);
        let with_internal = okta("trial7464750_acme_1", true).unwrap();
        assert_eq!(with_internal[..5], uris);
        assert_eq!(
            with_internal[5..],
            ["http://system-admin.okta1.com:1802/admin/app/cpc/trial7464750_acme_1/oauth/callback"]
        );
        for wrong in
            ["", "a/b", "a b", "../x", "https://acme-admin.okta.com/", "https://acme-admin.okta.com/admin/app/"]
        {
            assert!(okta(wrong, false).is_err(), "{wrong}");
        }
    }
}
