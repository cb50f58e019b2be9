//! The database: that it can be reached, keeps what it says it keeps, and lets the role do what it must and no more.

use chrono::{TimeDelta, Utc};

use super::data;
use super::finding::{Findings, Severity};
use crate::auth::keys::KeyRing;
use crate::backend::{Database, StartError};
use crate::config::Settings;
use crate::database_url::Privacy;
use crate::private_postgres::SUPPORTED;
use crate::store::citus::Distribution;
use crate::store::{Inspection, MigrationError, SchemaState, ServerFacts};

/// Connections besides those of requests: the one that holds the lead, those that metrics and readiness are asked by, and a command's.
const OTHER_CONNECTIONS: i64 = 4;
/// The oldest major version that its makers still look after.
const LOOKED_AFTER: i32 = 15;
/// How far the clocks may be apart.
const CLOCK: TimeDelta = TimeDelta::seconds(1);
/// How far apart they are when tokens are refused that are good.
const CLOCK_AT_MOST: TimeDelta = TimeDelta::seconds(60);

/// Looks at the database, and at the data where its schema is known. Returns the ids of the signing keys.
pub(super) fn look(settings: &Settings, ring: Option<&KeyRing>, findings: &mut Findings) -> Vec<String> {
    const CHECK: &str = "database";
    let database = match Database::existing(settings) {
        Ok(database) => database,
        Err(error @ StartError::NoDatabase(_)) => {
            findings.ok(CHECK, error.to_string());
            return Vec::new();
        }
        Err(error) => {
            findings.error(CHECK, error.to_string(), "do what it says; 'provisor doctor' then sees more");
            return Vec::new();
        }
    };
    let kids = match Inspection::open(database.url()) {
        Ok(mut inspection) => inspect(settings, database.privacy(), &mut inspection, ring, findings),
        Err(error) => {
            findings.error(
                CHECK,
                error.to_string(),
                "see that Postgres runs, and that --database-url (DATABASE_URL) names its host, the database, the role and its password",
            );
            Vec::new()
        }
    };
    if let Err(error) = database.close() {
        findings.error(CHECK, error.to_string(), "see the log of Postgres in the data directory");
    }
    kids
}

fn inspect(
    settings: &Settings,
    privacy: &Privacy,
    inspection: &mut Inspection,
    ring: Option<&KeyRing>,
    findings: &mut Findings,
) -> Vec<String> {
    let asked = Utc::now();
    let facts = match inspection.facts() {
        Ok(facts) => facts,
        Err(error) => {
            findings.error("database", error.to_string(), "see the log of Postgres");
            return Vec::new();
        }
    };
    let took = Utc::now() - asked;
    reached(settings, &facts, findings);
    version(&facts, findings);
    tls(privacy, &facts, findings);
    role(settings, &facts, findings);
    keeps(&facts, findings);
    messages(&facts, findings);
    connections(settings, &facts, findings);
    clock(facts.now - asked - took / 2, findings);
    if !schema(inspection.schema(), findings) {
        return Vec::new();
    }
    distribution(inspection, findings);
    rights(&facts, inspection, findings);
    data::look(inspection, ring, settings.master_key_file().ok().as_deref(), findings)
}

fn reached(settings: &Settings, facts: &ServerFacts, findings: &mut Findings) {
    const CHECK: &str = "database";
    let place = match &settings.database_url {
        Some(_) => format!("{} as {}", facts.database, facts.role),
        None => "private Postgres in the data directory".into(),
    };
    if facts.is_standby {
        findings.error(
            CHECK,
            format!("{place}: a standby, which takes no changes"),
            "name the primary in DATABASE_URL",
        );
    } else if facts.encoding != "UTF8" {
        findings.error(
            CHECK,
            format!("{place}: its encoding is {}, and names do not fit into it", facts.encoding),
            "make a database with ENCODING 'UTF8' and bring the data over",
        );
    } else {
        findings.ok(CHECK, place);
    }
}

fn version(facts: &ServerFacts, findings: &mut Findings) {
    const CHECK: &str = "database.version";
    let said = format!("PostgreSQL {}", facts.version);
    let (oldest, newest) = SUPPORTED.into_inner();
    let major = u32::try_from(facts.major).unwrap_or_default();
    if major < oldest {
        findings.error(CHECK, said, format!("upgrade to PostgreSQL {LOOKED_AFTER} or later"));
    } else if facts.major < LOOKED_AFTER {
        findings.warning(CHECK, format!("{said}, which gets no fixes any more"), "upgrade to a later version");
    } else if major > newest {
        findings.warning(CHECK, format!("{said}, with which this version was not tried"), "look for a newer provisor");
    } else {
        findings.ok(CHECK, said);
    }
}

