//! The keys that sign access tokens.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::administrator::Administrator;
use crate::auth::keys::{KEPT_FOR, KeyError, KeyState, PUBLISH_AFTER, ROTATE_AFTER};
use crate::auth::role::Right;
use crate::http::pages::{Form, Page, PageError, PageRoute, Problem, show};
use crate::http::{AppState, blocking};
use crate::oauth::metadata::KEY_SET;
use crate::store::SigningKeyRow;

pub(super) const ROUTES: &[PageRoute] = &[
    PageRoute::get("/keys", Right::Read, || web::get().to(list)),
    PageRoute::post("/keys/next", Right::Operate, || web::post().to(publish_next)),
    PageRoute::get("/keys/rotate", Right::Operate, || web::get().to(ask_to_rotate)),
    PageRoute::post("/keys/rotate", Right::Operate, || web::post().to(rotate)),
    PageRoute::get("/keys/{kid}/retire", Right::Operate, || web::get().to(ask_to_retire)),
    PageRoute::post("/keys/{kid}/retire", Right::Operate, || web::post().to(retire)),
];

const PATH: &str = "/admin/keys";

/// All keys, of which the first ones are made where there are none.
async fn keys(app: &web::Data<AppState>) -> Result<Vec<SigningKeyRow>, PageError> {
    blocking::run(app, |app| {
        app.keys.keys(&app.store)?;
        app.store.gate(|gate| gate.signing_keys()).map_err(PageError::from)
    })
    .await
}

/// `GET /admin/keys`.
async fn list(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let page = page(&app, &administrator).await?;
    administrator.respond(&app, page)
}

async fn page(app: &web::Data<AppState>, administrator: &Administrator) -> Result<Page, PageError> {
    let (rows, now) = (keys(app).await?, Utc::now());
    let has_next = rows.iter().any(|row| KeyState::of(row) == KeyState::Next);
    let rows: Vec<Value> = rows.iter().map(|row| shown(row, now)).collect();
    Ok(administrator
        .page("keys/list.html")
        .with("problem", Value::Null)
        .with("keys", rows)
        .with("has_next", has_next)
        .with("kept_for", show::length(KEPT_FOR))
        .with("rotate_after", show::length(ROTATE_AFTER))
        .with("key_set", format!("{}{KEY_SET}", app.public_url)))
}

fn shown(row: &SigningKeyRow, now: DateTime<Utc>) -> Value {
    let state = KeyState::of(row);
    let (text, colour) = match state {
        KeyState::Next => ("Next", "blue"),
        KeyState::Current => ("Current", "green"),
        KeyState::Previous => ("Previous", ""),
    };
    let signs_until = row.retired_at.or(row.activated_at.map(|at| at + ROTATE_AFTER));
    json!({
        "kid": row.kid,
        "state": text,
        "colour": colour,
        "is_previous": state == KeyState::Previous,
        "created": show::time(row.created_at, now),
        "signs_since": show::time_or_none(row.activated_at, now),
        "signs_until": show::time_or_none(signs_until, now),
        "verifies_until": show::time_or_none(row.retired_at.map(|at| at + PUBLISH_AFTER), now),
    })
}

/// The list with what speaks against what was to be done.
async fn refuse(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    sentence: &str,
) -> Result<HttpResponse, PageError> {
    let page = page(app, administrator).await?.status(StatusCode::CONFLICT).with("problem", sentence);
    administrator.respond(app, page)
}

