//! Tenants.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::dsl::count_star;
use diesel::prelude::*;
use uuid::Uuid;

use super::audit_events::Draft;
use super::error::Error;
use super::schema::{header_tokens, oauth_clients, resource_counts, tenants};
use super::time::Clamped;
use super::{Gate, TenantConn};
use crate::audit::AuditEvent;
use crate::auth::TenantSettings;
use crate::id::TenantId;

/// A tenant as stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = tenants)]
pub struct TenantRow {
    /// Its id.
    pub id: Uuid,
    /// Its name, unique.
    pub name: String,
    /// Whether `User.password` is kept.
    pub stores_passwords: bool,
    /// When it was created.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub created_at: DateTime<Utc>,
    /// Whether the names of groups are unique.
    pub unique_group_names: bool,
    /// Counts the changes of what it is served; 0 is the standard.
    pub schema_revision: i64,
    /// Since when it is suspended.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub suspended_at: Option<DateTime<Utc>>,
    /// When its data is deleted, once somebody has asked for that.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub delete_after: Option<DateTime<Utc>>,
    /// When the last of its data was deleted.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub deleted_at: Option<DateTime<Utc>>,
}

impl TenantRow {
    /// Whether it is served nothing, because it is suspended or on its way to be deleted.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.suspended_at.is_some() || self.delete_after.is_some()
    }

    /// What requests need of its settings.
    #[must_use]
    pub fn settings(&self) -> TenantSettings {
        TenantSettings {
            stores_passwords: self.stores_passwords,
            schema_revision: self.schema_revision,
            is_suspended: self.is_suspended(),
        }
    }
}

/// Which tenants a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantState {
    /// Those that are not deleted.
    Present,
    /// Those that are suspended, and not to be deleted.
    Suspended,
    /// Those that are to be deleted or have been.
    Deleted,
}

/// A part of the list of tenants by name.
#[derive(Debug, Clone)]
pub struct TenantPage<'a> {
    /// How the names begin.
    pub prefix: &'a str,
    /// Which tenants.
    pub state: TenantState,
    /// Names behind this one.
    pub after: Option<&'a str>,
    /// Names before this one, the nearest.
    pub before: Option<&'a str>,
    /// How many at most.
    pub limit: i64,
}

/// What a tenant has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TenantCounts {
    /// Users.
    pub users: i64,
    /// Groups.
    pub groups: i64,
    /// Header tokens that are valid.
    pub tokens: i64,
    /// OAuth clients that are enabled.
    pub clients: i64,
}

/// A tenant to be.
#[derive(Debug, Clone)]
pub struct NewTenant<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether it keeps passwords.
    pub stores_passwords: bool,
    /// Whether the names of its groups are unique.
    pub unique_group_names: bool,
}

