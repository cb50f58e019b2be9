//! The conversation with the identity provider by which people sign in: the authorization code flow of OpenID Connect, with PKCE, state
//! and nonce. What comes of it is judged in `auth::sso`.

use chrono::Utc;
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    ExtraTokenFields, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError,
    Scope, StandardRevocableToken, StandardTokenResponse, TokenResponse, TokenUrl,
};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, Request};
use serde::{Deserialize, Serialize};
use url::Url;

use super::outbound::{Outbound, Unanswered};
use super::published::Published;
use crate::auth::sso::Refusal;
use crate::auth::sso::discovery::{self, Discovery};
use crate::auth::sso::id_token::{self, Claims, Expected};
use crate::auth::sso::provider::Provider;
use crate::oauth::public_keys::PublicKeys;

/// What is asked for.
const SCOPES: [&str; 3] = ["openid", "email", "profile"];

/// The way to the provider.
#[derive(Debug)]
pub(super) struct IdentityProvider {
    outbound: Outbound,
    documents: Published<Discovery>,
}

/// What a sign-in was begun with, and must come back with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    /// The provider, by its issuer: what comes back from it goes to no other that was set up meanwhile.
    issuer: String,
    /// Comes back in the URL.
    pub state: String,
    /// Comes back in the ID token.
    nonce: String,
    /// Proves to the provider that whoever redeems the code has asked for it.
    verifier: String,
}

/// What the provider sends somebody back with.
#[derive(Debug, Clone, Copy)]
pub(super) struct SentBack<'a> {
    pub code: &'a str,
    /// The provider, where it names itself (RFC 9207).
    pub issuer: Option<&'a str>,
}

/// What a token response of OpenID Connect has besides (OpenID Connect Core 1.0 section 3.1.3.3).
#[derive(Debug, Serialize, Deserialize)]
struct WithIdToken {
    id_token: Option<String>,
}

impl ExtraTokenFields for WithIdToken {}

type Tokens = StandardTokenResponse<WithIdToken, BasicTokenType>;
type Complete = Client<
    BasicErrorResponse,
    Tokens,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

impl IdentityProvider {
    /// Nothing is known of any provider yet.
    pub(super) fn new(outbound: Outbound) -> Self {
        Self { outbound, documents: Published::new(outbound, Discovery::read) }
    }

    /// Has the description of a provider be fetched anew: its operator is changing it just now.
    pub(super) fn forget(&self, issuer: &str) {
        self.documents.forget(&discovery::document_url(issuer));
    }

    /// Where to send somebody, and what must come back.
    ///
    /// # Errors
    /// [`Refusal::Unanswered`] when the provider cannot be asked where that is.
    pub(super) async fn begin(&self, provider: &Provider, redirect_uri: &str) -> Result<(Url, Begun), Refusal> {
        let discovery = self.discover(provider).await?;
        let client = client(provider, &discovery, redirect_uri)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let nonce = CsrfToken::new_random().into_secret();
        let (url, state) = client
            .authorize_url(CsrfToken::new_random)
            .add_scopes(SCOPES.map(|scope| Scope::new(scope.into())))
            .set_pkce_challenge(challenge)
            .add_extra_param("nonce", nonce.as_str())
            .url();
        let (issuer, state, verifier) = (provider.issuer.clone(), state.into_secret(), verifier.into_secret());
        Ok((url, Begun { issuer, state, nonce, verifier }))
    }

