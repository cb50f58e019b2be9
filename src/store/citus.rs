//! The tables on a cluster of Citus: which of them are on its workers, and the calls that bring them there. A database without that
//! extension is only asked whether it has it.
//!
//! It was written after Citus's documentation, not tried on a cluster; docs/operations.md says what works there and what does not.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use super::error::Error;
use super::migrate::{LOCK, MigrationError, apply, to_regclass};
use super::pool::connect;

/// Where a table is on a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On the workers, the rows of a tenant on one of them. No transaction changes it together with a table that is elsewhere: where one
    /// worker is written to, Citus commits there and on the coordinator one after the other, and a crash may come in between.
    Workers,
    /// On the coordinator, although it is data of tenants and its keys lead with the tenant: it is the audit log, which has triggers and is
    /// sealed for all tenants at once, or it changes in one transaction with that.
    WithAuditLog,
    /// On the coordinator: it belongs to no tenant, or is found before the tenant is known.
    Coordinator,
}

/// All tables that the migrations make, those on the workers in the order in which they get there.
pub const TABLES: [(&str, Place); 38] = [
    ("requests", Place::Workers),
    ("request_counts", Place::Workers),
    ("user_counts", Place::Workers),
    ("audit_chains", Place::WithAuditLog),
    ("audit_checkpoint_signatures", Place::WithAuditLog),
    ("audit_checkpoints", Place::WithAuditLog),
    ("audit_events", Place::WithAuditLog),
    ("audit_seals", Place::WithAuditLog),
    ("audit_unsealed", Place::WithAuditLog),
    ("connect_runs", Place::WithAuditLog),
    ("memberships", Place::WithAuditLog),
    ("resource_counts", Place::WithAuditLog),
    ("resources", Place::WithAuditLog),
    ("administrator_identities", Place::Coordinator),
    ("administrators", Place::Coordinator),
    ("authorization_codes", Place::Coordinator),
    ("client_secrets", Place::Coordinator),
    ("header_token_callers", Place::Coordinator),
    ("header_tokens", Place::Coordinator),
    ("installation", Place::Coordinator),
    ("invitations", Place::Coordinator),
    ("oauth_clients", Place::Coordinator),
    ("oauth_grants", Place::Coordinator),
    ("recovery_codes", Place::Coordinator),
    ("refresh_tokens", Place::Coordinator),
    ("revoked_access_tokens", Place::Coordinator),
    ("sessions", Place::Coordinator),
    ("setup_codes", Place::Coordinator),
    ("setup_links", Place::Coordinator),
    ("signing_keys", Place::Coordinator),
    ("sso_provider", Place::Coordinator),
    ("submitted_forms", Place::Coordinator),
    ("tenants", Place::Coordinator),
    ("throttles", Place::Coordinator),
    ("totp_secrets", Place::Coordinator),
    ("used_assertions", Place::Coordinator),
    ("used_sso_states", Place::Coordinator),
    ("__diesel_schema_migrations", Place::Coordinator),
];

/// The table in which Citus keeps which tables it has distributed.
const CATALOG: &str = "pg_dist_partition";
/// What is in it of ours, and whether the rows from before are still in the coordinator's own table.
const DISTRIBUTED: &str = "SELECT relname::text AS name,
        partmethod = 'h' AND column_to_column_name(logicalrelid, partkey) IS NOT DISTINCT FROM 'tenant_id' AS by_tenant,
        pg_relation_size(pg_class.oid) > 0 AS keeps_rows
    FROM pg_dist_partition JOIN pg_class ON pg_class.oid = logicalrelid WHERE relnamespace = 'public'::regnamespace";
/// Brings a table and its rows to the workers: beside the second one, or by itself where that is `none`.
const DISTRIBUTE: &str = "SELECT create_distributed_table($1::regclass, 'tenant_id', colocate_with => $2)";
/// Deletes what the coordinator has kept of a table that is on the workers.
const EMPTY: &str = "SELECT truncate_local_data_after_distributing_table($1::regclass)";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    by_tenant: bool,
    #[diesel(sql_type = Bool)]
    keeps_rows: bool,
}

/// How far the tables are from where they belong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distribution {
    /// Those that are to be brought to the workers.
    pub missing: Vec<&'static str>,
    /// Those on the workers whose rows from before the coordinator has kept, where nobody sees them.
    pub left_behind: Vec<&'static str>,
    /// Those that are distributed otherwise than the server can work with.
    pub astray: Vec<&'static str>,
}

impl Distribution {
    /// Reads it. `None` where the database has no Citus.
    pub(super) fn of(pg: &mut PgConnection) -> Result<Option<Self>, Error> {
        if !diesel::select(to_regclass(CATALOG).is_not_null()).get_result::<bool>(pg)? {
            return Ok(None);
        }
        let rows: Vec<Row> = diesel::sql_query(DISTRIBUTED).load(pg)?;
        let mut distribution = Self::default();
        for (table, place) in TABLES {
            match (place, rows.iter().find(|row| row.name == table)) {
                (Place::Workers, None) => distribution.missing.push(table),
                (Place::Workers, Some(row)) if row.by_tenant => {
                    if row.keeps_rows {
                        distribution.left_behind.push(table);
                    }
                }
                (_, Some(_)) => distribution.astray.push(table),
                (_, None) => {}
            }
        }
        Ok(Some(distribution))
    }
}

/// The coordinator of a cluster, whose tables nobody else migrates or distributes for as long as this lives.
pub struct Coordinator {
    pg: PgConnection,
}

impl Coordinator {
    /// Connects to the coordinator at `url`. Nothing is changed by that.
    ///
    /// # Errors
    /// [`MigrationError::NoCitus`] where the database has no such extension, [`MigrationError::Astray`] where it distributes what has to
    /// stay, else [`MigrationError`] from the database.
    pub fn open(url: &str) -> Result<Self, MigrationError> {
        let mut pg = connect(url)?;
        pg.batch_execute(LOCK).map_err(Error::from)?;
        let Distribution { astray, .. } = Distribution::of(&mut pg)?.ok_or(MigrationError::NoCitus)?;
        if astray.is_empty() { Ok(Self { pg }) } else { Err(MigrationError::Astray(astray.join(", "))) }
    }

    /// Applies what is pending. Returns the names of the migrations applied.
    ///
    /// # Errors
    /// As [`super::migrate`].
    pub fn migrate(&mut self) -> Result<Vec<String>, MigrationError> {
        apply(&mut self.pg)
    }

    /// How far the tables are from where they belong.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn distribution(&mut self) -> Result<Distribution, Error> {
        Ok(Distribution::of(&mut self.pg)?.unwrap_or_default())
    }

    /// Brings a table that is missing there to the workers, beside the first of [`TABLES`]. Who writes to it waits until all rows are over.
    ///
    /// # Errors
    /// [`Error`] from the database; then the table is as it was.
    pub fn distribute(&mut self, table: &'static str) -> Result<(), Error> {
        let (first, _) = TABLES[0];
        let beside = if table == first { "none" } else { first };
        diesel::sql_query(DISTRIBUTE).bind::<Text, _>(table).bind::<Text, _>(beside).execute(&mut self.pg)?;
        Ok(())
    }

    /// Deletes the rows of a table on the workers that the coordinator has kept from before.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn delete_left_behind(&mut self, table: &'static str) -> Result<(), Error> {
        diesel::sql_query(EMPTY).bind::<Text, _>(table).execute(&mut self.pg)?;
        Ok(())
    }
}
