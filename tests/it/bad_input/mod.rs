//! What is wrong in a request is answered with its status and its keyword, and nothing has changed then. Each file has a table for
//! one part of a request: the URL, the body as text, a resource, the operations of a PATCH, a query.

mod messages;
mod operations;
mod queries;
mod resources;
mod urls;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::groups::{group, id, users};
use crate::support::{Answer, Client, ENTERPRISE, Tenant, assert_error, path_of, tenant};

/// What was sent, the answer, and the status and `scimType` that it must have.
type Row = (String, Answer, u16, Option<&'static str>);

/// A tenant with a user and a group, and another whose user and group it must not see.
struct Scene {
    tenant: Tenant,
    other: Tenant,
    user: String,
    group: String,
    foreign_user: String,
    foreign_group: String,
    before: [String; 2],
}

impl Scene {
    fn new() -> Self {
        let (tenant, other) = (tenant(), tenant());
        let populate = |tenant: &Tenant| {
            let user = tenant.create(&json!({
                "userName": "ada", "externalId": "e1", "title": "Countess",
                "emails": [{"value": "ada@x.example", "type": "work", "primary": true}],
                ENTERPRISE: {"department": "Engines", "manager": {"value": "m1"}}
            }));
            let bob = users(tenant, 1);
            (path_of(&user), group(tenant, "Engineers", &[id(&user), &bob[0]]))
        };
        let (user, group) = populate(&tenant);
        let (foreign_user, foreign_group) = populate(&other);
        let before = [&tenant, &other].map(everything);
        Self { tenant, other, user, group, foreign_user, foreign_group, before }
    }

    /// Sends a request as it is.
    fn send(&self, method: Method, path: &str, body: impl Into<reqwest::blocking::Body>) -> Answer {
        let request = self.tenant.client.request(method, path).header("Content-Type", "application/scim+json");
        Client::send(request.body(body))
    }

    /// The two collections, each with a resource in it.
    fn endpoints(&self) -> [(&'static str, &str); 2] {
        [("/Users", &self.user), ("/Groups", &self.group)]
    }

    /// Asserts that neither tenant has changed.
    #[track_caller]
    fn assert_unchanged(&self) {
        assert_eq!([&self.tenant, &self.other].map(everything), self.before);
    }
}

/// All resources of a tenant, and what was ever done to them.
fn everything(tenant: &Tenant) -> String {
    let changes = tenant.audit().into_iter().filter(|row| row.action.starts_with("resource."));
    let changes: Vec<_> = changes.map(|row| (row.action, row.target_id)).collect();
    let [users, groups] = ["/Users", "/Groups"].map(|path| tenant.client.get(&format!("{path}?count=1000")).text);
    format!("{users}\n{groups}\n{changes:?}")
}

/// Asserts that each answer is the error that its row says. Every row is looked at, and what is wrong is told of all.
#[track_caller]
fn assert_errors(rows: &[Row]) {
    assert!(!rows.is_empty());
    let mut wrong = Vec::new();
    for (what, answer, status, scim_type) in rows {
        let text = &answer.text;
        let keyword =
            serde_json::from_str::<Value>(text).ok().and_then(|body| body["scimType"].as_str().map(str::to_owned));
        if answer.status != *status || keyword.as_deref() != *scim_type {
            let end = text.char_indices().nth(300).map_or(text.len(), |(at, _)| at);
            wrong.push(format!("{what}: {} instead of {status} {scim_type:?}: {}", answer.status, &text[..end]));
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    for (_, answer, status, scim_type) in rows {
        assert_error(answer, *status, *scim_type);
    }
}
