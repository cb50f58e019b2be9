//! `provisor backup` and `provisor restore`.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use chrono::Utc;
use serde_json::json;

use super::{Error, output};
use crate::auth::master_key::MasterKey;
use crate::auth::stamp::StampKey;
use crate::backend::{Database, StartError};
use crate::backup::{Manifest, Reader, Writer};
use crate::chain::Verification;
use crate::config::{SettingError, Settings};
use crate::database_url;
use crate::private_postgres::{self, Role, Tools};
use crate::store::{self, Inspection, MigrationError, Snapshot, Store, Target};

/// Writes a copy of the database to `file`.
pub(super) fn backup(file: &Path, with_master_key: bool, json: bool, settings: &Settings) -> Result<(), Error> {
    let key_file = settings.master_key_file().map_err(StartError::from)?;
    let key = MasterKey::read(&key_file).map_err(StartError::from)?;
    check_shown(settings).map_err(StartError::from)?;
    let database = Database::existing(settings)?;
    let written = write(file, with_master_key, settings, &database, (&key, &key_file));
    let closed = database.close().map_err(|error| Error::Start(error.into()));
    let manifest = written.and_then(|manifest| closed.map(|()| manifest))?;
    if json {
        let shown = Manifest { master_key: None, ..manifest };
        output::json(&json!({"file": file, "withMasterKey": with_master_key, "manifest": shown}))?;
        return Ok(());
    }
    output::line(&format!("{}: {}, {} bytes", file.display(), counted(&manifest.rows), manifest.bytes))?;
    output::line(if with_master_key {
        "the master key is in it: whoever has this file can make tokens; keep it where secrets are kept"
    } else {
        "the master key is not in it: keep a copy of that elsewhere; without it nothing is brought back"
    })?;
    Ok(())
}

/// Checks that the programs of Postgres can be told of the database.
fn check_shown(settings: &Settings) -> Result<(), SettingError> {
    settings.database()?.map_or(Ok(()), |target| Ok(database_url::check_shown(&target.url)?))
}

fn write(
    file: &Path,
    with_master_key: bool,
    settings: &Settings,
    database: &Database,
    (key, key_file): (&MasterKey, &Path),
) -> Result<Manifest, Error> {
    let mut inspection = Inspection::open(database.url())?;
    let facts = inspection.facts()?;
    let schema = inspection.schema().map_err(StartError::from)?;
    // Another master key than the one in use would make a copy that nobody can bring back.
    super::check_key(key, key_file, &mut inspection)?;
    let tools = Tools::find(settings.pg_bin_dir.as_deref(), u32::try_from(facts.major).unwrap_or_default());
    let tools = tools.map_err(StartError::from)?;
    let mut writer = Writer::create(file)?;
    let mut snapshot = Snapshot::take(database.url())?;
    let taken_at = Utc::now();
    run("pg_dump", tools.dump(database.url(), snapshot.name()).stdin(Stdio::null()), |dump| Ok(writer.take(dump)?))?;
    let manifest = Manifest {
        provisor: env!("CARGO_PKG_VERSION").to_owned(),
        schema: schema.version.unwrap_or_default(),
        postgres: facts.version,
        tools: tools.major(),
        taken_at,
        rows: snapshot.counts()?,
        master_key: with_master_key.then(|| key.encoded().to_string()),
        ..Manifest::default()
    };
    Ok(writer.finish(key, manifest)?)
}

/// Runs a program of Postgres, of which `take` gets what it writes.
fn run(
    program: &'static str,
    command: &mut Command,
    take: impl FnOnce(&mut dyn Read) -> Result<(), Error>,
) -> Result<(), Error> {
    let failed =
        |output: String| Error::Start(StartError::PrivatePostgres(private_postgres::Error::Failed { program, output }));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut errors = child.stderr.take();
    let said = std::thread::spawn(move || {
        let mut said = String::new();
        // What cannot be read is not told.
        let _ = errors.as_mut().map(|errors| errors.read_to_string(&mut said));
        said
    });
    let taken = match &mut child.stdout {
        Some(written) => take(written),
        None => Ok(()),
    };
    if taken.is_err() {
        // It would wait for somebody to read.
        child.kill()?;
    }
    let status = child.wait()?;
    let said = said.join().unwrap_or_default();
    taken?;
    if status.success() { Ok(()) } else { Err(failed(said.trim().to_owned())) }
}

