//! Lists for people, who look for one resource more often than they read all: by how a name begins or by a filter, in the order of
//! creation, page behind page. Nothing is counted that would have to be read for it.

use std::collections::HashSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::query::too_slow;
use super::{Context, Endpoint};
use crate::id::ResourceId;
use crate::scim::error::ScimError;
use crate::scim::filter::{self, Filter, Operator};
use crate::scim::fold;
use crate::scim::resource::Representation;
use crate::scim::sort::Order;
use crate::store::{Anchor, Error, MemberPage, PageRequest, Search, Selection, Start, TenantConn};

/// Members that are counted at most.
const COUNTED_MEMBERS: i64 = 10_001;

/// What somebody looks for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Browse<'a> {
    /// How a name begins.
    pub beginning: Option<&'a str>,
    /// A SCIM filter; not together with a beginning.
    pub filter: Option<&'a str>,
    /// The value of `active`.
    pub active: Option<bool>,
    /// The resource behind which the page starts.
    pub behind: Option<ResourceId>,
    /// Resources on the page at most.
    pub count: usize,
}

/// A page of what was found.
#[derive(Debug)]
pub struct Browsed {
    /// The resources, without members and groups.
    pub resources: Vec<Representation>,
    /// The last of them, where there are more.
    pub next: Option<ResourceId>,
    /// How many there are in all, where that is known: without any condition.
    pub total: Option<usize>,
}

/// Finds resources.
///
/// # Errors
/// `invalidFilter`, which knows the character of the filter where it is, and `tooMany` for a filter that takes too long.
pub fn browse(context: &Context<'_>, endpoint: &Endpoint, browse: &Browse<'_>) -> Result<Browsed, ScimError> {
    match browse.beginning {
        Some(beginning) => by_name(context, endpoint, browse, beginning),
        None => by_filter(context, endpoint, browse),
    }
}

fn by_name(
    context: &Context<'_>,
    endpoint: &Endpoint,
    browse: &Browse<'_>,
    beginning: &str,
) -> Result<Browsed, ScimError> {
    // What Postgres text cannot hold, no name contains.
    if beginning.contains('\0') {
        return Ok(Browsed { resources: Vec::new(), next: None, total: None });
    }
    let containing = browse.active.map(|active| json!({"active": active}));
    let search = Search {
        resource_type: &endpoint.resource_type.name,
        exact: beginning,
        folded: &fold::case(beginning),
        containing: containing.as_ref(),
        behind: browse.behind.map(|ResourceId(id)| id),
        limit: i64::try_from(browse.count).unwrap_or(i64::MAX).saturating_add(1),
    };
    let mut found = context.store.read(context.caller, |tenant| tenant.search(&search).map_err(ScimError::from))?;
    let more = found.len() > browse.count;
    found.truncate(browse.count);
    let next = found.last().filter(|_| more).map(|last| ResourceId(last.id));
    Ok(Browsed { resources: found.into_iter().map(|stored| endpoint.represent(stored)).collect(), next, total: None })
}

fn by_filter(context: &Context<'_>, endpoint: &Endpoint, browse: &Browse<'_>) -> Result<Browsed, ScimError> {
    let resource_type = endpoint.resource_type.as_ref();
    let written = browse.filter.map(|text| filter::check(text, resource_type)).transpose()?;
    let active = browse.active.map(|active| Filter::Compare("active".into(), Operator::Eq, Value::Bool(active)));
    let wanted = match (written, active) {
        (Some(written), Some(active)) => Some(Filter::And(vec![written, active])),
        (written, active) => written.or(active),
    };
    let condition = wanted.as_ref().map(|wanted| filter::resolve(wanted, resource_type)).transpose()?;
    let is_filtered = condition.is_some();
    let anchor = browse.behind.map(|id| Anchor { key: None, resource_type: resource_type.name.clone(), id });
    let request = PageRequest {
        selections: &[Selection {
            resource_type,
            condition,
            sort: None,
            location_prefix: format!("{}/", endpoint.url),
        }],
        member_locations: &context.service.member_locations(),
        order: Order::Ascending,
        query: "",
        start: Start::Behind(anchor.as_ref()),
        count: browse.count,
        counts: false,
    };
    let page = context.store.read(context.caller, |tenant| {
        tenant.page(&request).map_err(|error| match error {
            Error::Timeout if is_filtered => too_slow(error),
            other => other.into(),
        })
    })?;
    Ok(Browsed {
        resources: page.resources.into_iter().map(|stored| endpoint.represent(stored)).collect(),
        next: page.next.map(|anchor| anchor.id),
        total: (!is_filtered).then_some(page.total),
    })
}

