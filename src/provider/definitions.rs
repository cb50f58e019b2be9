//! What an operator changes of what a tenant is served: schemas, resource types, and whether the names of groups are unique. A change
//! is checked against the resources that are there, in the transaction that makes it.

use serde_json::{Value, json};

use crate::audit::{Action, AuditEvent, Target};
use crate::auth::Caller;
use crate::scim::definitions::{self, Definitions, Extension, read_resource_type, read_schema};
use crate::scim::registry::Registry;
use crate::scim::schema::check::DefinitionError;
use crate::scim::{limits, urn};
use crate::store::{self, Store, StoredDefinitions, TenantConn};

/// Why what a tenant is served did not change.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The definition, by itself or beside the others.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// Resources depend on what would go or be narrowed.
    #[error("{what} while {resources} resources of type '{resource_type}' depend on it")]
    InUse {
        /// What would be done.
        what: String,
        /// How many depend on it.
        resources: i64,
        /// Their type.
        resource_type: String,
    },
    /// A value that is to be unique is not, or is too long for the index that would see to it.
    #[error(
        "{attribute} of resource type '{resource_type}' cannot be unique: two have '{value}', or it is longer than {longest} bytes"
    )]
    NotUnique {
        /// The resource type.
        resource_type: String,
        /// The attribute.
        attribute: String,
        /// The value, in comparison form.
        value: String,
        /// The limit.
        longest: usize,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The built-in schemas; a test reads them all.
    #[error("built-in schemas: {0}")]
    BuiltIn(#[from] serde_json::Error),
}

/// What a change that was made leaves to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Changed {
    /// Whether another attribute is unique now. Servers that have not heard of it yet still write names by the old rule, so
    /// [`settle_unique_names`] has to be called once they have.
    pub unique_names: bool,
}

/// A resource type that is to have a schema as extension.
#[derive(Debug, Clone, Copy)]
pub struct Extends<'a> {
    /// Its name, in any case.
    pub resource_type: &'a str,
    /// Whether every resource has it.
    pub required: bool,
}

/// Imports a schema in the form of RFC 7643 section 7, in place of the one with its URI, and makes it an extension where asked.
///
/// # Errors
/// [`ChangeError`]; nothing has changed then.
pub fn import_schema(
    store: &Store,
    caller: &Caller,
    definition: Value,
    extends: Option<Extends<'_>>,
) -> Result<(String, Changed), ChangeError> {
    let schema = read_schema(definition)?;
    let uri = schema.id.clone();
    let changed = change(store, caller, |definitions, standard| {
        let event = AuditEvent { before: shown(definitions.schema(&uri)), ..event(Action::SchemaImport, &uri) };
        definitions.put_schema(schema.clone());
        let mut after = json!({"schema": schema});
        if let Some(Extends { resource_type, required }) = extends {
            let extension = Extension {
                resource_type: name_of_type(definitions, standard, resource_type)?,
                schema: uri.clone(),
                required,
            };
            after["extends"] = json!({"resourceType": extension.resource_type, "required": required});
            definitions.put_extension(extension);
        }
        Ok(event.after(after))
    })?;
    Ok((uri, changed))
}

/// Removes a schema, also as an extension.
///
/// # Errors
/// [`ChangeError`]; nothing has changed then.
pub fn remove_schema(store: &Store, caller: &Caller, uri: &str) -> Result<Changed, ChangeError> {
    change(store, caller, |definitions, _| {
        let removed = definitions.remove_schema(uri)?;
        Ok(AuditEvent { before: shown(Some(&removed)), ..event(Action::SchemaRemove, &removed.id) })
    })
}

/// Imports a resource type in the form of RFC 7643 section 6, in place of the one of its name.
///
/// # Errors
/// [`ChangeError`]; nothing has changed then.
pub fn import_resource_type(
    store: &Store,
    caller: &Caller,
    definition: Value,
) -> Result<(String, Changed), ChangeError> {
    let (resource_type, extensions) = read_resource_type(definition)?;
    let name = resource_type.name.clone();
    let changed = change(store, caller, |definitions, _| {
        let before = resource_type_to_json(definitions, &name);
        definitions.put_resource_type(resource_type.clone(), extensions.clone());
        let after = resource_type_to_json(definitions, &name);
        Ok(AuditEvent { before, after, ..event(Action::ResourceTypeImport, &name) })
    })?;
    Ok((name, changed))
}

