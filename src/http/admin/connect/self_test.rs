//! The server calls itself by its public URL, as an identity provider would: by the same address, through the same proxies, with a
//! token of its own. So whatever stands before the server is tested too, and not only the server. What it makes it removes.

use std::time::Duration;

use actix_web::web;
use chrono::{TimeDelta, Utc};
use reqwest::{Method as Verb, redirect};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::auth::{self, Caller, NewToken, Scope};
use crate::http::pages::PageError;
use crate::http::{AppState, blocking};
use crate::oauth::metadata::AUTHORIZATION_SERVER;
use crate::provider::{self, Context, Service};
use crate::scim::precondition::Preconditions;
use crate::scim::urn;

/// Time for each call.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the token lives, should the server end before it is revoked.
const TOKEN_LIFE: TimeDelta = TimeDelta::minutes(5);
/// The name of the token, by which the logs show what the test did.
const NAME: &str = "self-test";
/// Bytes of an answer that are read.
const ANSWER: usize = 64 << 10;

/// Runs the test, and gives what was found: `ok`, `at`, and for each step `label`, `ok` and `detail`.
///
/// # Errors
/// Those of the database.
pub(super) async fn run(
    app: &web::Data<AppState>,
    caller: Caller,
    service: Service,
    with_oauth: bool,
) -> Result<Value, PageError> {
    let by = caller.clone();
    let (id, secret) = blocking::run(app, move |app| {
        let new = NewToken {
            name: NAME.into(),
            scopes: Scope::ALL.into_iter().collect(),
            expires_at: Some(Utc::now() + TOKEN_LIFE),
            allowed_networks: Vec::new(),
            user: None,
        };
        let issued = auth::tokens::create(&app.store, &by, &app.token_key, &new)?;
        Ok::<_, PageError>((issued.row.id, issued.secret))
    })
    .await?;
    let mut test = Test {
        base_url: service.base_url.to_string(),
        public_url: app.public_url.to_string(),
        token: format!("Bearer {}", secret.reveal()),
        steps: Vec::new(),
        user: None,
        group: None,
    };
    let found = test.all(with_oauth).await;
    let left = test.remove().await;
    let steps = test.steps;
    blocking::run(app, move |app| {
        // What the way outside did not let through is removed without it.
        for (segment, id) in left {
            if let Some(endpoint) = service.endpoint(segment) {
                let context = Context { store: &app.store, caller: &caller, service: &service, cursors: &app.cursors };
                provider::delete(&context, &endpoint, &id, &Preconditions::default()).map_err(PageError::fault)?;
            }
        }
        auth::tokens::revoke(&app.store, &caller, &id).map_err(PageError::fault)
    })
    .await?;
    let is_ok = found.is_some() && steps.iter().all(|step| step["ok"] == true);
    Ok(json!({"ok": is_ok, "at": Utc::now(), "steps": steps}))
}

struct Test {
    base_url: String,
    public_url: String,
    token: String,
    steps: Vec<Value>,
    user: Option<String>,
    group: Option<String>,
}

impl Test {
    /// All steps up to the first that fails, in which case there is nothing.
    async fn all(&mut self, with_oauth: bool) -> Option<()> {
        let name = format!("self-test-{}@example.com", Uuid::now_v7());
        self.step(
            "Reached the server, and the token was accepted",
            Verb::GET,
            "/Users?startIndex=1&count=2",
            None,
            200,
        )
        .await?;
        let filter: String =
            url::form_urlencoded::byte_serialize(format!("userName eq \"{name}\"").as_bytes()).collect();
        let nobody = self
            .step("Looked up a user that does not exist", Verb::GET, &format!("/Users?filter={filter}"), None, 200)
            .await?;
        if nobody["totalResults"] != 0 {
            return self.fail("a user was found who does not exist");
        }
        let user = json!({
            "schemas": [urn::USER],
            "userName": name,
            "name": {"givenName": "Self", "familyName": "Test"},
            "emails": [{"value": name, "type": "work", "primary": true}],
            "active": true,
        });
        let user = self.step("Created a user", Verb::POST, "/Users", Some(user), 201).await?;
        self.user = user["id"].as_str().map(str::to_owned);
        let path = format!("/Users/{}", self.user.as_deref().unwrap_or_default());
        let rename = patch(&json!({"name": {"familyName": "Tested"}}));
        self.step("Updated the user", Verb::PATCH, &path, Some(rename), 200).await?;
        let group = json!({
            "schemas": [urn::GROUP],
            "displayName": format!("Self-test {}", Uuid::now_v7()),
            "members": [{"value": self.user}],
        });
        let group = self.step("Created a group", Verb::POST, "/Groups", Some(group), 201).await?;
        self.group = group["id"].as_str().map(str::to_owned);
        let deactivated =
            self.step("Deactivated the user", Verb::PATCH, &path, Some(patch(&json!({"active": false}))), 200).await?;
        if deactivated["active"] != false {
            return self.fail("the user is active still");
        }
        if with_oauth {
            self.metadata().await?;
        }
        Some(())
    }

