//! `provisor master-key replace`. The new key is in a file of its own before the database goes by it, and takes the place of the former
//! one after that, so that no crash leaves a database without its key: the next run sees by the signing keys how far it came.

use std::path::{Path, PathBuf};

use chrono::Utc;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{Error, operator, output};
use crate::audit::{Action, AuditEvent, Target};
use crate::auth::keys::{KeyError, KeyRing};
use crate::auth::master_key::MasterKey;
use crate::auth::seal::{Reseal, SealKey};
use crate::auth::second_factor;
use crate::auth::sso::provider;
use crate::auth::stamp::StampKey;
use crate::backend::{Database, StartError, is_next_key_in_use};
use crate::chain::{key_name, sign_anew};
use crate::config::Settings;
use crate::id::TenantId;
use crate::store::{Ended, Endings, Replacement};

/// Checkpoints, or authenticator apps, that are read at a time.
const ROWS: i64 = 5_000;

/// What was carried over to the new key, and what could not be because it did not belong to the former one either.
#[derive(Debug, Default)]
struct Carried {
    checkpoints: u64,
    forged: u64,
    apps: u64,
    void_apps: u64,
    /// Whether the client secret of single sign-on was, where there is one.
    sso: Option<bool>,
}

/// What came of it.
struct Replaced {
    /// Where the former key is kept.
    former: Option<PathBuf>,
    /// None where the database went by the new key already, and only its file was not in place.
    done: Option<(Carried, Endings)>,
}

pub(super) fn run(json: bool, settings: &Settings) -> Result<(), Error> {
    let file = settings.master_key_file().map_err(StartError::from)?;
    MasterKey::check_replaceable(&file).map_err(StartError::from)?;
    let database = Database::existing(settings)?;
    let replaced = replace(&file, database.url());
    let closed = database.close().map_err(|error| Error::Start(error.into()));
    let replaced = replaced.and_then(|replaced| closed.map(|()| replaced))?;
    if json {
        output::json(&to_json(&file, &replaced))?;
    } else {
        tell(&file, &replaced)?;
    }
    Ok(())
}

fn replace(file: &Path, url: &str) -> Result<Replaced, Error> {
    let mut database = Replacement::begin(url).map_err(StartError::from)?.ok_or(Error::AtWork)?;
    let rows = database.gate().signing_keys()?;
    if is_next_key_in_use(file, &rows) {
        return Ok(Replaced { former: install(file)?, done: None });
    }
    let former = MasterKey::read(file).map_err(StartError::from)?;
    KeyRing::new(SealKey::for_signing_keys(&former)).fits(&rows)?;
    let new = MasterKey::create_next(file).map_err(StartError::from)?;
    let changed = change(&mut database, &former, &new);
    // Where the commit itself fails, nobody knows yet which key the database goes by, and both files stay.
    let committed = if changed.is_ok() { database.commit()? } else { false };
    if !committed {
        // Whatever keeps the file, the next run does not use it.
        let _ = std::fs::remove_file(MasterKey::next_file(file));
    }
    let done = changed?;
    if !committed {
        return Err(Error::AtWork);
    }
    // Whoever starts waits until this is done, and reads the file then.
    Ok(Replaced { former: install(file)?, done: Some(done) })
}

/// Changes all that depends on the key, up to the commit.
fn change(database: &mut Replacement, former: &MasterKey, new: &MasterKey) -> Result<(Carried, Endings), Error> {
    let carried = carry_over(database, former, new)?;
    let endings = database.end_credentials(Utc::now())?;
    let keys = KeyRing::new(SealKey::for_signing_keys(new)).first_pair()?;
    database.replace_signing_keys(&keys)?;
    record(database, &carried, &endings)?;
    Ok((carried, endings))
}

fn install(file: &Path) -> Result<Option<PathBuf>, Error> {
    MasterKey::install_next(file).map_err(|error| Error::NotInPlace {
        next: MasterKey::next_file(file),
        file: file.to_owned(),
        error,
    })
}

