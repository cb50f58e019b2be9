//! `provisor tenant`.

use clap::{ArgGroup, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{Error, find_tenant, operator, output, settle};
use crate::backend::Backend;
use crate::id::TenantId;
use crate::provider::tenants;
use crate::store::{NewTenant, TenantRow};

/// A switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Switch {
    /// yes
    On,
    /// no
    Off,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a tenant.
    Create {
        /// Its name.
        name: String,
        /// Whether User.password is kept, as an argon2id hash, or discarded.
        #[arg(long, value_enum, default_value = "off")]
        store_passwords: Switch,
        /// Whether two groups may not have the same name, in any case.
        #[arg(long, value_enum, default_value = "on")]
        unique_group_names: Switch,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Change a tenant.
    #[command(group = ArgGroup::new("settings").required(true).multiple(true))]
    Update {
        /// Its name.
        name: String,
        /// Whether User.password is kept; 'off' erases the hashes kept.
        #[arg(long, value_enum, group = "settings")]
        store_passwords: Option<Switch>,
        /// Whether two groups may not have the same name, in any case; 'on' is refused while two have.
        #[arg(long, value_enum, group = "settings")]
        unique_group_names: Option<Switch>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Suspend a tenant: SCIM answers 403 within a second, and no token is issued.
    Suspend {
        /// Its name.
        name: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Resume a suspended tenant.
    Resume {
        /// Its name.
        name: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the tenants.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(command: &Command, backend: &Backend) -> Result<(), Error> {
    match command {
        Command::Create { name, store_passwords, unique_group_names, json } => {
            let stores_passwords = *store_passwords == Switch::On;
            let unique_group_names = *unique_group_names == Switch::On;
            let new = NewTenant { name, stores_passwords, unique_group_names };
            let row = tenants::create(&backend.store, &operator(TenantId::generate()), &new)?;
            show(&row, *json, "created")
        }
        Command::Update { name, store_passwords, unique_group_names, json } => {
            let on = |switch: &Option<Switch>| switch.map(|switch| switch == Switch::On);
            let row = update(backend, name, on(store_passwords), on(unique_group_names))?;
            show(&row, *json, "updated")
        }
        Command::Suspend { name, json } => show(&set_suspended(backend, name, true)?, *json, "suspended"),
        Command::Resume { name, json } => show(&set_suspended(backend, name, false)?, *json, "resumed"),
        Command::List { json } => list(backend, *json),
    }
}

fn update(
    backend: &Backend,
    name: &str,
    stores_passwords: Option<bool>,
    unique_group_names: Option<bool>,
) -> Result<TenantRow, Error> {
    let caller = operator(TenantId(find_tenant(backend, name)?.id));
    let changed = tenants::update(&backend.store, &caller, stores_passwords, unique_group_names)?;
    settle(backend, &caller, changed)?;
    find_tenant(backend, name)
}

fn set_suspended(backend: &Backend, name: &str, suspended: bool) -> Result<TenantRow, Error> {
    let caller = operator(TenantId(find_tenant(backend, name)?.id));
    tenants::set_suspended(&backend.store, &caller, suspended)?;
    find_tenant(backend, name)
}

fn show(row: &TenantRow, json: bool, done: &str) -> Result<(), Error> {
    if json {
        output::json(&to_json(row))?;
    } else {
        output::line(&format!("{done} tenant {} ({})", row.name, row.id))?;
    }
    Ok(())
}

fn list(backend: &Backend, json: bool) -> Result<(), Error> {
    let rows = backend.store.gate(|gate| gate.tenants(i64::MAX))?;
    if json {
        output::json(&rows.iter().map(to_json).collect())?;
        return Ok(());
    }
    let rows: Vec<[String; 6]> = rows
        .into_iter()
        .map(|row| {
            let passwords = if row.stores_passwords { "stored" } else { "discarded" };
            let names = if row.unique_group_names { "unique" } else { "repeatable" };
            let state = match (row.delete_after, row.suspended_at) {
                (Some(at), _) => format!("deleted after {}", output::time(at)),
                (None, Some(_)) => "suspended".into(),
                (None, None) => "active".into(),
            };
            [row.name, row.id.to_string(), passwords.into(), names.into(), output::time(row.created_at), state]
        })
        .collect();
    output::table(["NAME", "ID", "PASSWORDS", "GROUP NAMES", "CREATED", "STATE"], &rows)?;
    Ok(())
}

fn to_json(row: &TenantRow) -> Value {
    json!({
        "id": row.id,
        "name": row.name,
        "storesPasswords": row.stores_passwords,
        "uniqueGroupNames": row.unique_group_names,
        "createdAt": row.created_at,
        "suspendedAt": row.suspended_at,
        "deleteAfter": row.delete_after,
    })
}
