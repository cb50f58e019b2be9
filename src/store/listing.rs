//! Lists: resources of one type or of several, in the order of creation or sorted, by position or behind the last one read.
//!
//! A page costs one statement wherever it lies within one stretch: `totalResults` is a by-product of it wherever it can be. Without a
//! filter it is the sum of the counters; with one it follows from a page that is not full, and only a full page counts.

use std::time::{Duration, Instant};

use diesel::prelude::*;

use super::TenantConn;
use super::condition::{Asked, compile, is_lookup};
use super::error::Error;
use super::resources::StoredResource;
use super::select_stretch::{Row, SelectCount, SelectStretch};
use super::sort_key::SortKey;
use super::stretch::{List, Selected, Stretch};
use super::walks::Position;
use crate::id::{ResourceId, TenantId};
use crate::scim::filter::Condition;
use crate::scim::path::AttributeRef;
use crate::scim::resource_type::ResourceType;
use crate::scim::sort::Order;

/// How long all statements together may look for what no index leads to, so that no filter that is accepted keeps Postgres busy for longer.
const SEARCH_TIME: Duration = Duration::from_millis(1_800);

/// Which page of which list.
#[derive(Debug)]
pub struct PageRequest<'a> {
    /// The resources, in the order of the names of their types.
    pub selections: &'a [Selection<'a>],
    /// What the URIs of members start with, for each of the types of members.
    pub member_locations: &'a [String],
    /// The direction of the sort keys.
    pub order: Order,
    /// The text by which the same query is recognised.
    pub query: &'a str,
    /// Where the page starts.
    pub start: Start<'a>,
    /// How many resources at most.
    pub count: usize,
    /// Whether the whole list is counted where its length is not known anyway. A list without that says how much it has read.
    pub counts: bool,
}

/// The resources of one type in a list.
#[derive(Debug)]
pub struct Selection<'a> {
    /// The type.
    pub resource_type: &'a ResourceType,
    /// What they must satisfy.
    pub condition: Option<Condition<'a>>,
    /// What they are sorted by; `None` where none of them has a value, or nothing is sorted.
    pub sort: Option<AttributeRef<'a>>,
    /// What the URI of a resource starts with.
    pub location_prefix: String,
}

/// Where a page starts.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a> {
    /// At this position, counted from 1. Whoever reads on where a page ended is given what comes behind its last resource.
    Index(usize),
    /// Behind this resource, or at the beginning. [`Page::next`] then says whether there is more.
    Behind(Option<&'a Anchor>),
}

/// A resource's place in a list, which stays when the resource is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The text of its sort key.
    pub key: Option<String>,
    /// Its type.
    pub resource_type: String,
    /// Its id.
    pub id: ResourceId,
}

/// A page.
#[derive(Debug)]
pub struct Page {
    /// How many resources the whole list has.
    pub total: usize,
    /// Those on the page.
    pub resources: Vec<StoredResource>,
    /// For each of them, the position of its type among [`PageRequest::selections`].
    pub selections: Vec<usize>,
    /// The last resource of the page, where there are more behind it and the page was asked for by [`Start::Behind`].
    pub next: Option<Anchor>,
    /// Whether the tenant has any membership, so that it is worth looking for those of the resources.
    pub has_memberships: bool,
}

/// What a page brings along at no cost.
#[derive(Default)]
struct Along {
    /// How many resources the whole list has, where that is known without counting.
    total: Option<i64>,
    has_memberships: bool,
}

/// A resource on a page, with its place.
struct Listed {
    selection: usize,
    resource: StoredResource,
    anchor: Anchor,
}

