//! What the tenant at hand is served: schemas and resource types, and those of its own.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::administrator::Administrator;
use super::question::Question;
use super::settle::{refused_change, settle};
use super::tenants::{has_okta, switch_okta};
use crate::auth::Caller;
use crate::auth::role::Right;
use crate::http::pages::{Form, Page, PageError, PageRoute, Problem, show};
use crate::http::{AppState, blocking};
use crate::provider::Service;
use crate::provider::definitions::{self, ChangeError, Changed, Extends};
use crate::scim::definitions::Definitions;
use crate::scim::registry::schema_to_json;
use crate::scim::schema::Attributes;
use crate::scim::{json as scim_json, limits, urn};

pub(super) const ROUTES: &[PageRoute] = &[
    PageRoute::get("/schemas", Right::Read, || web::get().to(list)),
    PageRoute::get("/schemas/upload", Right::Write, || web::get().to(upload_form)),
    PageRoute::post("/schemas/upload", Right::Write, || web::post().to(upload)),
    PageRoute::post("/schemas/okta", Right::Write, || web::post().to(okta)),
    PageRoute::get("/schemas/{uri}", Right::Read, || web::get().to(detail)),
    PageRoute::get("/schemas/{uri}/remove", Right::Write, || web::get().to(ask_remove)),
    PageRoute::post("/schemas/{uri}/remove", Right::Write, || web::post().to(remove)),
    PageRoute::get("/schemas/types/{name}/remove", Right::Write, || web::get().to(ask_remove_type)),
    PageRoute::post("/schemas/types/{name}/remove", Right::Write, || web::post().to(remove_type)),
];

const LIST: &str = "/admin/schemas";
const SECTION: (&str, &str) = ("Schemas", LIST);

/// What the tenant is served, and what of it is the tenant's own.
async fn served(app: &web::Data<AppState>, administrator: &Administrator) -> Result<(Service, Definitions), PageError> {
    let administrator = administrator.clone();
    blocking::run(app, move |app| {
        let service = administrator.service(app).map_err(PageError::fault)?;
        let stored = app.store.read(&administrator.caller(), |tenant| tenant.definitions())?;
        Ok::<_, PageError>((service, stored.definitions))
    })
    .await
}

/// `GET /admin/schemas`.
async fn list(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let page = list_page(&app, &administrator, None).await?;
    administrator.respond(&app, page)
}

async fn list_page(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    problem: Option<String>,
) -> Result<Page, PageError> {
    let (service, own) = served(app, administrator).await?;
    let registry = &service.registry;
    let types: Vec<Value> = registry
        .resource_types()
        .iter()
        .map(|known| {
            let extensions: Vec<Value> = known
                .extensions
                .iter()
                .map(|extension| {
                    let id = &extension.schema.id;
                    json!({"path": path(id), "name": extension.schema.name, "required": extension.required})
                })
                .collect();
            let is_own = own.resource_type(&known.name).is_some();
            json!({
                "name": known.name,
                "endpoint": format!("/{}", known.endpoint),
                "schema": {"path": path(&known.schema.id), "name": known.schema.name},
                "extensions": extensions,
                "remove": is_own.then(|| format!("{LIST}/types/{}/remove", known.name)),
            })
        })
        .collect();
    let of_discovery = [urn::SERVICE_PROVIDER_CONFIG, urn::RESOURCE_TYPE, urn::SCHEMA];
    let kind = |id: &str| match own.schema(id) {
        Some(_) => "own",
        None if of_discovery.contains(&id) => "discovery",
        None => "standard",
    };
    let mut schemas: Vec<Value> = registry
        .schemas()
        .map(|schema| schema_row(&schema.id, &schema.name, schema.attributes.len(), kind(&schema.id)))
        .collect();
    // No resource type has these yet.
    let unserved = own.schemas.iter().filter(|schema| registry.schema(&schema.id).is_none());
    schemas.extend(unserved.map(|schema| schema_row(&schema.id, &schema.name, schema.attributes.len(), "not served")));
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(administrator
        .page("schemas/list.html")
        .status(status)
        .with("types", types)
        .with("schemas", schemas)
        .with("scim_url", &*service.base_url)
        .with("has_okta", has_okta(&own)?)
        .with("problem", problem))
}

fn schema_row(id: &str, name: &str, attributes: usize, kind: &str) -> Value {
    json!({"id": id, "path": path(id), "name": name, "attributes": attributes, "kind": kind})
}

/// `POST /admin/schemas/okta`.
async fn okta(app: web::Data<AppState>, administrator: Administrator, form: Form) -> Result<HttpResponse, PageError> {
    match switch_okta(&app, administrator.caller(), form.is_set("on")).await? {
        Ok(notice) => administrator.done(&app, LIST, notice).await,
        Err(sentence) => {
            let page = list_page(&app, &administrator, Some(sentence)).await?;
            administrator.respond(&app, page)
        }
    }
}

