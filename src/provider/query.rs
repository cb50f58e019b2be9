//! GET of a collection and `POST …/.search` (RFC 7644 sections 3.4.2 and 3.4.3).

use super::{Context, Endpoint, members};
use crate::scim::error::{ErrorKind, ScimError};
use crate::scim::filter;
use crate::scim::reply::Reply;
use crate::scim::search::{ListResponse, SearchRequest};
use crate::store::{Error, PageRequest};

/// Answers a query with a `ListResponse`.
///
/// # Errors
/// `invalidFilter` for the filter, `tooMany` when it takes too long or the groups found have too many members.
pub fn query(context: &Context<'_>, endpoint: &Endpoint, request: &SearchRequest) -> Result<Reply, ScimError> {
    let resource_type = &endpoint.resource_type;
    let view = context.presentation(endpoint, &request.projection);
    let filter = request.filter.as_deref().map(filter::parse).transpose()?;
    let condition = filter.as_ref().map(|filter| filter::resolve(filter, resource_type)).transpose()?;
    let prefix = format!("{}/", endpoint.url);
    let page = PageRequest {
        resource_type,
        condition: condition.as_ref(),
        filter: request.filter.as_deref(),
        location_prefix: &prefix,
        member_locations: &context.service.member_locations(),
        start_index: request.start_index,
        count: request.count,
    };
    let (page, mut members) = context.store.read(context.caller, |tenant| {
        let mut page = tenant.page(&page).map_err(|error| match error {
            Error::Timeout if condition.is_some() => too_slow(error),
            other => other.into(),
        })?;
        let members = members::read_page(tenant, &view, &mut page.resources)?;
        Ok::<_, ScimError>((page, members))
    })?;
    let mut list = ListResponse::new(page.total, request.start_index, page.resources.len());
    list.reserve(page.resources.iter().map(|stored| view.bytes(&stored.document)).sum());
    for stored in page.resources {
        let id = stored.id;
        let mut representation = context.represent(endpoint, stored);
        members::attach(&mut representation, &view, id, &mut members);
        view.push(representation, list.item())
            .map_err(|error| ScimError::new(ErrorKind::Internal, "a stored resource is damaged").caused_by(error))?;
    }
    Ok(list.finish())
}

/// The filter made the statement slow, and would again.
fn too_slow(error: Error) -> ScimError {
    const DETAIL: &str = "the query takes too long; narrow it with 'eq' on an attribute";
    ScimError::new(ErrorKind::TooMany, DETAIL).caused_by(error)
}
