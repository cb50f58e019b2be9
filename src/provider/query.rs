//! GET of a collection or of all resources, and `POST …/.search` (RFC 7644 sections 3.4.2 and 3.4.3, RFC 9865).

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::cursor::Cursor;
use super::{Context, Endpoint, members};
use crate::scim::error::{ErrorKind, ScimError};
use crate::scim::membership::Members;
use crate::scim::present::Presentation;
use crate::scim::reply::Reply;
use crate::scim::resource_type::ResourceType;
use crate::scim::search::{ListResponse, Paging, SearchRequest};
use crate::scim::sort::Order;
use crate::scim::{filter, sort};
use crate::store::{Error, Page, PageRequest, Selection, Start};

/// Answers a query over the resources of these endpoints with a `ListResponse`. They are in the order of their types'
/// names, which is the order of the list where it is not sorted.
///
/// # Errors
/// `invalidFilter` for the filter, `invalidValue` for what it is sorted by, `tooMany` when they take too long or the groups found
/// have too many members; `invalidCursor`,
/// `expiredCursor` and `invalidCount` for the cursor at the time `now`.
pub fn query(
    context: &Context<'_>,
    endpoints: &[Endpoint],
    request: &SearchRequest,
    now: DateTime<Utc>,
) -> Result<Reply, ScimError> {
    let resource_types: Vec<Arc<ResourceType>> =
        endpoints.iter().map(|endpoint| Arc::clone(&endpoint.resource_type)).collect();
    let selections = selections(endpoints, &resource_types, request)?;
    let query = identity(context, endpoints, request);
    let cursor = match &request.paging {
        Paging::Cursor(text) if !text.is_empty() => Some(Cursor::open(context, &query, text, request.count, now)?),
        _ => None,
    };
    let page = PageRequest {
        selections: &selections,
        member_locations: &context.service.member_locations(),
        order: request.sort.as_ref().map_or(Order::Ascending, |sort| sort.order),
        query: &query,
        start: match request.paging {
            Paging::Index(start) => Start::Index(start),
            Paging::Cursor(_) => Start::Behind(cursor.as_ref().map(|cursor| &cursor.behind)),
        },
        count: cursor.as_ref().map_or(request.page_size(), |cursor| cursor.count),
        counts: true,
    };
    let count = page.count;
    let views: Vec<Presentation<'_>> =
        endpoints.iter().map(|endpoint| context.presentation(endpoint, &request.projection)).collect();
    let (page, members) = context.store.read(context.caller, |tenant| {
        let mut page = tenant.page(&page).map_err(|error| match error {
            Error::Timeout if request.filter.is_some() || request.sort.is_some() => too_slow(error),
            other => other.into(),
        })?;
        let members = members::read_page(tenant, &views, &context.service.group_location(), &mut page)?;
        Ok::<_, ScimError>((page, members))
    })?;
    let items = page.resources.len();
    let list = match &request.paging {
        Paging::Index(start) => ListResponse::new(page.total, *start, items),
        Paging::Cursor(_) => {
            let next = page.next.clone().map(|behind| Cursor { count, behind }.seal(context, &query, now));
            ListResponse::by_cursor(page.total, next.as_deref(), items)
        }
    };
    answer(list, endpoints, &views, page, members)
}

/// Writes the resources of a page, each as its own type shows it.
fn answer(
    mut list: ListResponse,
    endpoints: &[Endpoint],
    views: &[Presentation<'_>],
    page: Page,
    mut members: HashMap<Uuid, Members>,
) -> Result<Reply, ScimError> {
    let listed = || page.resources.iter().zip(&page.selections);
    list.reserve(listed().map(|(stored, selection)| views[*selection].bytes(&stored.document)).sum());
    for (stored, selection) in page.resources.into_iter().zip(page.selections) {
        let (id, view) = (stored.id, &views[selection]);
        let mut representation = endpoints[selection].represent(stored);
        members::attach(&mut representation, view, id, &mut members);
        view.push(representation, list.item())
            .map_err(|error| ScimError::new(ErrorKind::Internal, "a stored resource is damaged").caused_by(error))?;
    }
    Ok(list.finish())
}

/// What the request asks of the resources of each type.
fn selections<'a>(
    endpoints: &'a [Endpoint],
    resource_types: &'a [Arc<ResourceType>],
    request: &SearchRequest,
) -> Result<Vec<Selection<'a>>, ScimError> {
    let filter = request.filter.as_deref().map(filter::parse).transpose()?;
    let keys = match &request.sort {
        Some(sort) => sort::resolve(&sort.by, &resource_types.iter().map(Arc::as_ref).collect::<Vec<_>>())?,
        None => vec![None; endpoints.len()],
    };
    let selection = |(endpoint, sort): (&'a Endpoint, _)| {
        let resource_type = endpoint.resource_type.as_ref();
        let resolve = |filter| filter::resolve_among(filter, resource_type, resource_types);
        let condition = filter.as_ref().map(resolve).transpose()?;
        Ok(Selection { resource_type, condition, sort, location_prefix: format!("{}/", endpoint.url) })
    };
    endpoints.iter().zip(keys).map(selection).collect()
}

/// What makes a query the same as another: its resource types, filter and order, as written, and the schemas that say what
/// they mean.
fn identity(context: &Context<'_>, endpoints: &[Endpoint], request: &SearchRequest) -> String {
    let revision = context.caller.principal.schema_revision();
    let types: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.resource_type.name.as_str()).collect();
    let sort = request.sort.as_ref().map(|sort| (&sort.by, sort.order.name()));
    serde_json::json!([revision, types, request.filter, sort]).to_string()
}

/// The filter or the order made the statement slow, and would again.
pub(super) fn too_slow(error: Error) -> ScimError {
    const DETAIL: &str = "the query takes too long; narrow it with 'eq' on an attribute";
    ScimError::new(ErrorKind::TooMany, DETAIL).caused_by(error)
}
