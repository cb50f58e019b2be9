//! Making clients.

use chrono::{TimeDelta, Utc};
use uuid::Uuid;

use super::super::authenticate_client::KeySource;
use super::super::grant_type::GrantType;
use super::super::scope;
use super::super::server::target;
use super::secrets::secret_row;
use super::{ClientError, IssuedClient, check_keys, check_uris, refuse_suspended, summary};
use crate::audit::{Action, AuditEvent};
use crate::auth::secret::{Kind, Secret, TokenKey};
use crate::auth::{Caller, Scope, Scopes, name};
use crate::id::TenantId;
use crate::store::{ClientRow, ClientSecretRow, Store};

/// What ids begin with, so that they look like nobody's (RFC 9700 section 4.15).
const ID_PREFIX: &str = "client_";

/// How long access tokens may live: not so short that mass jobs refresh all the time, and no longer than RFC 6750 section 5.3
/// recommends.
const ACCESS_TOKEN_LIFE: std::ops::RangeInclusive<TimeDelta> = TimeDelta::minutes(10)..=TimeDelta::hours(1);

/// What a new client is to be.
#[derive(Debug, Clone)]
pub struct NewClient {
    /// The name that people see when they consent.
    pub name: String,
    /// By what it gets tokens.
    pub grant_types: Vec<GrantType>,
    /// What it may ask for.
    pub scopes: Scopes,
    /// Where people may be sent back to.
    pub redirect_uris: Vec<String>,
    /// Redirect URIs that are taken although they are not encrypted.
    pub unchecked_redirect_uris: Vec<String>,
    /// Whether it can keep a secret.
    pub confidential: bool,
    /// Whether it must use PKCE; a public client must.
    pub pkce_required: bool,
    /// Its keys, where it signs assertions instead of presenting a secret.
    pub keys: Option<KeySource>,
    /// How long its access tokens live.
    pub access_token_life: TimeDelta,
    /// How long its refresh tokens live unless they are used.
    pub refresh_idle: TimeDelta,
}

/// Whether a text can be the id of a client.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.strip_prefix(ID_PREFIX).is_some_and(|rest| rest.len() == 32 && rest.bytes().all(hexadecimal))
}

/// Creates a client in the caller's tenant, or without a tenant in the catalogue.
///
/// # Errors
/// [`ClientError`] when its properties do not go together, and without randomness or database.
pub fn create(store: &Store, caller: &Caller, key: &TokenKey, new: &NewClient) -> Result<IssuedClient, ClientError> {
    insert(store, caller, key, new, None)
}

/// The same, asked for by a form: once for each form.
///
/// # Errors
/// As [`create`], and [`ClientError::Twice`].
pub fn create_by_form(
    store: &Store,
    caller: &Caller,
    key: &TokenKey,
    new: &NewClient,
    form: Uuid,
) -> Result<IssuedClient, ClientError> {
    if !name::fits(&new.name) {
        return Err(ClientError::Name);
    }
    insert(store, caller, key, new, Some(form))
}

fn insert(
    store: &Store,
    caller: &Caller,
    key: &TokenKey,
    new: &NewClient,
    form: Option<Uuid>,
) -> Result<IssuedClient, ClientError> {
    let tenant = caller.principal.tenant();
    refuse_suspended(store, caller)?;
    check(new, tenant)?;
    let now = Utc::now();
    let (jwks, jwks_uri) = match &new.keys {
        Some(KeySource::Given(set)) => (Some(set.clone()), None),
        Some(KeySource::Published(uri)) => (None, Some(uri.clone())),
        None => (None, None),
    };
    let row = ClientRow {
        id: format!("{ID_PREFIX}{}", Uuid::now_v7().simple()),
        tenant_id: tenant.0,
        name: new.name.clone(),
        confidential: new.confidential,
        grant_types: new.grant_types.iter().map(|grant_type| grant_type.name().to_owned()).collect(),
        scopes: scope::with_implied(Scope::ALL.into_iter().filter(|scope| new.scopes.contains(*scope)))
            .names()
            .map(str::to_owned)
            .collect(),
        redirect_uris: [&new.redirect_uris[..], &new.unchecked_redirect_uris].concat(),
        pkce_required: new.pkce_required || !new.confidential,
        jwks,
        jwks_uri,
        access_token_seconds: i32::try_from(new.access_token_life.num_seconds()).unwrap_or(i32::MAX),
        refresh_idle_seconds: new.refresh_idle.num_seconds(),
        created_at: now,
        disabled_at: None,
        tokens_not_before: None,
        last_used_at: None,
    };
    let has_secret = new.confidential && new.keys.is_none();
    let secret = has_secret.then(|| Secret::generate(Kind::ClientSecret)).transpose()?;
    let secrets: Vec<ClientSecretRow> = secret.iter().map(|secret| secret_row(secret, key, &row.id, now)).collect();
    let event = AuditEvent::new(Action::ClientCreate, target(&row.id)).after(summary(&row));
    store.run(caller, |tenant| tenant.insert_client(&row, &secrets, form, &event))?;
    Ok(IssuedClient { row, secret, former_ends_at: None })
}

fn check(new: &NewClient, tenant: TenantId) -> Result<(), ClientError> {
    let has = |grant_type| new.grant_types.contains(&grant_type);
    let has_uri = !new.redirect_uris.is_empty() || !new.unchecked_redirect_uris.is_empty();
    let rules = [
        (new.grant_types.is_empty(), "a client has at least one grant"),
        (new.scopes == Scopes::default(), "a client has at least one scope"),
        (has(GrantType::AuthorizationCode) != has_uri, "redirect URIs and the grant authorization_code go together"),
        (
            has(GrantType::RefreshToken) && !has(GrantType::AuthorizationCode),
            "the grant refresh_token goes with authorization_code; a client that acts for itself asks again",
        ),
        // RFC 6749 section 4.4.
        (
            has(GrantType::ClientCredentials) && !new.confidential,
            "a public client cannot prove who it is, so it has no grant client_credentials",
        ),
        (
            has(GrantType::ClientCredentials) && tenant == TenantId::NONE,
            "the tenant of a catalogue client comes from the person who consents, so it has no grant client_credentials",
        ),
        (new.keys.is_some() && !new.confidential, "a public client has no keys"),
        (
            !ACCESS_TOKEN_LIFE.contains(&new.access_token_life),
            "access tokens live for 10 minutes at least and 1 hour at most",
        ),
        (new.refresh_idle < TimeDelta::hours(1), "refresh tokens live for 1 hour at least"),
    ];
    if let Some((_, sentence)) = rules.into_iter().find(|(broken, _)| *broken) {
        return Err(ClientError::Contradiction(sentence));
    }
    check_uris(&new.redirect_uris)?;
    new.keys.as_ref().map_or(Ok(()), check_keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_like_nobody_elses() {
        assert!(is_id("client_0123456789abcdef0123456789abcdef"));
        for wrong in [
            "",
            "client_",
            "0123456789abcdef0123456789abcdef",
            "client_0123456789ABCDEF0123456789ABCDEF",
            "client_0123456789abcdef0123456789abcde",
            "client_0123456789abcdef0123456789abcdef0",
            "client_0123456789abcdef0123456789abcd\u{e9}",
        ] {
            assert!(!is_id(wrong), "{wrong}");
        }
    }
}
