//! The members of a group, page by page, so that a large group costs no more than a small one.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::list::{Asked, PAGE};
use super::{Collection, Found, Id, alone, find, id_of, provide, refused, shown};
use crate::http::AppState;
use crate::http::admin::administrator::Administrator;
use crate::http::pages::{BASE, Form, PageError, Problem, show};
use crate::id::ResourceId;
use crate::provider::{self, Context, Endpoint, Member};
use crate::scim::error::ErrorKind;
use crate::scim::membership::MEMBER_TYPES;
use crate::scim::precondition::Preconditions;
use crate::scim::urn;

/// Members that are counted exactly.
const COUNTED: i64 = 10_000;

/// `GET /admin/groups/{id}/members`.
pub(super) async fn list(
    app: web::Data<AppState>,
    administrator: Administrator,
    collection: Collection,
    id: Id,
) -> Result<HttpResponse, PageError> {
    let asked = Asked::of(&administrator.page);
    let behind = ResourceId::parse(&asked.after);
    let (found, list) = provide(&app, &administrator, &collection, move |context, endpoint| {
        let found = find(context, endpoint, &id.0)?;
        let list = provider::members(context, endpoint, &id.0, behind, PAGE).map_err(refused)?;
        Ok((found, list))
    })
    .await?;
    let total = match list.total {
        total if total > COUNTED => format!("More than {}", show::number(COUNTED)),
        total => show::number(total),
    };
    let rows: Vec<Value> = list.members.iter().map(row).collect();
    let page = administrator
        .page("directory/members.html")
        .with("total", total)
        .with("first", if behind.is_some() { Value::from("?") } else { Value::Null })
        .with("next", list.next.map_or(Value::Null, |id| format!("?after={id}").into()))
        .with("after", &*asked.after)
        .with("rows", rows);
    administrator.respond(&app, found.head(page, &collection, "members"))
}

fn row(member: &Member) -> Value {
    let id = member.id.to_string();
    let names = [member.user_name.as_deref(), member.display_name.as_deref()];
    let mut names = names.into_iter().flatten();
    let title = names.next().unwrap_or(&id);
    json!({
        "id": id,
        "path": format!("{BASE}/{}/{}", segment(&member.kind), member.id),
        "kind": member.kind,
        "title": title,
        "name": names.next().filter(|name| *name != title),
    })
}

/// The path segment of the pages of a type of member.
fn segment(kind: &str) -> &'static str {
    if kind == MEMBER_TYPES[1] { "groups" } else { "users" }
}

/// `GET /admin/groups/{id}/members/add`.
pub(super) async fn find_candidates(
    app: web::Data<AppState>,
    administrator: Administrator,
    collection: Collection,
    id: Id,
) -> Result<HttpResponse, PageError> {
    let asked = Asked::of(&administrator.page);
    let kind = if asked.status == MEMBER_TYPES[1] { MEMBER_TYPES[1] } else { MEMBER_TYPES[0] };
    let question = asked.clone();
    let (found, rows, next) = provide(&app, &administrator, &collection, move |context, endpoint| {
        let found = find(context, endpoint, &id.0)?;
        let Some(members) = context.service.endpoints().into_iter().find(|of| of.resource_type.name == kind) else {
            return Err(PageError::new(Problem::NotFound));
        };
        let browsed = provider::browse(context, &members, &question.browse(false)).map_err(refused)?;
        let already = provider::members_among(context, endpoint, &id.0, &browsed.resources).map_err(refused)?;
        let path = format!("{BASE}/{}", segment(kind));
        let rows = browsed.resources.iter().map(|resource| {
            let resource = Found::new(&members, resource)?;
            let own = id_of(&resource.meta);
            let is_member = ResourceId::parse(own).is_some_and(|ResourceId(id)| already.contains(&id));
            let mut row = shown::row(&resource.attributes, own, &path);
            row["id"] = own.into();
            row["is_member"] = is_member.into();
            Ok(row)
        });
        let rows: Vec<Value> = rows.collect::<Result<_, PageError>>()?;
        Ok((found, rows, browsed.next))
    })
    .await?;
    let page = administrator
        .page("directory/add_member.html")
        .with("text", &*asked.text)
        .with("kind", kind)
        .with("first", if asked.after.is_empty() { Value::Null } else { format!("?{}", asked.query(None)).into() })
        .with("next", next.map_or(Value::Null, |id| format!("?{}", asked.query(Some(&id.to_string()))).into()))
        .with("query", asked.query(None))
        .with("rows", rows);
    administrator.respond(&app, found.head(page, &collection, "members"))
}