/// `GET /admin/schemas/{uri}`.
async fn detail(
    app: web::Data<AppState>,
    administrator: Administrator,
    uri: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let (service, own) = served(&app, &administrator).await?;
    let is_own = own.schema(&uri).is_some();
    let schema = service.registry.schema(&uri).or_else(|| own.schema(&uri)).ok_or_else(absent)?;
    let is_served = service.registry.schema(&uri).is_some();
    let used: Vec<Value> = service
        .registry
        .resource_types()
        .iter()
        .filter(|known| known.knows_schema(&schema.id))
        .map(|known| {
            let as_what = match known.extension(&schema.id) {
                Some(extension) if extension.required => "required extension",
                Some(_) => "extension",
                None => "base",
            };
            json!({"name": known.name, "as": as_what})
        })
        .collect();
    let mut rows = Vec::new();
    attribute_rows(&schema.attributes, "", &mut rows);
    let shown = schema_to_json(schema, &service.base_url);
    let text = serde_json::to_string_pretty(&shown).map_err(PageError::fault)?;
    let page = administrator
        .page("schemas/schema.html")
        .with("name", &*schema.name)
        .with("id", &*schema.id)
        .with("description", schema.description.clone())
        .with("used", used)
        .with("attributes", rows)
        .with("json", text)
        .with("location", is_served.then(|| format!("{}/Schemas/{}", service.base_url, schema.id)))
        .with("remove", is_own.then(|| format!("{}/remove", path(&schema.id))));
    administrator.respond(&app, page)
}

/// One row for each attribute, with its parts behind it.
fn attribute_rows(attributes: &Attributes, inside: &str, rows: &mut Vec<Value>) {
    for attribute in attributes {
        let word = |value: Value| value.as_str().unwrap_or_default().to_owned();
        rows.push(json!({
            "name": format!("{inside}{}", attribute.name),
            "type": word(json!(attribute.kind)),
            "multi_valued": attribute.multi_valued,
            "required": attribute.required,
            "case_exact": attribute.case_exact,
            "mutability": word(json!(attribute.mutability)),
            "returned": word(json!(attribute.returned)),
            "uniqueness": word(json!(attribute.uniqueness)),
            "description": attribute.description,
            "values": attribute.canonical_values.join(", "),
        }));
        attribute_rows(&attribute.sub_attributes, &format!("{inside}{}.", attribute.name), rows);
    }
}

/// `GET /admin/schemas/upload`.
async fn upload_form(app: web::Data<AppState>, administrator: Administrator) -> Result<HttpResponse, PageError> {
    let page = upload_page(&app, &administrator, "", "User", false, Value::Null).await?;
    administrator.respond(&app, page)
}

/// `POST /admin/schemas/upload`: a schema, or a resource type. The same again changes nothing.
async fn upload(app: web::Data<AppState>, administrator: Administrator, form: Form) -> Result<HttpResponse, PageError> {
    let (extends, required) = (form.get("extends").to_owned(), form.is_set("required"));
    let caller = administrator.caller();
    let (own, of) = (caller.clone(), extends.clone());
    let (form, result) = blocking::run(&app, move |app| {
        let of = (!of.is_empty()).then_some(Extends { resource_type: &of, required });
        let result = match read(form.get("definition")) {
            Ok(definition) => import(app, &own, definition, of).map_err(Refused::Change),
            Err(sentence) => Err(Refused::Text(sentence)),
        };
        Ok::<_, PageError>((form, result))
    })
    .await?;
    let sentence = match result {
        Ok((done, changed)) => match settle(&app, caller, changed).await? {
            Ok(()) => return administrator.done(&app, &done.path, done.notice).await,
            Err(sentence) => sentence,
        },
        Err(Refused::Text(sentence)) => sentence,
        Err(Refused::Change(error)) => refused_change(error)?,
    };
    let problems = json!({"definition": sentence});
    let page = upload_page(&app, &administrator, form.get("definition"), &extends, required, problems).await?;
    administrator.respond(&app, page.status(StatusCode::UNPROCESSABLE_ENTITY))
}

/// Why nothing was imported.
enum Refused {
    /// What was sent is no JSON.
    Text(String),
    /// It cannot be served.
    Change(ChangeError),
}

/// What was imported.
struct Imported {
    path: String,
    notice: String,
}

fn read(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Err("Paste a definition, or choose a file.".into());
    }
    if text.len() > limits::DEFINITION_BYTES {
        return Err(format!(
            "The definition is larger than {} bytes.",
            show::number(i64::try_from(limits::DEFINITION_BYTES).unwrap_or(i64::MAX))
        ));
    }
    scim_json::parse(text.as_bytes()).map_err(|error| show::sentence(error.detail()))
}

