//! Sign-in by an identity provider: its settings, and who people are there.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::administrators::{AdministratorRow, owners_who_come, telling, withdraw_links};
use super::audit_events::Draft;
use super::error::Error;
use super::schema::{administrator_identities, administrators, sessions, sso_provider, used_sso_states};
use super::sessions::SessionRow;
use super::time::Clamped;
use super::totp_secrets::end_sessions;
use super::{Gate, TenantConn};
use crate::audit::AuditEvent;
use crate::auth::role::Role;

/// The identity provider as stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = sso_provider, treat_none_as_null = true)]
pub struct SsoProviderRow {
    /// Always true: there is one row at most.
    pub id: bool,
    /// Whether people may sign in by it.
    pub enabled: bool,
    /// Its name, a URL.
    pub issuer: String,
    /// What it knows this server by.
    pub client_id: String,
    /// What this server authenticates with, encrypted.
    pub sealed_client_secret: Vec<u8>,
    /// Which master key that is encrypted under.
    pub key_version: i16,
    /// The claim that holds roles.
    pub role_claim: Option<String>,
    /// Which value of it stands for which role.
    pub roles: Value,
    /// The role of whoever has none by the claim.
    pub default_role: Option<String>,
    /// The tenant whose people sign in by it, and of the accounts that are made; nil for those of all tenants, and operators.
    pub people_tenant_id: Uuid,
    /// Whose addresses are let in; all where it is empty.
    pub email_domains: Vec<String>,
    /// Whether addresses count as verified of which the provider does not say whether they are.
    pub assumes_verified_email: bool,
    /// When it was last changed.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub changed_at: DateTime<Utc>,
}

/// Somebody whom the identity provider vouches for, about to get a session.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// The provider.
    pub issuer: &'a str,
    /// Who it is there.
    pub subject: &'a str,
    /// The account; one that is made now where the events say so.
    pub person: &'a AdministratorRow,
    /// The role that it gets.
    pub role: &'a str,
    /// The session.
    pub session: &'a SessionRow,
    /// The hash of the session that the browser has so far, which ends.
    pub before: Option<&'a [u8]>,
}

/// What is recorded of an arrival, as far as it comes about.
#[derive(Debug)]
pub struct ArrivalEvents {
    /// The account is made.
    pub created: Option<AuditEvent>,
    /// It is linked to the identity.
    pub linked: Option<AuditEvent>,
    /// It gets the role, where it had another.
    pub role_changed: AuditEvent,
    /// The session begins.
    pub signed_in: AuditEvent,
}

impl Gate<'_> {
    /// The settings, if there are any.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn sso_provider(&mut self) -> Result<Option<SsoProviderRow>, Error> {
        let query = sso_provider::table.select(SsoProviderRow::as_select());
        query.first(self.pg).optional().map_err(Error::from)
    }

    /// The account of an identity.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn administrator_with_identity(
        &mut self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<AdministratorRow>, Error> {
        let query = administrator_identities::table
            .inner_join(administrators::table)
            .filter(administrator_identities::issuer.eq(issuer))
            .filter(administrator_identities::subject.eq(subject))
            .select(AdministratorRow::as_select());
        query.first(self.pg).optional().map_err(Error::from)
    }

    /// Whether an account has an identity at this provider.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn has_identity(&mut self, administrator: Uuid, issuer: &str) -> Result<bool, Error> {
        let query = administrator_identities::table
            .filter(administrator_identities::administrator_id.eq(administrator))
            .filter(administrator_identities::issuer.eq(issuer))
            .select(administrator_identities::subject);
        Ok(query.first::<String>(self.pg).optional()?.is_some())
    }

    /// Whether an owner over all tenants, who is not disabled, has signed in by this provider.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn has_owner_of_issuer(&mut self, issuer: &str) -> Result<bool, Error> {
        let query = administrator_identities::table
            .inner_join(administrators::table)
            .filter(administrator_identities::issuer.eq(issuer))
            .filter(administrators::role.eq(OWNER))
            .filter(administrators::tenant_id.eq(Uuid::nil()))
            .filter(administrators::disabled_at.is_null())
            .select(administrators::id);
        Ok(query.first::<Uuid>(self.pg).optional()?.is_some())
    }

    /// Records that a sign-in has come back. `false` when it did before.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn use_sso_state(&mut self, state: &str, expires_at: DateTime<Utc>) -> Result<bool, Error> {
        let row = (used_sso_states::state.eq(state), used_sso_states::expires_at.eq(expires_at));
        let inserted = diesel::insert_into(used_sso_states::table).values(row).on_conflict_do_nothing();
        Ok(inserted.execute(self.pg)? > 0)
    }
}