/// A member of a group.
#[derive(Debug)]
pub struct Member {
    /// Its id.
    pub id: Uuid,
    /// `User` or `Group`.
    pub kind: String,
    /// Its `userName`, where it has one.
    pub user_name: Option<String>,
    /// Its `displayName`, where it has one.
    pub display_name: Option<String>,
}

/// A page of members.
#[derive(Debug)]
pub struct MemberList {
    /// The members, in the order of their creation.
    pub members: Vec<Member>,
    /// The last of them, where there are more.
    pub next: Option<Uuid>,
    /// How many there are in all; of more than ten thousand, ten thousand and one.
    pub total: i64,
}

/// The members of a group, page by page.
///
/// # Errors
/// 404 for text that is no id, else those of the database.
pub fn members(
    context: &Context<'_>,
    endpoint: &Endpoint,
    id: &str,
    behind: Option<ResourceId>,
    count: usize,
) -> Result<MemberList, ScimError> {
    let ResourceId(group) = endpoint.id(id)?;
    let limit = i64::try_from(count).unwrap_or(i64::MAX).saturating_add(1);
    let page = MemberPage { group, behind: behind.map(|ResourceId(id)| id).unwrap_or_default(), limit };
    let (mut rows, total) = context.store.read(context.caller, |tenant| {
        let rows = tenant.member_page(&page)?;
        let is_whole = behind.is_none() && rows.len() <= count;
        let total = match i64::try_from(rows.len()) {
            Ok(length) if is_whole => length,
            _ => tenant.count_members(group, COUNTED_MEMBERS)?,
        };
        Ok::<_, ScimError>((rows, total))
    })?;
    let more = rows.len() > count;
    rows.truncate(count);
    let next = rows.last().filter(|_| more).map(|(id, ..)| *id);
    let member = |(id, kind, user_name, display_name)| Member { id, kind, user_name, display_name };
    Ok(MemberList { members: rows.into_iter().map(member).collect(), next, total })
}

/// Whether a group has more members than this.
///
/// # Errors
/// 404 for text that is no id, else those of the database.
pub fn has_more_members(context: &Context<'_>, endpoint: &Endpoint, id: &str, most: usize) -> Result<bool, ScimError> {
    let ResourceId(group) = endpoint.id(id)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let count =
        |tenant: &mut TenantConn<'_>| tenant.count_members(group, most.saturating_add(1)).map_err(ScimError::from);
    Ok(context.store.read(context.caller, count)? > most)
}

/// Of the resources found, those that are members of a group already.
///
/// # Errors
/// 404 for text that is no id, else those of the database.
pub fn members_among(
    context: &Context<'_>,
    endpoint: &Endpoint,
    id: &str,
    found: &[Representation],
) -> Result<HashSet<Uuid>, ScimError> {
    let ResourceId(group) = endpoint.id(id)?;
    let id = |resource: &Representation| resource.meta.location.rsplit('/').next().and_then(ResourceId::parse);
    let ids: Vec<Uuid> = found.iter().filter_map(id).map(|ResourceId(id)| id).collect();
    context.store.read(context.caller, |tenant| tenant.members_among(group, &ids).map_err(ScimError::from))
}