fn import(
    app: &AppState,
    caller: &Caller,
    definition: Value,
    extends: Option<Extends<'_>>,
) -> Result<(Imported, Changed), ChangeError> {
    // Resource types have an endpoint, schemas have none.
    if definition.get("endpoint").is_some() {
        let (name, changed) = definitions::import_resource_type(&app.store, caller, definition)?;
        let notice = format!("The resource type {name} is served now.");
        return Ok((Imported { path: LIST.into(), notice }, changed));
    }
    let is_attached = extends.is_some();
    let (uri, changed) = definitions::import_schema(&app.store, caller, definition, extends)?;
    let notice = if is_attached {
        "The schema is served now."
    } else {
        "The schema is kept. It is served once a resource type has it."
    };
    Ok((Imported { path: path(&uri), notice: notice.into() }, changed))
}

async fn upload_page(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    definition: &str,
    extends: &str,
    required: bool,
    problems: Value,
) -> Result<Page, PageError> {
    let (service, _) = served(app, administrator).await?;
    let mut choices = vec![json!({"value": "", "label": "No resource type"})];
    choices.extend(
        service.registry.resource_types().iter().map(|known| json!({"value": known.name, "label": known.name})),
    );
    Ok(administrator
        .page("schemas/upload.html")
        .with("definition", definition)
        .with("extends", extends)
        .with("choices", choices)
        .with("required", required)
        .with("problems", problems))
}

/// `GET /admin/schemas/{uri}/remove`.
async fn ask_remove(
    app: web::Data<AppState>,
    administrator: Administrator,
    uri: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let (_, own) = served(&app, &administrator).await?;
    let page = removal(&own, &uri)?.page(&administrator);
    administrator.respond(&app, page)
}

/// `POST /admin/schemas/{uri}/remove`.
async fn remove(
    app: web::Data<AppState>,
    administrator: Administrator,
    uri: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let (_, own) = served(&app, &administrator).await?;
    let question = removal(&own, &uri)?;
    let (caller, named) = (administrator.caller(), uri.clone());
    let change = move |app: &AppState| definitions::remove_schema(&app.store, &caller, &named);
    removed(&app, &administrator, question, change, "The schema is removed.").await
}

/// `GET /admin/schemas/types/{name}/remove`.
async fn ask_remove_type(
    app: web::Data<AppState>,
    administrator: Administrator,
    name: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let (_, own) = served(&app, &administrator).await?;
    let page = removal_of_type(&own, &name)?.page(&administrator);
    administrator.respond(&app, page)
}

/// `POST /admin/schemas/types/{name}/remove`.
async fn remove_type(
    app: web::Data<AppState>,
    administrator: Administrator,
    name: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let (_, own) = served(&app, &administrator).await?;
    let question = removal_of_type(&own, &name)?;
    let (caller, named) = (administrator.caller(), name.clone());
    let change = move |app: &AppState| definitions::remove_resource_type(&app.store, &caller, &named);
    removed(&app, &administrator, question, change, "The resource type is removed.").await
}

/// Removes something, or says on the page of the question what stands against it.
async fn removed(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    question: Question<'_>,
    change: impl FnOnce(&AppState) -> Result<Changed, ChangeError> + Send + 'static,
    notice: &str,
) -> Result<HttpResponse, PageError> {
    let sentence = match blocking::run(app, move |app| Ok::<_, PageError>(change(app))).await? {
        Ok(changed) => match settle(app, administrator.caller(), changed).await? {
            Ok(()) => return administrator.done(app, LIST, notice).await,
            Err(sentence) => sentence,
        },
        Err(error) => refused_change(error)?,
    };
    let page = question.refused(administrator, &sentence);
    administrator.respond(app, page)
}

fn removal(own: &Definitions, uri: &str) -> Result<Question<'static>, PageError> {
    let schema = own.schema(uri).ok_or_else(absent)?;
    Ok(Question {
        section: SECTION,
        heading: format!("Remove the schema {}?", schema.name),
        sentences: vec![
            format!("{} is no longer served, and no longer an extension of any resource type.", schema.id),
            "It can be removed only while no resource has data of it, and no resource type is based on it.".into(),
        ],
        action: format!("{}/remove", path(&schema.id)),
        fields: Vec::new(),
        typed: None,
        button: "Remove schema",
        back: path(&schema.id),
    })
}

fn removal_of_type(own: &Definitions, name: &str) -> Result<Question<'static>, PageError> {
    let known = own.resource_type(name).ok_or_else(absent)?;
    Ok(Question {
        section: SECTION,
        heading: format!("Remove the resource type {}?", known.name),
        sentences: vec![
            format!("Requests to /{} are answered 404 from then on.", known.endpoint),
            "It can be removed only while there are no resources of it.".into(),
        ],
        action: format!("{LIST}/types/{}/remove", known.name),
        fields: Vec::new(),
        typed: None,
        button: "Remove resource type",
        back: LIST.into(),
    })
}

/// URIs of schemas have letters, digits and `:._-~`, so they stand in a path as they are.
fn path(uri: &str) -> String {
    format!("{LIST}/{uri}")
}

fn absent() -> PageError {
    PageError::new(Problem::NotFound).saying("There is no such schema or resource type of this tenant's own.")
}
