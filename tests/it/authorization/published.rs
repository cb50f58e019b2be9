//! What is published about who may do what is what the tests hold the server to.

use std::fmt::Write;

use provisor::auth::role::{Right, Role};
use provisor::http::page_routes;

use super::routes::{Expected, SCOPES_OF_ACCESS_TOKENS, SCOPES_OF_HEADER_TOKENS, open_routes, routes};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/authorization.md");
/// What to set where the document is to be written again.
const UPDATE: &str = "PROVISOR_UPDATE_DOCS";

const INTRODUCTION: &str = "\
# Who may do what

Written by `PROVISOR_UPDATE_DOCS=1 cargo test --test it published`, from the tables that the tests and the server itself go by: each cell is a
request in `tests/it/authorization/routes.rs` or `tests/it/admin/guards.rs`.
";

const SCIM: &str = "
## SCIM

What a request hears, by the scopes of its token. `{id}` is a user of the token's tenant; one of another tenant is 404. The
scopes of a header token stand beside each other; an access token that may write may read. A token that is wrong, revoked or expired is 401 on
each of these, like none.
";

const DISCOVERY: &str = "
Discovery answers without a credential, whatever the scopes, but not with a wrong one:
";

const PAGES: &str = "
## Admin UI

Pages, by the role of whoever is signed in. Without a session each leads to signing in, but for those that nobody needs to be signed
in for. *All tenants* is an owner who belongs to no tenant.
";

/// What a kind of token hears.
fn cells(route: &super::routes::Route, kinds: &[(&str, Expected)]) -> String {
    kinds.iter().fold(String::new(), |mut cells, (_, expected)| {
        let _ = write!(cells, " {} |", expected(route));
        cells
    })
}

fn document() -> String {
    let mut text = format!("{INTRODUCTION}{SCIM}\n");
    let named = |kinds: &[(&str, Expected)], what: &str| {
        kinds.iter().fold(String::new(), |head, (scope, _)| match *scope {
            "" => format!("{head} {what} without scope |"),
            scope => format!("{head} {what} `{scope}` |"),
        })
    };
    let (header, access) = (&SCOPES_OF_HEADER_TOKENS[..], &SCOPES_OF_ACCESS_TOKENS[..]);
    let _ = writeln!(text, "| request | no token |{}{}", named(header, "header token"), named(access, "access token"));
    let _ = writeln!(text, "|{}", " --- |".repeat(2 + header.len() + access.len()));
    for route in routes() {
        let (header, access) = (cells(&route, header), cells(&route, access));
        let _ = writeln!(text, "| `{} /scim/v2{}` | 401 |{header}{access}", route.method, route.path);
    }
    let _ = write!(text, "{DISCOVERY}\n| request | answer |\n| --- | --- |\n");
    for (method, path, status) in open_routes() {
        let _ = writeln!(text, "| `{method} /scim/v2{path}` | {status} |");
    }
    let _ = write!(text, "{PAGES}\n| page | right | all tenants |");
    for role in Role::ALL {
        let _ = write!(text, " {} |", role.name());
    }
    let _ = writeln!(text, "\n|{}", " --- |".repeat(3 + Role::ALL.len()));
    for page in page_routes() {
        let right = page.right.map_or("–".into(), |right| format!("{right:?}").to_lowercase());
        let cell = |may: bool| if may { "yes" } else { "403" };
        let owner = cell(page.right.is_none_or(|right| Role::Owner.has(right)));
        let _ = write!(text, "| `{} /admin{}` | {right} | {owner} |", page.method, page.path);
        for role in Role::ALL {
            let may = page.right.is_none_or(|right| role.has(right) && right != Right::Operate);
            let _ = write!(text, " {} |", cell(may));
        }
        text.push('\n');
    }
    text
}

#[test]
fn the_published_matrix_is_the_one_that_is_tested() {
    let expected = document();
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(DOCUMENT, &expected).unwrap();
    }
    let published = std::fs::read_to_string(DOCUMENT).unwrap();
    assert!(published == expected, "docs/authorization.md is out of date: {UPDATE}=1 cargo test --test it published");
}
