//! The settings and the files that they name.

use chrono::{DateTime, TimeDelta, Utc};
use nix::sys::statvfs::statvfs;

use super::super::output;
use super::finding::{Findings, Severity};
use crate::auth::master_key::{self, MasterKey};
use crate::config::Settings;
use crate::http::{self, AssetsError};
use crate::private_postgres;
use crate::tls::{Certificate, ENDS_SOON, Files};

/// Bytes that should be free where the private Postgres keeps its data; with less than a tenth of it Postgres stops soon.
const FREE: u64 = 1 << 30;
/// The check that looks at the certificate, and then at its end.
const CERTIFICATE: &str = "tls-certificate";

pub(super) fn look(settings: &Settings, findings: &mut Findings) {
    listen(settings, findings);
    trusted_proxies(settings, findings);
    certificate(settings, findings);
    first_administrator(settings, findings);
    assets(settings, findings);
    data_dir(settings, findings);
}

fn listen(settings: &Settings, findings: &mut Findings) {
    let address = settings.listen;
    let is_plain = settings.tls_certificate.is_none() && settings.trusted_proxies.are_none();
    if is_plain && !address.ip().is_loopback() {
        findings.warning(
            "listen",
            format!("{address}: others reach the server in clear text, and credentials cross the network"),
            "give it a certificate (--tls-certificate, --tls-key), or put a proxy with one in front, name that by --trusted-proxies, and have \
             --listen be an address that only the proxy reaches",
        );
    } else {
        findings.ok("listen", address.to_string());
    }
}

fn trusted_proxies(settings: &Settings, findings: &mut Findings) {
    const CHECK: &str = "trusted-proxies";
    if settings.trusted_proxies.are_all() {
        findings.error(
            CHECK,
            "everybody is believed to be a proxy, so that everybody may say to come from any address",
            "name the addresses of the proxies alone: --trusted-proxies (PROVISOR_TRUSTED_PROXIES)",
        );
    } else if settings.public_url(settings.listen).starts_with("https:")
        && settings.tls_certificate.is_none()
        && settings.trusted_proxies.are_none()
    {
        findings.warning(
            CHECK,
            "the public URL is https, so a proxy is in front of the server, but none is named: limits and the audit log see its address in \
             place of the client's",
            "name its address: --trusted-proxies (PROVISOR_TRUSTED_PROXIES)",
        );
    } else if settings.trusted_proxies.are_none() {
        findings.ok(CHECK, "none");
    } else {
        findings.ok(CHECK, "named");
    }
}

fn certificate(settings: &Settings, findings: &mut Findings) {
    match settings.tls_files() {
        Err(error) => findings.error(CERTIFICATE, error.to_string(), "name both files, or none"),
        Ok(None) => findings.ok(CERTIFICATE, "none: https ends at a proxy, or nowhere"),
        Ok(Some(files)) => {
            key_of_certificate(&files, findings);
            certified(files, findings);
        }
    }
}

/// Looks at who may read the key of the certificate.
fn key_of_certificate(files: &Files, findings: &mut Findings) {
    const CHECK: &str = "tls-key";
    let key = files.key.display();
    if files.has_open_key() {
        findings.warning(CHECK, format!("others may read {key}"), format!("chmod 600 {key}"));
    } else {
        findings.ok(CHECK, key.to_string());
    }
}

/// Looks at the certificate and its key.
fn certified(files: Files, findings: &mut Findings) {
    match Certificate::read(files) {
        Err(error) => findings.error(
            CERTIFICATE,
            error.to_string(),
            "see that both files are there, readable, in PEM, and belong together",
        ),
        Ok(certificate) => ends(certificate.valid_until(), findings),
    }
}

/// Looks at the end of a certificate that belongs to its key.
fn ends(until: Option<DateTime<Utc>>, findings: &mut Findings) {
    const RENEW: &str = "put a new one in its place; a server that runs takes it within seconds";
    let Some(until) = until else {
        return findings.warning(
            CERTIFICATE,
            "its end cannot be read",
            "look at it: openssl x509 -noout -enddate -in FILE",
        );
    };
    let (left, end) = (until - Utc::now(), output::time(until));
    if left <= TimeDelta::zero() {
        findings.error(CERTIFICATE, format!("it ended on {end}, and no client takes it"), RENEW);
    } else if left < ENDS_SOON {
        findings.warning(CERTIFICATE, format!("it ends on {end}, and no client takes it from then on"), RENEW);
    } else {
        findings.ok(CERTIFICATE, format!("it and its key belong together; it ends on {end}"));
    }
}

