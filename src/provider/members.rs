//! Members between protocol and storage: ids out of texts, and the members and groups that replies show.

use std::collections::HashMap;

use uuid::Uuid;

use crate::id::ResourceId;
use crate::scim::error::{ErrorKind, ScimError, excerpt};
use crate::scim::membership::{Member, Members, MembersChange};
use crate::scim::present::Presentation;
use crate::scim::resource::Representation;
use crate::scim::resource_type::ResourceType;
use crate::scim::schema::{Attribute, DISPLAY};
use crate::scim::{fold, limits};
use crate::store::{Error, Joining, Leaving, Page, TenantConn, edge_predicate};

/// Unknown ids that an error names.
const UNKNOWN_NAMED: usize = 10;

/// Who is to join, as the store takes it.
pub(super) fn joining<'m>(attribute: &Attribute, members: impl IntoIterator<Item = &'m Member>) -> Joining {
    let mut joining = Joining::default();
    for member in members {
        match ResourceId::parse(&member.value) {
            Some(id) => {
                let part = attribute.sub_attribute(DISPLAY);
                let comparable = part.and_then(|part| Some(fold::text(part, member.display.as_deref()?)));
                joining.push(id, member.display.clone(), comparable);
            }
            None => joining.push_unknown(&excerpt(&member.value)),
        }
    }
    joining
}

/// Who is to leave, as the store takes it. `locations` are what the URIs of members start with.
pub(super) fn leaving(resource_type: &ResourceType, change: &MembersChange<'_>, locations: &[String]) -> Leaving {
    // Whoever joins by the same request has been held against the conditions already.
    if change.replaces {
        return Leaving::Others;
    }
    let ids = change.removed.iter().filter_map(|value| ResourceId::parse(value)).map(|ResourceId(id)| id).collect();
    Leaving::These(ids, edge_predicate(&change.removed_where, resource_type, locations))
}

/// The error for members of whom none exists.
pub(super) fn nobody_known(change: &MembersChange<'_>) -> ScimError {
    let named: Vec<String> = change.added.keys().take(UNKNOWN_NAMED).map(|value| excerpt(value)).collect();
    let more = if change.added.len() > UNKNOWN_NAMED { ", …" } else { "" };
    ScimError::invalid_value("members", format_args!("none of these exists: {}{more}", named.join(", ")))
}

/// Reads the members of a group where the reply shows them.
pub(super) fn read(
    tenant: &mut TenantConn<'_>,
    view: &Presentation<'_>,
    group: Uuid,
) -> Result<Option<Members>, ScimError> {
    if !view.shows_members() {
        return Ok(None);
    }
    let mut found = tenant.members(&[group])?;
    Ok(Some(found.remove(&group).unwrap_or_default()))
}

/// Reads the members of the groups on a page, and the groups of its users, where the reply shows them; `views` has the presentation of
/// each type, and the URIs of groups start with `location_prefix`.
///
/// # Errors
/// `tooMany` when there are more of them than one reply may hold, or they take too long to read.
pub(super) fn read_page(
    tenant: &mut TenantConn<'_>,
    views: &[Presentation<'_>],
    location_prefix: &str,
    page: &mut Page,
) -> Result<HashMap<Uuid, Members>, ScimError> {
    if !page.has_memberships {
        return Ok(HashMap::new());
    }
    let ids = |page: &Page, shows: fn(&Presentation<'_>) -> bool| -> Vec<Uuid> {
        let shown = page.resources.iter().zip(&page.selections).filter(|(_, selection)| shows(&views[**selection]));
        shown.map(|(stored, _)| stored.id).collect()
    };
    let users = ids(page, |view| view.shows_groups());
    if !users.is_empty() {
        let limit = i64::try_from(limits::GROUPS_PER_PAGE).unwrap_or(i64::MAX);
        let groups = tenant.groups(&users, location_prefix, limit).map_err(too_slow)?;
        let mut groups = groups.ok_or_else(|| {
            too_many(
                format_args!("the users on this page are in more than {limit} groups, nested ones included"),
                "groups",
            )
        })?;
        for stored in &mut page.resources {
            stored.groups = groups.remove(&stored.id);
        }
    }
    let groups = ids(page, |view| view.shows_members());
    if groups.is_empty() {
        return Ok(HashMap::new());
    }
    let limit = i64::try_from(limits::MEMBERS_PER_PAGE).unwrap_or(i64::MAX).saturating_add(1);
    let members = tenant.members_up_to(&groups, limit).map_err(too_slow)?;
    if members.values().map(Members::len).sum::<usize>() > limits::MEMBERS_PER_PAGE {
        let most = limits::MEMBERS_PER_PAGE;
        return Err(too_many(format_args!("the groups on this page have more than {most} members"), "members"));
    }
    Ok(members)
}

fn too_many(what: std::fmt::Arguments<'_>, attribute: &str) -> ScimError {
    let detail =
        format!("{what}; ask for fewer resources by 'count', or leave them out by 'excludedAttributes={attribute}'");
    ScimError::new(ErrorKind::TooMany, detail)
}

/// What takes too long now takes too long again.
fn too_slow(error: Error) -> ScimError {
    match error {
        Error::Timeout => too_many(format_args!("reading the memberships takes too long"), "members,groups"),
        other => other.into(),
    }
}

/// Gives a representation the members that were read for it; a group without any has an empty list.
pub(super) fn attach(
    representation: &mut Representation,
    view: &Presentation<'_>,
    id: Uuid,
    members: &mut HashMap<Uuid, Members>,
) {
    if view.shows_members() {
        representation.members = Some(members.remove(&id).unwrap_or_default());
    }
}
