//! `provisor schema`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Error, find_tenant, operator, output, own_definitions, read_definition, settle};
use crate::backend::Backend;
use crate::id::TenantId;
use crate::provider::definitions::{self, Extends};
use crate::scim::definitions::Definitions;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Import a schema, or a new version of one, from a JSON file in the form of RFC 7643 section 7.
    Import {
        /// The file.
        file: PathBuf,
        /// The resource type that has the schema as an extension, like User or Group.
        #[arg(long, value_name = "RESOURCE_TYPE")]
        extends: Option<String>,
        /// Every resource of that type must have the extension.
        #[arg(long, requires = "extends")]
        required: bool,
        /// The tenant.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the schemas that a tenant has imported.
    List {
        /// The tenant.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print an imported schema, as JSON in the form that import takes.
    Show {
        /// Its URI.
        uri: String,
        /// The tenant.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Print JSON (which is printed anyway).
        #[arg(long)]
        json: bool,
    },
    /// Remove a schema that no resource has data of.
    Remove {
        /// Its URI.
        uri: String,
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
    | Command::List { tenant, .. }
    | Command::Show { tenant, .. }
    | Command::Remove { tenant, .. }) = command;
    let caller = operator(TenantId(find_tenant(backend, tenant)?.id));
    match command {
        Command::Import { file, extends, required, json, .. } => {
            let extends = extends.as_deref().map(|resource_type| Extends { resource_type, required: *required });
            let definition = read_definition(file)?;
            let (uri, changed) = definitions::import_schema(&backend.store, &caller, definition, extends)?;
            settle(backend, &caller, changed)?;
            if *json {
                let definitions = own_definitions(backend, &caller)?;
                return Ok(output::json(
                    &rows(&definitions).find(|row| row["uri"] == uri.as_str()).unwrap_or_default(),
                )?);
            }
            Ok(output::line(&format!("imported schema {uri}"))?)
        }
        Command::List { json, .. } => list(&own_definitions(backend, &caller)?, *json),
        Command::Show { uri, .. } => {
            let definitions = own_definitions(backend, &caller)?;
            let schema = definitions.schema(uri).ok_or_else(|| Error::UnknownSchema(uri.clone()))?;
            Ok(output::json(&json!(schema))?)
        }
        Command::Remove { uri, json, .. } => {
            let changed = definitions::remove_schema(&backend.store, &caller, uri)?;
            settle(backend, &caller, changed)?;
            if *json {
                return Ok(output::json(&json!({"uri": uri, "removed": true}))?);
            }
            Ok(output::line(&format!("removed schema {uri}"))?)
        }
    }
}

/// The schemas with the resource types that are based on them or extended by them.
fn rows(definitions: &Definitions) -> impl Iterator<Item = Value> {
    definitions.schemas.iter().map(|schema| {
        let bases = definitions.resource_types.iter().filter(|known| known.schema.eq_ignore_ascii_case(&schema.id));
        let bases: Vec<&str> = bases.map(|known| known.name.as_str()).collect();
        let extended = definitions.extensions.iter().filter(|known| known.schema.eq_ignore_ascii_case(&schema.id));
        let extended: Vec<Value> =
            extended.map(|known| json!({"resourceType": known.resource_type, "required": known.required})).collect();
        json!({"uri": schema.id, "name": schema.name, "baseOf": bases, "extends": extended})
    })
}

fn list(definitions: &Definitions, json: bool) -> Result<(), Error> {
    if json {
        return Ok(output::json(&rows(definitions).collect())?);
    }
    let joined = |list: &Value, name: Option<&str>| {
        let elements = list.as_array().into_iter().flatten();
        let names: Vec<&str> =
            elements.filter_map(|element| name.map_or(Some(element), |name| element.get(name))?.as_str()).collect();
        if names.is_empty() { "-".to_owned() } else { names.join(" ") }
    };
    let rows: Vec<[String; 4]> = rows(definitions)
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            [text("uri"), text("name"), joined(&row["baseOf"], None), joined(&row["extends"], Some("resourceType"))]
        })
        .collect();
    Ok(output::table(["URI", "NAME", "BASE OF", "EXTENDS"], &rows)?)
}
