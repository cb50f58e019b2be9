//! The hash chains over the audit log. What a hash is made of is no matter of the store.

/// A statement that is written out, which diesel cannot tell from others by its type.
macro_rules! statement {
    ($name:ty) => {
        impl QueryId for $name {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }

        impl RunQueryDsl<PgConnection> for $name {}
    };
}

mod batch;
mod chains;
mod checkpoints;
mod sealing;
mod verifying;

use diesel::prelude::*;
use uuid::Uuid;

pub use batch::Batch;
pub use chains::{BreakRow, ChainRow, Checked};
pub use checkpoints::{CheckpointRow, CheckpointSignatureRow, Signed};
pub use sealing::Sealed;
pub use verifying::{ChainEnd, Coverage, Link};

use super::TenantConn;
use super::error::Error;
use super::schema::audit_seals;

/// The number before the first link. Seals with this or a lower one are none, and only somebody who took the constraint away could have
/// written them.
const START: i64 = 0;

/// A link of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = audit_seals)]
pub struct SealRow {
    /// Whose chain.
    pub tenant_id: Uuid,
    /// Its number.
    pub seq: i64,
    /// The entry that it seals.
    pub event_id: Uuid,
    /// The hash.
    pub hash: Vec<u8>,
}

impl TenantConn<'_> {
    /// The seals of these entries of the tenant.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn seals_of(&mut self, events: &[Uuid]) -> Result<Vec<SealRow>, Error> {
        let query = audit_seals::table
            .filter(audit_seals::tenant_id.eq(self.tenant().0))
            .filter(audit_seals::event_id.eq_any(events))
            .filter(audit_seals::seq.gt(START))
            .select(SealRow::as_select());
        let result = query.load(self.pg);
        self.done(result)
    }

    /// An entry of the tenant with its seal and the one before.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn seal_and_previous(&mut self, event: Uuid) -> Result<(Option<SealRow>, Option<SealRow>), Error> {
        let seal = self.seals_of(&[event])?.into_iter().next();
        let Some(present) = &seal else {
            return Ok((None, None));
        };
        // Of a number that was slipped in there may be none before.
        let before = present.seq.saturating_sub(1);
        let query = audit_seals::table.find((self.tenant().0, before)).select(SealRow::as_select());
        let result = query.first(self.pg).optional();
        let previous = self.done(result)?;
        Ok((seal, previous))
    }
}
