//! What is set for the whole installation, and what there is to know about it.

use actix_web::http::StatusCode;
use actix_web::http::header::HOST;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use url::{Host, Url};

use super::administrator::Administrator;
use crate::auth::role::Right;
use crate::auth::settings::{self, BODY_DAYS, REQUEST_DAYS, SettingsError};
use crate::http::pages::{Form, Page, PageError, PageRoute, show};
use crate::http::{AppState, blocking};
use crate::store::{DatabaseFacts, InstallationRow};

pub(super) const ROUTES: &[PageRoute] = &[
    PageRoute::get("/settings", Right::Operate, || web::get().to(show_settings)),
    PageRoute::post("/settings", Right::Operate, || web::post().to(change)),
    PageRoute::get("/settings/dependencies", Right::Operate, || web::get().to(dependencies)),
];

const PATH: &str = "/admin/settings";
/// What this build consists of.
const LOCK: &str = include_str!("../../../Cargo.lock");
/// What the settings that a form was opened with are stamped for.
const SAW: &[u8] = b"settings";

/// `GET /admin/settings`.
async fn show_settings(
    app: web::Data<AppState>,
    administrator: Administrator,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let page = page(&app, &administrator, &request, None, Value::Null).await?;
    administrator.respond(&app, page)
}

/// What a form of the settings holds.
#[derive(Debug, Clone)]
struct Entered {
    request_days: String,
    body_days: String,
    requires_totp: bool,
}

impl From<&InstallationRow> for Entered {
    fn from(row: &InstallationRow) -> Self {
        Self {
            request_days: row.request_days.to_string(),
            body_days: row.body_days.to_string(),
            requires_totp: row.requires_totp,
        }
    }
}

/// `POST /admin/settings`.
async fn change(
    app: web::Data<AppState>,
    administrator: Administrator,
    request: HttpRequest,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let entered = Entered {
        request_days: form.get("request_days").trim().to_owned(),
        body_days: form.get("body_days").trim().to_owned(),
        requires_totp: form.is_set("requires_totp"),
    };
    // What cannot be a number is out of any range.
    let days = |text: &str| text.parse().unwrap_or(-1);
    let (caller, wanted) = (administrator.caller_of_installation(), entered.clone());
    let seen = app.forms.read(&[SAW], form.get("saw"));
    let result = blocking::run(&app, move |app| {
        let present = app.store.gate(|gate| gate.installation())?;
        if seen != Some(stamped(&present)) {
            return Ok(Err(SettingsError::Changed));
        }
        let mut new = present.clone();
        new.request_days = days(&wanted.request_days);
        new.body_days = days(&wanted.body_days);
        new.requires_totp = wanted.requires_totp;
        Ok::<_, PageError>(settings::change(&app.store, &caller, &present, &new))
    })
    .await?;
    let (status, field, error) = match result {
        Ok(()) => return administrator.done(&app, PATH, "The settings are saved.").await,
        Err(SettingsError::Store(error)) => return Err(error.into()),
        Err(error @ SettingsError::RequestDays) => (StatusCode::UNPROCESSABLE_ENTITY, "request_days", error),
        Err(error @ SettingsError::BodyDays) => (StatusCode::UNPROCESSABLE_ENTITY, "body_days", error),
        Err(error @ SettingsError::Changed) => (StatusCode::CONFLICT, "request_days", error),
    };
    let problems = json!({ field: show::sentence(&error.to_string()) });
    let page = page(&app, &administrator, &request, Some(entered), problems).await?;
    administrator.respond(&app, page.status(status))
}

/// The settings in a form, so that it can be told whether they are still those that somebody saw.
fn stamped(row: &InstallationRow) -> Vec<u8> {
    format!("{} {} {} {}", row.request_days, row.body_days, row.requires_totp, row.allows_passwords).into_bytes()
}

async fn page(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    request: &HttpRequest,
    entered: Option<Entered>,
    problems: Value,
) -> Result<Page, PageError> {
    let (present, facts) = blocking::run(app, |app| {
        app.store.gate(|gate| Ok((gate.installation()?, gate.database_facts()?))).map_err(PageError::from)
    })
    .await?;
    let shown = entered.clone().unwrap_or_else(|| Entered::from(&present));
    let now = Entered::from(&present);
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let lacks_proxy = app.certificate.is_none() && app.trusted_proxies.are_none();
    let url_problems = url_problems(&app.public_url, host, lacks_proxy);
    let rows = about(app, &facts);
    let report: String = rows.iter().fold(String::new(), |text, (name, value)| text + name + ": " + value + "\n");
    let rows: Vec<Value> = rows.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    Ok(administrator
        .page("settings/settings.html")
        .with("request_days", shown.request_days)
        .with("body_days", shown.body_days)
        .with("requires_totp", shown.requires_totp)
        .with("present_request_days", now.request_days)
        .with("present_body_days", now.body_days)
        .with("present_requires_totp", now.requires_totp)
        .with("saw", app.forms.stamp(&[SAW], &stamped(&present)))
        .with("most_request_days", *REQUEST_DAYS.end())
        .with("most_body_days", *BODY_DAYS.end())
        .with("about", rows)
        .with("report", report.trim_end())
        .with("url_problems", url_problems)
        .with("problems", problems))
}

