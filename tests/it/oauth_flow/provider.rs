//! An identity provider that speaks OAuth 2.0 by the `oauth2` crate.

use oauth2::basic::{BasicClient, BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenResponse};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, RedirectUrl,
    RefreshToken, RequestTokenError, RevocationUrl, Scope, StandardRevocableToken, TokenResponse, TokenUrl,
};
use reqwest::Url;
use reqwest::blocking::Request;
use reqwest::redirect::Policy;

/// Where Okta has people sent back to, for an app of this name.
pub const CALLBACK: &str = "https://system-admin.okta.com/admin/app/cpc/trial7464750_ouraoo_1/oauth/callback";

type Failure<E> = RequestTokenError<reqwest::Error, E>;
type Complete = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointSet, EndpointSet>;

/// An identity provider with the endpoints and the credentials that its administrator typed.
pub struct Provider {
    client: Complete,
}

/// What a provider keeps of a reply of the token endpoint.
#[derive(Debug, Clone)]
pub struct Tokens {
    pub access: String,
    pub refresh: Option<String>,
    pub seconds: u64,
    pub scopes: Vec<String>,
}

impl From<BasicTokenResponse> for Tokens {
    fn from(reply: BasicTokenResponse) -> Self {
        assert_eq!(reply.token_type().as_ref(), "bearer");
        Self {
            access: reply.access_token().secret().clone(),
            refresh: reply.refresh_token().map(|token| token.secret().clone()),
            seconds: reply.expires_in().unwrap().as_secs(),
            scopes: reply.scopes().unwrap().iter().map(|scope| scope.to_string()).collect(),
        }
    }
}

impl Provider {
    /// A provider that authenticates in this way.
    pub fn new(server: &str, id: &str, secret: &str, authenticates: AuthType) -> Self {
        let client = BasicClient::new(ClientId::new(id.to_owned()))
            .set_client_secret(ClientSecret::new(secret.to_owned()))
            .set_auth_type(authenticates)
            .set_auth_uri(AuthUrl::new(format!("{server}/oauth/authorize")).unwrap())
            .set_token_uri(TokenUrl::new(format!("{server}/oauth/token")).unwrap())
            // The crate insists on https there; it is sent to the server all the same.
            .set_revocation_url(
                RevocationUrl::new(format!("{}/oauth/revoke", server.replace("http:", "https:"))).unwrap(),
            )
            .set_redirect_uri(RedirectUrl::new(CALLBACK.to_owned()).unwrap());
        Self { client }
    }

    /// Where the pop-up window is opened, and the state that must come back.
    pub fn authorize(&self, scopes: &[&str]) -> (Url, String) {
        let scopes = scopes.iter().map(|scope| Scope::new((*scope).to_owned()));
        let (url, state) = self.client.authorize_url(CsrfToken::new_random).add_scopes(scopes).url();
        (url, state.secret().clone())
    }

    /// Exchanges the code that came back.
    pub fn exchange(&self, code: &str) -> Result<Tokens, Failure<BasicErrorResponse>> {
        self.client.exchange_code(AuthorizationCode::new(code.to_owned())).request(&send).map(Tokens::from)
    }

    /// Refreshes, as Okta does when a token has run out and there is something to do.
    pub fn refresh(&self, token: &str) -> Result<Tokens, Failure<BasicErrorResponse>> {
        self.client.exchange_refresh_token(&RefreshToken::new(token.to_owned())).request(&send).map(Tokens::from)
    }

    /// Gets a token for itself.
    pub fn client_credentials(&self, scopes: &[&str]) -> Result<Tokens, Failure<BasicErrorResponse>> {
        let scopes = scopes.iter().map(|scope| Scope::new((*scope).to_owned()));
        self.client.exchange_client_credentials().add_scopes(scopes).request(&send).map(Tokens::from)
    }

    /// Revokes a refresh token.
    pub fn revoke(&self, token: &str) -> Result<(), Failure<BasicRevocationErrorResponse>> {
        let token = StandardRevocableToken::from(RefreshToken::new(token.to_owned()));
        self.client.revoke_token(token).unwrap().request(&send)
    }
}

/// The code and the state in the address that a browser was sent to.
pub fn come_back(location: &str) -> (String, String) {
    let url = Url::parse(location).unwrap();
    assert!(location.starts_with(CALLBACK), "{location}");
    let find = |name: &str| {
        let values: Vec<String> =
            url.query_pairs().filter(|(known, _)| known == name).map(|(_, value)| value.into_owned()).collect();
        assert_eq!(values.len(), 1, "{name} in {location}");
        values[0].clone()
    };
    (find("code"), find("state"))
}

/// Sends a request of the crate to the server, which here speaks plain HTTP.
fn send(request: oauth2::HttpRequest) -> Result<oauth2::HttpResponse, reqwest::Error> {
    let mut request = Request::try_from(request)?;
    request.url_mut().set_scheme("http").unwrap();
    let client = reqwest::blocking::Client::builder().redirect(Policy::none()).build()?;
    let response = client.execute(request)?;
    let mut reply = oauth2::http::Response::builder().status(response.status());
    for (name, value) in response.headers() {
        reply = reply.header(name, value);
    }
    Ok(reply.body(response.bytes()?.to_vec()).unwrap())
}
