//! Creating a resource and changing one, by a form that its schemas make.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::{Map, Value, json};

use super::form::{Problems, Shown, Values, fields, label, operations, problem, read};
use super::{Collection, Found, Id, alone, find, id_of, noun, provide, refused, shown};
use crate::http::AppState;
use crate::http::admin::administrator::Administrator;
use crate::http::pages::{Form, Page, PageError};
use crate::provider::{self, Context, Endpoint, Modified};
use crate::scim::error::{ErrorKind, ScimError};
use crate::scim::precondition::Preconditions;
use crate::scim::resource::Resource;
use crate::scim::resource_type::ResourceType;
use crate::scim::urn;

/// What a form was answered with.
enum Answer {
    /// It was carried out; the id and the title of the resource.
    Done(String, String),
    /// There was nothing to do.
    Unchanged(Found),
    /// It is shown again.
    Again(Endpoint, Option<Found>, Problems),
    /// The resource is in another state than the one that the form showed, and with what was sent would be this.
    Overtaken(Found, Map<String, Value>),
}

/// `GET /admin/users/new`.
pub(super) async fn new(
    app: web::Data<AppState>,
    administrator: Administrator,
    collection: Collection,
) -> Result<HttpResponse, PageError> {
    let endpoint = provide(&app, &administrator, &collection, |_, endpoint| Ok(endpoint.clone())).await?;
    let values = Values::of(&endpoint.resource_type, &Map::new());
    let page = form_page(&administrator, &collection, &endpoint, &values, &Problems::new(), "", None);
    administrator.respond(&app, page)
}

/// `POST /admin/users/new`.
pub(super) async fn create(
    app: web::Data<AppState>,
    administrator: Administrator,
    collection: Collection,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (values, extended) = (Values::sent(&form), form.get("add").to_owned());
    let (sent, only_more) = (values.clone(), !extended.is_empty());
    let keeps_passwords = administrator.tenant.stores_passwords;
    let answer = provide(&app, &administrator, &collection, move |context, endpoint| {
        if only_more {
            return Ok(Answer::Again(endpoint.clone(), None, Problems::new()));
        }
        let created = read(&endpoint.resource_type, &sent, &Map::new(), keeps_passwords).map(|attributes| {
            let view = context.presentation(endpoint, &alone());
            provider::create(context, endpoint, &view, Value::Object(attributes))
        });
        match created {
            Err(problems) => Ok(Answer::Again(endpoint.clone(), None, problems)),
            Ok(Err(error)) => Ok(Answer::Again(endpoint.clone(), None, mendable(endpoint, error)?)),
            Ok(Ok(created)) => {
                let found = Found::new(endpoint, &created)?;
                Ok(Answer::Done(found.id().to_owned(), found.title()))
            }
        }
    })
    .await?;
    respond(&app, &administrator, &collection, &values, &extended, answer).await
}

/// `GET /admin/users/{id}/edit`.
pub(super) async fn edit(
    app: web::Data<AppState>,
    administrator: Administrator,
    collection: Collection,
    id: Id,
) -> Result<HttpResponse, PageError> {
    let found =
        provide(&app, &administrator, &collection, move |context, endpoint| find(context, endpoint, &id.0)).await?;
    let values = Values::of(&found.endpoint.resource_type, &found.attributes);
    let endpoint = found.endpoint.clone();
    let page = form_page(&administrator, &collection, &endpoint, &values, &Problems::new(), "", Some(&found));
    administrator.respond(&app, page)
}

/// `POST /admin/users/{id}/edit`.
pub(super) async fn save(
    app: web::Data<AppState>,
    administrator: Administrator,
    collection: Collection,
    id: Id,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (values, extended) = (Values::sent(&form), form.get("add").to_owned());
    let (sent, only_shown) = (values.clone(), !extended.is_empty() || form.is_set("again"));
    let keeps_passwords = administrator.tenant.stores_passwords;
    let version = form.get("version").to_owned();
    let answer = provide(&app, &administrator, &collection, move |context, endpoint| {
        let found = find(context, endpoint, &id.0)?;
        if only_shown {
            return Ok(Answer::Again(endpoint.clone(), Some(found), Problems::new()));
        }
        let after = match read(&endpoint.resource_type, &sent, &found.attributes, keeps_passwords) {
            Ok(after) => after,
            Err(problems) => return Ok(Answer::Again(endpoint.clone(), Some(found), problems)),
        };
        if found.meta.entity_tag() != version {
            return Ok(if after == found.attributes {
                Answer::Unchanged(found)
            } else {
                Answer::Overtaken(found, after)
            });
        }
        change(context, endpoint, found, after)
    })
    .await?;
    let answer = match (answer, form_version(&form)) {
        // The state that the form was made of stays the one that it asks for.
        (Answer::Again(endpoint, Some(mut found), problems), Some(version)) => {
            found.meta.version = version;
            Answer::Again(endpoint, Some(found), problems)
        }
        (answer, _) => answer,
    };
    respond(&app, &administrator, &collection, &values, &extended, answer).await
}

/// The number in the entity tag that a form has.
fn form_version(form: &Form) -> Option<i64> {
    form.get("version").strip_prefix("W/\"")?.strip_suffix('"')?.parse().ok()
}