    /// Who came back. `keys` are those that others publish.
    ///
    /// # Errors
    /// [`Refusal`] when the provider does not answer as it should, or what it says is not valid.
    pub(super) async fn redeem(
        &self,
        keys: &Published<PublicKeys>,
        provider: &Provider,
        redirect_uri: &str,
        begun: Begun,
        sent_back: SentBack<'_>,
    ) -> Result<Claims, Refusal> {
        if begun.issuer != provider.issuer {
            return Err(Refusal::State("a sign-in by a provider that was replaced meanwhile"));
        }
        let discovery = self.discover(provider).await?;
        match sent_back.issuer {
            Some(issuer) if issuer != provider.issuer => return Err(Refusal::Token("answer of another issuer")),
            None if discovery.names_itself => return Err(Refusal::Token("answer that names no issuer")),
            _ => {}
        }
        let tokens = client(provider, &discovery, redirect_uri)?
            .exchange_code(AuthorizationCode::new(sent_back.code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(begun.verifier))
            .request_async(&|request| send(self.outbound, request))
            .await
            .map_err(|error| Refusal::Unanswered(not_redeemed(error)))?;
        let id_token = tokens.extra_fields().id_token.as_deref().ok_or(Refusal::Token("no ID token"))?;
        let kid = id_token::key_id(id_token);
        let keys = keys.get(&discovery.jwks_uri, move |keys| keys.have(kid.as_deref())).await;
        let keys = keys.map_err(|problem| Refusal::Unanswered(format!("its keys: {problem}")))?;
        let access_token = tokens.access_token().secret();
        let expected = Expected {
            issuer: &provider.issuer,
            client_id: &provider.client_id,
            nonce: &begun.nonce,
            access_token: Some(access_token),
        };
        let mut claims =
            id_token::verify(id_token, &keys, &expected, Utc::now().timestamp()).map_err(Refusal::Token)?;
        if provider.terms.wants_more_than(&claims)
            && let Some(endpoint) = &discovery.userinfo_endpoint
        {
            let information = self.user_info(endpoint, access_token).await;
            let information = information.map_err(|error| Refusal::Unanswered(format!("UserInfo: {error}")))?;
            claims.complete(information).map_err(Refusal::Token)?;
        }
        Ok(claims)
    }

    async fn discover(&self, provider: &Provider) -> Result<Discovery, Refusal> {
        let found = self.documents.get(&discovery::document_url(&provider.issuer), |_| true).await;
        let discovery = found.map_err(|problem| Refusal::Unanswered(format!("its discovery document: {problem}")))?;
        if discovery.issuer == provider.issuer {
            Ok(discovery)
        } else {
            let problem =
                "its discovery document is of another issuer; the issuer must be written exactly as it is there";
            Err(Refusal::Unanswered(problem.into()))
        }
    }

    async fn user_info(&self, endpoint: &str, access_token: &str) -> Result<serde_json::Value, Unanswered> {
        let url = Url::parse(endpoint).map_err(|error| Unanswered(error.to_string()))?;
        let mut request = Request::new(Method::GET, url);
        let bearer = HeaderValue::from_str(&format!("Bearer {access_token}"));
        let mut bearer = bearer.map_err(|_| Unanswered("the access token is none".into()))?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, bearer);
        self.outbound.send(request).await?.json()
    }
}

fn client(provider: &Provider, discovery: &Discovery, redirect_uri: &str) -> Result<Complete, Refusal> {
    let secret = String::from_utf8_lossy(&provider.client_secret).into_owned();
    let no_url = |_| Refusal::Unanswered("one of its endpoints is no URL".into());
    Ok(Client::new(ClientId::new(provider.client_id.clone()))
        .set_client_secret(ClientSecret::new(secret))
        .set_auth_type(if discovery.takes_basic { AuthType::BasicAuth } else { AuthType::RequestBody })
        .set_auth_uri(AuthUrl::new(discovery.authorization_endpoint.clone()).map_err(no_url)?)
        .set_token_uri(TokenUrl::new(discovery.token_endpoint.clone()).map_err(no_url)?)
        .set_redirect_uri(RedirectUrl::new(redirect_uri.to_owned()).map_err(no_url)?))
}

/// Sends a request of the crate `oauth2` our way.
async fn send(outbound: Outbound, request: HttpRequest) -> Result<HttpResponse, Unanswered> {
    let request = Request::try_from(request).map_err(|error| Unanswered(error.without_url().to_string()))?;
    let answer = outbound.send(request).await?;
    let mut response = HttpResponse::new(answer.body);
    (*response.status_mut(), *response.headers_mut()) = (answer.status, answer.headers);
    Ok(response)
}

/// Why a code was not redeemed: the provider's code for it, never what else it sent.
fn not_redeemed(error: RequestTokenError<Unanswered, BasicErrorResponse>) -> String {
    match error {
        RequestTokenError::ServerResponse(response) => {
            let told = Refusal::denied(response.error().as_ref()).reason().into_owned();
            format!("its token endpoint: {told}")
        }
        RequestTokenError::Request(problem) => format!("its token endpoint: {problem}"),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => "its token endpoint: no token response".into(),
    }
}