/// `POST /admin/keys/next`.
async fn publish_next(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let caller = administrator.caller_of_installation();
    let made = blocking::run(&app, move |app| Ok::<_, PageError>(app.keys.publish_next(&app.store, &caller))).await?;
    match made {
        Ok(_) => administrator.done(&app, PATH, "The next key is published.").await,
        Err(KeyError::Concurrent) => {
            refuse(&app, &administrator, "There is a next key already. Nothing was changed.").await
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /admin/keys/rotate`.
async fn ask_to_rotate(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let page = question(&app, &administrator).await?;
    administrator.respond(&app, page)
}

/// The question, which says how long others may not have the next key yet.
async fn question(app: &web::Data<AppState>, administrator: &Administrator) -> Result<Page, PageError> {
    let (rows, now) = (keys(app).await?, Utc::now());
    let next = rows.iter().find(|row| KeyState::of(row) == KeyState::Next);
    let ready = next.map(|next| next.created_at + KEPT_FOR).filter(|ready| *ready > now);
    Ok(administrator
        .page("keys/rotate.html")
        .with("next", next.map(|next| next.kid.clone()))
        .with("ready", show::time_or_none(ready, now))
        .with("verifies_for", show::length(PUBLISH_AFTER))
        .with("problems", Value::Null))
}

/// `POST /admin/keys/rotate`. A form that is sent twice rotates once: by then another key is the next one.
async fn rotate(app: web::Data<AppState>, administrator: Administrator, form: Form) -> Result<HttpResponse, PageError> {
    let is_next = |row: &SigningKeyRow| row.kid == form.get("next") && KeyState::of(row) == KeyState::Next;
    if !keys(&app).await?.iter().any(is_next) {
        let sentence = "The keys have changed since you opened the form. Nothing was changed.";
        return refuse(&app, &administrator, sentence).await;
    }
    let (caller, at_once) = (administrator.caller_of_installation(), form.is_set("at_once"));
    let rotated =
        blocking::run(&app, move |app| Ok::<_, PageError>(app.keys.rotate(&app.store, &caller, at_once))).await?;
    match rotated {
        Ok(_) => {
            administrator.done(&app, PATH, "The keys are rotated. What the key before has signed stays valid.").await
        }
        Err(KeyError::TooEarly { .. }) => {
            let sentence = "The next key was published a moment ago. Wait, or tick the box to rotate all the same.";
            let page = question(&app, &administrator).await?;
            let page = page.status(StatusCode::UNPROCESSABLE_ENTITY).with("problems", json!({"at_once": sentence}));
            administrator.respond(&app, page)
        }
        Err(KeyError::Concurrent) => {
            refuse(&app, &administrator, "Somebody else rotated the keys at the same moment. Nothing was changed.")
                .await
        }
        Err(error) => Err(error.into()),
    }
}

/// The key of this id where it only verifies; none, where it is to sign.
async fn previous(app: &web::Data<AppState>, kid: &str) -> Result<Option<SigningKeyRow>, PageError> {
    let found = keys(app).await?.into_iter().find(|row| row.kid == kid);
    let found = found.ok_or_else(|| KeyError::Unknown(kid.to_owned()))?;
    Ok((KeyState::of(&found) == KeyState::Previous).then_some(found))
}

const IN_USE: &str = "A key that signs, or will sign next, cannot be retired early. Rotate first.";

/// `GET /admin/keys/{kid}/retire`.
async fn ask_to_retire(
    app: web::Data<AppState>,
    administrator: Administrator,
    kid: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let Some(row) = previous(&app, &kid).await? else {
        return refuse(&app, &administrator, IN_USE).await;
    };
    let page = administrator.page("keys/retire.html").with("key", shown(&row, Utc::now()));
    administrator.respond(&app, page)
}

/// `POST /admin/keys/{kid}/retire`.
async fn retire(
    app: web::Data<AppState>,
    administrator: Administrator,
    kid: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let Some(row) = previous(&app, &kid).await? else {
        return refuse(&app, &administrator, IN_USE).await;
    };
    let caller = administrator.caller_of_installation();
    blocking::run(&app, move |app| app.keys.remove(&app.store, &caller, &row.kid).map_err(PageError::from)).await?;
    administrator.done(&app, PATH, "The key is retired. What it signed is refused within a second.").await
}

impl From<KeyError> for PageError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Store(error) => error.into(),
            KeyError::Unknown(_) => Self::new(Problem::NotFound).saying("There is no such signing key any more."),
            error => Self::fault(error),
        }
    }
}
