//! Administrators: the people who sign in.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use serde_json::Value;
use uuid::Uuid;

use super::audit_events::Draft;
use super::error::Error;
use super::installation::allows_passwords;
use super::schema::{administrator_identities, administrators, invitations, setup_links, sso_provider};
use super::time::Clamped;
use super::totp_secrets::end_sessions;
use super::{Gate, TenantConn};
use crate::audit::AuditEvent;
use crate::auth::role::{Right, Role};

/// An administrator as stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = administrators)]
pub struct AdministratorRow {
    /// The person's id.
    pub id: Uuid,
    /// The tenant; nil for an operator over all tenants.
    pub tenant_id: Uuid,
    /// The e-mail address, as the person writes it.
    pub email: String,
    /// The address as it is compared.
    pub folded_email: String,
    /// The name of the role.
    pub role: String,
    /// argon2id; none of whoever signs in by the identity provider alone.
    pub password_hash: Option<String>,
    /// When the account was created.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub created_at: DateTime<Utc>,
    /// When it was disabled.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub disabled_at: Option<DateTime<Utc>>,
    /// When the person last signed in.
    #[diesel(deserialize_as = Clamped<Option<DateTime<Utc>>>)]
    pub last_sign_in_at: Option<DateTime<Utc>>,
}

/// What became of a change that takes rights away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleChanged {
    /// It is made.
    Done,
    /// Everything was so already, or there is no such person in the tenant.
    Unchanged,
    /// Nobody would be left who owns the installation.
    LastOwner,
}

impl Gate<'_> {
    /// The administrator of this id.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn administrator(&mut self, id: Uuid) -> Result<Option<AdministratorRow>, Error> {
        let query = administrators::table.find(id).select(AdministratorRow::as_select());
        query.first(self.pg).optional().map_err(Error::from)
    }

    /// The administrator with this address.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn administrator_with_email(&mut self, folded_email: &str) -> Result<Option<AdministratorRow>, Error> {
        let query = administrators::table
            .filter(administrators::folded_email.eq(folded_email))
            .select(AdministratorRow::as_select());
        query.first(self.pg).optional().map_err(Error::from)
    }

    /// All administrators, by address.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn administrators(&mut self) -> Result<Vec<AdministratorRow>, Error> {
        let query = administrators::table.order(administrators::folded_email).select(AdministratorRow::as_select());
        query.load(self.pg).map_err(Error::from)
    }

    /// Whether there is any administrator.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn has_administrators(&mut self) -> Result<bool, Error> {
        let any = administrators::table.select(administrators::id).first::<Uuid>(self.pg).optional()?;
        Ok(any.is_some())
    }

    /// Replaces the hash of a password by another of the same password, unless it was changed meanwhile. Not audited: the password
    /// stays as it is.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn rehash_administrator_password(&mut self, id: Uuid, before: &str, after: &str) -> Result<(), Error> {
        let same = administrators::table.find(id).filter(administrators::password_hash.eq(before));
        diesel::update(same).set(administrators::password_hash.eq(after)).execute(self.pg)?;
        Ok(())
    }
}

impl TenantConn<'_> {
    /// Inserts an administrator.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `administrators_unique_email` when the address is taken.
    pub fn insert_administrator(&mut self, row: &AdministratorRow, event: &AuditEvent) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| {
            diesel::insert_into(administrators::table).values(row).execute(pg)?;
            audit.insert(pg)
        })
    }

    /// Sets the password of an administrator of the caller's tenant and ends all of that person's sessions but the one with the hash
    /// `keep`. `false` when there is no such person, or the password is not the one behind `present` any more.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn set_administrator_password(
        &mut self,
        id: Uuid,
        password_hash: &str,
        present: Option<&str>,
        keep: Option<&[u8]>,
        event: &AuditEvent,
    ) -> Result<bool, Error> {
        let tenant = self.tenant().0;
        self.change(event, |pg| {
            let own = administrators::table
                .find(id)
                .filter(administrators::tenant_id.eq(tenant))
                .filter(administrators::password_hash.eq(present).or(present.is_none().into_sql::<Bool>()));
            if diesel::update(own).set(administrators::password_hash.eq(password_hash)).execute(pg)? == 0 {
                return Ok(false);
            }
            end_sessions(pg, id, keep)?;
            Ok(true)
        })
    }

    /// The administrators of the caller's tenant, or the operators where the caller has none: by address, those behind `after`.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn administrators_of_tenant(
        &mut self,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<AdministratorRow>, Error> {
        let query = administrators::table
            .filter(administrators::tenant_id.eq(self.tenant().0))
            .filter(administrators::folded_email.gt(after.unwrap_or_default()))
            .order(administrators::folded_email)
            .limit(limit)
            .select(AdministratorRow::as_select());
        let result = query.load(self.pg);
        self.done(result)
    }

    /// Disables an administrator of the caller's tenant, whose sessions and unopened links end, or enables the person again.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn set_administrator_disabled(
        &mut self,
        id: Uuid,
        disabled_at: Option<DateTime<Utc>>,
        event: &AuditEvent,
    ) -> Result<RoleChanged, Error> {
        let (caller, tenant) = (self.caller, self.tenant().0);
        self.transaction(|pg| {
            if disabled_at.is_some() && is_last_owner(pg, id)? {
                return Ok(RoleChanged::LastOwner);
            }
            let other = administrators::table
                .find(id)
                .filter(administrators::tenant_id.eq(tenant))
                .filter(administrators::disabled_at.is_null().eq(disabled_at.is_some()));
            if diesel::update(other).set(administrators::disabled_at.eq(disabled_at)).execute(pg)? == 0 {
                return Ok(RoleChanged::Unchanged);
            }
            end_sessions(pg, id, None)?;
            let withdrawn = if disabled_at.is_some() { withdraw_links(pg, id, None)? } else { 0 };
            Draft::new(caller, &telling(event, withdrawn)).insert(pg).map(|()| RoleChanged::Done)
        })
    }

    /// Gives an administrator of the caller's tenant another role. The person's sessions end, and the unopened links that this role gives
    /// no right to.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn set_administrator_role(
        &mut self,
        id: Uuid,
        role: &str,
        takes_ownership: bool,
        event: &AuditEvent,
    ) -> Result<RoleChanged, Error> {
        let (caller, tenant) = (self.caller, self.tenant().0);
        self.transaction(|pg| {
            if takes_ownership && is_last_owner(pg, id)? {
                return Ok(RoleChanged::LastOwner);
            }
            let other = administrators::table
                .find(id)
                .filter(administrators::tenant_id.eq(tenant))
                .filter(administrators::role.ne(role));
            if diesel::update(other).set(administrators::role.eq(role)).execute(pg)? == 0 {
                return Ok(RoleChanged::Unchanged);
            }
            end_sessions(pg, id, None)?;
            let withdrawn = withdraw_links(pg, id, Role::parse(role))?;
            Draft::new(caller, &telling(event, withdrawn)).insert(pg).map(|()| RoleChanged::Done)
        })
    }

    /// Ends all sessions of an administrator of the caller's tenant; how many there were. Without any, nothing is recorded.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn end_administrator_sessions(&mut self, id: Uuid, event: &AuditEvent) -> Result<usize, Error> {
        let audit = Draft::new(self.caller, event);
        let tenant = self.tenant().0;
        self.transaction(|pg| {
            let own = administrators::table.find(id).filter(administrators::tenant_id.eq(tenant));
            let own = own.select(administrators::id).first::<Uuid>(pg).optional()?;
            let ended = match own {
                Some(id) => end_sessions(pg, id, None)?,
                None => 0,
            };
            if ended > 0 {
                audit.insert(pg)?;
            }
            Ok(ended)
        })
    }
}