impl TenantConn<'_> {
    /// Replaces the settings.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn set_sso_provider(&mut self, row: &SsoProviderRow, event: &AuditEvent) -> Result<(), Error> {
        let audit = Draft::new(self.caller, event);
        self.transaction(|pg| {
            diesel::insert_into(sso_provider::table)
                .values(row)
                .on_conflict(sso_provider::id)
                .do_update()
                .set(row)
                .execute(pg)?;
            audit.insert(pg)
        })
    }

    /// Begins the session of somebody whom the identity provider vouches for: makes the account, links it and gives it its role where
    /// that is due. The last owner of a tenant stays one. `false`, and nothing changed, when the account is disabled or gone by now.
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody else has taken the address, the account or the identity meanwhile; [`Error::Closed`] when
    /// nobody may come into the tenant.
    pub fn insert_arrival(&mut self, arrival: &Arrival<'_>, events: &ArrivalEvents) -> Result<bool, Error> {
        let caller = self.caller;
        let record = |pg: &mut PgConnection, event: &AuditEvent| Draft::new(caller, event).insert(pg);
        let Arrival { issuer, subject, person, role, session, before } = *arrival;
        let now = session.created_at;
        self.entering(|pg| {
            if let Some(event) = &events.created {
                diesel::insert_into(administrators::table).values(person).execute(pg)?;
                record(pg, event)?;
            }
            // Locked: whoever disables the person waits for this, or this for whoever does.
            let enabled = administrators::table.find(person.id).filter(administrators::disabled_at.is_null());
            let present: Option<String> = enabled.select(administrators::role).for_update().first(pg).optional()?;
            let Some(present) = present else {
                return Ok(false);
            };
            if let Some(event) = &events.linked {
                let row = (
                    administrator_identities::issuer.eq(issuer),
                    administrator_identities::subject.eq(subject),
                    administrator_identities::administrator_id.eq(person.id),
                    administrator_identities::linked_at.eq(now),
                    administrator_identities::last_sign_in_at.eq(now),
                );
                diesel::insert_into(administrator_identities::table).values(row).execute(pg)?;
                record(pg, event)?;
            } else {
                let own = administrator_identities::table.find((issuer, subject));
                diesel::update(own).set(administrator_identities::last_sign_in_at.eq(now)).execute(pg)?;
            }
            if present != role && (present != OWNER || has_other_owner(pg, person)?) {
                diesel::update(administrators::table.find(person.id)).set(administrators::role.eq(role)).execute(pg)?;
                end_sessions(pg, person.id, None)?;
                let withdrawn = withdraw_links(pg, person.id, Role::parse(role))?;
                record(pg, &telling(&events.role_changed, withdrawn))?;
            }
            let own = administrators::table.find(person.id);
            diesel::update(own).set(administrators::last_sign_in_at.eq(now)).execute(pg)?;
            if let Some(before) = before {
                diesel::delete(sessions::table.find(before)).execute(pg)?;
            }
            diesel::insert_into(sessions::table).values(session).execute(pg)?;
            record(pg, &events.signed_in).map(|()| true)
        })
    }

    /// Ends all sessions of a person. `false` when there was none.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn delete_sessions_of(&mut self, administrator: Uuid, event: &AuditEvent) -> Result<bool, Error> {
        self.change(event, |pg| {
            let all = sessions::table.filter(sessions::administrator_id.eq(administrator));
            Ok(diesel::delete(all).execute(pg)? > 0)
        })
    }
}

/// The name of the role that somebody in each tenant must keep.
const OWNER: &str = "owner";

/// Whether somebody else who can sign in owns this person's tenant. The owners stay locked, so that no two step back at the same moment.
fn has_other_owner(pg: &mut PgConnection, person: &AdministratorRow) -> QueryResult<bool> {
    Ok(owners_who_come(pg, person.tenant_id)?.into_iter().any(|owner| owner != person.id))
}
