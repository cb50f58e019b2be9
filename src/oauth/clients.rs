//! OAuth clients as an operator manages them: create, list, show, change, give a new secret, end one, revoke what they got, disable
//! and enable.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::assertion;
use super::authenticate_client::KeySource;
use super::grant_type::GrantType;
use super::public_keys::PublicKeys;
use super::scope;
use super::server::target;
use crate::audit::{Action, AuditEvent};
use crate::auth::secret::{Kind, Secret, TokenKey};
use crate::auth::{Caller, Scope, Scopes, name};
use crate::id::TenantId;
use crate::store::{self, ClientChanges, ClientRow, ClientSecretRow, GrantRow, SecretRotated, Store};

/// What ids begin with, so that they look like nobody's (RFC 9700 section 4.15).
const ID_PREFIX: &str = "client_";
/// How long access tokens may live: not so short that mass jobs refresh all the time, and no longer than RFC 6750 section 5.3
/// recommends.
const ACCESS_TOKEN_LIFE: std::ops::RangeInclusive<TimeDelta> = TimeDelta::minutes(10)..=TimeDelta::hours(1);

/// Grants that are counted at most.
pub const COUNTED: i64 = 1_000;
/// Rows on a page of a list.
const PAGE: usize = 50;

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

/// A page of clients with the number of secrets that each has, and whether there are more.
pub type ClientPage = (Vec<(ClientRow, usize)>, bool);

/// What is to become of the secret that a client has when it gets another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Former {
    /// It ends after this time.
    EndsAfter(TimeDelta),
    /// It goes on until somebody ends it.
    GoesOn,
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
    /// There is no such secret any more.
    #[error("the client has no such secret, or it has ended")]
    UnknownSecret,
    /// There is no such grant.
    #[error("the client has no such grant")]
    UnknownGrant,
    /// The tenant is served nothing.
    #[error("the tenant is suspended; resume it first")]
    Suspended,
    /// What cannot be a name.
    #[error("a name has 1 to {longest} characters and no control characters", longest = name::LENGTH)]
    Name,
    /// The form that asked for it was sent before.
    #[error("this form was sent before, and what it asks for was made then")]
    Twice,
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
    Store(store::Error),
}

impl From<store::Error> for ClientError {
    fn from(error: store::Error) -> Self {
        if error.is_second_submission() { Self::Twice } else { Self::Store(error) }
    }
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

/// The clients of the caller's tenant, or without a tenant those of the catalogue, the newest first.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn list(store: &Store, caller: &Caller) -> Result<Vec<ClientRow>, store::Error> {
    store.run(caller, |tenant| tenant.clients())
}

/// A page of those, after one that was created at some time and has some id.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn page(
    store: &Store,
    caller: &Caller,
    before: Option<&(DateTime<Utc>, String)>,
) -> Result<ClientPage, store::Error> {
    let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let mut rows = store.read(caller, |tenant| tenant.find_clients(before, limit, Utc::now()))?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    Ok((rows, more))
}

/// A client of the caller's tenant, or of the catalogue without a tenant, with its secrets.
///
/// # Errors
/// [`ClientError::Unknown`].
pub fn find(store: &Store, caller: &Caller, id: &str) -> Result<(ClientRow, Vec<ClientSecretRow>), ClientError> {
    if id.contains('\0') {
        return Err(ClientError::Unknown(id.to_owned()));
    }
    let found = show(store, id)?;
    if TenantId(found.0.tenant_id) == caller.principal.tenant() {
        Ok(found)
    } else {
        Err(ClientError::Unknown(id.to_owned()))
    }
}

/// Changes a client. Redirect URIs that it has already are not checked again.
///
/// # Errors
/// [`ClientError`] when there is no such client, or its properties would not go together.
pub fn update(store: &Store, caller: &Caller, row: &ClientRow, changes: &ClientChanges) -> Result<(), ClientError> {
    if !name::fits(&changes.name) {
        return Err(ClientError::Name);
    }
    let keys = |row: &ClientRow| KeySource::of(row);
    let after = ClientRow {
        name: changes.name.clone(),
        redirect_uris: changes.redirect_uris.clone(),
        pkce_required: changes.pkce_required || !row.confidential,
        jwks: changes.jwks.clone(),
        jwks_uri: changes.jwks_uri.clone(),
        ..row.clone()
    };
    if keys(row).is_some() != keys(&after).is_some() {
        return Err(ClientError::Contradiction("a client has either secrets or keys, from its beginning"));
    }
    if row.redirect_uris.is_empty() != after.redirect_uris.is_empty() {
        return Err(ClientError::Contradiction("redirect URIs and the grant authorization_code go together"));
    }
    check_uris(after.redirect_uris.iter().filter(|uri| !row.redirect_uris.contains(uri)))?;
    if let Some(source) = keys(&after) {
        check_keys(&source)?;
    }
    let changes = ClientChanges::none(&after);
    if changes == ClientChanges::none(row) {
        return Ok(());
    }
    let (mut before, mut now) = (summary(row), summary(&after));
    if let (Some(before), Some(now)) = (before.as_object_mut(), now.as_object_mut()) {
        let same: Vec<String> = before.keys().filter(|name| before[*name] == now[*name]).cloned().collect();
        for name in same {
            before.remove(&name);
            now.remove(&name);
        }
    }
    let event =
        AuditEvent { before: Some(before), ..AuditEvent::new(Action::ClientUpdate, target(&row.id)).after(now) };
    let changed = store.run(caller, |tenant| tenant.update_client(&row.id, &changes, &event))?;
    if changed { Ok(()) } else { Err(ClientError::Unknown(row.id.clone())) }
}