/// Takes back the links that a person made and that nobody has opened, as far as the role that is left gives no right to make them; how
/// many. Who has lost rights must not come back, or have others come, by what was made before.
pub(super) fn withdraw_links(pg: &mut PgConnection, id: Uuid, left: Option<Role>) -> QueryResult<usize> {
    // The address of a contact may be that of somebody else, and a contact makes no links.
    let maker = administrators::table.find(id).filter(administrators::role.ne(Role::Contact.name()));
    let Some(maker) = maker.select(administrators::email).first::<String>(pg).optional()? else {
        return Ok(0);
    };
    let keeps = |right| left.is_some_and(|role| role.has(right));
    let mut withdrawn = 0;
    if !keeps(Right::Own) {
        withdrawn += diesel::delete(invitations::table.filter(invitations::invited_by.eq(&maker))).execute(pg)?;
    }
    if !keeps(Right::Write) {
        let unopened = setup_links::table
            .filter(setup_links::created_by.eq(&maker))
            .filter(setup_links::redeemed_at.is_null())
            .filter(setup_links::revoked_at.is_null());
        withdrawn += diesel::update(unopened).set(setup_links::revoked_at.eq(Utc::now())).execute(pg)?;
    }
    Ok(withdrawn)
}

/// An event that tells, where there are any, how many links were taken back.
pub(super) fn telling(event: &AuditEvent, withdrawn: usize) -> AuditEvent {
    let mut event = event.clone();
    if let Some(Value::Object(after)) = event.after.as_mut().filter(|_| withdrawn > 0) {
        after.insert("withdrawnLinks".into(), withdrawn.into());
    }
    event
}

/// Whether this person is the only owner over all tenants who can sign in.
fn is_last_owner(pg: &mut PgConnection, id: Uuid) -> QueryResult<bool> {
    Ok(owners_who_come(pg, Uuid::nil())? == [id])
}

/// The owners of a tenant, or over all of them, who can sign in: they are enabled, and where nobody may with a password, they have an
/// identity at the provider. Holds the rows of all owners, so that two who take each other's rights at the same moment do so one after
/// the other.
pub(super) fn owners_who_come(pg: &mut PgConnection, tenant: Uuid) -> QueryResult<Vec<Uuid>> {
    let mut owners: Vec<Uuid> = administrators::table
        .filter(administrators::tenant_id.eq(tenant))
        .filter(administrators::role.eq(Role::Owner.name()))
        .filter(administrators::disabled_at.is_null())
        .order(administrators::id)
        .select(administrators::id)
        .for_no_key_update()
        .load(pg)?;
    if !allows_passwords(pg)? {
        let issuer: Option<String> = sso_provider::table.select(sso_provider::issuer).first(pg).optional()?;
        let known: Vec<Uuid> = administrator_identities::table
            .filter(administrator_identities::administrator_id.eq_any(&owners))
            .filter(administrator_identities::issuer.eq(issuer.unwrap_or_default()))
            .select(administrator_identities::administrator_id)
            .load(pg)?;
        owners.retain(|owner| known.contains(owner));
    }
    Ok(owners)
}
