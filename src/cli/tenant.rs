//! `provisor tenant`.

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{Error, check_name, find_tenant, operator, output};
use crate::audit::{Action, AuditEvent, Target};
use crate::id::TenantId;
use crate::server::Backend;
use crate::store::{self, TenantRow};

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
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Change a tenant.
    Update {
        /// Its name.
        name: String,
        /// Whether User.password is kept; 'off' erases the hashes kept.
        #[arg(long, value_enum)]
        store_passwords: Switch,
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
        Command::Create { name, store_passwords, json } => {
            let row = create(backend, name, *store_passwords == Switch::On)?;
            show(&row, *json, "created")
        }
        Command::Update { name, store_passwords, json } => {
            let row = update(backend, name, *store_passwords == Switch::On)?;
            show(&row, *json, "updated")
        }
        Command::List { json } => list(backend, *json),
    }
}

fn create(backend: &Backend, name: &str, stores_passwords: bool) -> Result<TenantRow, Error> {
    check_name(name)?;
    let id = TenantId::generate();
    let event = AuditEvent::new(Action::TenantCreate, Target::new("Tenant", id))
        .after(json!({"name": name, "storesPasswords": stores_passwords}));
    let result = backend.store.run(&operator(id), |tenant| tenant.insert_tenant(name, stores_passwords, &event));
    result.map_err(|error| match error {
        store::Error::Conflict { .. } => Error::TenantExists(name.to_owned()),
        other => Error::Store(other),
    })
}

fn update(backend: &Backend, name: &str, stores_passwords: bool) -> Result<TenantRow, Error> {
    let row = find_tenant(backend, name)?;
    let id = TenantId(row.id);
    let event = AuditEvent::new(Action::TenantUpdate, Target::new("Tenant", id))
        .after(json!({"storesPasswords": stores_passwords}));
    backend.store.run(&operator(id), |tenant| tenant.set_stores_passwords(stores_passwords, &event))?;
    Ok(TenantRow { stores_passwords, ..row })
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
    let rows = backend.store.gate(|gate| gate.tenants())?;
    if json {
        output::json(&rows.iter().map(to_json).collect())?;
        return Ok(());
    }
    let rows: Vec<[String; 4]> = rows
        .into_iter()
        .map(|row| {
            let passwords = if row.stores_passwords { "stored" } else { "discarded" };
            [row.name, row.id.to_string(), passwords.into(), output::time(row.created_at)]
        })
        .collect();
    output::table(["NAME", "ID", "PASSWORDS", "CREATED"], &rows)?;
    Ok(())
}

fn to_json(row: &TenantRow) -> Value {
    json!({
        "id": row.id,
        "name": row.name,
        "storesPasswords": row.stores_passwords,
        "createdAt": row.created_at,
    })
}