/// Signs and encrypts anew what was signed and encrypted under the former key.
///
/// Authenticator apps are carried over, although a thief who has a copy of the database too can read them now: where they were taken away,
/// the password alone would let somebody in, who could then set up an app of his own. Whoever fears that takes them away one by one.
fn carry_over(database: &mut Replacement, former: &MasterKey, new: &MasterKey) -> Result<Carried, Error> {
    let mut carried = Carried::default();
    sign_checkpoints(database, former, new, &mut carried)?;
    let apps = Reseal { former: SealKey::for_totp(former), new: SealKey::for_totp(new) };
    let mut after = Uuid::nil();
    loop {
        let rows = database.totp_secrets(after, ROWS)?;
        let Some(last) = rows.last() else {
            break;
        };
        after = last.administrator_id;
        for row in &rows {
            match second_factor::resealed(row, &apps).map_err(KeyError::from)? {
                Some(sealed) => {
                    database.seal_totp_secret(row.administrator_id, &sealed)?;
                    carried.apps += 1;
                }
                None => carried.void_apps += 1,
            }
        }
    }
    if let Some(row) = database.gate().sso_provider()? {
        let sso = Reseal { former: SealKey::for_sso(former), new: SealKey::for_sso(new) };
        let sealed = provider::resealed(&row, &sso).map_err(KeyError::from)?;
        carried.sso = Some(sealed.is_some());
        if let Some(sealed) = sealed {
            database.seal_sso_secret(&sealed)?;
        }
    }
    Ok(carried)
}

/// Signs the checkpoints of all chains anew, a stretch at a time.
fn sign_checkpoints(
    database: &mut Replacement,
    former: &MasterKey,
    new: &MasterKey,
    carried: &mut Carried,
) -> Result<(), Error> {
    let (former, new) = (StampKey::for_checkpoints(former), StampKey::for_checkpoints(new));
    let name = key_name(&former);
    let count = database.count_checkpoints()?;
    let bar = if count > ROWS { output::progress("signing checkpoints", count.unsigned_abs()) } else { None };
    let mut tenant = database.gate().audited_tenant(None)?;
    while let Some(id) = tenant {
        let mut after = 0;
        loop {
            let rows = database.gate().checkpoints(id, after, &name, ROWS)?;
            let Some((last, _)) = rows.last() else {
                break;
            };
            after = last.checkpoint.seq;
            let signed: Vec<_> = rows.iter().filter_map(|(row, _)| sign_anew(&former, &new, row)).collect();
            database.sign_checkpoints(&signed)?;
            carried.checkpoints += signed.len() as u64;
            carried.forged += (rows.len() - signed.len()) as u64;
            if let Some(bar) = &bar {
                bar.inc(rows.len() as u64);
            }
        }
        tenant = database.gate().audited_tenant(Some(id))?;
    }
    if let Some(bar) = bar {
        bar.finish();
    }
    Ok(())
}

/// Writes the entry of the installation, and one for each tenant that lost something.
fn record(database: &mut Replacement, carried: &Carried, endings: &Endings) -> Result<(), Error> {
    let event = || AuditEvent::new(Action::MasterKeyReplace, Target::new("Installation", "master-key"));
    let all = event().after(json!({"ended": totals(endings), "carriedOver": carried_json(carried)}));
    database.record(&operator(TenantId::NONE), &all)?;
    for ended in endings.tenants.iter().filter(|ended| TenantId(ended.tenant) != TenantId::NONE) {
        let own = event().after(json!({"ended": ended_json(ended)}));
        database.record(&operator(TenantId(ended.tenant)), &own)?;
    }
    Ok(())
}

fn ended_json(ended: &Ended) -> Value {
    json!({
        "headerTokens": ended.header_tokens,
        "clientSecrets": ended.client_secrets,
        "grants": ended.grants,
        "invitations": ended.invitations,
        "setupLinks": ended.setup_links,
    })
}

/// What ended in all tenants together.
fn total(endings: &Endings) -> Ended {
    endings.tenants.iter().fold(Ended::default(), |all, one| Ended {
        header_tokens: all.header_tokens + one.header_tokens,
        client_secrets: all.client_secrets + one.client_secrets,
        grants: all.grants + one.grants,
        invitations: all.invitations + one.invitations,
        setup_links: all.setup_links + one.setup_links,
        ..all
    })
}

fn totals(endings: &Endings) -> Value {
    let mut all = ended_json(&total(endings));
    all["sessions"] = endings.sessions.into();
    all["recoveryCodes"] = endings.recovery_codes.into();
    all
}

