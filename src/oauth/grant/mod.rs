//! From a token request to tokens (RFC 6749 sections 4.1.3, 4.4 and 6): one file for each grant.

mod authorization_code;
mod client_credentials;
mod refresh_token;

use chrono::{DateTime, Utc};

use super::authenticate_client::AuthenticatedClient;
use super::error::{ErrorCode, OAuthError};
use super::grant_type::GrantType;
use super::parameters::Parameters;
use super::server::AuthorizationServer;
use super::token_request::{Grant, TokenRequest};
use super::token_response::TokenResponse;

/// Answers a token request of a client.
///
/// # Errors
/// What the client is to hear (RFC 6749 section 5.2).
pub fn answer(
    server: &AuthorizationServer<'_>,
    client: &AuthenticatedClient,
    form: &Parameters,
    query: &Parameters,
    now: DateTime<Utc>,
) -> Result<TokenResponse, OAuthError> {
    let grant_type = GrantType::read(form)?;
    if !may_use(client, grant_type) {
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, format!("this client has no grant {grant_type}")));
    }
    let request = TokenRequest::read(grant_type, form, query, server.parties.audience)?;
    let scope = request.scope.as_deref();
    match &request.grant {
        Grant::AuthorizationCode { code, redirect_uri, code_verifier } => {
            let presented = authorization_code::Presented {
                code,
                redirect_uri: redirect_uri.as_deref(),
                code_verifier: code_verifier.as_ref().map(|verifier| verifier.as_str()),
            };
            authorization_code::redeem(server, client, &presented, now)
        }
        Grant::RefreshToken(token) => refresh_token::exchange(server, client, token, scope, now),
        Grant::ClientCredentials => client_credentials::issue(server, client, scope, now),
    }
}

fn may_use(client: &AuthenticatedClient, grant_type: GrantType) -> bool {
    client.row.grant_types.iter().any(|name| name == grant_type.name())
}