/// Changes a resource from the state found to the one after, unless somebody has changed it meanwhile.
fn change(
    context: &Context<'_>,
    endpoint: &Endpoint,
    found: Found,
    after: Map<String, Value>,
) -> Result<Answer, PageError> {
    let operations = operations(&endpoint.resource_type, &found.attributes, &after);
    if operations.is_empty() {
        return Ok(Answer::Unchanged(found));
    }
    let preconditions = Preconditions { if_match: Some(found.meta.entity_tag()), if_none_match: None };
    let view = context.presentation(endpoint, &alone());
    let body = json!({"schemas": [urn::PATCH_OP], "Operations": operations});
    match provider::modify(context, endpoint, found.id(), &preconditions, &view, body) {
        Ok(Modified::Shown(changed)) => {
            let changed = Found::new(endpoint, &changed)?;
            Ok(Answer::Done(changed.id().to_owned(), changed.title()))
        }
        Ok(Modified::TooLarge(meta)) => Ok(Answer::Done(id_of(&meta).to_owned(), found.title())),
        Err(error) if error.kind() == ErrorKind::PreconditionFailed => {
            Ok(Answer::Overtaken(find(context, endpoint, found.id())?, after))
        }
        Err(error) => Ok(Answer::Again(endpoint.clone(), Some(found), mendable(endpoint, error)?)),
    }
}

/// The problems of a form that SCIM refuses.
///
/// # Errors
/// The page of an error that no other form would mend.
fn mendable(endpoint: &Endpoint, error: ScimError) -> Result<Problems, PageError> {
    if error.is_fault() || error.kind() == ErrorKind::NotFound {
        return Err(refused(error));
    }
    Ok(Problems::from([problem(&endpoint.resource_type, &error)]))
}

async fn respond(
    app: &web::Data<AppState>,
    administrator: &Administrator,
    collection: &Collection,
    values: &Values,
    extended: &str,
    answer: Answer,
) -> Result<HttpResponse, PageError> {
    match answer {
        Answer::Done(id, title) => {
            administrator.done(app, &collection.page_of(&id), format!("{title} is saved.")).await
        }
        Answer::Unchanged(found) => {
            let notice = "Nothing was different, so nothing was changed.";
            administrator.done(app, &collection.page_of(found.id()), notice).await
        }
        Answer::Again(endpoint, found, problems) => {
            let page = form_page(administrator, collection, &endpoint, values, &problems, extended, found.as_ref());
            let status = if problems.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
            administrator.respond(app, page.status(status))
        }
        Answer::Overtaken(found, after) => {
            let page = administrator
                .page("directory/conflict.html")
                .status(StatusCode::CONFLICT)
                .with("state", found.meta.entity_tag())
                .with("values", values.again(&found.endpoint.resource_type))
                .with("rows", both(&found.endpoint.resource_type, &found.attributes, after));
            administrator.respond(app, found.head(page, collection, ""))
        }
    }
}

/// The attributes in which two states differ, but for secrets.
fn both(resource_type: &ResourceType, now: &Map<String, Value>, yours: Map<String, Value>) -> Vec<Value> {
    let mut yours = Resource { attributes: yours };
    yours.forget_unreadable(resource_type);
    let yours = &yours.attributes;
    let mut rows = Vec::new();
    let mut compare = |prefix: &str, name: &str, now: Option<&Value>, yours: Option<&Value>| {
        if now != yours {
            rows.push(json!({
                "label": label(name),
                "attribute": format!("{prefix}{name}"),
                "now": shown::one_line(now),
                "yours": shown::one_line(yours),
            }));
        }
    };
    for attribute in resource_type.schema.attributes.iter().chain(resource_type.common_attributes()) {
        compare("", &attribute.name, now.get(&attribute.name), yours.get(&attribute.name));
    }
    for extension in &resource_type.extensions {
        let uri = &extension.schema.id;
        for attribute in &extension.schema.attributes {
            let of = |state: &'_ Map<String, Value>| state.get(uri).and_then(|held| held.get(&attribute.name)).cloned();
            compare(&format!("{uri}:"), &attribute.name, of(now).as_ref(), of(yours).as_ref());
        }
    }
    rows
}

/// The form: of a new resource, or of the one found.
fn form_page(
    administrator: &Administrator,
    collection: &Collection,
    endpoint: &Endpoint,
    values: &Values,
    problems: &Problems,
    extended: &str,
    found: Option<&Found>,
) -> Page {
    let shown =
        Shown { problems, extended, is_new: found.is_none(), keeps_passwords: administrator.tenant.stores_passwords };
    let page = administrator
        .page("directory/form.html")
        .with("is_new", found.is_none())
        .with("sections", fields(&endpoint.resource_type, values, &shown))
        .with(
            "at_fields",
            problems
                .iter()
                .filter(|(name, _)| !name.is_empty())
                .map(|(n, s)| (n.clone(), s.clone().into()))
                .collect::<Map<String, Value>>(),
        )
        .with("on_top", problems.get("").cloned().map_or(Value::Null, Value::from))
        .with("state", found.map_or(Value::Null, |found| found.meta.entity_tag().into()))
        .with("foreign", found.is_some_and(|found| found.attributes.contains_key("externalId")));
    match found {
        Some(found) => found.head(page, collection, ""),
        None => page
            .with("path", &*collection.path)
            .with("list_path", &*collection.path)
            .with("list_label", &*endpoint.resource_type.endpoint)
            .with("noun", noun(endpoint))
            .with("title", Value::Null),
    }
}
