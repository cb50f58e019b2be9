//! `provisor resource-type`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Error, find_tenant, operator, output, own_definitions, read_definition, settle};
use crate::auth::Caller;
use crate::backend::Backend;
use crate::id::TenantId;
use crate::provider::definitions::{self, resource_type_to_json};
use crate::scim::definitions::Definitions;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Import a resource type, or a new version of one, from a JSON file in the form of RFC 7643 section 6.
    Import {
        /// The file.
        file: PathBuf,
        /// The tenant.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Add the resource types of Okta Identity Governance: Role at /Roles, Entitlement at /Entitlements.
    Okta {
        /// The tenant.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the resource types that a tenant has imported.
    List {
        /// The tenant.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print an imported resource type, as JSON in the form that import takes.
    Show {
        /// Its name.
        name: String,
        /// The tenant.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Print JSON (which is printed anyway).
        #[arg(long)]
        json: bool,
    },
    /// Remove a resource type that has no resources.
    Remove {
        /// Its name.
        name: String,
        /// The tenant.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(command: &Command, backend: &Backend) -> Result<(), Error> {
    let (Command::Import { tenant, .. }
    | Command::Okta { tenant, .. }
    | Command::List { tenant, .. }
    | Command::Show { tenant, .. }
    | Command::Remove { tenant, .. }) = command;
    let caller = operator(TenantId(find_tenant(backend, tenant)?.id));
    match command {
        Command::Import { file, json, .. } => {
            let name = import(backend, &caller, read_definition(file)?)?;
            if *json {
                return print(backend, &caller, &name);
            }
            Ok(output::line(&format!("imported resource type {name}"))?)
        }
        Command::Okta { json, .. } => {
            let (names, changed) = definitions::import_okta_resource_types(&backend.store, &caller)?;
            settle(backend, &caller, changed)?;
            if *json {
                let definitions = own_definitions(backend, &caller)?;
                let shown = names.iter().filter_map(|name| resource_type_to_json(&definitions, name));
                return Ok(output::json(&shown.collect())?);
            }
            names.iter().try_for_each(|name| output::line(&format!("imported resource type {name}")))?;
            Ok(())
        }
        Command::List { json, .. } => list(&own_definitions(backend, &caller)?, *json),
        Command::Show { name, .. } => print(backend, &caller, name),
        Command::Remove { name, json, .. } => {
            let changed = definitions::remove_resource_type(&backend.store, &caller, name)?;
            settle(backend, &caller, changed)?;
            if *json {
                return Ok(output::json(&json!({"name": name, "removed": true}))?);
            }
            Ok(output::line(&format!("removed resource type {name}"))?)
        }
    }
}

fn import(backend: &Backend, caller: &Caller, definition: Value) -> Result<String, Error> {
    let (name, changed) = definitions::import_resource_type(&backend.store, caller, definition)?;
    settle(backend, caller, changed)?;
    Ok(name)
}

fn print(backend: &Backend, caller: &Caller, name: &str) -> Result<(), Error> {
    let shown = resource_type_to_json(&own_definitions(backend, caller)?, name);
    let shown = shown.ok_or_else(|| Error::UnknownResourceType(name.to_owned()))?;
    Ok(output::json(&shown)?)
}

fn list(definitions: &Definitions, json: bool) -> Result<(), Error> {
    let known = &definitions.resource_types;
    if json {
        let shown = known.iter().filter_map(|known| resource_type_to_json(definitions, &known.name));
        return Ok(output::json(&shown.collect())?);
    }
    let rows: Vec<[String; 4]> = known
        .iter()
        .map(|known| {
            let extensions = definitions.extensions_of(&known.name).count().to_string();
            [known.name.clone(), format!("/{}", known.endpoint), known.schema.clone(), extensions]
        })
        .collect();
    Ok(output::table(["NAME", "ENDPOINT", "SCHEMA", "EXTENSIONS"], &rows)?)
}