/// Imports the resource types of Okta Identity Governance; their names.
///
/// # Errors
/// [`ChangeError`] for the first that cannot be imported; those before it are.
pub fn import_okta_resource_types(store: &Store, caller: &Caller) -> Result<(Vec<String>, Changed), ChangeError> {
    let mut names = Vec::new();
    let mut unique_names = false;
    for definition in definitions::okta_resource_types()? {
        let (name, changed) = import_resource_type(store, caller, definition)?;
        unique_names |= changed.unique_names;
        names.push(name);
    }
    Ok((names, Changed { unique_names }))
}

/// The names of the resource types of Okta Identity Governance.
///
/// # Errors
/// [`ChangeError::BuiltIn`]; a test reads them.
pub fn okta_names() -> Result<Vec<String>, ChangeError> {
    let named = |definition: &Value| definition["name"].as_str().map(str::to_owned);
    Ok(definitions::okta_resource_types()?.iter().filter_map(named).collect())
}

/// Removes the resource types of Okta Identity Governance, as one change.
///
/// # Errors
/// [`ChangeError`]; nothing has changed then.
pub fn remove_okta_resource_types(store: &Store, caller: &Caller) -> Result<Changed, ChangeError> {
    let names = okta_names()?;
    change(store, caller, |definitions, _| {
        let present: Vec<String> =
            names.iter().filter(|name| definitions.resource_type(name).is_some()).cloned().collect();
        let before: Vec<Value> = present.iter().filter_map(|name| resource_type_to_json(definitions, name)).collect();
        for name in &present {
            definitions.remove_resource_type(name)?;
        }
        Ok(AuditEvent { before: Some(Value::Array(before)), ..event(Action::ResourceTypeRemove, &present.join(", ")) })
    })
}

/// Removes a resource type.
///
/// # Errors
/// [`ChangeError`]; nothing has changed then.
pub fn remove_resource_type(store: &Store, caller: &Caller, name: &str) -> Result<Changed, ChangeError> {
    change(store, caller, |definitions, _| {
        let before = resource_type_to_json(definitions, name);
        let removed = definitions.remove_resource_type(name)?;
        Ok(AuditEvent { before, ..event(Action::ResourceTypeRemove, &removed.name) })
    })
}

/// Sets whether the names of groups are unique in the caller's tenant.
///
/// # Errors
/// [`ChangeError::NotUnique`] when they are to be and are not.
pub fn set_unique_group_names(store: &Store, caller: &Caller, on: bool) -> Result<Changed, ChangeError> {
    let standard = Registry::standard()?;
    let event = AuditEvent::new(Action::TenantUpdate, Target::new("Tenant", caller.principal.tenant()))
        .after(json!({"uniqueGroupNames": on}));
    store.run(caller, |tenant| {
        tenant.with_locked_definitions(|tenant, before| {
            let after = StoredDefinitions { unique_group_names: on, ..before.clone() };
            let changed = replace(tenant, &standard, &before, &after, &event)?;
            if !changed.unique_names {
                // An earlier change may not have been settled; saying it again makes good for that.
                let group = standard.resource_types().iter().find(|known| known.schema.id == urn::GROUP);
                if let Some(group) = group {
                    let unique = group.unique_attribute().filter(|_| on);
                    align(tenant, &group.name, unique.map(|attribute| attribute.name.as_str()))?;
                }
            }
            Ok(changed)
        })
    })
}

/// Makes the index of unique names what the definitions say, once no server goes by former ones.
///
/// # Errors
/// [`ChangeError::NotUnique`] when a name was given twice while servers did not agree; the index has neither then.
pub fn settle_unique_names(store: &Store, caller: &Caller) -> Result<(), ChangeError> {
    let standard = Registry::standard()?;
    store.run(caller, |tenant| {
        tenant.with_locked_definitions(|tenant, stored| {
            let registry = standard.extended(&stored.definitions, stored.unique_group_names)?;
            let mut types = registry.resource_types().iter().filter(|known| known.promoted_attribute().is_none());
            types.try_for_each(|known| {
                align(tenant, &known.name, known.unique_attribute().map(|attribute| attribute.name.as_str()))
            })
        })
    })
}