impl TenantConn<'_> {
    /// Reads a page.
    ///
    /// # Errors
    /// [`Error::Timeout`] when the filter or the order takes too long, else [`Error`] from the database.
    pub fn page(&mut self, request: &PageRequest<'_>) -> Result<Page, Error> {
        let list = list(self.tenant(), request);
        let until = Instant::now() + SEARCH_TIME;
        let (behind, skipped) = match request.start {
            Start::Index(1) => (None, 0),
            Start::Index(start) => match self.walks.continue_behind(&self.position(request, start)) {
                Some(anchor) => (Some(anchor), 0),
                None => (None, start.saturating_sub(1)),
            },
            Start::Behind(anchor) => (anchor.cloned(), 0),
        };
        // One resource more shows whether there is another page.
        let more = matches!(request.start, Start::Behind(_)) && request.count > 0;
        let wanted = request.count + usize::from(more);
        let mut along = Along::default();
        let mut listed = self.read_list(&list, until, behind.as_ref(), skipped, wanted, &mut along)?;
        let total = match along.total {
            Some(total) => total,
            None if !request.counts => to_i64(listed.len()),
            // Behind a page that was read earlier nobody knows how many there still are before.
            None if listed.len() < wanted && behind.is_none() && (skipped == 0 || !listed.is_empty()) => {
                to_i64(skipped + listed.len())
            }
            None => self.count_list(&list, until, None)?,
        };
        let mut next = None;
        if more && listed.len() == wanted {
            listed.truncate(request.count);
            next = listed.last().map(|last| last.anchor.clone());
        }
        if let (Start::Index(start), Some(last)) = (request.start, listed.last().filter(|_| listed.len() == wanted)) {
            self.walks.ended(self.position(request, start.saturating_add(listed.len())), last.anchor.clone());
        }
        let (selections, resources) = listed.into_iter().map(|listed| (listed.selection, listed.resource)).unzip();
        let total = usize::try_from(total).unwrap_or(0);
        Ok(Page { total, resources, selections, next, has_memberships: along.has_memberships })
    }

    /// Reads stretch after stretch until there are as many resources as wanted, and what comes along.
    fn read_list(
        &mut self,
        list: &List<'_>,
        until: Instant,
        behind: Option<&Anchor>,
        mut skip: usize,
        wanted: usize,
        along: &mut Along,
    ) -> Result<Vec<Listed>, Error> {
        let mut listed: Vec<Listed> = Vec::new();
        let stretches = list.stretches();
        for (position, stretch) in stretches.iter().enumerate() {
            let Some(place) = list.place(*stretch, behind).filter(|_| listed.len() < wanted) else {
                continue;
            };
            let limit = wanted - listed.len();
            let reach = to_i64(limit.saturating_add(skip));
            let statement =
                SelectStretch { list, stretch: *stretch, place, skip: to_i64(skip), limit: to_i64(limit), reach };
            let rows = self.until(until, list.is_search, |pg| statement.load::<Row>(pg))?;
            if !rows.is_empty() {
                skip = 0;
            } else if skip > 0 && position + 1 < stretches.len() {
                let passed = self.count_list(list, until, Some(*stretch))?;
                skip = skip.saturating_sub(usize::try_from(passed).unwrap_or(0));
            }
            for row in rows {
                along.total = along.total.or(row.0);
                along.has_memberships |= row.1;
                listed.push(self::listed(list, *stretch, row));
            }
        }
        Ok(listed)
    }

    fn count_list(&mut self, list: &List<'_>, until: Instant, stretch: Option<Stretch>) -> Result<i64, Error> {
        // Without a filter these are a few counters.
        self.until(until, list.is_filtered(), |pg| SelectCount { list, stretch }.get_result(pg))
    }

    /// Runs a statement, which is to be done by then if it may have to look at everybody.
    fn until<T>(
        &mut self,
        moment: Instant,
        is_search: bool,
        statement: impl FnOnce(&mut PgConnection) -> QueryResult<T>,
    ) -> Result<T, Error> {
        if !is_search {
            let result = statement(self.pg);
            return self.done(result);
        }
        match moment.saturating_duration_since(Instant::now()).as_millis() {
            // To Postgres no time is any time.
            0 => Err(Error::Timeout),
            left => self.within(&format!("SET LOCAL statement_timeout = '{left}ms'"), statement),
        }
    }

    fn position(&self, request: &PageRequest<'_>, start_index: usize) -> Position {
        Position {
            tenant: self.tenant(),
            actor: self.caller.principal.actor().id.clone(),
            query: request.query.to_owned(),
            start_index,
        }
    }
}

fn list<'a>(tenant: TenantId, request: &'a PageRequest<'_>) -> List<'a> {
    let selected = |selection: &'a Selection<'_>| {
        let Selection { resource_type, condition, sort, location_prefix } = selection;
        let asked = Asked { tenant, resource_type, location_prefix, member_locations: request.member_locations };
        Selected {
            resource_type: &resource_type.name,
            predicate: condition.as_ref().map(|condition| compile(condition, asked)),
            key: sort.map(|attribute| SortKey::new(attribute, resource_type, location_prefix)),
        }
    };
    let is_led = |selection: &Selection<'_>, selected: &Selected<'_>| match (&selection.condition, &selected.key) {
        (None, key) => key.as_ref().is_none_or(|key| key.indexed),
        (Some(condition), None) => is_lookup(condition, selection.resource_type),
        (Some(_), Some(_)) => false,
    };
    let selected: Vec<Selected<'_>> = request.selections.iter().map(selected).collect();
    List {
        tenant: tenant.0,
        order: request.order,
        is_search: !request.selections.iter().zip(&selected).all(|(selection, selected)| is_led(selection, selected)),
        selected,
        resource_types: request.selections.iter().map(|selection| selection.resource_type.name.as_str()).collect(),
    }
}

fn listed(list: &List<'_>, stretch: Stretch, row: Row) -> Listed {
    let (_, _, resource_type, id, version, created_at, last_modified_at, document, key) = row;
    let selection = match (stretch, resource_type) {
        (Stretch::Without(position), _) => position,
        (Stretch::With, name) => {
            list.resource_types.iter().position(|known| name.as_deref() == Some(*known)).unwrap_or(0)
        }
    };
    Listed {
        selection,
        resource: StoredResource { id, version, created_at, last_modified_at, document, groups: None },
        anchor: Anchor { key, resource_type: list.resource_types[selection].to_owned(), id: ResourceId(id) },
    }
}

fn to_i64(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