fn tls(privacy: &Privacy, facts: &ServerFacts, findings: &mut Findings) {
    const CHECK: &str = "database.tls";
    match (privacy, &facts.tls) {
        (Privacy::Local, None) => findings.ok(CHECK, "on this machine, without need of TLS"),
        (Privacy::Local | Privacy::Verified, Some(version)) => findings.ok(CHECK, version.as_str()),
        (Privacy::Encrypted(host), Some(version)) => findings.warning(
            CHECK,
            format!("{version}, but nobody checks that it is {host} which answers"),
            "add sslmode=verify-full&sslrootcert=FILE to DATABASE_URL",
        ),
        (Privacy::ClearText(host), Some(version)) => findings.warning(
            CHECK,
            format!("{version} now, but the connection to {host} may go in clear text"),
            "add sslmode=verify-full&sslrootcert=FILE to DATABASE_URL",
        ),
        (_, None) => findings.error(
            CHECK,
            "what goes to the database crosses the network in clear text",
            "add sslmode=verify-full&sslrootcert=FILE to DATABASE_URL, and leave --allow-plaintext-database out",
        ),
    }
}

fn role(settings: &Settings, facts: &ServerFacts, findings: &mut Findings) {
    const CHECK: &str = "database.role";
    match (&settings.database_url, facts.is_superuser) {
        (Some(_), true) => findings.warning(
            CHECK,
            format!(
                "{} is a superuser: nothing in the database is kept from it, the audit log least of all",
                facts.role
            ),
            "make a role of its own: CREATE ROLE provisor LOGIN PASSWORD '...', and have it own the database",
        ),
        (Some(_), false) => findings.ok(CHECK, format!("{}, which is no superuser", facts.role)),
        (None, _) => findings.ok(CHECK, "the one role of the private Postgres"),
    }
}

/// What commits are worth.
fn keeps(facts: &ServerFacts, findings: &mut Findings) {
    if facts.is_safe() {
        findings.ok("database.fsync", "on");
    } else {
        findings.error(
            "database.fsync",
            "off: what is said to be kept is lost when the machine stops, and the database with it",
            "ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf();",
        );
    }
    if facts.full_page_writes == "on" {
        findings.ok("database.full-page-writes", "on");
    } else {
        findings.warning(
            "database.full-page-writes",
            "off: a page that was half written when the machine stopped is not restored",
            "ALTER SYSTEM SET full_page_writes = on; SELECT pg_reload_conf(); unless the file system never writes half a page",
        );
    }
    let own = match facts.synchronous_commit.as_str() {
        "off" | "local" => format!("{} by default, and on in each connection of provisor", facts.synchronous_commit),
        other => other.to_owned(),
    };
    findings.ok("database.synchronous-commit", own);
}

/// In which language it says what failed.
fn messages(facts: &ServerFacts, findings: &mut Findings) {
    const CHECK: &str = "database.messages";
    let said = format!("lc_messages is '{}'", facts.lc_messages);
    if facts.speaks_english() {
        findings.ok(CHECK, said);
    } else {
        let remedy = format!("have a superuser run {}", facts.english_messages());
        findings.error(
            CHECK,
            format!("{said}: by messages that are not in English it is not known what failed"),
            remedy,
        );
    }
}

fn connections(settings: &Settings, facts: &ServerFacts, findings: &mut Findings) {
    const CHECK: &str = "database.connections";
    let wanted = i64::from(settings.database_connections()) + OTHER_CONNECTIONS;
    let free = i64::from(facts.connections) - facts.others;
    let said = format!(
        "a server of provisor wants {wanted}, Postgres takes {}, of which others have {}",
        facts.connections, facts.others
    );
    let remedy = "raise max_connections in Postgres, or lower --database-connections (PROVISOR_DATABASE_CONNECTIONS)";
    if wanted > i64::from(facts.connections) {
        findings.error(CHECK, said, remedy);
    } else if wanted > free {
        findings.warning(CHECK, said, remedy);
    } else {
        findings.ok(CHECK, said);
    }
}

/// By how much the database is ahead.
fn clock(ahead: TimeDelta, findings: &mut Findings) {
    const CHECK: &str = "database.clock";
    let said = format!("{} ms from ours", ahead.num_milliseconds());
    let severity = match ahead.abs() {
        near if near <= CLOCK => return findings.ok(CHECK, said),
        far if far <= CLOCK_AT_MOST => Severity::Warning,
        _ => Severity::Error,
    };
    findings.trouble(
        CHECK,
        severity,
        said,
        "set both clocks by NTP: what ends and in which order things happened depends on them",
    );
}

