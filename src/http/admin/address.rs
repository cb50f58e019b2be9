//! The second step of the first run: whether identity providers can reach the server under the address that it is told to have.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::http::header::HOST;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use url::{Host, Url};

use super::administrator::Administrator;
use crate::auth::role::Right;
use crate::http::AppState;
use crate::http::pages::{PageError, PageRoute};

pub(super) const ROUTES: &[PageRoute] = &[PageRoute::get("/setup/address", Right::Operate, || web::get().to(show))];

/// Endings of names that no resolver of the internet knows.
const PRIVATE_NAMES: [&str; 7] = [".local", ".internal", ".lan", ".home.arpa", ".localhost", ".intranet", ".corp"];

/// `GET /admin/setup/address`.
async fn show(
    app: web::Data<AppState>,
    administrator: Administrator,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let findings = findings(&app.public_url, host);
    let all_good = findings.iter().all(|finding| finding.is_good);
    let findings: Vec<Value> = findings
        .into_iter()
        .map(|finding| json!({"is_good": finding.is_good, "what": finding.what, "advice": finding.advice}))
        .collect();
    let page = administrator
        .page("setup_address.html")
        .with("public_url", &*app.public_url)
        .with("findings", findings)
        .with("all_good", all_good);
    administrator.respond(&app, page)
}

/// What a look at the address found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    is_good: bool,
    /// What was looked at, and how it is.
    what: String,
    /// What to do about it, or why it is good.
    advice: &'static str,
}

/// Looks at a public URL, which the browser reached under this `Host`.
fn findings(public_url: &str, host: &str) -> Vec<Finding> {
    let Ok(url) = Url::parse(public_url) else {
        return Vec::new();
    };
    let (encryption, reach) = (encryption(&url), reach(&url));
    let mut findings = if encryption.is_good || reach.is_good { vec![encryption, reach] } else { vec![trial(&url)] };
    findings.extend([underscore(&url), sameness(&url, host)]);
    findings
}

/// Of http under a private name: as a first start has it, and one way leads out of both.
fn trial(url: &Url) -> Finding {
    Finding {
        is_good: false,
        what: format!("It is http, and {} is private", url.host_str().unwrap_or_default()),
        advice: "This is enough to try things out on this machine. Okta and Entra ID call from the cloud, and only by https: give the \
                 server a public name, put a proxy with a certificate or a tunnel in front, and set PROVISOR_PUBLIC_URL to the address \
                 that it serves. For an agent inside your network, https at a private name is enough.",
    }
}

fn encryption(url: &Url) -> Finding {
    let is_good = url.scheme() == "https";
    let (what, advice) = if is_good {
        ("It is https", "Okta and Entra ID call nothing else.")
    } else {
        (
            "It is http",
            "This is enough to try things out on this machine. Okta and Entra ID only call https: put a proxy with a certificate in \
             front and set PROVISOR_PUBLIC_URL to the address it serves, or give the server a certificate (PROVISOR_TLS_CERTIFICATE).",
        )
    };
    Finding { is_good, what: what.into(), advice }
}

fn reach(url: &Url) -> Finding {
    let (is_good, advice) = match url.host() {
        Some(host) if !is_private(&host) => (true, "Nothing in it says that the internet cannot reach it."),
        _ => (
            false,
            "Only this machine or your own network reaches it. An identity provider in the cloud needs a public name, a tunnel or an \
             agent of its own inside your network.",
        ),
    };
    let kind = if is_good { "public" } else { "private" };
    Finding { is_good, what: format!("{} is a {kind} name", url.host_str().unwrap_or_default()), advice }
}

fn underscore(url: &Url) -> Finding {
    let is_good = !url.as_str().contains('_');
    let (what, advice) = if is_good {
        ("It has no underscore", "Okta takes no base URL with one.")
    } else {
        ("It has an underscore", "Okta takes no base URL with one. Use a name and a path without.")
    };
    Finding { is_good, what: what.into(), advice }
}

fn sameness(url: &Url, host: &str) -> Finding {
    let reached = Url::parse(&format!("{}://{host}", url.scheme())).ok();
    let place = |url: &Url| (url.host_str().map(str::to_owned), url.port_or_known_default());
    let is_good = reached.as_ref().map(place) == Some(place(url));
    let (what, advice) = if is_good {
        ("Your browser is here under it".into(), "So others are likely to find it as well.")
    } else {
        let shown: String = host.chars().take(100).collect();
        (
            format!("Your browser is at {shown}"),
            "That is another address. Where a proxy changes it on the way this is as it should be; otherwise set \
             PROVISOR_PUBLIC_URL to what you see in the address bar, and start the server again.",
        )
    };
    Finding { is_good, what, advice }
}

/// Whether a host is known to be out of reach from the internet.
fn is_private(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => !name.contains('.') || PRIVATE_NAMES.iter().any(|ending| name.ends_with(ending)),
        Host::Ipv4(address) => is_private_address(IpAddr::V4(*address)),
        Host::Ipv6(address) => is_private_address(IpAddr::V6(*address)),
    }
}

fn is_private_address(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let shared = address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64;
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || shared
        }
        IpAddr::V6(address) => {
            address == Ipv6Addr::LOCALHOST || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(public_url: &str, host: &str) -> Vec<bool> {
        findings(public_url, host).into_iter().map(|finding| finding.is_good).collect()
    }

    #[test]
    fn an_address_is_looked_at_as_identity_providers_do() {
        for (public_url, host, found) in [
            ("https://scim.example.com", "scim.example.com", &[true, true, true, true][..]),
            ("https://scim.example.com", "SCIM.example.com:443", &[true, true, true, true]),
            ("https://scim.example.com/a_b", "scim.example.com", &[true, true, false, true]),
            ("https://my_scim.example.com", "10.0.0.1:8080", &[true, true, false, false]),
            ("http://scim.example.com", "scim.example.com", &[false, true, true, true]),
            ("http://127.0.0.1:8080", "127.0.0.1:8080", &[false, true, true]),
            ("http://localhost:8080", "127.0.0.1:8080", &[false, true, false]),
            ("https://192.168.1.5", "", &[true, false, true, false]),
            ("https://100.64.0.1", "x y", &[true, false, true, false]),
            ("https://203.0.113.7", "203.0.113.7", &[true, true, true, true]),
            ("https://[fd00::1]", "[fd00::1]", &[true, false, true, true]),
            ("https://[::ffff:10.0.0.1]", "", &[true, false, true, false]),
            ("https://scim", "scim", &[true, false, true, true]),
            ("https://scim.corp", "scim.corp", &[true, false, true, true]),
        ] {
            assert_eq!(good(public_url, host), found, "{public_url} {host}");
        }
    }
}
