//! Where the pages of recent walks ended. A client that reads page after page by `startIndex` continues behind the last resource
//! it was given: deep pages cost what the first costs, and nobody is skipped or repeated while others come and go.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::listing::Anchor;
use crate::id::TenantId;

/// How long the end of a page is remembered.
const LIFETIME: Duration = Duration::from_mins(5);
/// Page ends remembered at most.
const CAPACITY: usize = 10_000;
/// Bytes of a query whose walk is remembered.
const QUERY_BYTES: usize = 512;
/// Bytes of a sort key that is remembered.
const KEY_BYTES: usize = 256;

/// One position of one walk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Position {
    pub tenant: TenantId,
    pub actor: String,
    /// What is listed, by which filter, in which order.
    pub query: String,
    pub start_index: usize,
}

/// The memory of walks.
#[derive(Debug, Default)]
pub(super) struct Walks(Mutex<HashMap<Position, (Anchor, Instant)>>);

impl Walks {
    /// The resource behind which the page at this position starts.
    pub(super) fn continue_behind(&self, position: &Position) -> Option<Anchor> {
        let ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.get(position).filter(|(_, at)| at.elapsed() < LIFETIME).map(|(last, _)| last.clone())
    }

    /// Remembers the last resource before this position.
    pub(super) fn ended(&self, position: Position, last: Anchor) {
        if position.query.len() > QUERY_BYTES || last.key.as_ref().is_some_and(|key| key.len() > KEY_BYTES) {
            return;
        }
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ends.len() >= CAPACITY {
            ends.retain(|_, (_, at)| at.elapsed() < LIFETIME);
            if ends.len() >= CAPACITY {
                ends.clear();
            }
        }
        ends.insert(position, (last, Instant::now()));
    }
}
