//! How Okta comes to its access tokens: an administrator signs in and consents (RFC 6749 section 4.1), or the client asks for itself
//! (section 4.4). They are renewed when they have ended, or are refused, and not before.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use oauth2::basic::{BasicClient, BasicErrorResponse, BasicTokenResponse};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope,
    TokenResponse, TokenUrl,
};
use reqwest::blocking;
use url::Url;

use super::CannotRun;
use super::client::{read, unanswered};
use super::talk::{Renewed, Unanswered, shown};

/// How long somebody may take to sign in and consent.
const CONSENT: Duration = Duration::from_mins(10);
/// How often it is looked whether somebody has come back.
const LOOK: Duration = Duration::from_millis(50);
/// How long a browser may take for its request, and bytes of it.
const BROWSER: Duration = Duration::from_secs(5);
const LONGEST_REQUEST: usize = 8 << 10;
/// Bytes of a token response at most.
const LONGEST_RESPONSE: u64 = 64 << 10;
/// Where people are sent back to on this machine.
const CALLBACK: &str = "/callback";

/// What an administrator types into Okta.
pub struct Settings {
    /// The token endpoint.
    pub token_url: String,
    /// The client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// What is asked for; Okta's custom apps ask for nothing.
    pub scopes: Vec<String>,
    /// How somebody consents; nothing where the client asks for itself.
    pub consent: Option<Consent>,
}

/// How somebody consents.
pub struct Consent {
    /// The authorization endpoint.
    pub authorize_url: String,
    /// The port of this machine at which people come back.
    pub redirect_port: u16,
    /// Whether the code is bound to this client by PKCE, as Okta does not.
    pub pkce: bool,
}

impl Consent {
    /// The redirect URI that the client must be registered with.
    #[must_use]
    pub fn redirect_uri(&self) -> String {
        format!("http://127.0.0.1:{}{CALLBACK}", self.redirect_port)
    }
}

type Asking = BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;
type Failure = RequestTokenError<Unanswered, BasicErrorResponse>;

/// Access tokens, the one after the other.
pub struct Tokens {
    http: blocking::Client,
    client: Asking,
    scopes: Vec<Scope>,
    with_code: bool,
    current: Mutex<Current>,
}

struct Current {
    access: String,
    refresh: Option<RefreshToken>,
    ends: Option<Instant>,
    /// Whether the first answer came with a refresh token.
    refreshable: bool,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Tokens")
    }
}

impl Tokens {
    /// Gets the first access token. Where somebody must consent, `show` is given the URL to open.
    ///
    /// # Errors
    /// [`CannotRun`] when there is none to be had.
    pub fn get(http: blocking::Client, settings: Settings, show: &dyn Fn(&Url)) -> Result<Self, CannotRun> {
        let token_url = TokenUrl::new(settings.token_url).map_err(|_| no_url("--token-url"))?;
        let client = BasicClient::new(ClientId::new(settings.client_id))
            .set_client_secret(ClientSecret::new(settings.client_secret))
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(token_url);
        let scopes: Vec<Scope> = settings.scopes.into_iter().map(Scope::new).collect();
        let first = match &settings.consent {
            None => client.exchange_client_credentials().add_scopes(scopes.clone()).request(&sender(&http)),
            Some(consent) => {
                let (code, verifier, redirect) = ask(&client, consent, &scopes, show)?;
                let client = client.clone().set_redirect_uri(redirect);
                let exchange = client.exchange_code(code);
                match verifier {
                    Some(verifier) => exchange.set_pkce_verifier(verifier).request(&sender(&http)),
                    None => exchange.request(&sender(&http)),
                }
            }
        };
        let first = first.map_err(|error| CannotRun::NoToken(reason(&error)))?;
        let current = Mutex::new(Current {
            access: first.access_token().secret().clone(),
            refresh: first.refresh_token().cloned(),
            ends: ends(&first),
            refreshable: first.refresh_token().is_some(),
        });
        Ok(Self { http, client, scopes, with_code: settings.consent.is_some(), current })
    }

    /// An access token that has not ended.
    pub(super) fn current(&self) -> Result<String, Unanswered> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.ends.is_some_and(|ends| ends <= Instant::now()) {
            self.replace(&mut current)?;
        }
        Ok(current.access.clone())
    }

    /// Replaces an access token that was refused, unless somebody else has done so meanwhile.
    pub(super) fn renew(&self, refused: &str) -> Result<(), Unanswered> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.access == refused { self.replace(&mut current) } else { Ok(()) }
    }

    /// Replaces the access token to see whether that works.
    pub(super) fn try_renewal(&self) -> Renewed {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let expires_in = current.ends.is_some();
        let refresh_token = self.with_code.then_some(current.refreshable);
        let failed = self.replace(&mut current).err().map(|Unanswered(reason)| reason);
        Renewed { refresh_token, expires_in, failed }
    }

    fn replace(&self, current: &mut Current) -> Result<(), Unanswered> {
        let sender = sender(&self.http);
        let answer = match &current.refresh {
            Some(refresh) => self.client.exchange_refresh_token(refresh).request(&sender),
            None if self.with_code => return Err(Unanswered("there is no refresh token".into())),
            None => self.client.exchange_client_credentials().add_scopes(self.scopes.clone()).request(&sender),
        };
        let next = answer.map_err(|error| Unanswered(reason(&error)))?;
        current.access.clone_from(next.access_token().secret());
        current.ends = ends(&next);
        // A server that does not rotate them leaves it out (RFC 6749 section 6).
        if let Some(refresh) = next.refresh_token() {
            current.refresh = Some(refresh.clone());
        }
        Ok(())
    }
}

