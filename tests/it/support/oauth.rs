//! OAuth clients of a tenant, codes without a browser, and requests to the endpoints of the authorization server.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use provisor::audit::{Action, AuditEvent, Target};
use provisor::auth::Scope;
use provisor::auth::secret::{Kind, Secret, TokenKey};
use provisor::id::TenantId;
use provisor::oauth::clients::{self, NewClient};
use provisor::oauth::grant_type::GrantType;
use provisor::store::{AdministratorRow, AuthorizationCodeRow};
use reqwest::Method;
use reqwest::blocking::RequestBuilder;
use serde_json::Value;
use uuid::Uuid;

use super::{Answer, Client, front, operator, shared};

/// Where the clients of these tests are sent back to.
pub const CALLBACK: &str = "https://client.example.com/callback";

/// The endpoints, asked from an address of its own: failures are counted by address.
#[derive(Clone)]
pub struct Endpoints {
    http: reqwest::blocking::Client,
    pub url: String,
}

impl Endpoints {
    /// Those of the shared server.
    pub fn shared() -> Self {
        Self::of(&shared().url)
    }

    /// Those of the server at this URL.
    pub fn of(url: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let [_, second, third, fourth] = NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let address = IpAddr::V4(Ipv4Addr::new(127, second + 1, third, fourth));
        let http = front::http().local_address(address).build().unwrap();
        Self { http, url: url.to_owned() }
    }

    /// The same address, asking another server.
    pub fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// A request to be completed.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/oauth{path}", self.url))
    }

    /// Posts a form.
    pub fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        Client::send(self.form(path, form))
    }

    /// A form to be completed.
    pub fn form(&self, path: &str, form: &[(&str, &str)]) -> RequestBuilder {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.request(Method::POST, path);
        request.header("Content-Type", "application/x-www-form-urlencoded").body(body)
    }

    /// Posts a form to the token endpoint.
    pub fn token(&self, form: &[(&str, &str)]) -> Answer {
        self.post("/token", form)
    }
}

/// A client with what it needs to authenticate.
#[derive(Clone)]
pub struct OAuthClient {
    pub id: String,
    pub secret: String,
    pub tenant: TenantId,
}

/// What Okta would be: codes and refresh tokens.
pub fn provider() -> NewClient {
    NewClient {
        name: "okta".into(),
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        redirect_uris: vec![CALLBACK.into()],
        ..script()
    }
}

/// What a script would be: a client that acts for itself.
pub fn script() -> NewClient {
    NewClient {
        name: "script".into(),
        grant_types: vec![GrantType::ClientCredentials],
        scopes: Scope::ALL.into_iter().collect(),
        redirect_uris: vec![],
        unchecked_redirect_uris: vec![],
        confidential: true,
        pkce_required: false,
        keys: None,
        access_token_life: TimeDelta::hours(1),
        refresh_idle: TimeDelta::days(365),
    }
}

/// Creates a client.
pub fn client(tenant: TenantId, new: &NewClient) -> OAuthClient {
    shared().with_backend(|backend| {
        let made = clients::create(&backend.store, &operator(tenant), &backend.token_key, new).unwrap();
        let secret = made.secret.map(|secret| secret.reveal().to_owned()).unwrap_or_default();
        OAuthClient { id: made.row.id, secret, tenant }
    })
}

/// What a code is bound to, besides its client.
#[derive(Clone)]
pub struct Consent {
    pub tenant: TenantId,
    pub administrator: Uuid,
    pub scopes: Vec<Scope>,
    pub code_challenge: Option<String>,
    pub expires_at: DateTime<Utc>,
}

/// An administrator of a tenant.
pub fn administrator(tenant: TenantId) -> Uuid {
    let id = Uuid::now_v7();
    let email = format!("ada+{}@example.com", id.simple());
    let row = AdministratorRow {
        id,
        tenant_id: tenant.0,
        folded_email: email.clone(),
        email,
        role: "owner".into(),
        password_hash: Some("none".into()),
        created_at: Utc::now(),
        disabled_at: None,
        last_sign_in_at: None,
    };
    let event = AuditEvent::new(Action::AdministratorCreate, Target::new("Administrator", id));
    shared().with_backend(|backend| {
        backend.store.run(&operator(tenant), |tenant| tenant.insert_administrator(&row, &event)).unwrap();
    });
    id
}

