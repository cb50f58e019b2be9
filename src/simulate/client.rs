//! The HTTP of the conversation: headers as Okta sends them, its patience with a server that has too much to do, and its credential.

use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use reqwest::blocking;
use reqwest::header::{ACCEPT, ACCEPT_CHARSET, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, USER_AGENT};
use reqwest::{Method as Verb, redirect};
use url::Url;

use super::CannotRun;
use super::oauth::Tokens;
use super::step::{Method, Sender};
use super::talk::{Answer, Renewed, Request, Transport, Unanswered};

/// How often a request is sent that is answered 429.
const ATTEMPTS: u32 = 10;
/// The pause after an answer 429 that does not say how long, at first; it doubles. Okta waits five minutes there, which would show no more.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// Bytes of an answer that are read.
const LONGEST_ANSWER: u64 = 64 << 20;
/// What a stranger sends as its credential, as Okta's test suite does.
const NO_TOKEN: &str = "non-token";
/// Characters of a base URL at most, for Okta.
const LONGEST_URL: usize = 1_024;

/// With what Okta comes.
#[derive(Debug)]
pub enum Credential {
    /// A token that an administrator pasted; it goes behind `Bearer`.
    Token(String),
    /// Access tokens.
    OAuth(Box<Tokens>),
}

/// The client of one server.
#[derive(Debug)]
pub struct Client {
    http: blocking::Client,
    base_url: String,
    credential: Credential,
}

/// A client that follows no redirect, as Okta follows none.
///
/// # Errors
/// [`CannotRun::Setting`] when this machine has no trusted certificates.
pub fn http(timeout: Duration) -> Result<blocking::Client, CannotRun> {
    let builder = blocking::Client::builder().redirect(redirect::Policy::none()).timeout(timeout);
    builder.build().map_err(|error| CannotRun::Setting(format!("cannot make requests: {error}")))
}

/// The base URL that a text is.
///
/// # Errors
/// What a base URL looks like, as a sentence.
pub fn base_url(text: &str) -> Result<String, String> {
    let is_one = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    let url = Url::parse(text).ok().filter(is_one);
    let url = url.ok_or("wants a URL like https://scim.example.com/scim/v2, without user, query and fragment")?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// What Okta does not take of a base URL that is one.
#[must_use]
pub fn remarks(base_url: &str) -> Vec<&'static str> {
    let remarks = [
        (!base_url.starts_with("https://"), "Okta takes only https; put a proxy that ends TLS in front."),
        (base_url.contains('_'), "Okta takes no base URL with an underscore."),
        (base_url.len() > LONGEST_URL, "Okta takes no base URL of more than 1024 characters."),
    ];
    remarks.into_iter().filter_map(|(holds, remark)| holds.then_some(remark)).collect()
}

impl Client {
    /// A client of the server at this base URL.
    #[must_use]
    pub fn new(http: blocking::Client, base_url: String, credential: Credential) -> Self {
        Self { http, base_url, credential }
    }

