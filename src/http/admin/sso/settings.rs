//! The page on which operators set single sign-on up.

use std::fmt::Write;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::{Map, Value, json};

use super::{PAGE, redirect_uri};
use crate::auth::role::Role;
use crate::auth::sso::provider::{self, Entered, PasswordsError, SettingsError};
use crate::auth::sso::terms::ROLES;
use crate::http::admin::administrator::Administrator;
use crate::http::pages::{Form, Page, PageError, see_page, show};
use crate::http::{AppState, blocking};
use crate::id::TenantId;
use crate::store::SsoProviderRow;

/// Fields of one line, as they are shown again.
const FIELDS: [&str; 8] =
    ["issuer", "client_id", "role_claim", "roles", "default_role", "reach", "tenant", "email_domains"];
/// Boxes.
const BOXES: [&str; 2] = ["enabled", "assumes_verified_email"];

/// What the page shows besides what is in its fields.
struct Present {
    row: Option<SsoProviderRow>,
    tenant: Option<String>,
    allows_passwords: bool,
    may_do_without: Result<(), PasswordsError>,
}

/// `GET /admin/settings/sso`.
pub(super) async fn show(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let present = present(&app).await?;
    let values = values(&present);
    let page = page(&app, &administrator, &present, values).with("problems", Value::Null);
    administrator.respond(&app, page)
}

/// `POST /admin/settings/sso`.
pub(super) async fn save(
    app: web::Data<AppState>,
    administrator: Administrator,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let caller = administrator.caller_of_installation();
    let (form, result) = blocking::run(&app, move |app| {
        let entered = Entered {
            enabled: form.is_set("enabled"),
            issuer: form.get("issuer"),
            client_id: form.get("client_id"),
            client_secret: form.get("client_secret"),
            role_claim: form.get("role_claim"),
            roles: form.get("roles"),
            default_role: form.get("default_role"),
            is_for_tenant: form.get("reach") == "tenant",
            tenant: form.get("tenant"),
            email_domains: form.get("email_domains"),
            assumes_verified_email: form.is_set("assumes_verified_email"),
        };
        let result = provider::save(&app.store, &app.sso_key, &caller, &entered);
        Ok::<_, PageError>((form, result))
    })
    .await?;
    let problems = match result {
        Ok(()) => {
            app.identity_provider.forget(form.get("issuer").trim());
            let notice = if form.is_set("enabled") {
                "Single sign-on is saved, and people may sign in by it."
            } else {
                "Single sign-on is saved. Nobody signs in by it before it is enabled: test it first."
            };
            return administrator.done(&app, PAGE, notice).await;
        }
        Err(SettingsError::Entered(problems)) => problems,
        Err(SettingsError::Store(error)) => return Err(error.into()),
        Err(error @ SettingsError::Random(_)) => return Err(PageError::fault(error)),
    };
    let fields = FIELDS.iter().map(|name| ((*name).to_owned(), form.get(name).into()));
    let boxes = BOXES.iter().map(|name| ((*name).to_owned(), form.is_set(name).into()));
    let values = Value::Object(fields.chain(boxes).collect());
    let problems: Map<String, Value> =
        problems.into_iter().map(|(name, sentence)| (name.to_owned(), sentence.into())).collect();
    let page = page(&app, &administrator, &present(&app).await?, values)
        .status(StatusCode::UNPROCESSABLE_ENTITY)
        .with("problems", problems);
    administrator.respond(&app, page)
}

/// `GET /admin/settings/sso/passwords`: asks whether sign-in with passwords is to be switched off.
pub(super) async fn ask(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let present = present(&app).await?;
    if !present.allows_passwords || present.may_do_without.is_err() {
        return Ok(see_page(&app, PAGE));
    }
    administrator.respond(&app, administrator.page("sso/passwords.html"))
}

/// `POST /admin/settings/sso/passwords`.
pub(super) async fn set_allows_passwords(
    app: web::Data<AppState>,
    administrator: Administrator,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let caller = administrator.caller_of_installation();
    let on = form.is_set("allow");
    let result = blocking::run(&app, move |app| {
        provider::set_allows_passwords(&app.store, &caller, on).map_err(PageError::from)
    })
    .await?;
    let notice = match (result, on) {
        (Err(error), _) => format!("Nothing was changed: {error}."),
        (Ok(()), true) => "People may sign in with passwords again.".to_owned(),
        (Ok(()), false) => "People sign in by single sign-on alone now.".to_owned(),
    };
    administrator.done(&app, PAGE, notice).await
}

async fn present(app: &web::Data<AppState>) -> Result<Present, PageError> {
    blocking::run(app, |app| {
        let (row, tenant, allows_passwords) = app.store.gate(|gate| {
            let row = gate.sso_provider()?;
            let tenant = match &row {
                Some(row) => gate.tenant_with_id(TenantId(row.people_tenant_id))?,
                None => None,
            };
            Ok((row, tenant.map(|tenant| tenant.name), gate.installation()?.allows_passwords))
        })?;
        let may_do_without = provider::may_do_without_passwords(&app.store)?;
        Ok(Present { row, tenant, allows_passwords, may_do_without })
    })
    .await
}

/// What the fields hold at first.
fn values(present: &Present) -> Value {
    let Some(row) = &present.row else {
        return json!({
            "issuer": "", "client_id": "", "role_claim": "", "roles": "", "default_role": "", "reach": "tenant",
            "tenant": "", "email_domains": "", "enabled": false, "assumes_verified_email": false,
        });
    };
    let mut roles = String::new();
    for (value, role) in provider::terms_of(row).roles {
        // Writing to a text does not fail.
        let _ = writeln!(roles, "{value} = {}", role.name());
    }
    json!({
        "issuer": row.issuer,
        "client_id": row.client_id,
        "role_claim": row.role_claim.as_deref().unwrap_or_default(),
        "roles": roles,
        "default_role": row.default_role.as_deref().unwrap_or_default(),
        "reach": if TenantId(row.people_tenant_id) == TenantId::NONE { "all" } else { "tenant" },
        "tenant": present.tenant.as_deref().unwrap_or_default(),
        "email_domains": row.email_domains.join(", "),
        "enabled": row.enabled,
        "assumes_verified_email": row.assumes_verified_email,
    })
}

fn page(app: &AppState, administrator: &Administrator, present: &Present, values: Value) -> Page {
    let option = |role: Role| json!({"value": role.name(), "label": capital(role.name())});
    let none = json!({"value": "", "label": "None"});
    let roles: Vec<Value> = std::iter::once(none).chain(ROLES.into_iter().rev().map(option)).collect();
    administrator
        .page("sso/settings.html")
        .with("values", values)
        .with("is_set_up", present.row.is_some())
        .with("is_enabled", present.row.as_ref().is_some_and(|row| row.enabled))
        .with("redirect_uri", redirect_uri(app))
        .with("role_options", roles)
        .with(
            "reach_options",
            json!([
                {"value": "tenant", "label": "The people of one tenant"},
                {"value": "all", "label": "Everybody: the people of all tenants, and operators"},
            ]),
        )
        .with("allows_passwords", present.allows_passwords)
        .with("why_passwords", present.may_do_without.err().map(|error| show::sentence(&error.to_string())))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}
