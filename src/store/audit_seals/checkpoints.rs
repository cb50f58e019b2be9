//! Signed heads of the chains.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::super::Gate;
use super::super::error::Error;
use super::super::schema::{audit_chains, audit_checkpoint_signatures, audit_checkpoints, audit_seals};
use super::super::time::Clamped;

/// A signed head of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_checkpoints)]
pub struct CheckpointRow {
    /// Whose chain.
    pub tenant_id: Uuid,
    /// The number of its last link then.
    pub seq: i64,
    /// That link's hash.
    pub hash: Vec<u8>,
    /// When.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub at: DateTime<Utc>,
    /// The signature.
    pub signature: String,
}

/// A signature of a checkpoint under a later key than the one that it was written under.
#[derive(Debug, Clone, PartialEq, Eq, Insertable)]
#[diesel(table_name = audit_checkpoint_signatures)]
pub struct CheckpointSignatureRow {
    /// Whose chain.
    pub tenant_id: Uuid,
    /// The number of the checkpoint.
    pub seq: i64,
    /// The name of the key.
    pub key: String,
    /// The signature.
    pub signature: String,
}

/// A checkpoint, and its later signature under some key.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = audit_checkpoints)]
pub struct Signed {
    /// The checkpoint.
    #[diesel(embed)]
    pub checkpoint: CheckpointRow,
    /// The later signature.
    #[diesel(select_expression = audit_checkpoint_signatures::signature.nullable())]
    pub later: Option<String>,
}

/// The hash of a link, where there is one.
type LinkHash = Option<Vec<u8>>;

impl Gate<'_> {
    /// Heads of chains for which there is no checkpoint yet.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn heads_without_checkpoint(&mut self, limit: i64) -> Result<Vec<(Uuid, i64, Vec<u8>)>, Error> {
        use {audit_chains as c, audit_checkpoints as p};
        let query = c::table
            .left_join(p::table.on(p::tenant_id.eq(c::tenant_id).and(p::seq.eq(c::seq))))
            .filter(p::seq.nullable().is_null())
            .order(c::tenant_id)
            .limit(limit)
            .select((c::tenant_id, c::seq, c::hash));
        query.load(self.pg).map_err(Error::from)
    }

    /// Writes checkpoints; those that are there already stay.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn insert_checkpoints(&mut self, rows: &[CheckpointRow]) -> Result<(), Error> {
        diesel::insert_into(audit_checkpoints::table).values(rows).on_conflict_do_nothing().execute(self.pg)?;
        Ok(())
    }

    /// Checkpoints of a chain behind a number, each with its later signature under the key of this name and with the hash of its link as
    /// it is.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn checkpoints(
        &mut self,
        tenant: Uuid,
        after: i64,
        key: &str,
        limit: i64,
    ) -> Result<Vec<(Signed, LinkHash)>, Error> {
        use {audit_checkpoint_signatures as l, audit_checkpoints as p, audit_seals as s};
        let later = l::tenant_id.eq(tenant).and(l::seq.eq(p::seq)).and(l::key.eq(key));
        let query = p::table
            .left_join(s::table.on(s::tenant_id.eq(tenant).and(s::seq.eq(p::seq)).and(s::seq.gt(after))))
            .left_join(l::table.on(later.and(l::seq.gt(after))))
            .filter(p::tenant_id.eq(tenant))
            .filter(p::seq.gt(after))
            .order(p::seq)
            .limit(limit)
            .select((Signed::as_select(), s::hash.nullable()));
        query.load(self.pg).map_err(Error::from)
    }
}
