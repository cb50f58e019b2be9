//! From what a client presents to the client, or to the reason why not. The reason goes to the audit log; the client hears the same
//! whatever it was (RFC 6749 section 5.2).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::assertion;
use super::client_authentication::{ClientAuthentication, Credentials};
use super::clients;
use super::error::{ErrorCode, OAuthError};
use super::metadata::TOKEN;
use super::public_keys::PublicKeys;
use super::scope;
use super::server::AuthorizationServer;
use crate::auth::secret::{Kind, Secret, SecretHash};
use crate::auth::throttle::{self, Subject, Throttled};
use crate::auth::{Caller, Principal, TenantSettings};
use crate::id::TenantId;
use crate::store::{ClientRow, ClientSecretRow};

/// An attempt of a client to authenticate.
pub struct Attempt<'a> {
    /// What it presents.
    pub presented: &'a ClientAuthentication,
    /// Its keys, where it presents an assertion and they could be had.
    pub keys: Option<&'a PublicKeys>,
    /// The request, of nobody known yet.
    pub nobody: &'a Caller,
}

/// A client that is who it says.
#[derive(Debug)]
pub struct AuthenticatedClient {
    /// The client.
    pub row: ClientRow,
    /// The public id of the secret that it presented.
    pub secret_id: Option<String>,
    /// The request.
    request: Caller,
}

/// Why a client is not let in.
#[derive(Debug)]
pub struct ClientRefusal {
    /// The client's tenant, where there is such a client.
    pub tenant: TenantId,
    /// The client that was tried, or empty where the id cannot be one.
    pub client_id: String,
    /// The reason, for the audit log.
    pub reason: &'static str,
    /// What the client hears.
    pub error: OAuthError,
}

/// Where the keys of a client come from.
#[derive(Debug, Clone, PartialEq)]
pub enum KeySource {
    /// The operator gave them.
    Given(Value),
    /// The client publishes them there.
    Published(String),
}

impl KeySource {
    /// The source of a stored client; none, for a client with secrets.
    #[must_use]
    pub fn of(client: &ClientRow) -> Option<Self> {
        let given = client.jwks.clone().map(Self::Given);
        given.or_else(|| client.jwks_uri.clone().map(Self::Published))
    }
}

impl AuthenticatedClient {
    /// The client as it acts for a tenant.
    #[must_use]
    pub fn caller(&self, tenant: TenantId) -> Caller {
        let (id, name) = (&self.row.id, &self.row.name);
        let scopes = scope::stored(&self.row.scopes);
        let principal = Principal::oauth_client(tenant, TenantSettings::default(), id, name, scopes);
        Caller { principal: Arc::new(principal), ..self.request.clone() }
    }
}

/// Authenticates a client. Failures are counted for the client at its address and for the address, and after some the next ones are
/// told to wait (RFC 6749 section 2.3.1). Who is right is never held up: secrets are too long to be guessed, and nobody shall be able
/// to lock a company out by failing in its name, or from behind the same proxy.
///
/// # Errors
/// The inner refusal, which is to be recorded; the outer error from the database.
pub fn authenticate(
    server: &AuthorizationServer<'_>,
    attempt: &Attempt<'_>,
    now: DateTime<Utc>,
) -> Result<Result<AuthenticatedClient, ClientRefusal>, OAuthError> {
    let (tenant, reason) = match identify(server, attempt, now)? {
        Ok(client) => return Ok(Ok(client)),
        Err(refused) => refused,
    };
    let id = known_id(attempt.presented.client_id());
    let refusal = |id: Option<&str>, reason, error| ClientRefusal {
        tenant: tenant.unwrap_or(TenantId::NONE),
        client_id: id.unwrap_or_default().to_owned(),
        reason,
        error,
    };
    let address = attempt.nobody.address.as_deref();
    // Ids that cannot be ours are one subject: they are as long and as many as anybody likes.
    let subjects = [Subject::client(id.unwrap_or("unknown"), address), Subject::clients(address)];
    Ok(Err(match throttle::charge(server.store, &subjects, now)? {
        Ok(()) => refusal(id, reason, OAuthError::invalid_client()),
        Err(Throttled { retry_after_seconds }) => {
            let error = OAuthError::new(ErrorCode::TooManyRequests, "too many attempts failed; try again later");
            // Only clients that there are: a flood of attempts is recorded as one, and must not become many by inventing ids.
            refusal(id.filter(|_| tenant.is_some()), "too many failed attempts", error.retry_after(retry_after_seconds))
        }
    }))
}

