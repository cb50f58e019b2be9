//! A person decides on what a client asks for (RFC 6749 section 4.1.1): who may, for which tenant, and the code that comes of it.

use chrono::{TimeDelta, Utc};
use serde_json::json;

use super::authorization_request::{AuthorizationRequest, Terms, check_addressee};
use super::error::{ErrorCode, OAuthError};
use super::grant_type::GrantType;
use super::scope;
use crate::audit::{Action, AuditEvent, Target};
use crate::auth::administrators::Person;
use crate::auth::secret::{Kind, Secret, TokenKey};
use crate::auth::{Caller, Scope};
use crate::id::TenantId;
use crate::store::{self, AuthorizationCodeRow, ClientRow, Store, TenantRow};

/// How long a code can be exchanged (RFC 6749 section 4.1.2: ten minutes at most).
pub const CODE_LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    /// The client cannot be answered: whoever sees the page is told.
    #[error(transparent)]
    Page(OAuthError),
    /// The client is told.
    #[error(transparent)]
    Client(OAuthError),
    /// The database, before it was known whether the client can be answered.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What is put before a person.
#[derive(Debug)]
pub struct Proposal {
    /// Who asks.
    pub client: ClientRow,
    /// The tenants that the person may choose from; one, where there is no choice.
    pub tenants: Vec<TenantRow>,
}

/// The client of this id, where it may be answered at this URI.
///
/// # Errors
/// [`ConsentError::Page`] when it is not known, is disabled, may not, or is registered with other URIs.
pub fn client(store: &Store, id: &str, redirect_uri: &str) -> Result<ClientRow, ConsentError> {
    let found = store.gate(|gate| gate.client(id))?.filter(|client| client.disabled_at.is_none());
    let unknown = || OAuthError::invalid_request("'client_id' names no client that is known and enabled");
    let client = found.ok_or_else(unknown).map_err(ConsentError::Page)?;
    check_addressee(&terms(&client), redirect_uri).map_err(ConsentError::Page)?;
    Ok(client)
}

/// What a client was registered for.
#[must_use]
pub fn terms(client: &ClientRow) -> Terms<'_> {
    let scopes = client.scopes.iter().filter_map(|name| Scope::parse(name));
    Terms {
        redirect_uris: &client.redirect_uris,
        confidential: client.confidential,
        may_use_codes: client.grant_types.iter().any(|grant| grant == GrantType::AuthorizationCode.name()),
        scopes: scope::with_implied(scopes),
        pkce_required: client.pkce_required,
    }
}

/// What a person is to decide on. The client is looked at again, because it may have changed while the person signed in.
///
/// # Errors
/// [`ConsentError::Client`] with `access_denied` when the person may not decide.
pub fn propose(store: &Store, person: &Person, request: &AuthorizationRequest) -> Result<Proposal, ConsentError> {
    let client = client(store, &request.client_id, &request.redirect_uri)?;
    request.recheck(&terms(&client)).map_err(ConsentError::Page)?.map_err(ConsentError::Client)?;
    let tenants = match (TenantId(client.tenant_id), person.tenant) {
        // A catalogue client, for which an operator chooses.
        (TenantId::NONE, TenantId::NONE) => store.gate(|gate| gate.tenants(i64::MAX))?,
        (TenantId::NONE, own) => store.gate(|gate| gate.tenant_with_id(own))?.into_iter().collect(),
        (bound, _) => store.gate(|gate| gate.tenant_with_id(bound))?.into_iter().collect(),
    };
    let allowed: Vec<TenantRow> =
        tenants.into_iter().filter(|row| person.may_consent_for(TenantId(row.id)) && !row.is_suspended()).collect();
    if allowed.is_empty() {
        return Err(ConsentError::Client(access_denied("the account may not give access to this tenant")));
    }
    Ok(Proposal { client, tenants: allowed })
}

/// The person consents: makes the code, bound to all that was asked (RFC 9700 section 4.5).
///
/// # Errors
/// [`ConsentError`] when the person may not, for this tenant, or the code cannot be stored.
pub fn give(
    store: &Store,
    key: &TokenKey,
    caller: &Caller,
    person: &Person,
    request: &AuthorizationRequest,
    tenant: Option<TenantId>,
) -> Result<Secret, ConsentError> {
    let proposal = propose(store, person, request)?;
    let chosen = match (proposal.tenants.as_slice(), tenant) {
        ([only], None) => Some(TenantId(only.id)),
        (choices, Some(tenant)) => choices.iter().any(|choice| choice.id == tenant.0).then_some(tenant),
        _ => None,
    };
    let refused = || ConsentError::Client(access_denied("the account may not give access to this tenant"));
    let tenant = chosen.ok_or_else(refused)?;
    let trouble = |error: OAuthError| ConsentError::Client(error);
    let code = Secret::generate(Kind::AuthorizationCode).map_err(|error| {
        trouble(OAuthError::new(ErrorCode::ServerError, "the server failed to make a code").caused_by(error))
    })?;
    let now = Utc::now();
    let scopes: Vec<String> = request.scopes().names().map(str::to_owned).collect();
    let event = AuditEvent::new(Action::Consent, Target::new("OAuthClient", &request.client_id))
        .after(json!({"scopes": scopes, "redirectUri": request.redirect_uri}));
    let row = AuthorizationCodeRow {
        id: code.id().to_owned(),
        code_hash: code.hash(key).as_bytes().to_vec(),
        key_version: TokenKey::VERSION,
        client_id: request.client_id.clone(),
        tenant_id: tenant.0,
        administrator_id: person.id,
        redirect_uri: request.redirect_uri.clone(),
        scopes,
        code_challenge: request.code_challenge.clone(),
        created_at: now,
        expires_at: now + CODE_LIFETIME,
        redeemed_at: None,
        grant_id: None,
    };
    let caller = Caller { principal: person.principal(tenant), ..caller.clone() };
    let stored: Result<(), store::Error> = store.run(&caller, |tenant| tenant.insert_authorization_code(&row, &event));
    stored.map_err(|error| {
        let code = match error {
            store::Error::Conflict { .. } | store::Error::Closed | store::Error::Database(_) => ErrorCode::ServerError,
            _ => ErrorCode::TemporarilyUnavailable,
        };
        trouble(OAuthError::new(code, "the server failed to store the consent").caused_by(error))
    })?;
    Ok(code)
}

/// The record of a consent that was not given.
#[must_use]
pub fn denied(request: &AuthorizationRequest, reason: &str) -> AuditEvent {
    AuditEvent::new(Action::ConsentDenied, Target::new("OAuthClient", &request.client_id)).because(reason)
}

/// `access_denied`.
#[must_use]
pub fn access_denied(description: &str) -> OAuthError {
    OAuthError::new(ErrorCode::AccessDenied, description)
}
