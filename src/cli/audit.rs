//! `provisor audit`.

use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Error, find_tenant, operator, output};
use crate::audit::{Action, Outcome};
use crate::auth::Caller;
use crate::backend::Backend;
use crate::chain::{Report, Verification, to_hex};
use crate::id::TenantId;
use crate::store::{AuditFilter, AuditRow, AuditStart};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the latest entries, the newest first.
    List {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        filter: Box<Filter>,
        /// How many entries at most.
        #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// Print JSON, with the attributes before and after.
        #[arg(long)]
        json: bool,
    },
    /// Verify the hash chains over the log. Exits with 1 where one is broken.
    Verify {
        /// This tenant alone.
        #[arg(long)]
        tenant: Option<String>,
        /// A head that was noted elsewhere, in an export or the log of the server; the chain must still have it.
        #[arg(long, value_name = "NUMBER:HASH", value_parser = head, requires = "tenant")]
        expect: Option<(i64, String)>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Whose entries.
#[derive(Debug, Args)]
pub(super) struct Whose {
    /// The tenant.
    #[arg(long, default_value = "default", conflicts_with = "no_tenant")]
    tenant: String,
    /// Instead of a tenant's entries, those that belong to none: unknown callers, signing keys, administrators of all tenants.
    #[arg(long, alias = "unknown-callers")]
    no_tenant: bool,
}

/// Which entries.
#[derive(Debug, Args)]
pub(super) struct Filter {
    /// Only what the holder of this id did.
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// Only this, as the column ACTION has it.
    #[arg(long, value_name = "ACTION", value_parser = action)]
    action: Option<Action>,
    /// Only what was done to the thing with this id.
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// Only what was done, or what was refused.
    #[arg(long, value_name = "done|refused", value_parser = outcome)]
    outcome: Option<Outcome>,
    /// Not before this time.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Only what says this somewhere.
    #[arg(long)]
    text: Option<String>,
}

fn action(code: &str) -> Result<Action, String> {
    Action::parse(code).ok_or_else(|| "there is no such action".into())
}

fn outcome(name: &str) -> Result<Outcome, String> {
    Outcome::parse(name).ok_or_else(|| "is done or refused".into())
}

fn head(text: &str) -> Result<(i64, String), String> {
    let parts = text.split_once(':').and_then(|(seq, hash)| Some((seq.parse().ok()?, hash.to_ascii_lowercase())));
    parts.ok_or_else(|| "is a number, a colon and a hash".into())
}

/// A time, or the beginning of a day.
fn time(text: &str) -> Result<DateTime<Utc>, Error> {
    let day = || Some(text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?.and_utc());
    text.parse::<DateTime<Utc>>().ok().or_else(day).ok_or_else(|| Error::Time(text.to_owned()))
}

pub(super) fn run(command: &Command, backend: &Backend) -> Result<(), Error> {
    match command {
        Command::List { whose, filter, limit, json } => list(backend, whose, filter, *limit, *json),
        Command::Verify { tenant, expect, json } => verify(backend, tenant.as_deref(), expect.as_ref(), *json),
    }
}

fn list(backend: &Backend, whose: &Whose, filter: &Filter, limit: u32, json: bool) -> Result<(), Error> {
    let tenant = if whose.no_tenant { TenantId::NONE } else { TenantId(find_tenant(backend, &whose.tenant)?.id) };
    let filter = AuditFilter {
        actor: filter.actor.clone(),
        actor_name: None,
        action: filter.action,
        target: filter.target.clone(),
        outcome: filter.outcome,
        from: filter.from.as_deref().map(time).transpose()?,
        to: filter.to.as_deref().map(time).transpose()?,
        text: filter.text.clone(),
    };
    let (caller, limit) = (operator(tenant), i64::from(limit));
    if json {
        output::json(&Value::Array(whole(backend, &caller, &filter, limit)?))?;
        return Ok(());
    }
    let page = backend.store.run(&caller, |tenant| tenant.audit_list(&filter, AuditStart::Newest, limit))?;
    let rows: Vec<[String; 5]> = page
        .rows
        .into_iter()
        .map(|entry| {
            let row = entry.row;
            let actor = if row.actor_name.is_empty() { row.actor_id } else { row.actor_name };
            let actor = if actor.is_empty() { row.actor_kind } else { actor };
            let target = format!("{} {}", row.target_type, row.target_id);
            [output::time(row.occurred_at), row.action, actor, target, row.detail.unwrap_or_default()]
        })
        .collect();
    output::table(["TIME", "ACTION", "ACTOR", "TARGET", "DETAIL"], &rows)?;
    Ok(())
}

/// The latest entries with all they hold. Those that hold much are read one by one.
fn whole(backend: &Backend, caller: &Caller, filter: &AuditFilter, limit: i64) -> Result<Vec<Value>, Error> {
    let (mut rows, mut left, mut next) = (Vec::new(), limit, Some(AuditStart::Newest));
    while let Some(start) = next.filter(|_| left > 0) {
        let page = backend.store.run(caller, |tenant| tenant.audit_export(filter, start, left))?;
        left -= i64::try_from(page.rows.len()).unwrap_or(left);
        rows.extend(page.rows.iter().map(to_json));
        next = page.older.map(AuditStart::OlderThan);
    }
    Ok(rows)
}

fn to_json(row: &AuditRow) -> Value {
    json!({
        "id": row.id,
        "occurredAt": row.occurred_at,
        "action": row.action,
        "actor": {"kind": row.actor_kind, "id": row.actor_id, "name": row.actor_name},
        "target": {"type": row.target_type, "id": row.target_id},
        "before": row.before,
        "after": row.after,
        "detail": row.detail,
        "requestId": row.request_id,
        "address": row.address,
    })
}

/// Verifies the chain of one tenant, or one after the other.
fn verify(backend: &Backend, tenant: Option<&str>, expect: Option<&(i64, String)>, json: bool) -> Result<(), Error> {
    let store = &backend.store;
    let mut next = match tenant {
        Some(name) => Some(find_tenant(backend, name)?.id),
        None => store.gate(|gate| gate.audited_tenant(None))?,
    };
    let (mut is_whole, mut told) = (true, Vec::new());
    while let Some(id) = next {
        let report = Verification::of(id).run(store, &backend.checkpoint_key)?;
        let name = match TenantId(id) {
            TenantId::NONE => "(no tenant)".to_owned(),
            known => store.gate(|gate| gate.tenant_with_id(known))?.map_or_else(|| id.to_string(), |row| row.name),
        };
        let expected = match expect {
            Some((seq, hash)) => {
                let found = store.gate(|gate| gate.links(id, seq - 1, 1))?;
                Some(found.rows.first().is_some_and(|(seal, _)| seal.seq == *seq && to_hex(&seal.hash) == *hash))
            }
            None => None,
        };
        is_whole &= report.breaks.is_empty() && expected != Some(false);
        if json {
            told.push(report_json(&name, &report, expected));
        } else {
            tell(&name, &report, expect, expected)?;
        }
        next = match tenant {
            Some(_) => None,
            None => store.gate(|gate| gate.audited_tenant(Some(id)))?,
        };
    }
    if json {
        output::json(&Value::Array(told))?;
    }
    if is_whole { Ok(()) } else { Err(Error::Broken) }
}

fn tell(
    name: &str,
    report: &Report,
    expect: Option<&(i64, String)>,
    expected: Option<bool>,
) -> Result<(), std::io::Error> {
    let head = report.head.as_ref().map_or_else(|| "none".into(), |(seq, hash)| format!("{seq}:{}", to_hex(hash)));
    let state = if report.breaks.is_empty() && expected != Some(false) { "whole" } else { "BROKEN" };
    let waiting =
        if report.waiting > 0 { format!(", {} waiting for their seal", report.waiting) } else { String::new() };
    output::line(&format!(
        "{name}: {state}, {} entries{waiting}, {} checkpoints, head {head}",
        report.links, report.checkpoints
    ))?;
    for found in &report.breaks {
        let seq = found.seq.map_or_else(String::new, |seq| format!(" #{seq}"));
        let event = found.event.map_or_else(String::new, |event| format!(" entry {event}"));
        output::line(&format!("  broken at{seq}{event}: {}", found.fault.sentence()))?;
    }
    match (expect, expected) {
        (Some((seq, _)), Some(false)) => output::line(&format!("  broken at #{seq}: the hash is not the one expected")),
        _ => Ok(()),
    }
}

fn report_json(name: &str, report: &Report, expected: Option<bool>) -> Value {
    let breaks: Vec<Value> = report
        .breaks
        .iter()
        .map(|found| json!({"seq": found.seq, "event": found.event, "fault": found.fault.code()}))
        .collect();
    json!({
        "tenant": name,
        "whole": breaks.is_empty() && expected != Some(false),
        "entries": report.links,
        "waiting": report.waiting,
        "checkpoints": report.checkpoints,
        "head": report.head.as_ref().map(|(seq, hash)| json!({"seq": seq, "hash": to_hex(hash)})),
        "hasExpectedHead": expected,
        "breaks": breaks,
    })
}