/// `POST /admin/groups/{id}/members/add`.
pub(super) async fn add(
    app: web::Data<AppState>,
    administrator: Administrator,
    collection: Collection,
    id: Id,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let page = format!(
        "{}/members/add?{}",
        collection.page_of(&id.0),
        Asked::of(&format!("?{}", form.get("query"))).query(None)
    );
    let (title, name) = provide(&app, &administrator, &collection, move |context, endpoint| {
        let member = member(&form)?;
        // The protocol leaves out members that do not exist and says no more; whoever presses a button wants to know.
        let title = member_title(context, member)?;
        let operation = json!({"op": "add", "path": "members", "value": [{"value": member.to_string()}]});
        Ok((title, change(context, endpoint, &id.0, &operation)?))
    })
    .await?;
    administrator.done(&app, &page, format!("{title} is a member of {name}.")).await
}

/// `POST /admin/groups/{id}/members/remove`.
pub(super) async fn remove(
    app: web::Data<AppState>,
    administrator: Administrator,
    collection: Collection,
    id: Id,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let after = ResourceId::parse(form.get("after")).map(|after| format!("?after={after}")).unwrap_or_default();
    let page = format!("{}/members{after}", collection.page_of(&id.0));
    let name = provide(&app, &administrator, &collection, move |context, endpoint| {
        let member = member(&form)?;
        let operation = json!({"op": "remove", "path": format!("members[value eq \"{member}\"]")});
        change(context, endpoint, &id.0, &operation)
    })
    .await?;
    administrator.done(&app, &page, format!("The member is removed from {name}.")).await
}

fn member(form: &Form) -> Result<ResourceId, PageError> {
    ResourceId::parse(form.get("member")).ok_or_else(no_such_member)
}

/// What people call the resource that is to be a member.
fn member_title(context: &Context<'_>, member: ResourceId) -> Result<String, PageError> {
    let endpoints = context.service.endpoints();
    for kind in MEMBER_TYPES {
        let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.resource_type.name == kind) else { continue };
        let view = context.presentation(endpoint, &alone());
        match provider::retrieve(context, endpoint, &member.to_string(), &Preconditions::default(), &view) {
            Ok(found) => return Ok(Found::new(endpoint, &found)?.title()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(refused(error)),
        }
    }
    Err(no_such_member())
}

fn no_such_member() -> PageError {
    PageError::new(Problem::NotFound).saying("There is no such member in this tenant. Nothing was changed.")
}

/// Changes who belongs to a group, and gives its name.
fn change(context: &Context<'_>, endpoint: &Endpoint, id: &str, operation: &Value) -> Result<String, PageError> {
    let view = context.presentation(endpoint, &alone());
    let body = json!({"schemas": [urn::PATCH_OP], "Operations": [operation]});
    match provider::modify(context, endpoint, id, &Preconditions::default(), &view, body) {
        Ok(provider::Modified::Shown(group)) => Ok(Found::new(endpoint, &group)?.title()),
        Ok(provider::Modified::TooLarge(_)) => Ok("the group".into()),
        Err(error) if matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::NoTarget) => Err(no_such_member()),
        Err(error) => Err(refused(error)),
    }
}
