//! The live test: which of the calls that a working connection makes have come, in the order in which a provider makes them, and what
//! went wrong last.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::provider::Provider;
use crate::http::admin::why::why;
use crate::http::pages::{BASE, show};
use crate::id::TenantId;
use crate::store::{RequestRow, SeenRequest};

/// How many failures are told.
pub(super) const FAILURES: usize = 3;

/// By what a step is known to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Reached,
    Accepted,
    LookedUp,
    Paged,
    Queried,
    Created,
    Updated,
    Deactivated,
    GroupCreated,
    GroupPushed,
    MembersSet,
}

/// A step: its sign, what it says, and what to do for it.
struct Step(Sign, &'static str, &'static str);

const REACHED: Step = Step(Sign::Reached, "Reached this server", "");
const ACCEPTED: Step = Step(Sign::Accepted, "Credential accepted", "");

const OKTA: &[Step] = &[
    Step(Sign::Reached, REACHED.1, "Press Test Connector Configuration in Okta"),
    Step(Sign::Accepted, ACCEPTED.1, "The same button"),
    Step(Sign::LookedUp, "Looked up a user that does not exist", "Assign one person to the app"),
    Step(Sign::Paged, "Page of users", "Press Test Connector Configuration, or Import Now"),
    Step(Sign::Created, "Created a user", "Assign one person to the app"),
    Step(Sign::Updated, "Updated a user", "Change a name in Okta"),
    Step(Sign::Deactivated, "Deactivated a user", "Unassign that person"),
    Step(Sign::GroupPushed, "Pushed a group", "Push Groups › Find groups by name"),
];

const ENTRA: &[Step] = &[
    Step(Sign::Reached, REACHED.1, "Press Test Connection in Entra"),
    Step(Sign::Accepted, ACCEPTED.1, "The same button"),
    Step(Sign::LookedUp, "Looked up a user that does not exist", "Press Test Connection"),
    Step(Sign::Created, "Created a user", "Provision on demand, with one person"),
    Step(Sign::Updated, "Updated a user", "Change the person in Entra, and provision on demand again"),
    Step(Sign::Deactivated, "Deactivated a user", "Remove the person from the app, and provision on demand again"),
    Step(Sign::GroupCreated, "Created a group", "Assign a group to the app, and provision it on demand"),
    Step(Sign::MembersSet, "Put members into a group", "The same, with members chosen"),
];

const OTHER: &[Step] = &[
    Step(Sign::Reached, REACHED.1, "Test the connection at the provider"),
    Step(Sign::Accepted, ACCEPTED.1, "The same"),
    Step(Sign::Queried, "Looked for users", "The same, or provision one person"),
    Step(Sign::Created, "Created a user", "Provision one person"),
    Step(Sign::Updated, "Updated a user", "Change a name at the provider"),
    Step(Sign::Deactivated, "Deactivated a user", "Take the application away from that person"),
    Step(Sign::GroupPushed, "Pushed a group", "Provision a group"),
];

const fn steps(provider: Provider) -> &'static [Step] {
    match provider {
        Provider::Okta => OKTA,
        Provider::Entra => ENTRA,
        Provider::Other => OTHER,
    }
}

impl Sign {
    fn is_shown_by(self, request: &SeenRequest) -> bool {
        let is_ok = request.outcome == "ok";
        let of = |resource_type: &str, operations: &[&str]| {
            is_ok
                && request.resource_type.as_deref() == Some(resource_type)
                && operations.contains(&request.operation.as_str())
        };
        let filter = request.query.as_deref().is_some_and(|query| query.contains("filter="));
        match self {
            Self::Reached => true,
            Self::Accepted => request.outcome != "unauthenticated",
            // Without the answer it is not known whether somebody was found.
            Self::LookedUp => of("User", &["query"]) && filter && request.is_empty != Some(false),
            Self::Paged => of("User", &["query"]) && !filter,
            Self::Queried => of("User", &["query"]),
            Self::Created => of("User", &["create"]),
            Self::Updated => of("User", &["replace", "modify"]),
            Self::Deactivated => of("User", &["deactivate"]),
            Self::GroupCreated => of("Group", &["create"]),
            Self::GroupPushed => of("Group", &["create", "replace", "modify"]),
            Self::MembersSet => of("Group", &["replace", "modify"]),
        }
    }
}

/// What the page of the live test is told.
pub(super) struct Told {
    pub steps: Value,
    /// Steps that are done, and all.
    pub done: (usize, usize),
    pub failures: Vec<SeenRequest>,
    /// Whether something went well after the last failure.
    pub is_mended: bool,
}

/// Reads what came. `is_encrypted` says that the public URL is https.
pub(super) fn tell(provider: Provider, mut requests: Vec<SeenRequest>, is_encrypted: bool, now: DateTime<Utc>) -> Told {
    requests.sort_by_key(|request| request.id);
    requests.dedup_by_key(|request| (request.tenant_id, request.id));
    let steps = steps(provider);
    let mut done = 0;
    let shown: Vec<Value> = steps
        .iter()
        .map(|Step(sign, label, instruction)| {
            let first = requests.iter().find(|request| sign.is_shown_by(request));
            done += usize::from(first.is_some());
            let label = match (sign, is_encrypted) {
                (Sign::Reached, true) => format!("{label} over https"),
                _ => (*label).to_owned(),
            };
            json!({"label": label, "instruction": instruction, "request": first.map(|request| seen(request, now))})
        })
        .collect();
    let mut failures: Vec<SeenRequest> =
        requests.iter().rev().filter(|request| request.outcome != "ok").cloned().collect();
    failures.truncate(FAILURES);
    let last = failures.first().map(|request| request.id);
    let is_mended =
        last.is_some_and(|last| requests.iter().any(|request| request.outcome == "ok" && request.id > last));
    Told { steps: shown.into(), done: (done, steps.len()), failures, is_mended }
}

