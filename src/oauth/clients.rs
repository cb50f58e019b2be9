//! OAuth clients as an operator manages them: create, list, show, give a new secret, revoke what they got, disable and enable.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::assertion::{self, ClientKeys};
use super::authenticate_client::KeySource;
use super::grant_type::GrantType;
use super::scope;
use super::server::target;
use crate::audit::{Action, AuditEvent};
use crate::auth::secret::{Kind, Secret, TokenKey};
use crate::auth::{Caller, Scope, Scopes};
use crate::id::TenantId;
use crate::store::{self, ClientRow, ClientSecretRow, SecretRotated, Store};

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

/// A client just made, or given a new secret, which is shown this once.
#[derive(Debug)]
pub struct IssuedClient {
    /// The client.
    pub row: ClientRow,
    /// The new secret; none, for a client without.
    pub secret: Option<Secret>,
    /// When the secret before ends, if there is one.
    pub former_ends_at: Option<DateTime<Utc>>,
}

/// Why a client could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no such client.
    #[error("no client '{0}'; 'provisor client list' shows them")]
    Unknown(String),
    /// It has no secrets.
    #[error("client '{0}' has no secret: it is public or signs assertions")]
    NoSecret(String),
    /// A redirect URI that may not be registered.
    #[error("redirect URI '{uri}' {problem}")]
    RedirectUri {
        /// The URI.
        uri: String,
        /// What a redirect URI is or has.
        problem: &'static str,
    },
    /// What is to be an Okta app.
    #[error("--okta-app {0}")]
    OktaApp(&'static str),
    /// Its keys.
    #[error("the key set {0}")]
    Keys(&'static str),
    /// Properties that do not go together.
    #[error("{0}")]
    Contradiction(&'static str),
    /// The operating system gives no randomness.
    #[error("no randomness from the operating system: {0}")]
    Random(#[from] getrandom::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
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
    let tenant = caller.principal.tenant();
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
    store.run(caller, |tenant| tenant.insert_client(&row, &secrets, &event))?;
    Ok(IssuedClient { row, secret, former_ends_at: None })
}

/// The clients of the caller's tenant, or without a tenant those of the catalogue, the newest first.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn list(store: &Store, caller: &Caller) -> Result<Vec<ClientRow>, store::Error> {
    store.run(caller, |tenant| tenant.clients())
}

/// A client with its secrets, whatever its tenant.
///
/// # Errors
/// [`ClientError::Unknown`].
pub fn show(store: &Store, id: &str) -> Result<(ClientRow, Vec<ClientSecretRow>), ClientError> {
    let found = store.gate(|gate| gate.client_with_secrets(id))?;
    found.ok_or_else(|| ClientError::Unknown(id.to_owned()))
}

/// Gives a client a new secret. The one before goes on for `overlap`, so that the client can be changed over without a gap;
/// there are never more than two.
///
/// # Errors
/// [`ClientError`] when there is no such client in the caller's tenant, or it has no secrets.
pub fn rotate_secret(
    store: &Store,
    caller: &Caller,
    key: &TokenKey,
    row: &ClientRow,
    overlap: TimeDelta,
) -> Result<IssuedClient, ClientError> {
    if !row.confidential || KeySource::of(row).is_some() {
        return Err(ClientError::NoSecret(row.id.clone()));
    }
    let now = Utc::now();
    let secret = Secret::generate(Kind::ClientSecret)?;
    let new = secret_row(&secret, key, &row.id, now);
    let end = now + overlap;
    let event = AuditEvent::new(Action::ClientSecretRotate, target(&row.id))
        .after(json!({"secret": new.id, "formerEndsAt": end}));
    match store.run(caller, |tenant| tenant.rotate_client_secret(&new, end, &event))? {
        SecretRotated::NoClient => Err(ClientError::Unknown(row.id.clone())),
        SecretRotated::Done(former_ends_at) => {
            Ok(IssuedClient { row: row.clone(), secret: Some(secret), former_ends_at })
        }
    }
}

/// Revokes all grants of a client and all access tokens that it has. The number of grants.
///
/// # Errors
/// [`ClientError::Unknown`] when there is no such client in the caller's tenant.
pub fn revoke_grants(store: &Store, caller: &Caller, id: &str) -> Result<usize, ClientError> {
    let now = Utc::now();
    let event = AuditEvent::new(Action::GrantRevoke, target(id)).after(json!({"tokensNotBefore": now}));
    let revoked = store.run(caller, |tenant| tenant.revoke_client_grants(id, now, &event))?;
    revoked.ok_or_else(|| ClientError::Unknown(id.to_owned()))
}

/// Disables a client, so that neither it nor its tokens are let in, or enables it. Doing so again changes nothing.
///
/// # Errors
/// [`ClientError::Unknown`] when there is no such client in the caller's tenant.
pub fn set_disabled(store: &Store, caller: &Caller, id: &str, disabled: bool) -> Result<(), ClientError> {
    let disabled_at = disabled.then(Utc::now);
    let event = AuditEvent::new(Action::ClientUpdate, target(id)).after(json!({"disabled": disabled}));
    if store.run(caller, |tenant| tenant.set_client_disabled(id, disabled_at, &event))? {
        return Ok(());
    }
    let known = store.run(caller, |tenant| tenant.clients())?.iter().any(|client| client.id == id);
    if known { Ok(()) } else { Err(ClientError::Unknown(id.to_owned())) }
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
    for uri in &new.redirect_uris {
        let refuse = |problem| ClientError::RedirectUri { uri: uri.clone(), problem };
        super::redirect_uri::check(uri).map_err(refuse)?;
    }
    match &new.keys {
        Some(KeySource::Given(set)) => ClientKeys::read(set).map(drop).map_err(ClientError::Keys),
        Some(KeySource::Published(uri)) => assertion::check_uri(uri).map_err(ClientError::Keys),
        None => Ok(()),
    }
}

fn secret_row(secret: &Secret, key: &TokenKey, client_id: &str, now: DateTime<Utc>) -> ClientSecretRow {
    ClientSecretRow {
        id: secret.id().to_owned(),
        client_id: client_id.to_owned(),
        secret_hash: secret.hash(key).as_bytes().to_vec(),
        key_version: TokenKey::VERSION,
        created_at: now,
        expires_at: None,
        last_used_at: None,
    }
}

fn summary(row: &ClientRow) -> Value {
    json!({
        "name": row.name,
        "confidential": row.confidential,
        "grantTypes": row.grant_types,
        "scopes": row.scopes,
        "redirectUris": row.redirect_uris,
        "pkceRequired": row.pkce_required,
        "jwks": row.jwks,
        "jwksUri": row.jwks_uri,
        "accessTokenSeconds": row.access_token_seconds,
        "refreshIdleSeconds": row.refresh_idle_seconds,
    })
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