/// A consent for a tenant, by an administrator of its own.
pub fn consent(tenant: TenantId) -> Consent {
    Consent {
        tenant,
        administrator: administrator(tenant),
        scopes: Scope::ALL.to_vec(),
        code_challenge: None,
        expires_at: Utc::now() + TimeDelta::seconds(60),
    }
}

/// A code, as the consent page would make it.
pub fn code(client: &OAuthClient, consent: &Consent) -> String {
    shared().with_backend(|backend| {
        let secret = Secret::generate(Kind::AuthorizationCode).unwrap();
        let row = AuthorizationCodeRow {
            id: secret.id().to_owned(),
            code_hash: secret.hash(&backend.token_key).as_bytes().to_vec(),
            key_version: TokenKey::VERSION,
            client_id: client.id.clone(),
            tenant_id: consent.tenant.0,
            administrator_id: consent.administrator,
            redirect_uri: CALLBACK.into(),
            scopes: consent.scopes.iter().map(|scope| scope.name().to_owned()).collect(),
            code_challenge: consent.code_challenge.clone(),
            created_at: Utc::now(),
            expires_at: consent.expires_at,
            redeemed_at: None,
            grant_id: None,
        };
        let event = AuditEvent::new(Action::Consent, Target::new("OAuthClient", &client.id));
        backend.store.run(&operator(consent.tenant), |tenant| tenant.insert_authorization_code(&row, &event)).unwrap();
        secret.reveal().to_owned()
    })
}

impl OAuthClient {
    /// The parameters by which it authenticates, with others.
    pub fn with<'a>(&'a self, others: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let own = [("client_id", self.id.as_str()), ("client_secret", self.secret.as_str())];
        own.into_iter().filter(|(_, value)| !value.is_empty()).chain(others.iter().copied()).collect()
    }

    /// The `Authorization` header by which it authenticates.
    pub fn basic(&self) -> String {
        basic(&self.id, &self.secret)
    }

    /// Asks for a token for itself.
    pub fn ask(&self, endpoints: &Endpoints) -> Answer {
        endpoints.token(&self.with(&[("grant_type", "client_credentials")]))
    }

    /// Redeems a code.
    pub fn redeem(&self, endpoints: &Endpoints, code: &str) -> Answer {
        let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
        endpoints.token(&self.with(&form))
    }

    /// Exchanges a refresh token.
    pub fn refresh(&self, endpoints: &Endpoints, token: &str) -> Answer {
        endpoints.token(&self.with(&[("grant_type", "refresh_token"), ("refresh_token", token)]))
    }

    /// Whether a token is active, as introspection tells this client.
    pub fn sees(&self, endpoints: &Endpoints, token: &str) -> bool {
        let answer = endpoints.post("/introspect", &self.with(&[("token", token)]));
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["active"].as_bool().unwrap()
    }
}

/// A `Basic` header as it stands.
pub fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// A member of an answer.
pub fn text(answer: &Answer, name: &str) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()[name].as_str().unwrap_or_else(|| panic!("no {name}: {}", answer.text)).to_owned()
}

/// What an access token says.
pub fn claims(token: &str) -> Value {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// Asserts that an answer is an OAuth error that nobody keeps.
pub fn assert_oauth_error(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_not_kept(answer);
    let body = answer.json();
    assert_eq!(body["error"], error, "{body}");
    let description = body["error_description"].as_str().unwrap();
    let allowed = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
    assert!(!description.is_empty() && description.bytes().all(allowed), "{description}");
    let names: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["error", "error_description"]);
}

/// Asserts that no cache keeps an answer.
pub fn assert_not_kept(answer: &Answer) {
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("pragma"), Some("no-cache"));
}