/// Brings a copy back into an empty database.
pub(super) fn restore(file: &Path, json: bool, settings: &Settings) -> Result<(), Error> {
    let mut reader = Reader::open(file)?;
    let key_file = settings.master_key_file().map_err(StartError::from)?;
    let key = reader.key(&key_file)?.map_err(StartError::from)?;
    reader.verify(&key, &key_file)?;
    let manifest = reader.manifest().clone();
    if manifest.schema > store::newest_version().map_err(StartError::from)? {
        return Err(StartError::from(MigrationError::Newer(manifest.schema)).into());
    }
    let tools = Tools::find(settings.pg_bin_dir.as_deref(), manifest.tools).map_err(StartError::from)?;
    check_shown(settings).map_err(StartError::from)?;
    let database = Database::open(settings, Role::Command)?;
    let restored = load(reader, &key, &key_file, &tools, &database);
    let closed = database.close().map_err(|error| Error::Start(error.into()));
    let Restored { applied, entries, is_whole } = restored.and_then(|restored| closed.map(|()| restored))?;
    if json {
        output::json(&json!({
            "takenAt": manifest.taken_at,
            "rows": manifest.rows,
            "applied": applied,
            "verified": entries,
            "whole": is_whole,
        }))?;
    } else {
        output::line(&format!("brought back as of {}: {}", output::time(manifest.taken_at), counted(&manifest.rows)))?;
        for name in applied {
            output::line(&format!("applied {name}"))?;
        }
        let state = if is_whole { "whole" } else { "BROKEN" };
        output::line(&format!("the audit log is {state}: {entries} sealed entries verified"))?;
    }
    if is_whole { Ok(()) } else { Err(Error::Broken) }
}

/// What came back.
struct Restored {
    /// Migrations that came after the copy.
    applied: Vec<String>,
    /// Sealed entries of the audit log that were verified.
    entries: i64,
    /// Whether all of it is as it was written.
    is_whole: bool,
}

/// Loads the copy, brings its schema up to date and verifies its audit log.
fn load(
    reader: Reader,
    key: &MasterKey,
    key_file: &Path,
    tools: &Tools,
    database: &Database,
) -> Result<Restored, Error> {
    let url = database.url();
    let rows = reader.manifest().rows.clone();
    let target = Target::reserve(url)?.ok_or(Error::NotEmpty)?;
    if !key_file.exists() {
        key.write(key_file).map_err(StartError::from)?;
    }
    let copy = reader.into_file()?;
    run("pg_restore", tools.restore(url).stdin(copy), |_| Ok(()))?;
    if target.release()? != rows {
        return Err(Error::Incomplete);
    }
    let applied = store::migrate(url).map_err(StartError::from)?;
    let store = Store::open(url, 1)?;
    let checkpoints = StampKey::for_checkpoints(key);
    let (mut entries, mut is_whole) = (0, true);
    let mut next = store.gate(|gate| gate.audited_tenant(None))?;
    while let Some(tenant) = next {
        let report = Verification::of(tenant).run(&store, &checkpoints)?;
        entries += report.links;
        is_whole &= report.breaks.is_empty();
        next = store.gate(|gate| gate.audited_tenant(Some(tenant)))?;
    }
    Ok(Restored { applied, entries, is_whole })
}

/// The rows that people think of.
fn counted(rows: &BTreeMap<String, i64>) -> String {
    let of = |name: &str| rows.get(name).copied().unwrap_or_default();
    format!(
        "{} tenants, {} users, {} groups, {} entries of the audit log",
        of("tenants"),
        of("users"),
        of("groups"),
        of("auditEntries")
    )
}
