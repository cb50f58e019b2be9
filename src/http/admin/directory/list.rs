//! The list of a collection, searched.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{Collection, Found, id_of, provide, refused, shown};
use crate::http::AppState;
use crate::http::admin::administrator::Administrator;
use crate::http::pages::{PageError, show};
use crate::id::ResourceId;
use crate::provider::{self, Browse, Browsed};
use crate::scim::error::{ErrorKind, ScimError};
use crate::store::CANDIDATES;

/// Resources on a page.
pub(super) const PAGE: usize = 50;
/// Totals above are not told exactly.
const COUNTED: usize = 10_000;

/// What a list is asked for, from the query of its URL.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    /// How a name begins.
    pub text: String,
    /// A SCIM filter.
    pub filter: String,
    /// `active`, `inactive`, or empty.
    pub status: String,
    /// The id of the last resource of the page before.
    pub after: String,
}

impl Asked {
    /// Reads the query of a URL.
    pub(super) fn of(page: &str) -> Self {
        let mut asked = Self::default();
        let query = page.split_once('?').map_or("", |(_, query)| query);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let field = match &*name {
                "q" => &mut asked.text,
                "filter" => &mut asked.filter,
                "status" => &mut asked.status,
                "after" => &mut asked.after,
                _ => continue,
            };
            value.trim().clone_into(field);
        }
        asked
    }

    fn active(&self) -> Option<bool> {
        match &*self.status {
            "active" => Some(true),
            "inactive" => Some(false),
            _ => None,
        }
    }

    /// As the use case takes it; a filter goes before a text.
    pub(super) fn browse(&self, has_active: bool) -> Browse<'_> {
        let filter = Some(&*self.filter).filter(|filter| !filter.is_empty());
        Browse {
            beginning: Some(&*self.text).filter(|text| !text.is_empty() && filter.is_none()),
            filter,
            active: self.active().filter(|_| has_active),
            behind: ResourceId::parse(&self.after),
            count: PAGE,
        }
    }

    /// The query of the same list behind a resource.
    pub(super) fn query(&self, after: Option<&str>) -> String {
        let own = [("q", &*self.text), ("filter", &*self.filter), ("status", &*self.status)];
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(own.into_iter().filter(|(_, value)| !value.is_empty()));
        query.extend_pairs(after.map(|after| ("after", after)));
        query.finish()
    }

    fn is_narrowed(&self) -> bool {
        !self.text.is_empty() || !self.filter.is_empty() || !self.status.is_empty()
    }
}

/// `GET /admin/users`, and the same of other collections.
pub(super) async fn list(
    app: web::Data<AppState>,
    administrator: Administrator,
    collection: Collection,
) -> Result<HttpResponse, PageError> {
    let asked = Asked::of(&administrator.page);
    let question = asked.clone();
    let (endpoint, found) = provide(&app, &administrator, &collection, move |context, endpoint| {
        let has_active = endpoint.resource_type.core_attribute("active").is_some();
        let found = match provider::browse(context, endpoint, &question.browse(has_active)) {
            Ok(found) => Ok(found),
            Err(error) if matches!(error.kind(), ErrorKind::InvalidFilter | ErrorKind::TooMany) => Err(error),
            Err(error) => return Err(refused(error)),
        };
        Ok((endpoint.clone(), found))
    })
    .await?;
    let resource_type = &endpoint.resource_type;
    let problem = found.as_ref().err().map(|error| filter_problem(&asked.filter, error));
    let found = found.unwrap_or_else(|_| Browsed { resources: Vec::new(), next: None, total: None });
    let mut rows = Vec::new();
    for resource in &found.resources {
        let resource = Found::new(&endpoint, resource)?;
        rows.push(shown::row(&resource.attributes, id_of(&resource.meta), &collection.path));
    }
    let is_first = asked.after.is_empty();
    let link = |query: String| if query.is_empty() { String::from("?") } else { format!("?{query}") };
    let next = found.next.map(|id| link(asked.query(Some(&id.to_string()))));
    let page = administrator
        .page("directory/list.html")
        .with("path", &*collection.path)
        .with("label", &*resource_type.endpoint)
        .with("noun", super::noun(&endpoint))
        .with("is_own", collection.is_own)
        .with("has_active", resource_type.core_attribute("active").is_some())
        .with("has_email", resource_type.core_attribute("emails").is_some())
        .with("text", &*asked.text)
        .with("filter", &*asked.filter)
        .with("status", &*asked.status)
        .with("narrowed", asked.is_narrowed())
        .with("summary", summary(&asked, &found, rows.len()))
        .with("problem", problem.unwrap_or_default())
        .with("first", if is_first { Value::Null } else { link(asked.query(None)).into() })
        .with("next", next.map_or(Value::Null, Value::from))
        .with("rows", rows);
    administrator.respond(&app, page)
}

/// What stands above the list.
fn summary(asked: &Asked, found: &Browsed, rows: usize) -> String {
    let number = |count: usize| show::number(i64::try_from(count).unwrap_or(i64::MAX));
    match found.total {
        Some(total) if total > COUNTED => format!("More than {} in all, in the order of creation", number(COUNTED)),
        Some(total) => format!("{} in all, in the order of creation", number(total)),
        None if asked.after.is_empty() && found.next.is_none() => format!("{} found", number(rows)),
        None if asked.filter.is_empty() && !asked.text.is_empty() => format!(
            "The first {} of each kind of name that begin so; a longer beginning finds the others",
            show::number(CANDIDATES)
        ),
        None => "In the order of creation".into(),
    }
}

/// What is wrong with a filter: the sentence, and the filter around the character where it is.
fn filter_problem(filter: &str, error: &ScimError) -> Value {
    let detail = error.detail();
    // The character is shown, so it need not be counted as well.
    let reason = match detail.strip_prefix("filter, character ").and_then(|rest| rest.split_once(": ")) {
        Some((_, reason)) => reason,
        None => detail,
    };
    let place = error.position().map(|position| {
        let before: String = filter.chars().take(position).collect();
        let at: String = filter.chars().skip(position).take(1).collect();
        let after: String = filter.chars().skip(position + 1).collect();
        json!({"number": position + 1, "before": before, "at": at, "after": after})
    });
    json!({"sentence": show::sentence(reason), "place": place})
}
