//! The way of a client through the door that all of these endpoints share.

use std::sync::Arc;

use actix_web::web::Data;
use chrono::Utc;

use super::form::Form;
use crate::audit::{Action, AuditEvent, Target};
use crate::auth::{Caller, Principal};
use crate::http::visit::Visit;
use crate::http::{AppState, blocking};
use crate::id::TenantId;
use crate::oauth::assertion;
use crate::oauth::authenticate_client::{self, Attempt, AuthenticatedClient, ClientRefusal, KeySource};
use crate::oauth::client_authentication::ClientAuthentication;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::public_keys::PublicKeys;
use crate::oauth::server::AuthorizationServer;

/// Does `work` for the client that posted a form.
///
/// # Errors
/// Those of `work`, `invalid_client` where it is not who it says, and 429 after too many failures or for too many requests.
pub(super) async fn as_client<T: Send + 'static>(
    app: &Data<AppState>,
    visit: &Visit,
    form: Form,
    work: impl FnOnce(&AuthorizationServer<'_>, &AuthenticatedClient, &Form) -> Result<T, OAuthError> + Send + 'static,
) -> Result<T, OAuthError> {
    let nobody = visit.nobody(TenantId::NONE, "");
    let presented = ClientAuthentication::read(&form.authorization, &form.body, &form.query);
    let presented = Arc::new(presented.map_err(|error| unreadable(app, &nobody, error))?);
    let keys = keys(app, &presented).await?;
    blocking::run(app, move |app| {
        let server = server(app);
        let attempt = Attempt { presented: &presented, keys: keys.as_ref(), nobody: &nobody };
        match authenticate_client::authenticate(&server, &attempt, Utc::now())? {
            Ok(client) => {
                app.traffic.count(&client.row.id).map_err(OAuthError::from)?;
                work(&server, &client, &form)
            }
            Err(refusal) => Err(refused(app, &nobody, refusal)),
        }
    })
    .await
}

/// The keys that verify the client's assertion, if it presents one. They are fetched while no connection to the database is held.
async fn keys(app: &Data<AppState>, presented: &Arc<ClientAuthentication>) -> Result<Option<PublicKeys>, OAuthError> {
    let ClientAuthentication::Assertion { assertion, .. } = &**presented else {
        return Ok(None);
    };
    let asked = Arc::clone(presented);
    match blocking::run(app, move |app| authenticate_client::key_source(&server(app), &asked)).await? {
        None => Ok(None),
        Some(KeySource::Given(set)) => Ok(PublicKeys::read(&set).ok()),
        Some(KeySource::Published(uri)) => {
            let kid = assertion::key_id(assertion);
            let published = app.published_keys.get(&uri, move |keys| keys.have(kid.as_deref())).await;
            published.map(Some).map_err(|_| {
                let description = "the keys of this client cannot be fetched; try again later";
                OAuthError::new(ErrorCode::TemporarilyUnavailable, description)
            })
        }
    }
}

fn server(app: &AppState) -> AuthorizationServer<'_> {
    AuthorizationServer { store: &app.store, keys: &app.keys, token_key: &app.token_key, parties: app.parties() }
}

/// Records that there is no credential, or none that can be read. Nothing was guessed at, so it is not counted.
fn unreadable(app: &AppState, nobody: &Caller, error: OAuthError) -> OAuthError {
    if error.code() != ErrorCode::InvalidClient {
        return error;
    }
    let (tenant, client_id) = (TenantId::NONE, String::new());
    refused(app, nobody, ClientRefusal { tenant, client_id, reason: "no readable credential", error })
}

/// Records a refusal; what the client hears.
fn refused(app: &AppState, nobody: &Caller, refusal: ClientRefusal) -> OAuthError {
    let event =
        AuditEvent::new(Action::ClientRefused, Target::new("OAuthClient", &refusal.client_id)).because(refusal.reason);
    let nobody =
        Caller { principal: Arc::new(Principal::anonymous(refusal.tenant, refusal.client_id)), ..nobody.clone() };
    app.refusals.record(nobody, event);
    refusal.error
}