/// A request as a line of the page.
fn seen(request: &SeenRequest, now: DateTime<Utc>) -> Value {
    json!({
        "id": request.id,
        "log": format!("{BASE}/log/{}", request.id),
        "at": show::time(request.at, now),
        "clock": request.at.format("%H:%M:%S").to_string(),
        "address": request.address,
        "call": call(&request.method, &request.path, request.query.as_deref()),
        "status": request.status,
        "is_empty": request.is_empty,
    })
}

/// A failure with its cause and what to do. `row` is the whole of it, where it is still there.
pub(super) fn failure(request: &SeenRequest, row: Option<&RequestRow>, now: DateTime<Utc>) -> Value {
    let why = row.and_then(why);
    // Without a known cause, what the provider was told.
    let told = row.and_then(|row| row.detail.as_deref()).map(show::sentence);
    json!({
        "request": seen(request, now),
        "cause": why.map(|why| why.cause.to_owned()).or(told),
        "fix": why.map(|why| why.fix),
        "unknown": request.tenant_id == TenantId::NONE.0,
    })
}

/// What was called, as far as a line has room.
fn call(method: &str, path: &str, query: Option<&str>) -> String {
    const LENGTH: usize = 120;
    let query = query.map(|query| {
        // A name without a value, as Entra's flag is one, stays without a sign.
        let readable = |part: &str| {
            let pair = url::form_urlencoded::parse(part.as_bytes()).next();
            pair.map(|(name, value)| if part.contains('=') { format!("{name}={value}") } else { name.into_owned() })
        };
        let parts: Vec<String> = query.split('&').filter_map(readable).collect();
        format!("?{}", parts.join("&"))
    });
    let text = format!("{method} {path}{}", query.unwrap_or_default());
    match text.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn request(operation: &str, resource_type: &str, query: Option<&str>) -> SeenRequest {
        SeenRequest {
            tenant_id: Uuid::max(),
            id: Uuid::now_v7(),
            at: Utc::now(),
            method: "GET".into(),
            path: "/Users".into(),
            query: query.map(str::to_owned),
            operation: operation.into(),
            outcome: "ok".into(),
            status: 200,
            resource_type: Some(resource_type.into()),
            address: None,
            is_empty: Some(false),
        }
    }

    fn done(provider: Provider, requests: Vec<SeenRequest>) -> Vec<String> {
        let told = tell(provider, requests, true, Utc::now());
        let steps = told.steps.as_array().unwrap().iter().filter(|step| !step["request"].is_null());
        steps.map(|step| step["label"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_call_is_shown_as_it_was_sent_but_readable() {
        for (query, shown) in [
            ("filter=userName+eq+%22a%40example.com%22&count=1", "?filter=userName eq \"a@example.com\"&count=1"),
            ("aadOptscim062020", "?aadOptscim062020"),
            ("filter=x&aadOptscim062020", "?filter=x&aadOptscim062020"),
            ("attributes=", "?attributes="),
        ] {
            assert_eq!(call("GET", "/Users", Some(query)), format!("GET /Users{shown}"));
        }
    }

    #[test]
    fn each_call_ticks_the_steps_that_it_shows() {
        let reached = ["Reached this server over https", "Credential accepted"];
        for (request, more) in [
            (
                SeenRequest {
                    is_empty: Some(true),
                    ..request("query", "User", Some("filter=userName%20eq%20%22x%22"))
                },
                Some("Looked up a user that does not exist"),
            ),
            (request("query", "User", Some("filter=userName%20eq%20%22x%22")), None),
            (request("query", "User", Some("startIndex=1&count=2")), Some("Page of users")),
            (request("create", "User", None), Some("Created a user")),
            (request("replace", "User", None), Some("Updated a user")),
            (request("deactivate", "User", None), Some("Deactivated a user")),
            (request("create", "Group", None), Some("Pushed a group")),
            (request("modify", "Group", None), Some("Pushed a group")),
            (SeenRequest { outcome: "refused".into(), ..request("create", "User", None) }, None),
        ] {
            assert_eq!(done(Provider::Okta, vec![request]), reached.into_iter().chain(more).collect::<Vec<_>>());
        }
        let refused = SeenRequest { outcome: "unauthenticated".into(), ..request("query", "User", None) };
        assert_eq!(done(Provider::Entra, vec![refused]), reached[..1]);
    }

    #[test]
    fn what_was_called_is_read_and_cut() {
        assert_eq!(call("GET", "/Users", Some("filter=a%20eq%20%22b%22")), "GET /Users?filter=a eq \"b\"");
        assert_eq!(call("GET", &"\u{e9}".repeat(200), None).chars().count(), 121);
    }
}
