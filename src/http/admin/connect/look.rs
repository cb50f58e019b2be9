//! The second step: what the console of the provider asks for, and the form that makes the credential.

use actix_web::{HttpResponse, web};
use chrono::Utc;
use serde_json::{Map, Value, json};

use super::credential::{Entered, LIVES};
use super::no_problems;
use super::provider::{self, Facts, Method, Provider};
use super::run::Run;
use crate::auth::name;
use crate::http::AppState;
use crate::http::admin::administrator::Administrator;
use crate::http::admin::tokens::options;
use crate::http::pages::{Page, PageError};
use crate::oauth::metadata::{AUTHORIZATION_SERVER, TOKEN};

/// `GET /admin/connect/{run}`.
pub(super) async fn look(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let run = Run::find(&app, &administrator, &id).await?;
    let entered = Entered::nothing(&run);
    let page = page(&app, &administrator, &run, &entered, no_problems());
    administrator.respond(&app, page)
}

/// The second step, without a secret.
pub(super) fn page(
    app: &AppState,
    administrator: &Administrator,
    run: &Run,
    entered: &Entered,
    problems: Map<String, Value>,
) -> Page {
    let now = Utc::now();
    let base_url = &*app.services.standard().base_url;
    let facts = Facts { base_url, public_url: &app.public_url, credential_id: run.row.credential_id.as_deref() };
    let fields: Vec<Value> = run
        .provider
        .fields(run.method, &facts)
        .iter()
        .enumerate()
        .map(|(at, field)| json!({"id": format!("field-{at}"), "label": field.label, "value": field.value}))
        .collect();
    let is_okta = run.provider == Provider::Okta;
    let sends_people = run.method == Method::AuthorizationCode;
    administrator
        .page("connect/run.html")
        .with("run", run.shown(now))
        .with("fields", fields)
        .with("place", run.provider.place())
        .with("remark", run.provider.remark(run.method))
        .with("boxes", run.provider.boxes())
        .with("then", run.provider.then())
        .with("warnings", provider::warnings(base_url))
        .with("wants", run.wants_credential(now))
        .with("secret", Value::Null)
        .with("former_ends", Value::Null)
        .with("curl", curl(run, app))
        .with("problems", problems)
        .with("name", &*entered.name)
        .with("life", &*entered.life)
        .with("okta_app", &*entered.okta_app)
        .with("redirect_uris", &*entered.redirect_uris)
        .with("lives", options(&LIVES))
        .with("name_length", name::LENGTH)
        .with("asks_okta_app", sends_people && is_okta)
        .with("asks_redirect_uris", sends_people && !is_okta)
}

/// How the credential is tried from any machine, without the secret.
fn curl(run: &Run, app: &AppState) -> String {
    let base_url = &*app.services.standard().base_url;
    match run.method {
        Method::HeaderToken => format!("curl -i -H \"Authorization: Bearer $TOKEN\" \"{base_url}/Users?count=1\""),
        Method::ClientCredentials => format!(
            "curl -i -u \"{}:$SECRET\" -d grant_type=client_credentials \"{}{TOKEN}\"",
            run.row.credential_id.as_deref().unwrap_or("$CLIENT_ID"),
            app.public_url
        ),
        Method::AuthorizationCode => {
            format!("curl -i \"{}{AUTHORIZATION_SERVER}\"", app.public_url)
        }
    }
}