fn ends(response: &BasicTokenResponse) -> Option<Instant> {
    Instant::now().checked_add(response.expires_in()?)
}

fn no_url(flag: &str) -> CannotRun {
    CannotRun::Setting(format!("{flag} wants a URL"))
}

/// Has somebody consent: the code that comes back, and with what it is redeemed.
fn ask(
    client: &Asking,
    consent: &Consent,
    scopes: &[Scope],
    show: &dyn Fn(&Url),
) -> Result<(AuthorizationCode, Option<PkceCodeVerifier>, RedirectUrl), CannotRun> {
    let authorize_url = AuthUrl::new(consent.authorize_url.clone()).map_err(|_| no_url("--authorize-url"))?;
    let redirect = RedirectUrl::new(consent.redirect_uri()).map_err(|_| no_url("--redirect-port"))?;
    let no_port = |error| CannotRun::Setting(format!("--redirect-port {}: {error}", consent.redirect_port));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, consent.redirect_port)).map_err(no_port)?;
    listener.set_nonblocking(true).map_err(no_port)?;
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let asking = client.clone().set_auth_uri(authorize_url).set_redirect_uri(redirect.clone());
    let request = asking.authorize_url(CsrfToken::new_random).add_scopes(scopes.iter().cloned());
    let request = if consent.pkce { request.set_pkce_challenge(challenge) } else { request };
    let (url, state) = request.url();
    show(&url);
    let code = come_back(&listener, state.secret())?;
    Ok((AuthorizationCode::new(code), consent.pkce.then_some(verifier), redirect))
}

/// Waits for the browser to come back with a code.
fn come_back(listener: &TcpListener, state: &str) -> Result<String, CannotRun> {
    let deadline = Instant::now() + CONSENT;
    while Instant::now() < deadline {
        let Ok((stream, _)) = listener.accept() else {
            thread::sleep(LOOK);
            continue;
        };
        // Anybody on this machine may come here; who does not bring the state is not who was sent out.
        if let Ok(Some(outcome)) = serve(stream, state) {
            return outcome
                .map_err(|error| CannotRun::NoToken(format!("the authorization was refused: {}", shown(&error))));
        }
    }
    Err(CannotRun::NoToken(format!("nobody consented within {} minutes", CONSENT.as_secs() / 60)))
}

/// Answers a browser: the code or the error that it brought, or nothing when it was not meant.
fn serve(mut stream: TcpStream, state: &str) -> std::io::Result<Option<Result<String, String>>> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(BROWSER))?;
    let mut request = Vec::new();
    let mut part = [0; 1_024];
    while request.len() < LONGEST_REQUEST && !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part)? {
            0 => break,
            read => request.extend_from_slice(&part[..read]),
        }
    }
    let outcome = brought(&String::from_utf8_lossy(&request), state);
    let (status, text) = match &outcome {
        None => ("404 Not Found", "There is nothing here."),
        Some(Ok(_)) => ("200 OK", "Connected. You may close this page."),
        Some(Err(_)) => ("200 OK", "Not connected. You may close this page."),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )?;
    Ok(outcome)
}

/// What a request at the redirect URI brings: a code or an error, if it has the state that was sent.
fn brought(request: &str, state: &str) -> Option<Result<String, String>> {
    let target = request.strip_prefix("GET ")?.split(' ').next()?;
    let url = Url::parse(&format!("http://127.0.0.1{target}")).ok()?;
    let parameter = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    if url.path() != CALLBACK || parameter("state")? != state {
        return None;
    }
    match (parameter("code"), parameter("error")) {
        (Some(code), None) => Some(Ok(code)),
        (_, Some(error)) => Some(Err(error)),
        (None, None) => Some(Err("neither a code nor an error came back".into())),
    }
}

/// Sends the requests of the crate `oauth2`.
fn sender(http: &blocking::Client) -> impl Fn(HttpRequest) -> Result<HttpResponse, Unanswered> {
    let http = http.clone();
    move |request| {
        let request = blocking::Request::try_from(request).map_err(|error| unanswered(&error.without_url()))?;
        let answer = http.execute(request).map_err(|error| unanswered(&error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut response = HttpResponse::new(read(answer, LONGEST_RESPONSE)?);
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        Ok(response)
    }
}

/// Why there is no token: the error code of the server, never what else it sent.
fn reason(error: &Failure) -> String {
    match error {
        RequestTokenError::ServerResponse(response) => {
            format!("the token endpoint answered {}", shown(response.error().as_ref()))
        }
        RequestTokenError::Request(Unanswered(reason)) => format!("the token endpoint: {reason}"),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            "the token endpoint answered no token response".into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_brings_the_state_is_listened_to() {
        let get = |target: &str| brought(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"), "s1");
        assert_eq!(get("/callback?code=c%2F1&state=s1"), Some(Ok("c/1".into())));
        assert_eq!(get("/callback?error=access_denied&state=s1"), Some(Err("access_denied".into())));
        assert!(get("/callback?state=s1").is_some_and(|outcome| outcome.is_err()));
        for other in ["/callback?code=c", "/callback?code=c&state=s2", "/favicon.ico", "/?code=c&state=s1"] {
            assert_eq!(get(other), None, "{other}");
        }
        assert_eq!(brought("POST /callback?code=c&state=s1 HTTP/1.1", "s1"), None);
    }
}
