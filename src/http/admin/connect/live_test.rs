//! The page of the live test, and the self-test that is run on it.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::provider::{Method, Provider};
use super::run::Run;
use super::{live, provider, self_test};
use crate::auth::connect_runs;
use crate::auth::role::Right;
use crate::http::admin::administrator::Administrator;
use crate::http::pages::{PageError, see_page, show};
use crate::http::{AppState, blocking};

/// `GET /admin/connect/{run}/test`, which its page asks for again and again.
pub(super) async fn look(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let run = Run::find(&app, &administrator, &id).await?;
    let (Some(credential), Some(made_at)) = (run.row.credential_id.clone(), run.row.made_at) else {
        return Ok(see_page(&app, &run.page()));
    };
    // The successor that was made elsewhere is what the provider has now.
    let credential = run.credential.rotated_to.clone().unwrap_or(credential);
    let (caller, all_unknown) = (administrator.caller(), administrator.may(Right::Operate));
    let (provider, is_encrypted, now) = (run.provider, app.site.is_encrypted, Utc::now());
    let (told, rows) = blocking::run(&app, move |app| {
        app.store.read(&caller, |tenant| {
            let seen = tenant.connect_requests(&credential, made_at, all_unknown)?;
            let told = live::tell(provider, seen, is_encrypted, now);
            let ids: Vec<Uuid> = told.failures.iter().map(|request| request.id).collect();
            let rows = if ids.is_empty() { Vec::new() } else { tenant.connect_failures(&ids)? };
            Ok::<_, PageError>((told, rows))
        })
    })
    .await?;
    let failures: Vec<Value> = told
        .failures
        .iter()
        .map(|request| live::failure(request, rows.iter().find(|row| row.id == request.id), now))
        .collect();
    let self_test = run.row.self_test.as_ref().map(|found| {
        let at = found["at"].as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok());
        json!({"ok": found["ok"], "steps": found["steps"], "at": show::time_or_none(at, now)})
    });
    let page = administrator
        .page("connect/test.html")
        .with("run", run.shown(now))
        .with("provider", run.provider.subject())
        .with("then", run.provider.then())
        .with("warnings", provider::warnings(&app.services.standard().base_url))
        .with("steps", told.steps)
        .with("done", told.done.0)
        .with("all", told.done.1)
        .with("failures", failures)
        .with("is_mended", told.is_mended)
        .with("self_test", self_test)
        .with("simulation", simulation(&run, &app.services.standard().base_url))
        .with("may_read", administrator.may(Right::Read));
    administrator.respond(&app, page)
}

/// The command that makes Okta's calls without Okta, where only this machine or network reaches the server. The secret is not in it.
fn simulation(run: &Run, base_url: &str) -> Option<String> {
    let is_trial = Url::parse(base_url).is_ok_and(|url| provider::is_private(&url));
    (is_trial && (run.provider, run.method) == (Provider::Okta, Method::HeaderToken))
        .then(|| format!("PROVISOR_SIMULATE_TOKEN=$TOKEN provisor simulate okta --base-url {base_url}"))
}

/// `POST /admin/connect/{run}/self-test`.
pub(super) async fn test_itself(
    app: web::Data<AppState>,
    administrator: Administrator,
    id: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let run = Run::find(&app, &administrator, &id).await?;
    let (caller, own) = (administrator.caller(), administrator.clone());
    let by = caller.clone();
    let service = blocking::run(&app, move |app| {
        let service = own.service(app).map_err(PageError::fault)?;
        Ok::<_, PageError>(connect_runs::begin_self_test(&app.store, &by)?.map(|()| service))
    })
    .await?;
    let path = format!("{}/test#self-test", run.page());
    let service = match service {
        Ok(service) => service,
        Err(throttled) => {
            let seconds = throttled.retry_after_seconds;
            let notice = format!("The self-test was run several times just now. Run it again in {seconds} seconds.");
            return administrator.done(&app, &path, notice).await;
        }
    };
    // On its own: whoever asks may hang up, and what the test made must be removed all the same.
    let (shared, run_id, with_oauth) = (app.clone(), run.row.id, run.method.is_oauth());
    let tested = actix_web::rt::spawn(async move {
        let found = self_test::run(&shared, caller.clone(), service, with_oauth).await?;
        blocking::run(&shared, move |app| {
            connect_runs::record_self_test(&app.store, &caller, run_id, &found).map_err(PageError::from)
        })
        .await
    });
    tested.await.map_err(PageError::fault)??;
    Ok(see_page(&app, &path))
}
