//! Discovery (RFC 7644 section 4). Readable without a credential, and then the standard; with one, what the caller's tenant is served.

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use serde_json::Value;

use super::request::{Exchange, Served};
use super::response;
use crate::auth::Caller;
use crate::scim::error::{ErrorKind, ScimError, excerpt};
use crate::scim::registry::schema_to_json;
use crate::scim::search::ListResponse;
use crate::scim::service_provider_config;

type Answer = Result<HttpResponse, ScimError>;

/// `GET /ServiceProviderConfig`
pub(super) async fn service_provider_config(served: Served, request: HttpRequest) -> Answer {
    refuse_filter(&request)?;
    let passwords = request.extensions().get::<Caller>().is_some_and(|caller| caller.principal.stores_passwords());
    Ok(response::json(StatusCode::OK, &service_provider_config::to_json(&served.0.base_url, passwords)))
}

/// `GET /ResourceTypes`
pub(super) async fn resource_types(exchange: Exchange, served: Served, request: HttpRequest) -> Answer {
    refuse_filter(&request)?;
    list(&exchange, served.0.registry.resource_types().iter().map(|known| known.to_json(&served.0.base_url)).collect())
        .await
}

/// `GET /ResourceTypes/{name}`
pub(super) async fn resource_type(served: Served, request: HttpRequest, name: Path<String>) -> Answer {
    refuse_filter(&request)?;
    let known = served.0.registry.by_name(&name).ok_or_else(|| absent("resource type", &name))?;
    Ok(response::json(StatusCode::OK, &known.to_json(&served.0.base_url)))
}

/// `GET /Schemas`
pub(super) async fn schemas(exchange: Exchange, served: Served, request: HttpRequest) -> Answer {
    refuse_filter(&request)?;
    list(&exchange, served.0.registry.schemas().map(|schema| schema_to_json(schema, &served.0.base_url)).collect())
        .await
}

/// `GET /Schemas/{uri}`
pub(super) async fn schema(served: Served, request: HttpRequest, uri: Path<String>) -> Answer {
    refuse_filter(&request)?;
    let schema = served.0.registry.schema(&uri).ok_or_else(|| absent("schema", &uri))?;
    Ok(response::json(StatusCode::OK, &schema_to_json(schema, &served.0.base_url)))
}

/// Everything on one page: paging and projection do not apply here (RFC 7644 section 4).
async fn list(exchange: &Exchange, resources: Vec<Value>) -> Answer {
    let total = resources.len();
    let mut list = ListResponse::new(total, 1, total);
    for resource in resources {
        list.item().text().push_str(&resource.to_string());
    }
    response::message(exchange, StatusCode::OK, list.finish()).await
}

/// A filter on discovery is refused (RFC 7644 section 4), so that nobody takes the whole for a selection.
fn refuse_filter(request: &HttpRequest) -> Result<(), ScimError> {
    let names = request.query_string().split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    if names.into_iter().any(|name| name.eq_ignore_ascii_case("filter")) {
        return Err(ScimError::new(ErrorKind::Forbidden, "discovery endpoints take no filter"));
    }
    Ok(())
}

fn absent(what: &str, name: &str) -> ScimError {
    ScimError::new(ErrorKind::NotFound, format!("no {what} '{}'", excerpt(name)))
}