    /// Whether the metadata of the authorization server are found, and name the public URL.
    async fn metadata(&mut self) -> Option<()> {
        let (origin, path) = split(&self.public_url);
        let url = format!("{origin}{AUTHORIZATION_SERVER}{path}");
        let body = self.call("Found the OAuth endpoints", Verb::GET, &url, None, 200).await?;
        if body["issuer"] == self.public_url.as_str() { Some(()) } else { self.fail("they belong to another server") }
    }

    /// Removes what was made. What could not be removed on this way is given back.
    async fn remove(&mut self) -> Vec<(&'static str, String)> {
        let mut left = Vec::new();
        for (segment, label, id) in
            [("Groups", "Removed the group", self.group.take()), ("Users", "Removed the user", self.user.take())]
        {
            let Some(id) = id else { continue };
            if self.step(label, Verb::DELETE, &format!("/{segment}/{id}"), None, 204).await.is_none() {
                left.push((segment, id));
            }
        }
        left
    }

    async fn step(&mut self, label: &str, verb: Verb, path: &str, body: Option<Value>, wanted: u16) -> Option<Value> {
        let url = format!("{}{path}", self.base_url);
        self.call(label, verb, &url, body, wanted).await
    }

    async fn call(&mut self, label: &str, verb: Verb, url: &str, body: Option<Value>, wanted: u16) -> Option<Value> {
        let result = self.send(verb, url, body, wanted).await;
        let detail = result.as_ref().err();
        self.steps.push(json!({"label": label, "ok": result.is_ok(), "detail": detail}));
        result.ok()
    }

    /// Marks the last step as failed.
    fn fail(&mut self, detail: &str) -> Option<()> {
        if let Some(last) = self.steps.last_mut() {
            last["ok"] = false.into();
            last["detail"] = detail.into();
        }
        None
    }

    /// Sends a request, and gives the body of the answer, or else a sentence.
    async fn send(&self, verb: Verb, url: &str, body: Option<Value>, wanted: u16) -> Result<Value, String> {
        let client = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(TIMEOUT)
            .user_agent("provisor self-test")
            .build()
            .map_err(|error| error.to_string())?;
        let request = client.request(verb, url).header("Authorization", &self.token);
        let request = match body {
            Some(body) => request.header("Content-Type", "application/scim+json").body(body.to_string()),
            None => request,
        };
        let mut response = request.send().await.map_err(|error| unreached(&error))?;
        let status = response.status();
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreached(&error))? {
            text.extend_from_slice(&chunk);
            if text.len() > ANSWER {
                return Err("The answer is too long; something else answers at this address.".into());
            }
        }
        let answer: Option<Value> = serde_json::from_slice(&text).ok();
        if status.as_u16() == wanted {
            return match answer {
                Some(answer) => Ok(answer),
                None if text.is_empty() => Ok(Value::Null),
                None => Err("The answer is not JSON; something else answers at this address.".into()),
            };
        }
        let detail = answer.as_ref().and_then(|answer| answer["detail"].as_str()).unwrap_or("no reason given");
        Err(match status {
            status if status.is_redirection() => format!(
                "The answer was {}: something before this server sends callers elsewhere, which identity providers do not follow.",
                status.as_u16()
            ),
            _ => format!("The answer was {} instead of {wanted}: {detail}.", status.as_u16()),
        })
    }
}

/// Why there was no answer, as a sentence.
fn unreached(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "There was no answer within 10 seconds.".into();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    format!(
        "This server does not reach itself at this address ({cause}). Where the network forbids that from inside, the provider may \
         reach it all the same."
    )
}

/// Scheme and host of a URL, and its path.
fn split(url: &str) -> (&str, &str) {
    let host = url.find("://").map_or(0, |at| at + 3);
    let path = url[host..].find('/').map_or(url.len(), |at| host + at);
    url.split_at(path)
}

fn patch(value: &Value) -> Value {
    json!({"schemas": [urn::PATCH_OP], "Operations": [{"op": "replace", "value": value}]})
}