/// The person that the settings name. The file may be gone once there is an administrator.
fn first_administrator(settings: &Settings, findings: &mut Findings) {
    const CHECK: &str = "first-administrator";
    match settings.first_administrator() {
        Err(error) => findings.error(CHECK, error.to_string(), "name both, --admin-email and --admin-password-file, or none"),
        Ok(None) => {}
        Ok(Some(first)) => match first.password() {
            Ok(_) => findings.ok(CHECK, "made at the start of a server while there is no administrator"),
            Err(error) => findings.trouble(
                CHECK,
                if is_fresh(settings) { Severity::Error } else { Severity::Warning },
                error.to_string(),
                "correct --admin-password-file (PROVISOR_ADMIN_PASSWORD_FILE): while there is no administrator yet, no server starts",
            ),
        },
    }
}

/// Whether the private Postgres is still to be made.
fn is_fresh(settings: &Settings) -> bool {
    settings.database_url.is_none() && settings.data_dir().is_ok_and(|directory| !private_postgres::exists(&directory))
}

fn assets(settings: &Settings, findings: &mut Findings) {
    const CHECK: &str = "assets";
    let found = http::find_assets(settings.assets_dir.as_deref());
    let loaded = found.and_then(|found| http::load_templates(&found).map(|_| found));
    match loaded {
        Ok(found) => findings.ok(CHECK, found.display().to_string()),
        Err(error) => {
            let remedy = match error {
                AssetsError::Missing(_) => "name it: --assets-dir (PROVISOR_ASSETS_DIR)",
                AssetsError::Unreadable { .. } => "let that user read it: chmod -R a+rX on the assets directory",
                AssetsError::Empty(_) | AssetsError::Template(_) => {
                    "bring back the templates that came with this version of provisor"
                }
            };
            findings.error(CHECK, error.to_string(), remedy);
        }
    }
}

fn data_dir(settings: &Settings, findings: &mut Findings) {
    const CHECK: &str = "data-dir";
    if settings.database_url.is_some() {
        return;
    }
    let directory = match settings.data_dir() {
        Ok(directory) => directory,
        Err(error) => return findings.error(CHECK, error.to_string(), "name one: --data-dir (PROVISOR_DATA_DIR)"),
    };
    let shown = directory.display();
    let Ok(space) = statvfs(&directory) else {
        return findings.ok(CHECK, format!("{shown} is not there yet; 'provisor serve' makes it"));
    };
    #[allow(clippy::useless_conversion, reason = "other systems have other types")]
    let free = u64::from(space.blocks_available()).saturating_mul(u64::from(space.fragment_size()));
    let said = format!("{shown}: {} MiB free", free >> 20);
    let remedy = "make room: without space on the disk Postgres stops";
    match free {
        FREE.. => findings.ok(CHECK, said),
        most if most >= FREE / 10 => findings.warning(CHECK, said, remedy),
        _ => findings.error(CHECK, said, remedy),
    }
}

/// The master key, where there is one to be read.
pub(super) fn master_key(settings: &Settings, findings: &mut Findings) -> Option<MasterKey> {
    const CHECK: &str = "master-key";
    let file = match settings.master_key_file() {
        Ok(file) => file,
        Err(error) => {
            findings.error(CHECK, error.to_string(), "name the file: --master-key-file (PROVISOR_MASTER_KEY_FILE)");
            return None;
        }
    };
    if is_fresh(settings) && !file.exists() {
        findings.ok(CHECK, format!("{} is not there yet; 'provisor serve' makes it", file.display()));
        return None;
    }
    match MasterKey::read(&file) {
        Ok(key) => {
            let readers = if master_key::is_for_group(&file) { "its owner and its group" } else { "only its owner" };
            findings.ok(CHECK, format!("{}; {readers} may read it", file.display()));
            Some(key)
        }
        Err(error) => {
            let remedy = match &error {
                master_key::Error::Permissions(path) => format!("chmod 600 {path}"),
                _ => "bring it back from where a copy of it is kept: no token and no client secret works without it; for a new \
                      database, make one: provisor master-key create"
                    .to_owned(),
            };
            findings.error(CHECK, error.to_string(), remedy);
            None
        }
    }
}