/// Where the keys of a client come from that presents an assertion; nowhere, where there is no such client.
///
/// # Errors
/// From the database.
pub fn key_source(
    server: &AuthorizationServer<'_>,
    presented: &ClientAuthentication,
) -> Result<Option<KeySource>, OAuthError> {
    let client = match known_id(presented.client_id()) {
        Some(id) => server.store.gate(|gate| gate.client(id))?,
        None => None,
    };
    Ok(client.filter(|client| client.disabled_at.is_none()).as_ref().and_then(KeySource::of))
}

/// The client, or why it is refused, with its tenant where there is such a client.
type Verdict = Result<AuthenticatedClient, (Option<TenantId>, &'static str)>;

fn identify(
    server: &AuthorizationServer<'_>,
    attempt: &Attempt<'_>,
    now: DateTime<Utc>,
) -> Result<Verdict, OAuthError> {
    let mut verdict = Err((None, "unknown client"));
    let readings = match attempt.presented {
        ClientAuthentication::Secret(readings) => readings.iter().map(Some).collect(),
        _ => vec![None],
    };
    for reading in readings {
        let id = reading.map_or(attempt.presented.client_id(), |reading| &reading.client_id);
        // The same work for an id that cannot be one as for any other.
        let found = server.store.gate(|gate| gate.client_with_secrets(known_id(id).unwrap_or_default()))?;
        let proof = match (attempt.presented, reading) {
            (_, Some(reading)) => by_secret(server, reading, found.as_ref().map(|(_, secrets)| secrets), now),
            (ClientAuthentication::Assertion { client_id, assertion }, _) => {
                by_assertion(server, client_id, assertion, attempt.keys, now)?
            }
            _ if found.as_ref().is_some_and(|(client, _)| client.confidential) => Err("no secret"),
            _ => Ok(None),
        };
        verdict = match (found, proof) {
            (None, _) => Err((None, "unknown client")),
            (Some((row, _)), Err(reason)) => Err((Some(TenantId(row.tenant_id)), reason)),
            (Some((row, _)), Ok(_)) if row.disabled_at.is_some() => {
                Err((Some(TenantId(row.tenant_id)), "disabled client"))
            }
            (Some((row, _)), Ok(secret_id)) => {
                Ok(AuthenticatedClient { row, secret_id, request: attempt.nobody.clone() })
            }
        };
        if verdict.is_ok() {
            break;
        }
    }
    Ok(verdict)
}

/// The public id of the secret that was presented, in constant time.
fn by_secret(
    server: &AuthorizationServer<'_>,
    presented: &Credentials,
    stored: Option<&Vec<ClientSecretRow>>,
    now: DateTime<Utc>,
) -> Result<Option<String>, &'static str> {
    let secret = Secret::parse(Kind::ClientSecret, &presented.secret).ok_or("wrong secret")?;
    let row = stored.into_iter().flatten().find(|row| row.id == secret.id());
    let expected = row.and_then(|row| SecretHash::from_bytes(&row.secret_hash)).unwrap_or(SecretHash::NONE);
    let matches = secret.hash(server.token_key).matches(&expected);
    let row = row.filter(|_| matches).ok_or("wrong secret")?;
    if row.expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err("expired secret");
    }
    Ok(Some(row.id.clone()))
}

/// Nothing, where the assertion is right and new.
fn by_assertion(
    server: &AuthorizationServer<'_>,
    client_id: &str,
    text: &str,
    keys: Option<&PublicKeys>,
    now: DateTime<Utc>,
) -> Result<Result<Option<String>, &'static str>, OAuthError> {
    let Some(keys) = keys else {
        return Ok(Err("assertion of a client without keys"));
    };
    let issuer = server.parties.issuer;
    let endpoint = format!("{issuer}{TOKEN}");
    let assertion = match assertion::verify(text, keys, client_id, &[issuer, &endpoint], now.timestamp()) {
        Ok(assertion) => assertion,
        Err(assertion::Refused(reason)) => return Ok(Err(reason)),
    };
    // RFC 7523 section 3: each is taken once.
    let forgotten_at = DateTime::from_timestamp(assertion.forgotten_at, 0).unwrap_or(now);
    let new = server.store.gate(|gate| gate.use_assertion(client_id, &assertion.jti, forgotten_at))?;
    Ok(if new { Ok(None) } else { Err("assertion used before") })
}

/// The id, where it is of our making.
fn known_id(id: &str) -> Option<&str> {
    Some(id).filter(|id| clients::is_id(id))
}