/// What a report of a fault needs; nothing in it is secret.
fn about(app: &AppState, facts: &DatabaseFacts) -> Vec<(&'static str, String)> {
    let database = match &app.data_dir {
        Some(data_dir) => format!("private, in {}", data_dir.display()),
        None => "named by DATABASE_URL".into(),
    };
    let way = match (&facts.tls, &app.data_dir) {
        (Some(version), _) => version.clone(),
        (None, Some(_)) => "a socket of this machine".into(),
        (None, None) => "clear text".into(),
    };
    vec![
        ("provisor", env!("CARGO_PKG_VERSION").to_owned()),
        ("Schema version", facts.schema_version.clone()),
        ("PostgreSQL", facts.server_version.clone()),
        ("Database", database),
        ("Connection to it", way),
        ("Public URL", app.public_url.to_string()),
        ("System", format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH)),
    ]
}

/// What keeps identity providers from reaching a public URL, or pages from working, one sentence each.
fn url_problems(public_url: &str, host: Option<&str>, lacks_proxy: bool) -> Vec<String> {
    let Ok(url) = Url::parse(public_url) else {
        return vec!["It is no URL. Set --public-url (PROVISOR_PUBLIC_URL).".into()];
    };
    let mut found = Vec::new();
    if url.scheme() != "https" {
        found.push("Okta and Entra ID call https alone. Put a proxy with a certificate in front and set --public-url to its https URL, or give the server a certificate: --tls-certificate.");
    } else if lacks_proxy {
        found
            .push("No proxy is trusted, so logs show the proxy's address in place of clients'. Set --trusted-proxies.");
    }
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_private() || address.is_link_local(),
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        None => true,
    };
    if is_here {
        found.push("The host is private: an identity provider in the cloud cannot reach it.");
    }
    if url.host_str().is_some_and(|host| host.contains('_')) {
        found.push("The host has an underscore, which Okta refuses in a base URL.");
    }
    let mut found: Vec<String> = found.into_iter().map(str::to_owned).collect();
    let own = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    if let Some(host) = host.filter(|host| !host.eq_ignore_ascii_case(&own)) {
        let host: String = host.chars().take(100).collect();
        found.push(format!(
            "You have opened this page at {host}, which is another host. Forms and tokens go by the public URL."
        ));
    }
    found
}

/// `GET /admin/settings/dependencies`.
async fn dependencies(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let crates: Vec<Value> = packages(LOCK).map(|(name, version)| json!({"name": name, "version": version})).collect();
    let page = administrator.page("settings/dependencies.html").with("crates", crates);
    administrator.respond(&app, page)
}

/// The packages of a lock file that come from elsewhere.
fn packages(lock: &str) -> impl Iterator<Item = (&str, &str)> {
    lock.split("[[package]]").skip(1).filter_map(|package| {
        let value = |name: &str| {
            package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"'))
        };
        value("source")?;
        Some((value("name")?, value("version")?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_public_url_is_said() {
        let said = |url, host, no_proxies| url_problems(url, host, no_proxies).join(" ");
        assert_eq!(said("https://scim.example.com", Some("SCIM.example.com"), false), "");
        assert_eq!(said("https://scim.example.com:8443/x", Some("scim.example.com:8443"), false), "");
        for (url, word) in [
            ("http://scim.example.com", "https alone"),
            ("https://10.1.2.3", "private"),
            ("https://[::1]", "private"),
            ("http://localhost:8080", "private"),
            ("https://my_scim.example.com", "underscore"),
        ] {
            assert!(said(url, None, false).contains(word), "{url}");
        }
        assert!(said("https://scim.example.com", None, true).contains("--trusted-proxies"));
        assert!(said("https://scim.example.com", Some("other.example"), false).contains("at other.example"));
    }

    #[test]
    fn the_packages_of_this_build_are_read() {
        let packages: Vec<_> = packages(LOCK).collect();
        assert!(packages.len() > 100 && packages.iter().any(|(name, _)| *name == "actix-web"));
        assert!(packages.iter().all(|(name, _)| *name != "provisor"));
    }
}