    /// Sends a request once, with this credential.
    fn once(&self, request: &Request, authorization: &str) -> Result<(Answer, Option<String>), Unanswered> {
        let verb = match request.step.method {
            Method::Get => Verb::GET,
            Method::Post => Verb::POST,
            Method::Put => Verb::PUT,
            Method::Patch => Verb::PATCH,
            Method::Delete => Verb::DELETE,
        };
        let is_suite = request.step.sender == Sender::Suite;
        let mut authorization = HeaderValue::from_str(authorization)
            .map_err(|_| Unanswered("the credential has characters that no header can carry".into()))?;
        authorization.set_sensitive(true);
        let mut sent = self
            .http
            .request(verb, format!("{}{}", self.base_url, request.path))
            .header(USER_AGENT, if is_suite { "OKTA SCIM Integration" } else { "Okta SCIM Client 1.0.0" })
            .header(ACCEPT, "application/scim+json")
            .header(ACCEPT_CHARSET, "utf-8")
            .header(AUTHORIZATION, authorization);
        if is_suite || request.body.is_some() {
            sent = sent.header(CONTENT_TYPE, "application/scim+json; charset=utf-8");
        }
        if let Some(body) = &request.body {
            sent = sent.body(body.to_string());
        }
        let started = Instant::now();
        let response = sent.send().map_err(|error| unanswered(&error))?;
        let header = |name| {
            response
                .headers()
                .get(name)
                .map(|value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let retry_after = header(RETRY_AFTER);
        let answer = Answer {
            status: response.status().as_u16(),
            media_type: header(CONTENT_TYPE),
            location: header(reqwest::header::LOCATION),
            ..Answer::default()
        };
        let text = String::from_utf8_lossy(&read(response, LONGEST_ANSWER)?).into_owned();
        Ok((Answer { text, took: started.elapsed(), ..answer }, retry_after))
    }
}

impl Transport for Client {
    fn send(&self, request: &Request) -> Result<Answer, Unanswered> {
        let mut waits = Vec::new();
        let mut renewed = false;
        let mut attempt = 1;
        loop {
            let secret = match &self.credential {
                _ if request.step.sender == Sender::Stranger => None,
                Credential::Token(token) => Some(token.clone()),
                Credential::OAuth(tokens) => Some(tokens.current()?),
            };
            let authorization = secret.as_ref().map_or(NO_TOKEN.to_owned(), |secret| format!("Bearer {secret}"));
            let (mut answer, retry_after) = self.once(request, &authorization)?;
            if let (401, Some(secret), Credential::OAuth(tokens), false) =
                (answer.status, &secret, &self.credential, renewed)
            {
                renewed = true;
                if tokens.renew(secret).is_ok() {
                    continue;
                }
            }
            if attempt < ATTEMPTS
                && let Some(pause) = pause(answer.status, retry_after.as_deref(), attempt)
            {
                if answer.status == 429 {
                    waits.push(retry_after);
                }
                attempt += 1;
                thread::sleep(pause);
                continue;
            }
            // Answers are quoted in reports.
            if let Some(secret) = secret {
                let hide = |text: &mut String| *text = text.replace(&secret, "[token]");
                hide(&mut answer.text);
                answer.location.iter_mut().chain(&mut answer.media_type).for_each(hide);
            }
            return Ok(Answer { waits, ..answer });
        }
    }

    fn has_access_tokens(&self) -> bool {
        matches!(self.credential, Credential::OAuth(_))
    }

    fn renew(&self) -> Option<Renewed> {
        match &self.credential {
            Credential::Token(_) => None,
            Credential::OAuth(tokens) => Some(tokens.try_renewal()),
        }
    }
}

/// How long to wait before a request is sent again, where the answer asks for that.
fn pause(status: u16, retry_after: Option<&str>, attempt: u32) -> Option<Duration> {
    let seconds = retry_after.and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let unsaid = FIRST_PAUSE.saturating_mul(1 << (attempt - 1));
    match status {
        429 => Some(seconds.unwrap_or(unsaid).min(LONGEST_PAUSE)),
        503 => seconds.map(|seconds| seconds.min(LONGEST_PAUSE)),
        _ => None,
    }
}

/// The body of an answer.
pub(super) fn read(response: blocking::Response, longest: u64) -> Result<Vec<u8>, Unanswered> {
    let mut body = Vec::new();
    let broke_off = |error: std::io::Error| Unanswered(format!("the answer broke off: {error}"));
    response.take(longest + 1).read_to_end(&mut body).map_err(broke_off)?;
    if body.len() as u64 > longest {
        return Err(Unanswered(format!("an answer of more than {longest} bytes")));
    }
    Ok(body)
}

/// Why there is no answer, without the URL.
pub(super) fn unanswered(error: &reqwest::Error) -> Unanswered {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let last = causes.last().map_or("it cannot be asked".into(), ToString::to_string);
    Unanswered(match error {
        error if error.is_timeout() => "nothing came in time".into(),
        error if error.is_connect() => format!("no connection: {last}"),
        _ => format!("the connection broke off: {last}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_seconds_say_how_long_to_wait() {
        let seconds = Duration::from_secs;
        assert_eq!(pause(429, Some("7"), 3), Some(seconds(7)));
        assert_eq!(pause(429, Some("86400"), 1), Some(LONGEST_PAUSE));
        for unreadable in [None, Some(""), Some("1.5"), Some("Wed, 21 Oct 2026 07:28:00 GMT"), Some("-1")] {
            assert_eq!(pause(429, unreadable, 3), Some(seconds(4)), "{unreadable:?}");
        }
        assert_eq!(pause(503, Some("2"), 1), Some(seconds(2)));
        assert_eq!((pause(503, None, 1), pause(500, Some("2"), 1), pause(200, Some("2"), 1)), (None, None, None));
    }

    #[test]
    fn a_base_url_is_one_that_okta_takes() {
        assert_eq!(base_url("https://h.example/scim/v2/").unwrap(), "https://h.example/scim/v2");
        for wrong in ["h.example", "ftp://h/", "https://u:p@h/", "https://h/?a=b", "https://h/#a"] {
            assert!(base_url(wrong).is_err(), "{wrong}");
        }
        assert_eq!(remarks("https://h.example/scim/v2"), Vec::<&str>::new());
        assert_eq!(remarks("http://a_b.example").len(), 2);
    }
}
