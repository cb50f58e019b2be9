//! The way in: what an identity provider meets that comes by the public URL.

use std::net::ToSocketAddrs;

use chrono::{TimeDelta, Utc};
use url::{Host, Url};

use super::finding::Findings;
use crate::config::{PublicUrl, Settings};
use crate::http::{self, Seen};

/// Days that a certificate should be valid.
const VALID_FOR: TimeDelta = TimeDelta::days(21);

pub(super) fn look(settings: &Settings, kids: &[String], findings: &mut Findings) {
    const CHECK: &str = "public-url";
    let public_url = settings.public_url(settings.listen);
    let Ok(url) = Url::parse(&public_url) else {
        return findings.error(CHECK, public_url, "give a URL: --public-url (PROVISOR_PUBLIC_URL)");
    };
    if url.scheme() == "https" {
        findings.ok(CHECK, public_url.as_str());
    } else if !PublicUrl::is_exposed(&public_url) {
        findings.ok(CHECK, format!("{public_url}, for this machine alone; an identity provider needs https"));
    } else {
        findings.error(
            CHECK,
            format!(
                "{public_url}: credentials cross the network in clear text, and Okta and Entra ID take https alone"
            ),
            "put a proxy with a certificate in front, and name it: --public-url https://...",
        );
    }
    if let Some(Host::Domain(host)) = url.host() {
        let port = url.port_or_known_default().unwrap_or_default();
        match (host, port).to_socket_addrs().map(|addresses| addresses.map(|address| address.ip().to_string())) {
            Ok(addresses) => {
                findings.ok("public-url.name", format!("{host} is {}", addresses.collect::<Vec<_>>().join(", ")));
            }
            Err(error) => {
                return findings.error(
                    "public-url.name",
                    format!("{host} has no address: {error}"),
                    "add it to the DNS, or correct --public-url (PROVISOR_PUBLIC_URL)",
                );
            }
        }
    }
    match http::look_from_outside(&public_url) {
        Ok(seen) => answered(&seen, &url, kids, findings),
        Err(reason) => findings.error(
            "public-url.answer",
            reason,
            "see that the server runs (before its start nothing answers), that the proxy passes requests on to --listen, and that its certificate is one that everybody trusts",
        ),
    }
}

fn answered(seen: &Seen, url: &Url, kids: &[String], findings: &mut Findings) {
    const ANSWER: &str = "public-url.answer";
    const CERTIFICATE: &str = "public-url.certificate";
    if seen.keys.iter().any(|kid| kids.contains(kid)) {
        findings.ok(ANSWER, "a server of this installation answers");
    } else if kids.is_empty() {
        findings.ok(ANSWER, "a server answers; whether of this installation cannot be told without the database");
    } else {
        findings.error(
            ANSWER,
            "a server answers, but one with another database: its signing keys are not ours",
            "correct --public-url (PROVISOR_PUBLIC_URL), or where the proxy passes requests on to",
        );
    }
    if url.scheme() != "https" {
        return;
    }
    match seen.certificate_until {
        Some(until) if until - Utc::now() < VALID_FOR => findings.warning(
            CERTIFICATE,
            format!("valid for {} more days", (until - Utc::now()).num_days()),
            "renew it: with it expired, no identity provider reaches the server",
        ),
        Some(until) => {
            findings.ok(CERTIFICATE, format!("trusted, and valid for {} days", (until - Utc::now()).num_days()));
        }
        None => {
            findings.warning(CERTIFICATE, "its end cannot be read", "look at it: openssl s_client -connect HOST:443");
        }
    }
    let version = if seen.speaks_tls_1_3 { "TLS 1.3" } else { "TLS 1.2" };
    findings.ok("public-url.tls", version);
}
