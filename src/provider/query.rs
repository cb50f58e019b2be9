//! GET of a collection and `POST …/.search` (RFC 7644 sections 3.4.2 and 3.4.3).

use super::{Context, Endpoint};
use crate::scim::error::{ErrorKind, ScimError};
use crate::scim::filter;
use crate::scim::search::{ListResponse, SearchRequest};
use crate::store::{Error, PageRequest};

/// About what `meta` takes in a reply.
const META_BYTES: usize = 300;

/// Answers a query with the text of a `ListResponse`.
///
/// # Errors
/// `invalidFilter` for the filter, `tooMany` when it takes too long.
pub fn query(context: &Context<'_>, endpoint: &Endpoint, request: &SearchRequest) -> Result<String, ScimError> {
    let resource_type = &endpoint.resource_type;
    let filter = request.filter.as_deref().map(filter::parse).transpose()?;
    let condition = filter.as_ref().map(|filter| filter::resolve(filter, resource_type)).transpose()?;
    let prefix = format!("{}/", endpoint.url);
    let page = PageRequest {
        resource_type,
        condition: condition.as_ref(),
        filter: request.filter.as_deref(),
        location_prefix: &prefix,
        start_index: request.start_index,
        count: request.count,
    };
    let page = context.store.read(context.caller, |tenant| tenant.page(&page)).map_err(|error| match error {
        Error::Timeout if condition.is_some() => too_slow(error),
        other => other.into(),
    })?;
    let mut list = ListResponse::new(page.total, request.start_index, page.resources.len());
    let whole = request.projection.is_default(resource_type);
    if whole {
        list.reserve(page.resources.iter().map(|stored| stored.document.len() + META_BYTES).sum());
    }
    for stored in page.resources {
        let representation = endpoint.representation(stored);
        if whole {
            list.push(|text| representation.push_to(text));
        } else {
            let shown = representation.to_json().map_err(|error| {
                ScimError::new(ErrorKind::Internal, "a stored resource is damaged").caused_by(error)
            })?;
            let shown = request.projection.apply(resource_type, shown);
            list.push(|text| text.push_str(&serde_json::Value::Object(shown).to_string()));
        }
    }
    Ok(list.finish())
}

/// The filter made the statement slow, and would again.
fn too_slow(error: Error) -> ScimError {
    const DETAIL: &str = "the query takes too long; narrow it with 'eq' on an attribute";
    ScimError::new(ErrorKind::TooMany, DETAIL).caused_by(error)
}