impl Gate<'_> {
    /// The tenant of this name.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn tenant(&mut self, name: &str) -> Result<Option<TenantRow>, Error> {
        let query = tenants::table.filter(tenants::name.eq(name)).select(TenantRow::as_select());
        query.first(self.pg).optional().map_err(Error::from)
    }

    /// The tenant of this id.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn tenant_with_id(&mut self, id: TenantId) -> Result<Option<TenantRow>, Error> {
        let query = tenants::table.find(id.0).select(TenantRow::as_select());
        query.first(self.pg).optional().map_err(Error::from)
    }

    /// Whether a tenant is served, and somebody may come into it: it is neither suspended nor to be deleted. What has no tenant belongs
    /// to all of them, and is always so.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn is_open(&mut self, id: TenantId) -> Result<bool, Error> {
        is_open(self.pg, id).map_err(Error::from)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Error`] when it does not.
    pub fn ping(&mut self) -> Result<(), Error> {
        self.pg.batch_execute("SELECT 1").map_err(Error::from)
    }

    /// The first tenants by name. Those that were deleted are not among them.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn tenants(&mut self, limit: i64) -> Result<Vec<TenantRow>, Error> {
        let present = tenants::table.filter(tenants::deleted_at.is_null());
        let query = present.order(tenants::name).limit(limit).select(TenantRow::as_select());
        query.load(self.pg).map_err(Error::from)
    }

    /// A page of tenants, by name.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn tenant_page(&mut self, page: &TenantPage<'_>) -> Result<Vec<TenantRow>, Error> {
        let mut query = tenants::table.limit(page.limit).select(TenantRow::as_select()).into_boxed();
        if !page.prefix.is_empty() {
            let escaped = page.prefix.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_");
            query = query.filter(tenants::name.like(format!("{escaped}%")));
        }
        query = match page.state {
            TenantState::Present => query.filter(tenants::deleted_at.is_null()),
            TenantState::Suspended => {
                query.filter(tenants::suspended_at.is_not_null()).filter(tenants::delete_after.is_null())
            }
            TenantState::Deleted => query.filter(tenants::delete_after.is_not_null()),
        };
        let rows = match (page.after, page.before) {
            (None, Some(before)) => {
                let nearest = query.filter(tenants::name.lt(before.to_owned())).order(tenants::name.desc());
                nearest.load(self.pg)?.into_iter().rev().collect()
            }
            (Some(after), _) => query.filter(tenants::name.gt(after.to_owned())).order(tenants::name).load(self.pg)?,
            (None, None) => query.order(tenants::name).load(self.pg)?,
        };
        Ok(rows)
    }

    /// What these tenants have. Nothing is counted that grows with their directories.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn tenant_counts(&mut self, ids: &[Uuid], now: DateTime<Utc>) -> Result<HashMap<Uuid, TenantCounts>, Error> {
        let mut counts: HashMap<Uuid, TenantCounts> = HashMap::new();
        let stripes: Vec<(Uuid, String, i64)> = resource_counts::table
            .filter(resource_counts::tenant_id.eq_any(ids))
            .filter(resource_counts::resource_type.eq_any(["User", "Group"]))
            .select((resource_counts::tenant_id, resource_counts::resource_type, resource_counts::resources))
            .load(self.pg)?;
        for (id, resource_type, resources) in stripes {
            let of = counts.entry(id).or_default();
            *(if resource_type == "User" { &mut of.users } else { &mut of.groups }) += resources;
        }
        let valid = header_tokens::expires_at.is_null().or(header_tokens::expires_at.assume_not_null().gt(now));
        let tokens: Vec<(Uuid, i64)> = header_tokens::table
            .filter(header_tokens::tenant_id.eq_any(ids))
            .filter(header_tokens::revoked_at.is_null())
            .filter(valid)
            .group_by(header_tokens::tenant_id)
            .select((header_tokens::tenant_id, count_star()))
            .load(self.pg)?;
        let clients: Vec<(Uuid, i64)> = oauth_clients::table
            .filter(oauth_clients::tenant_id.eq_any(ids))
            .filter(oauth_clients::disabled_at.is_null())
            .group_by(oauth_clients::tenant_id)
            .select((oauth_clients::tenant_id, count_star()))
            .load(self.pg)?;
        for (id, number) in tokens {
            counts.entry(id).or_default().tokens = number;
        }
        for (id, number) in clients {
            counts.entry(id).or_default().clients = number;
        }
        Ok(counts)
    }

    /// The tenants whose data is due to be deleted.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn tenants_to_erase(&mut self, now: DateTime<Utc>) -> Result<Vec<TenantRow>, Error> {
        let due = tenants::table.filter(tenants::delete_after.le(now)).filter(tenants::deleted_at.is_null());
        due.select(TenantRow::as_select()).load(self.pg).map_err(Error::from)
    }
}

/// What [`Gate::is_open`] says. In a transaction it stays so until the end: whoever suspends or deletes the tenant meanwhile waits.
fn is_open(pg: &mut PgConnection, tenant: TenantId) -> QueryResult<bool> {
    if tenant == TenantId::NONE {
        return Ok(true);
    }
    let open = tenants::table
        .find(tenant.0)
        .filter(tenants::suspended_at.is_null())
        .filter(tenants::delete_after.is_null())
        .select(tenants::id)
        .for_share();
    Ok(open.first::<Uuid>(pg).optional()?.is_some())
}

impl TenantConn<'_> {
    /// Runs several statements by which somebody comes into the tenant, or is asked to, as one transaction.
    ///
    /// # Errors
    /// [`Error::Closed`], and nothing is run, when nobody may come; else as [`TenantConn::transaction`].
    pub(super) fn entering<T>(&mut self, work: impl FnOnce(&mut PgConnection) -> QueryResult<T>) -> Result<T, Error> {
        let tenant = self.tenant();
        let entered = self.transaction(|pg| if is_open(pg, tenant)? { work(pg).map(Some) } else { Ok(None) });
        entered?.ok_or(Error::Closed)
    }

    /// Inserts the caller's own tenant, which does not exist yet.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `tenants_unique_name` when the name is taken.
    pub fn insert_tenant(&mut self, new: &NewTenant<'_>, event: &AuditEvent) -> Result<TenantRow, Error> {
        let row = TenantRow {
            id: self.tenant().0,
            name: new.name.to_owned(),
            stores_passwords: new.stores_passwords,
            created_at: Utc::now(),
            unique_group_names: new.unique_group_names,
            schema_revision: i64::from(!new.unique_group_names),
            suspended_at: None,
            delete_after: None,
            deleted_at: None,
        };
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| {
            diesel::insert_into(tenants::table).values(&row).execute(pg)?;
            audit.insert(pg)
        })?;
        Ok(row)
    }

    /// Suspends the tenant, or resumes it. `false` when that changes nothing.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn set_suspended(&mut self, at: Option<DateTime<Utc>>, event: &AuditEvent) -> Result<bool, Error> {
        let own = tenants::table.find(self.tenant().0).filter(tenants::suspended_at.is_null().eq(at.is_some()));
        self.change(event, |pg| Ok(diesel::update(own).set(tenants::suspended_at.eq(at)).execute(pg)? > 0))
    }

    /// Has the tenant deleted at this time, unless no other would be left. `false` when that is so, or it is to be deleted already.
    /// Whoever deletes another at the same moment waits.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn delete_tenant_after(&mut self, at: DateTime<Utc>, event: &AuditEvent) -> Result<bool, Error> {
        let tenant = self.tenant().0;
        self.change(event, |pg| {
            let staying = tenants::table.filter(tenants::delete_after.is_null()).order(tenants::id);
            let staying: Vec<Uuid> = staying.select(tenants::id).for_no_key_update().load(pg)?;
            if staying.len() < 2 || !staying.contains(&tenant) {
                return Ok(false);
            }
            diesel::update(tenants::table.find(tenant)).set(tenants::delete_after.eq(at)).execute(pg)?;
            Ok(true)
        })
    }

    /// Keeps a tenant that was to be deleted and whose time has not come. `false` when it is not such a one.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn restore_tenant(&mut self, now: DateTime<Utc>, event: &AuditEvent) -> Result<bool, Error> {
        let own = tenants::table.find(self.tenant().0).filter(tenants::delete_after.gt(now));
        self.change(event, |pg| {
            Ok(diesel::update(own).set(tenants::delete_after.eq(None::<DateTime<Utc>>)).execute(pg)? > 0)
        })
    }

    /// Sets whether the tenant keeps passwords; switching off erases those kept.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn set_stores_passwords(&mut self, on: bool, event: &AuditEvent) -> Result<(), Error> {
        use super::schema::resources;
        let TenantId(tenant) = self.tenant();
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| {
            // Erasing touches every user of the tenant.
            pg.batch_execute("SET LOCAL statement_timeout = 0")?;
            diesel::update(tenants::table.find(tenant)).set(tenants::stores_passwords.eq(on)).execute(pg)?;
            if !on {
                let kept = resources::table
                    .filter(resources::tenant_id.eq(tenant))
                    .filter(resources::password_hash.is_not_null());
                diesel::update(kept).set(resources::password_hash.eq(None::<String>)).execute(pg)?;
            }
            audit.insert(pg)
        })
    }
}
