//! Stretches: what a list consists of. The resources that have a value of the sort key, of all types together, are one stretch; those
//! of one type that have none are another, in the order of their ids. A list that is not sorted has only such. Within a stretch a
//! page starts from an index entry, behind the last resource that was read, wherever the key has an index.

use std::cmp::Ordering;

use uuid::Uuid;

use super::listing::Anchor;
use super::predicate::Predicate;
use super::sort_key::SortKey;
use crate::scim::sort::Order;

/// The resources of one type in a list.
pub(super) struct Selected<'a> {
    pub resource_type: &'a str,
    pub predicate: Option<Predicate>,
    /// `None` where no resource has one.
    pub key: Option<SortKey>,
}

/// The resources that make up a list.
pub(super) struct List<'a> {
    pub tenant: Uuid,
    pub order: Order,
    /// In the order of the names of the types.
    pub selected: Vec<Selected<'a>>,
    /// These names.
    pub resource_types: Vec<&'a str>,
    /// Whether no index leads to it, so that reading it may mean to look at everybody.
    pub is_search: bool,
}

/// A part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stretch {
    /// Those that have a value of the sort key.
    With,
    /// Those that have none, of the type at this position.
    Without(usize),
}

/// Where the reading of a stretch starts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    Beginning,
    Behind(&'a Anchor),
}

impl List<'_> {
    /// The stretches, in order.
    pub(super) fn stretches(&self) -> Vec<Stretch> {
        let with = self.keyed().next().map(|_| Stretch::With);
        let may_lack = |selected: &Selected<'_>| selected.key.as_ref().is_none_or(|key| key.nullable);
        let without = self.selected.iter().enumerate().filter(|(_, selected)| may_lack(selected));
        let without = without.map(|(position, _)| Stretch::Without(position));
        match self.order {
            Order::Ascending => with.into_iter().chain(without).collect(),
            Order::Descending => without.chain(with).collect(),
        }
    }

    /// Where a stretch is to be read from, when all up to the anchor has been read. `None` when that is the whole stretch.
    pub(super) fn place<'p>(&self, stretch: Stretch, behind: Option<&'p Anchor>) -> Option<Place<'p>> {
        let Some(anchor) = behind else {
            return Some(Place::Beginning);
        };
        let beginning_if = |after: bool| after.then_some(Place::Beginning);
        match (stretch, &anchor.key) {
            (Stretch::With, Some(_)) => Some(Place::Behind(anchor)),
            (Stretch::With, None) => beginning_if(self.order == Order::Descending),
            (Stretch::Without(_), Some(_)) => beginning_if(self.order == Order::Ascending),
            (Stretch::Without(position), None) => {
                match self.selected[position].resource_type.cmp(anchor.resource_type.as_str()) {
                    Ordering::Less => None,
                    Ordering::Equal => Some(Place::Behind(anchor)),
                    Ordering::Greater => Some(Place::Beginning),
                }
            }
        }
    }

    /// Whether a filter leaves some resources out.
    pub(super) fn is_filtered(&self) -> bool {
        self.selected.iter().any(|selected| selected.predicate.is_some())
    }

    /// The types whose resources have sort keys.
    pub(super) fn keyed(&self) -> impl Iterator<Item = (&Selected<'_>, &SortKey)> {
        self.selected.iter().filter_map(|selected| Some((selected, selected.key.as_ref()?)))
    }
}
