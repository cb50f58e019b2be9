//! What is in the database: the signing keys, whether the master key opens them, the audit log, and credentials that end soon.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use super::super::output;
use super::finding::Findings;
use crate::auth::keys::{KeyError, KeyRing, KeyState, ROTATE_AFTER};
use crate::auth::master_key::MasterKey;
use crate::backend::is_next_key_in_use;
use crate::store::{EndingCredential, Inspection, SealState, SigningKeyRow};

/// How much later than its time the exchange of signing keys may be.
const ROTATION_LATE: TimeDelta = TimeDelta::days(2);
/// How long an entry of the audit log waits for its seal at most while a server runs.
const SEAL_LATE: TimeDelta = TimeDelta::minutes(1);
/// How old the verification of a chain may be.
const VERIFIED_WITHIN: TimeDelta = TimeDelta::hours(24);
/// How long before its end a credential is told of.
const ENDS_WITHIN: TimeDelta = TimeDelta::days(14);
/// Credentials that are named.
const NAMED: usize = 5;

/// Looks at all of it. Returns the ids of the signing keys.
pub(super) fn look(
    inspection: &mut Inspection,
    ring: Option<&KeyRing>,
    key_file: Option<&Path>,
    findings: &mut Findings,
) -> Vec<String> {
    const UNREAD: &str = "see the log of Postgres";
    let now = Utc::now();
    let mut kids = Vec::new();
    match inspection.gate().signing_keys() {
        Ok(rows) => {
            fits(ring, key_file, &rows, findings);
            signing_keys(&rows, now, findings);
            kids = rows.into_iter().map(|row| row.kid).collect();
        }
        Err(error) => findings.error("signing-keys", error.to_string(), UNREAD),
    }
    match inspection.seals() {
        Ok(state) => audit(&state, now, findings),
        Err(error) => findings.error("audit.chain", error.to_string(), UNREAD),
    }
    match inspection.ending(now, now + ENDS_WITHIN) {
        Ok(ending) => credentials(&ending, findings),
        Err(error) => findings.error("credentials", error.to_string(), UNREAD),
    }
    kids
}

fn fits(ring: Option<&KeyRing>, key_file: Option<&Path>, rows: &[SigningKeyRow], findings: &mut Findings) {
    const CHECK: &str = "master-key.fits";
    let left = key_file.map(|file| (file, MasterKey::next_file(file))).filter(|(_, next)| next.exists());
    if let Some((file, next)) = &left
        && is_next_key_in_use(file, rows)
    {
        return findings.error(
            CHECK,
            format!("the database goes by a new master key, which lies in {}", next.display()),
            "run 'provisor master-key replace' once more, which puts it in its place",
        );
    }
    let Some(ring) = ring else {
        return;
    };
    match (ring.fits(rows), left) {
        (Ok(_), Some((_, next))) => findings.warning(
            CHECK,
            format!(
                "it does, but in {} lies one that nothing goes by: the master key was to be replaced, and was not",
                next.display()
            ),
            "run 'provisor master-key replace' once more, or remove the file",
        ),
        (result, _) => fits_alone(CHECK, result, findings),
    }
}

fn fits_alone(check: &'static str, result: Result<bool, KeyError>, findings: &mut Findings) {
    match result {
        Ok(true) => findings.ok(check, "it opens the signing keys in this database"),
        Ok(false) => findings.ok(check, "there is nothing in this database yet that it could open"),
        Err(error @ KeyError::Sealed(_)) => findings.error(
            check,
            error.to_string(),
            "bring back the master key that belongs to this database, or name its file: --master-key-file (PROVISOR_MASTER_KEY_FILE)",
        ),
        Err(error) => findings.error(check, error.to_string(), "run 'provisor key replace'; every access token ends by that"),
    }
}

fn signing_keys(rows: &[SigningKeyRow], now: DateTime<Utc>, findings: &mut Findings) {
    const CHECK: &str = "signing-keys";
    let find = |state| rows.iter().find(|row| KeyState::of(row) == state);
    let Some(current) = find(KeyState::Current) else {
        return findings.ok(CHECK, "none yet; the server makes them when it starts");
    };
    let due = current.activated_at.unwrap_or(current.created_at) + ROTATE_AFTER;
    if find(KeyState::Next).is_none() {
        findings.warning(
            CHECK,
            format!("{} signs, and no next one is published", current.kid),
            "run 'provisor key rotate'",
        );
    } else if due + ROTATION_LATE < now {
        findings.warning(
            CHECK,
            format!("{} should have been exchanged on {}", current.kid, output::time(due)),
            "see the log of the server for what keeps it from doing so, or run 'provisor key rotate'",
        );
    } else {
        findings.ok(CHECK, format!("{} signs; it is exchanged on {}", current.kid, output::time(due)));
    }
}

fn audit(state: &SealState, now: DateTime<Utc>, findings: &mut Findings) {
    const CHAIN: &str = "audit.chain";
    const SEALS: &str = "audit.seals";
    let verified = state.verified_at.filter(|_| state.chains > 0);
    if state.broken > 0 {
        findings.error(
            CHAIN,
            format!("{} of {} chains are broken", state.broken, state.chains),
            "run 'provisor audit verify', which names the entries, and find out who changed them",
        );
    } else if verified.is_some_and(|at| now - at > VERIFIED_WITHIN) {
        findings.warning(
            CHAIN,
            format!("last verified {}", output::optional_time(verified, "never")),
            "start the server, which verifies every day, or run 'provisor audit verify'",
        );
    } else {
        findings.ok(CHAIN, format!("{} chains, none broken, as far as the server noted", state.chains));
    }
    let said = format!("{} entries wait for their seal", state.waiting);
    if state.waiting_since.is_some_and(|since| now - since > SEAL_LATE) {
        findings.warning(
            SEALS,
            format!("{said}, the oldest since {}", output::optional_time(state.waiting_since, "-")),
            "start a server: it seals every second; where one runs, its log says what keeps it from doing so",
        );
    } else {
        findings.ok(SEALS, said);
    }
}

fn credentials(ending: &[EndingCredential], findings: &mut Findings) {
    const CHECK: &str = "credentials";
    if ending.is_empty() {
        return findings.ok(CHECK, format!("none ends within {} days", ENDS_WITHIN.num_days()));
    }
    let name = |credential: &EndingCredential| {
        let kind = if credential.is_secret { "secret of client" } else { "header token" };
        format!("{kind} '{}' of tenant '{}' on {}", credential.name, credential.tenant, output::time(credential.at))
    };
    let named: Vec<String> = ending.iter().take(NAMED).map(name).collect();
    let more = ending.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    findings.warning(
        CHECK,
        format!("end soon: {}{more}", named.join("; ")),
        "'provisor token rotate' and 'provisor client rotate-secret' make new ones that work beside the old ones",
    );
}
