//! POST (RFC 7644 section 3.3).

use serde_json::{Value, json};

use super::members;
use super::row::{name_conflict, row, take_password};
use super::{Context, Endpoint};
use crate::audit::{Action, AuditEvent, Target};
use crate::id::ResourceId;
use crate::scim::error::ScimError;
use crate::scim::membership::MembersChange;
use crate::scim::present::Presentation;
use crate::scim::resource::{Meta, Representation};
use crate::scim::schema::Type;
use crate::scim::{membership, validate};

/// Creates a resource. `active` defaults to true where the schema has it (R7643-1.1). Members that do not exist are left out.
///
/// # Errors
/// `invalidSyntax` or `invalidValue` for the body, `uniqueness` when the name is taken.
pub fn create(
    context: &Context<'_>,
    endpoint: &Endpoint,
    view: &Presentation<'_>,
    mut body: Value,
) -> Result<Representation, ScimError> {
    let resource_type = &endpoint.resource_type;
    let members = membership::take(resource_type, &mut body)?;
    let mut resource = validate::resource(resource_type, body)?;
    if resource_type.core_attribute("active").is_some_and(|active| active.kind == Type::Boolean && !active.multi_valued)
    {
        resource.attributes.entry("active").or_insert(json!(true));
    }
    let password_hash = take_password(context, &mut resource)?;
    resource.forget_unreadable(resource_type);
    let id = ResourceId::generate();
    let mut row = row(resource_type, id, &resource, password_hash)?;
    // The order of ids is that of `meta.created`.
    row.at = id.created_at().unwrap_or(row.at);
    let event = AuditEvent::new(Action::Create, Target::new(resource_type.name.as_str(), id));
    let members = members.map(MembersChange::to);
    let joining = resource_type.members().zip(members.as_ref());
    let joining = joining.map(|(attribute, change)| members::joining(attribute, change.added.values()));
    let joining = joining.filter(|joining| !joining.is_empty());
    context
        .store
        .run(context.caller, |tenant| tenant.create_resource(&resource_type.name, id, &row, joining.as_ref(), &event))
        .map_err(|error| name_conflict(resource_type, &resource, error.into()))?;
    let meta = Meta {
        resource_type: resource_type.name.clone(),
        created: row.at,
        last_modified: row.at,
        location: endpoint.location(id),
        version: 1,
    };
    let members = match joining {
        None => view.shows_members().then(membership::Members::default),
        Some(_) => context.store.read(context.caller, |tenant| members::read(tenant, view, id.0))?,
    };
    Ok(Representation { document: row.document, meta, groups: None, members })
}