fn carried_json(carried: &Carried) -> Value {
    json!({
        "checkpoints": carried.checkpoints,
        "forgedCheckpoints": carried.forged,
        "authenticatorApps": carried.apps,
        "voidAuthenticatorApps": carried.void_apps,
        "singleSignOn": carried.sso,
    })
}

fn to_json(file: &Path, replaced: &Replaced) -> Value {
    let mut told = json!({"file": file, "former": replaced.former, "finishedOnly": replaced.done.is_none()});
    if let Some((carried, endings)) = &replaced.done {
        let tenant = |ended: &Ended| json!({"tenant": name(ended), "ended": ended_json(ended)});
        told["ended"] = totals(endings);
        told["tenants"] = endings.tenants.iter().map(tenant).collect();
        told["carriedOver"] = carried_json(carried);
    }
    told
}

/// What a tenant is called.
fn name(ended: &Ended) -> &str {
    if TenantId(ended.tenant) == TenantId::NONE { "(no tenant)" } else { &ended.name }
}

fn tell(file: &Path, replaced: &Replaced) -> Result<(), Error> {
    output::line(&format!("the master key is replaced; the new one is in {}", file.display()))?;
    if let Some(former) = &replaced.former {
        output::line(&format!(
            "the former one is kept in {}, because no backup from before comes back without it",
            former.display()
        ))?;
    }
    match &replaced.done {
        Some((carried, endings)) => tell_done(carried, endings)?,
        None => output::line(
            "the database went by it already, and only the file was not in its place; what ended stands in the audit log: 'provisor audit \
             list --no-tenant --action master_key.replace --json'",
        )?,
    }
    output::line(TO_DO)?;
    Ok(())
}

fn tell_done(carried: &Carried, endings: &Endings) -> Result<(), Error> {
    let Carried { checkpoints, forged, apps, void_apps, sso } = carried;
    let sso = match sso {
        Some(true) => ", the client secret of single sign-on",
        _ => "",
    };
    output::line(&format!(
        "\ncarried over: {checkpoints} checkpoints of the audit log, {apps} authenticator apps{sso}"
    ))?;
    if *forged > 0 {
        output::line(&format!(
            "{forged} checkpoints were not signed under the former key; 'provisor audit verify' still names them as forged"
        ))?;
    }
    if *void_apps > 0 {
        output::line(&format!(
            "{void_apps} authenticator apps did not open under the former key; 'provisor admin reset-totp' takes one away"
        ))?;
    }
    if carried.sso == Some(false) {
        output::line("the client secret of single sign-on did not open under the former key; enter it anew")?;
    }
    let all = total(endings);
    output::line(&format!(
        "ended: every access token, {} header tokens, {} client secrets, {} grants, {} invitations, {} setup links, {} sessions, {} \
         recovery codes",
        all.header_tokens,
        all.client_secrets,
        all.grants,
        all.invitations,
        all.setup_links,
        endings.sessions,
        endings.recovery_codes
    ))?;
    if endings.tenants.is_empty() {
        return Ok(());
    }
    let row = |ended: &Ended| {
        let numbers = [ended.header_tokens, ended.client_secrets, ended.grants, ended.invitations, ended.setup_links];
        let [tokens, secrets, grants, invitations, links] = numbers.map(|number| number.to_string());
        [name(ended).to_owned(), tokens, secrets, grants, invitations, links]
    };
    let rows: Vec<[String; 6]> = endings.tenants.iter().map(row).collect();
    output::line("")?;
    output::table(["TENANT", "HEADER TOKENS", "CLIENT SECRETS", "GRANTS", "INVITATIONS", "SETUP LINKS"], &rows)?;
    Ok(())
}

const TO_DO: &str = "
What is to be done now:
- Put the new key where each server reads it, and a copy where secrets are kept. Then start the servers.
- Make header tokens ('provisor token create') and client secrets ('provisor client rotate-secret') anew, and give them to the identity
  providers. Whoever consented to a client has to do so again; people sign in again, and make new recovery codes in their account.
- Where the thief may have had a copy of the database too, the secrets in it are known: have the identity provider make a new client
  secret for single sign-on, and people set up their authenticator apps anew ('provisor admin reset-totp').
- Make a backup: those from before belong to the former key.";