/// Ends a secret of a client at once.
///
/// # Errors
/// [`ClientError::UnknownSecret`] when it has none of this id that has not ended.
pub fn retire_secret(store: &Store, caller: &Caller, client: &str, secret: &str) -> Result<(), ClientError> {
    let event = AuditEvent::new(Action::ClientSecretRetire, target(client)).after(json!({"secret": secret}));
    let retired = store.run(caller, |tenant| tenant.retire_client_secret(client, secret, Utc::now(), &event))?;
    if retired { Ok(()) } else { Err(ClientError::UnknownSecret) }
}

/// A page of what people consented to, the newest first, after one that was made at some time and has some id; and whether there is
/// more.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn grants(
    store: &Store,
    caller: &Caller,
    client: &str,
    before: Option<(DateTime<Utc>, Uuid)>,
) -> Result<(Vec<GrantRow>, bool), store::Error> {
    let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let mut rows = store.read(caller, |tenant| tenant.client_grants(client, before, limit))?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    Ok((rows, more))
}

/// How many grants of a client are not revoked, counting no further than [`COUNTED`].
///
/// # Errors
/// [`store::Error`] from the database.
pub fn living_grants(store: &Store, caller: &Caller, client: &str) -> Result<usize, store::Error> {
    store.read(caller, |tenant| tenant.living_grants(client, COUNTED))
}

/// A grant of a client.
///
/// # Errors
/// [`ClientError::UnknownGrant`].
pub fn grant(store: &Store, caller: &Caller, client: &str, id: Uuid) -> Result<GrantRow, ClientError> {
    let found = store.read(caller, |tenant| tenant.client_grant(client, id))?;
    found.ok_or(ClientError::UnknownGrant)
}

/// Revokes a grant, and with it all of its tokens. Doing so again changes nothing. The caller is one in the tenant of the grant.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn revoke_grant(store: &Store, caller: &Caller, grant: &GrantRow) -> Result<(), store::Error> {
    let event = AuditEvent::new(Action::GrantRevoke, target(&grant.client_id)).after(json!({"revokedGrant": grant.id}));
    store.run(caller, |tenant| tenant.revoke_grant(grant.id, Utc::now(), &event)).map(drop)
}

/// A client with its secrets, whatever its tenant.
///
/// # Errors
/// [`ClientError::Unknown`].
pub fn show(store: &Store, id: &str) -> Result<(ClientRow, Vec<ClientSecretRow>), ClientError> {
    let found = store.gate(|gate| gate.client_with_secrets(id))?;
    found.ok_or_else(|| ClientError::Unknown(id.to_owned()))
}

/// Gives a client a new secret. The one before goes on, so that the client can be changed over without a gap; there are never more
/// than two. A form that asks for it, if one does, gets one.
///
/// # Errors
/// [`ClientError`] when there is no such client in the caller's tenant, or it has no secrets.
pub fn rotate_secret(
    store: &Store,
    caller: &Caller,
    key: &TokenKey,
    row: &ClientRow,
    former: Former,
    form: Option<Uuid>,
) -> Result<IssuedClient, ClientError> {
    if !row.confidential || KeySource::of(row).is_some() {
        return Err(ClientError::NoSecret(row.id.clone()));
    }
    refuse_suspended(store, caller)?;
    let now = Utc::now();
    let secret = Secret::generate(Kind::ClientSecret)?;
    let new = secret_row(&secret, key, &row.id, now);
    let end = match former {
        Former::EndsAfter(overlap) => Some(now + overlap),
        Former::GoesOn => None,
    };
    let event = AuditEvent::new(Action::ClientSecretRotate, target(&row.id))
        .after(json!({"secret": new.id, "formerEndsAt": end}));
    match store.run(caller, |tenant| tenant.rotate_client_secret(&new, end, form, &event))? {
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
    find(store, caller, id).map(drop)
}

fn refuse_suspended(store: &Store, caller: &Caller) -> Result<(), ClientError> {
    let is_open = store.gate(|gate| gate.is_open(caller.principal.tenant()))?;
    if is_open { Ok(()) } else { Err(ClientError::Suspended) }
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

fn check_uris<'a>(uris: impl IntoIterator<Item = &'a String>) -> Result<(), ClientError> {
    uris.into_iter().try_for_each(|uri| {
        let refuse = |problem| ClientError::RedirectUri { uri: uri.clone(), problem };
        super::redirect_uri::check(uri).map_err(refuse)
    })
}

fn check_keys(source: &KeySource) -> Result<(), ClientError> {
    match source {
        KeySource::Given(set) => PublicKeys::read(set).map(drop).map_err(ClientError::Keys),
        KeySource::Published(uri) => assertion::check_uri(uri).map_err(ClientError::Keys),
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
