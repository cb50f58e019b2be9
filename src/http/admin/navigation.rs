//! The navigation beside every page.

use serde_json::{Value, json};

use super::routes;
use crate::auth::administrators::Person;
use crate::http::pages::BASE;

/// Groups of pages: a heading, and paths below the base with their labels.
const GROUPS: &[(&str, &[(&str, &str)])] = &[
    ("", &[("", "Overview"), ("/connect", "Connect a directory")]),
    ("Directory", &[("/users", "Users"), ("/groups", "Groups")]),
    ("Access", &[("/tokens", "Header tokens"), ("/clients", "OAuth clients"), ("/keys", "Signing keys")]),
    ("Records", &[("/log", "Provisioning log"), ("/audit", "Audit log")]),
    (
        "Settings",
        &[
            ("/schemas", "Schemas"),
            ("/administrators", "Administrators"),
            ("/tenants", "Tenants"),
            ("/settings", "Settings"),
            ("/settings/sso", "Single sign-on"),
        ],
    ),
];

/// What this person sees, with the page that the path belongs to marked.
pub(super) fn shown(person: &Person, here: &str) -> Value {
    let below = here.strip_prefix(BASE).unwrap_or_default();
    let leads_here = |path: &str| below == path || !path.is_empty() && below.starts_with(&format!("{path}/"));
    let paths = || GROUPS.iter().flat_map(|(_, entries)| entries.iter().map(|(path, _)| *path));
    // A page may be below another one that has an entry as well.
    let nearest = paths().filter(|path| leads_here(path)).max_by_key(|path| path.len());
    let is_here = |path: &str| nearest == Some(path);
    let allowed =
        |path: &str| routes::all().any(|page| page.path == path && page.right.is_some_and(|right| person.has(right)));
    let group = |(heading, entries): &(&str, &[(&str, &str)])| {
        let entries: Vec<Value> = entries
            .iter()
            .filter(|(path, _)| allowed(path))
            .map(|(path, label)| json!({"path": format!("{BASE}{path}"), "label": label, "is_here": is_here(path)}))
            .collect();
        (!entries.is_empty()).then(|| json!({"heading": heading, "entries": entries}))
    };
    GROUPS.iter().filter_map(group).collect()
}