/// Whether the schema is the one that this version knows.
fn schema(state: Result<SchemaState, MigrationError>, findings: &mut Findings) -> bool {
    const CHECK: &str = "database.schema";
    match state {
        Err(error) => {
            let remedy = "see that the role may read __diesel_schema_migrations";
            findings.error(CHECK, error.to_string(), remedy);
        }
        Ok(SchemaState { unknown, .. }) if !unknown.is_empty() => {
            let said = format!("newer than this version of provisor knows: {}", unknown.join(", "));
            findings.error(CHECK, said, "run the version of provisor that made it, or a newer one");
        }
        Ok(state) if let Err(error) = state.check_rights() => {
            findings.error(CHECK, "the tables cannot be made", error.to_string());
        }
        Ok(SchemaState { version: None, .. }) => {
            findings.ok(CHECK, "empty; 'provisor serve' or 'provisor migrate' makes the tables");
        }
        Ok(SchemaState { pending, .. }) if !pending.is_empty() => {
            let said = format!("{} migrations are pending: {}", pending.len(), pending.join(", "));
            findings.error(
                CHECK,
                said,
                "make a backup, then run 'provisor migrate', or start the server, which does it",
            );
        }
        Ok(SchemaState { version, .. }) => {
            findings.ok(CHECK, version.unwrap_or_default());
            return true;
        }
    }
    false
}

/// Where the tables are on a cluster of Citus. Of a database that is no part of one nothing is said.
fn distribution(inspection: &mut Inspection, findings: &mut Findings) {
    const CHECK: &str = "database.citus";
    let Distribution { missing, left_behind, astray } = match inspection.distribution() {
        Ok(Some(distribution)) => distribution,
        Ok(None) => return,
        Err(error) => {
            return findings.error(CHECK, error.to_string(), "see that the role may read pg_dist_partition");
        }
    };
    if !astray.is_empty() {
        let said = format!("the server cannot work with these tables as they are distributed: {}", astray.join(", "));
        findings.error(CHECK, said, "bring each back to the coordinator: SELECT undistribute_table('NAME')");
    } else if !missing.is_empty() {
        let said = format!("these tables could be on the workers: {}", missing.join(", "));
        findings.warning(CHECK, said, "'provisor migrate --citus' brings them there; it works without, too");
    } else if !left_behind.is_empty() {
        let said = format!("the coordinator has kept rows of {}, which nothing deletes", left_behind.join(", "));
        findings.warning(CHECK, said, "'provisor migrate --citus' deletes them");
    } else {
        findings.ok(CHECK, "all tables are where they belong");
    }
}

fn rights(facts: &ServerFacts, inspection: &mut Inspection, findings: &mut Findings) {
    const OWN: &str = "database.rights";
    const AUDIT: &str = "audit.rights";
    const TRIGGERS: &str = "audit.triggers";
    let rights = match inspection.rights() {
        Ok(rights) => rights,
        Err(error) => return findings.error(OWN, error.to_string(), "see the log of Postgres"),
    };
    if rights.missing.is_empty() {
        findings.ok(OWN, "all that the server needs");
    } else {
        let said = format!("{} lacks {}", facts.role, rights.missing.join(", "));
        findings.error(OWN, said, "GRANT SELECT, INSERT, UPDATE, DELETE on these tables to the role");
    }
    if facts.is_superuser {
        findings.ok(AUDIT, "a superuser may change it; triggers and the hash chain are what protects it");
    } else if !rights.excessive.is_empty() {
        let said = format!("{} may change the audit log: {}", facts.role, rights.excessive.join(", "));
        findings.error(
            AUDIT,
            said,
            "REVOKE UPDATE, DELETE, TRUNCATE ON audit_events, audit_seals, audit_checkpoints, audit_checkpoint_signatures FROM the role",
        );
    } else if rights.owns_audit_log {
        findings.warning(
            AUDIT,
            format!("{} owns the audit log, and can give itself the right to change it", facts.role),
            "have another role own the tables; docs/audit.md says how",
        );
    } else {
        findings.ok(AUDIT, format!("{} can add to the audit log and not change it", facts.role));
    }
    if rights.triggers.is_empty() {
        findings.ok(TRIGGERS, "nobody changes the audit log unnoticed");
    } else {
        let said = format!("these do not keep the audit log any more: {}", rights.triggers.join(", "));
        let remedy =
            "ALTER TABLE ... ENABLE ALWAYS TRIGGER ...; find out who disabled it, and run 'provisor audit verify'";
        findings.error(TRIGGERS, said, remedy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_apart_are_told() {
        for (milliseconds, severity) in [
            (0, Severity::Ok),
            (-1_000, Severity::Ok),
            (1_001, Severity::Warning),
            (-60_000, Severity::Warning),
            (61_000, Severity::Error),
            (-61_000, Severity::Error),
        ] {
            let mut findings = Findings::default();
            clock(TimeDelta::milliseconds(milliseconds), &mut findings);
            assert_eq!(findings.worst(), severity, "{milliseconds}");
        }
    }
}
