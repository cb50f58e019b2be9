//! `provisor doctor`: a table of checks, each of which says what it found and, where something is wrong, what to do about it. Nothing is
//! changed: the database is asked in transactions that are read-only, and neither a key nor a database is made.

mod data;
mod database;
mod finding;
mod outside;
mod settings;

use serde_json::{Value, json};

use super::{Error, output};
use crate::auth::keys::KeyRing;
use crate::auth::seal::SealKey;
use crate::config::Settings;
use finding::{Findings, Severity};

pub(super) fn run(json: bool, settings: &Settings) -> Result<(), Error> {
    let mut findings = Findings::default();
    settings::look(settings, &mut findings);
    let ring = settings::master_key(settings, &mut findings).map(|key| KeyRing::new(SealKey::for_signing_keys(&key)));
    let kids = database::look(settings, ring.as_ref(), &mut findings);
    outside::look(settings, &kids, &mut findings);
    if json {
        print_json(&findings)?;
    } else {
        print(&findings)?;
    }
    if findings.worst() == Severity::Error { Err(Error::Unwell) } else { Ok(()) }
}

fn print(findings: &Findings) -> Result<(), Error> {
    let width = findings.all().iter().map(|finding| finding.check.len()).max().unwrap_or_default();
    for finding in findings.all() {
        // Some of it was said by others: the database, whoever answers at the public URL.
        let plain = |text: &str| text.replace(char::is_control, " ");
        output::line(&format!("{:7}  {:width$}  {}", finding.severity.name(), finding.check, plain(&finding.said)))?;
        if let Some(remedy) = &finding.remedy {
            output::line(&format!("{:7}  {:width$}  -> {}", "", "", plain(remedy)))?;
        }
    }
    Ok(())
}

fn print_json(findings: &Findings) -> Result<(), Error> {
    let row = |finding: &finding::Finding| {
        json!({
            "check": finding.check,
            "state": finding.severity.name(),
            "said": finding.said,
            "remedy": finding.remedy,
        })
    };
    let rows: Vec<Value> = findings.all().iter().map(row).collect();
    output::json(&json!({"state": findings.worst().name(), "findings": rows}))?;
    Ok(())
}
