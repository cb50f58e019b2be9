//! `provisor audit`.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Error, find_tenant, operator, output};
use crate::id::TenantId;
use crate::server::Backend;
use crate::store::AuditRow;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the latest entries, the newest first.
    List {
        /// The tenant.
        #[arg(long, default_value = "default", conflicts_with = "unknown_callers")]
        tenant: String,
        /// Instead of a tenant's entries, those that belong to none: refused requests of unknown callers, changes of signing keys.
        #[arg(long)]
        unknown_callers: bool,
        /// How many entries at most.
        #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// Print JSON, with the attributes before and after.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(command: &Command, backend: &Backend) -> Result<(), Error> {
    let Command::List { tenant, unknown_callers, limit, json } = command;
    let tenant = if *unknown_callers { TenantId::NONE } else { TenantId(find_tenant(backend, tenant)?.id) };
    let rows = backend.store.run(&operator(tenant), |tenant| tenant.audit_events(i64::from(*limit)))?;
    if *json {
        output::json(&rows.iter().map(to_json).collect())?;
        return Ok(());
    }
    let rows: Vec<[String; 5]> = rows
        .into_iter()
        .map(|row| {
            let actor = if row.actor_name.is_empty() { row.actor_id } else { row.actor_name };
            let actor = if actor.is_empty() { row.actor_kind } else { actor };
            let target = format!("{} {}", row.target_type, row.target_id);
            [output::time(row.occurred_at), row.action, actor, target, row.detail.unwrap_or_default()]
        })
        .collect();
    output::table(["TIME", "ACTION", "ACTOR", "TARGET", "DETAIL"], &rows)?;
    Ok(())
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
