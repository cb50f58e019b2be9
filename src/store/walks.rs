//! Where the pages of recent walks ended. A client that reads page after page by `startIndex` continues behind the last resource
//! it was given: deep pages cost what the first costs, and nobody is skipped or repeated while others come and go.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::id::{ResourceId, TenantId};

/// How long the end of a page is remembered.
const LIFETIME: Duration = Duration::from_mins(5);
/// Page ends remembered at most.
const CAPACITY: usize = 10_000;
/// Bytes of a filter whose walk is remembered.
const FILTER_BYTES: usize = 256;

/// One position of one walk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Position {
    pub tenant: TenantId,
    pub actor: String,
    pub resource_type: String,
    pub filter: Option<String>,
    pub start_index: usize,
}

/// The memory of walks.
#[derive(Debug, Default)]
pub(super) struct Walks(Mutex<HashMap<Position, (ResourceId, Instant)>>);

impl Walks {
    /// The resource behind which the page at this position starts.
    pub(super) fn continue_after(&self, position: &Position) -> Option<ResourceId> {
        let ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.get(position).filter(|(_, at)| at.elapsed() < LIFETIME).map(|(id, _)| *id)
    }

    /// Remembers the last resource before this position.
    pub(super) fn ended(&self, position: Position, last: ResourceId) {
        if position.filter.as_ref().is_some_and(|filter| filter.len() > FILTER_BYTES) {
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
