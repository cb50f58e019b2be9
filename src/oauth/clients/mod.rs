//! OAuth clients as an operator manages them.

mod change;
mod create;
mod grants;
mod look;
mod secrets;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

pub use change::{set_disabled, update};
pub use create::{NewClient, create, create_by_form, is_id};
pub use grants::{COUNTED, grant, grants, living_grants, revoke_grant, revoke_grants};
pub use look::{ClientPage, find, list, page, show};
pub use secrets::{Former, retire_secret, rotate_secret};

use super::assertion;
use super::authenticate_client::KeySource;
use super::public_keys::PublicKeys;
use super::redirect_uri;
use crate::auth::secret::Secret;
use crate::auth::{Caller, name};
use crate::store::{self, ClientRow, Store};

/// Rows on a page of a list.
const PAGE: usize = 50;

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

fn refuse_suspended(store: &Store, caller: &Caller) -> Result<(), ClientError> {
    let is_open = store.gate(|gate| gate.is_open(caller.principal.tenant()))?;
    if is_open { Ok(()) } else { Err(ClientError::Suspended) }
}

fn check_uris<'a>(uris: impl IntoIterator<Item = &'a String>) -> Result<(), ClientError> {
    uris.into_iter().try_for_each(|uri| {
        let refuse = |problem| ClientError::RedirectUri { uri: uri.clone(), problem };
        redirect_uri::check(uri).map_err(refuse)
    })
}

fn check_keys(source: &KeySource) -> Result<(), ClientError> {
    match source {
        KeySource::Given(set) => PublicKeys::read(set).map(drop).map_err(ClientError::Keys),
        KeySource::Published(uri) => assertion::check_uri(uri).map_err(ClientError::Keys),
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
