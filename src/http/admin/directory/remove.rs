//! Activating, deactivating and deleting a resource, each after a question.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::{Collection, Found, Id, alone, find, provide, refused};
use crate::http::AppState;
use crate::http::admin::administrator::Administrator;
use crate::http::pages::{Form, PageError, Problem};
use crate::provider;
use crate::scim::error::ErrorKind;
use crate::scim::precondition::Preconditions;
use crate::scim::urn;

/// What is asked, what follows, the button, and what is said afterwards.
struct Step {
    name: &'static str,
    question: &'static str,
    consequence: &'static str,
    button: &'static str,
    done: &'static str,
    /// The value that `active` gets; `None` for the end of the resource.
    active: Option<bool>,
}

const STEPS: [Step; 3] = [
    Step {
        name: "activate",
        question: "Activate",
        consequence: "Whoever reads this directory lets the account in again.",
        button: "Activate",
        done: "is active again.",
        active: Some(true),
    },
    Step {
        name: "deactivate",
        question: "Deactivate",
        consequence: "The account stays with all it has, memberships included, and is no longer to be let in. You can activate it again.",
        button: "Deactivate",
        done: "is deactivated.",
        active: Some(false),
    },
    Step {
        name: "delete",
        question: "Delete",
        consequence: "It is deleted for good, with its memberships. The audit log keeps its last state.",
        button: "Delete",
        done: "is deleted.",
        active: None,
    },
];

/// The step that the path of a page ends with.
fn step(page: &str) -> Result<&'static Step, PageError> {
    let path = page.split('?').next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    STEPS.iter().find(|step| step.name == last).ok_or_else(|| PageError::new(Problem::NotFound))
}

/// `GET /admin/users/{id}/deactivate`, and the other questions.
pub(super) async fn ask(
    app: web::Data<AppState>,
    administrator: Administrator,
    collection: Collection,
    id: Id,
) -> Result<HttpResponse, PageError> {
    let step = step(&administrator.page)?;
    let found =
        provide(&app, &administrator, &collection, move |context, endpoint| find(context, endpoint, &id.0)).await?;
    question(&app, &administrator, &collection, step, &found, None)
}

fn question(
    app: &AppState,
    administrator: &Administrator,
    collection: &Collection,
    step: &Step,
    found: &Found,
    problem: Option<&str>,
) -> Result<HttpResponse, PageError> {
    let foreign = found.attributes.contains_key("externalId");
    let mut page = administrator
        .page("directory/confirm.html")
        .with("step", step.name)
        .with("question", step.question)
        .with("consequence", step.consequence)
        .with("button", step.button)
        .with("danger", step.active != Some(true))
        .with("foreign", foreign)
        .with("state", found.meta.entity_tag())
        .with("problem", problem.map_or(Value::Null, Value::from));
    if problem.is_some() {
        page = page.status(StatusCode::CONFLICT);
    }
    administrator.respond(app, found.head(page, collection, ""))
}

/// `POST /admin/users/{id}/deactivate`, and the other answers.
pub(super) async fn perform(
    app: web::Data<AppState>,
    administrator: Administrator,
    collection: Collection,
    id: Id,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let step = step(&administrator.page)?;
    let result = provide(&app, &administrator, &collection, move |context, endpoint| {
        let found = find(context, endpoint, &id.0)?;
        // Whoever deletes has seen what is deleted; a switch means the same whatever else has changed.
        let version = form.get("version").to_owned();
        let preconditions = Preconditions { if_match: Some(version), if_none_match: None };
        let result = match step.active {
            None => provider::delete(context, endpoint, &id.0, &preconditions),
            Some(active) => {
                let view = context.presentation(endpoint, &alone());
                let body = json!({
                    "schemas": [urn::PATCH_OP],
                    "Operations": [{"op": "replace", "path": "active", "value": active}],
                });
                provider::modify(context, endpoint, &id.0, &Preconditions::default(), &view, body).map(drop)
            }
        };
        match result {
            Ok(()) => Ok((found, true)),
            Err(error) if error.kind() == ErrorKind::PreconditionFailed => Ok((found, false)),
            Err(error) if error.kind() == ErrorKind::InvalidPath => Err(PageError::new(Problem::NotFound)),
            Err(error) => Err(refused(error)),
        }
    })
    .await?;
    let (found, is_done) = result;
    if !is_done {
        let sentence = "It has changed since you were asked. Nothing was deleted. Look at it again, then decide.";
        return question(&app, &administrator, &collection, step, &found, Some(sentence));
    }
    let page = if step.active.is_some() { collection.page_of(found.id()) } else { collection.path.clone() };
    administrator.done(&app, &page, format!("{} {}", found.title(), step.done)).await
}