/// A resource type of a tenant in the form of RFC 7643 section 6, without `meta`.
#[must_use]
pub fn resource_type_to_json(definitions: &Definitions, name: &str) -> Option<Value> {
    let known = definitions.resource_type(name)?;
    let extensions: Vec<Value> = definitions
        .extensions_of(name)
        .map(|extension| json!({"schema": extension.schema, "required": extension.required}))
        .collect();
    Some(json!({
        "name": known.name,
        "description": known.description,
        "endpoint": format!("/{}", known.endpoint),
        "schema": known.schema,
        "schemaExtensions": extensions,
    }))
}

fn change(
    store: &Store,
    caller: &Caller,
    edit: impl Fn(&mut Definitions, &Registry) -> Result<AuditEvent, DefinitionError>,
) -> Result<Changed, ChangeError> {
    let standard = Registry::standard()?;
    store.run(caller, |tenant| {
        tenant.with_locked_definitions(|tenant, before| {
            let mut after = before.clone();
            let event = edit(&mut after.definitions, &standard)?;
            replace(tenant, &standard, &before, &after, &event)
        })
    })
}

/// Checks and writes definitions over others, while the tenant is locked.
fn replace(
    tenant: &mut TenantConn<'_>,
    standard: &Registry,
    before: &StoredDefinitions,
    after: &StoredDefinitions,
    event: &AuditEvent,
) -> Result<Changed, ChangeError> {
    let old = standard.extended(&before.definitions, before.unique_group_names)?;
    let new = after.definitions.registry(standard, after.unique_group_names)?;
    if serde_json::to_string(&after.definitions)?.len() > limits::DEFINITIONS_BYTES {
        return Err(ChangeError::Definition(DefinitionError::new(format_args!(
            "the definitions of the tenant would be larger than {} bytes together",
            limits::DEFINITIONS_BYTES
        ))));
    }
    for breaking in definitions::breaking(&old, &new) {
        let resources = tenant.resources_in_use(&breaking.resource_type, breaking.extension.as_deref())?;
        if resources > 0 {
            return Err(ChangeError::InUse { what: breaking.what, resources, resource_type: breaking.resource_type });
        }
    }
    let unique = definitions::unique_attributes(&old, &new);
    for (resource_type, attribute) in &unique {
        align(tenant, resource_type, attribute.as_deref())?;
    }
    tenant.set_definitions(after, event)?;
    // No server writes resources of a type that was not there before.
    Ok(Changed { unique_names: unique.iter().any(|(name, _)| old.by_name(name).is_some()) })
}

fn align(tenant: &mut TenantConn<'_>, resource_type: &str, attribute: Option<&str>) -> Result<(), ChangeError> {
    match tenant.align_unique_names(resource_type, attribute)? {
        None => Ok(()),
        Some(value) => Err(ChangeError::NotUnique {
            resource_type: resource_type.to_owned(),
            attribute: attribute.unwrap_or_default().to_owned(),
            value: crate::scim::error::excerpt(&value),
            longest: limits::INDEXED_BYTES,
        }),
    }
}

fn name_of_type(definitions: &Definitions, standard: &Registry, name: &str) -> Result<String, DefinitionError> {
    let own = definitions.resource_type(name).map(|known| known.name.clone());
    let own = own.or_else(|| standard.by_name(name).map(|known| known.name.clone()));
    own.ok_or_else(|| DefinitionError::new(format_args!("there is no resource type '{name}' to extend")))
}

fn event(action: Action, id: &str) -> AuditEvent {
    let kind = match action {
        Action::SchemaImport | Action::SchemaRemove => "Schema",
        _ => "ResourceType",
    };
    AuditEvent::new(action, Target::new(kind, id))
}

fn shown(schema: Option<&crate::scim::schema::Schema>) -> Option<Value> {
    schema.map(|schema| json!({"schema": schema}))
}
