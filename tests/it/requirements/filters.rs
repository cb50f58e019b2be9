//! RFC 7644 section 3.4.2.2: filters.

use serde_json::json;

use super::{ada, read};
use crate::support::{ENTERPRISE, Tenant, USER, assert_error, tenant};

/// Three users that differ in everything a filter can ask for.
fn people() -> Tenant {
    let tenant = tenant();
    tenant.create(&ada());
    tenant.create(&json!({
        "userName": "bob", "externalId": "00uBob", "active": false, "displayName": "Bob \"the \\ 100%_\" O'Neil",
        "emails": [{"value": "bob@work.example", "type": "home"}, {"value": "bob@home.example", "type": "work"}],
        "name": {"givenName": "Bob", "familyName": "Ångström"},
        "x509Certificates": [{"value": "TUlJ"}]
    }));
    tenant.create(&json!({"userName": "cyd", "title": "Äbtissin", "locale": "en-US"}));
    tenant
}

/// Asserts which of the three a filter finds, by their first letters.
#[track_caller]
fn finds(tenant: &Tenant, filter: &str, expected: &str) {
    let found = tenant.client.found(filter);
    let initials: String = found.iter().map(|name| name[..1].to_ascii_lowercase()).collect();
    assert_eq!(initials, expected, "{filter}");
}

#[track_caller]
fn refused(tenant: &Tenant, filter: &str) {
    let answer = tenant.client.filter(filter);
    assert_eq!(answer.status, 400, "{filter}: {}", answer.text);
    assert_error(&answer, 400, Some("invalidFilter"));
}

#[test]
fn r7644_3_4_2_2_1_the_grammar_is_taken_whole_and_keywords_in_any_case() {
    let tenant = people();
    let id = tenant.client.filter("userName eq \"bob\"").json()["Resources"][0]["id"].as_str().unwrap().to_owned();
    let by_id = format!("id eq \"{id}\"");
    let by_urn = format!("{USER}:userName eq \"bob\"");
    let by_extension = format!("{ENTERPRISE}:manager.value eq \"1\"");
    let extension = format!("{ENTERPRISE} pr");
    for (filter, expected) in [
        ("userName eq \"BOB\"", "b"),
        ("userName Eq \"bob\"", "b"),
        ("USERNAME EQ \"bob\" OR userName eq \"cyd\"", "bc"),
        ("userName ne \"bob\"", "ac"),
        ("userName co \"EXAMPLE\"", "a"),
        ("userName sw \"C\"", "c"),
        ("userName ew \".com\"", "a"),
        ("userName gt \"bob\"", "c"),
        ("userName ge \"bob\"", "bc"),
        ("userName lt \"BOB\"", "a"),
        ("userName le \"bob\"", "ab"),
        ("emails.primary eq false", "ab"),
        ("emails[primary eq false and type eq \"work\"]", "b"),
        ("emails[primary eq \"False\" and type eq \"home\"]", "ab"),
        ("emails[primary ne false]", "a"),
        ("emails.primary ne false", "ac"),
        ("not (emails.primary eq true)", "bc"),
        ("title pr", "c"),
        ("NOT (title PR)", "ab"),
        ("title eq null", "ab"),
        ("title ne null", "c"),
        ("title eq \"äBTISSIN\"", "c"),
        ("active eq true", "ac"),
        ("active eq FALSE", "b"),
        ("active eq \"False\"", "b"),
        ("active ne true", "b"),
        ("externalId eq \"00uAda\"", "a"),
        ("externalId eq \"00uADA\"", ""),
        ("name.familyName eq \"ÅNGSTRÖM\"", "b"),
        ("name pr", "ab"),
        ("emails.value eq \"bob@home.example\"", "b"),
        ("emails eq \"bob@home.example\"", "b"),
        ("emails co \"home\"", "ab"),
        ("emails[type eq \"work\"]", "ab"),
        ("emails[type eq \"work\" and value sw \"bob\"]", "b"),
        ("emails[type eq \"home\" and value ew \"work.example\"]", "b"),
        ("emails.type eq \"home\" and emails.value ew \"work.example\"", "ab"),
        ("emails[type eq \"work\"].value eq \"ada@work.example\"", "a"),
        ("emails[not (type eq \"work\") and (value co \"home\" or value co \"x\")]", "ab"),
        ("emails.primary eq true", "a"),
        ("phoneNumbers[type eq \"mobile\" and value eq \"555-0100\"]", "a"),
        ("x509Certificates.value eq \"TUlJ\"", "b"),
        ("meta.resourceType eq \"User\"", "abc"),
        ("meta.created gt \"2001-01-01T00:00:00Z\" and meta.lastModified lt \"2999-01-01T00:00:00+01:00\"", "abc"),
        (&by_id, "b"),
        (&by_urn, "b"),
        (&by_extension, "a"),
        (&extension, "a"),
        ("displayName eq \"bob \\\"the \\\\ 100%_\\\" o'neil\"", "b"),
        ("displayName co \"0%_\\u0022\"", "b"),
        ("displayName co \"0__\"", ""),
        ("displayName sw \"%\"", ""),
        ("   userName   eq   \"bob\"   ", "b"),
        ("( ( userName eq \"bob\" ) )", "b"),
    ] {
        finds(&tenant, filter, expected);
    }
}

#[test]
fn r7644_3_4_2_2_2_and_binds_tighter_than_or_and_brackets_tightest() {
    let tenant = people();
    for (filter, expected) in [
        ("userName eq \"cyd\" or userName eq \"bob\" and active eq true", "c"),
        ("active eq true and userName eq \"bob\" or userName eq \"cyd\"", "c"),
        ("(userName eq \"cyd\" or userName eq \"bob\") and active eq false", "b"),
        ("userName eq \"bob\" or active eq true and title pr or name.givenName eq \"Ada\" and title pr", "bc"),
        ("not (userName eq \"bob\") and active eq true", "ac"),
        ("not (userName eq \"bob\" or title pr)", "a"),
        ("not (userName eq \"bob\") or userName eq \"bob\" and active eq true", "ac"),
        ("emails[type eq \"home\" or type eq \"work\" and value sw \"bob\"]", "ab"),
        ("emails[(type eq \"home\" or type eq \"work\") and value sw \"bob\"]", "b"),
    ] {
        finds(&tenant, filter, expected);
    }
}

#[test]
fn r7644_3_4_2_2_3_not_needs_a_group_and_no_space() {
    let tenant = people();
    for filter in ["not (active eq true)", "not(active eq true)", "not   (active eq true)", "NOT(active eq true)"] {
        finds(&tenant, filter, "b");
    }
    finds(&tenant, "not (not (active eq true))", "ac");
    finds(&tenant, "emails[not(type eq \"work\")]", "ab");
    for filter in ["not active eq true", "not", "not ()", "not userName", "not [active eq true]"] {
        refused(&tenant, filter);
    }
}

#[test]
fn r7644_3_4_2_2_4_a_malformed_filter_is_refused_with_an_explanation() {
    let tenant = people();
    for filter in [
        "",
        " ",
        "userName",
        "userName eq",
        "userName is \"bob\"",
        "userName regex \"b.b\"",
        "eq \"bob\"",
        "\"bob\" eq userName",
        "userName eq \"bob",
        "userName eq \"\\q\"",
        "userName eq \"bob\" and",
        "userName eq \"bob\" userName eq \"cyd\"",
        "and userName eq \"bob\"",
        "(userName eq \"bob\"",
        "userName eq \"bob\")",
        "emails[type eq \"work\"",
        "emails[]",
        "emails[emails[type eq \"work\"]]",
        "emails[unknown eq \"x\"]",
        "user name eq \"bob\"",
        "1name eq \"bob\"",
        "name..givenName eq \"Bob\"",
        "name.givenName.first eq \"Bob\"",
        "urn:example:unknown:userName eq \"bob\"",
        "name eq \"Bob\"",
        "active eq \"maybe\"",
        "active gt true",
        "active co \"tr\"",
        "meta.created gt 5",
        "meta.created co \"2026\"",
        "x509Certificates.value gt \"TUlJ\"",
    ] {
        refused(&tenant, filter);
    }
    let answer = tenant.client.filter("userName is \"bob\"");
    assert!(answer.json()["detail"].as_str().unwrap().contains("character 10"), "{}", answer.text);
    assert!(answer.json()["detail"].as_str().unwrap().contains("eq"), "{}", answer.text);
    assert_error(&tenant.client.get("/Users?filter="), 400, Some("invalidFilter"));
    assert_error(&tenant.client.get("/Users?filter"), 400, Some("invalidFilter"));
    assert_error(&tenant.client.get("/Users?count=0&filter=("), 400, Some("invalidFilter"));
}

/// Decision: an empty answer would say "there is no such user", and the client would create a second one.
#[test]
fn r7644_3_4_2_2_6_a_filter_on_an_unknown_attribute_is_refused() {
    let tenant = people();
    for filter in [
        "unknown eq \"x\"",
        "unknown pr",
        "not (unknown pr)",
        "name.unknown eq \"x\"",
        "userName eq \"bob\" or unknown eq \"x\"",
        "emails.unknown pr",
    ] {
        refused(&tenant, filter);
    }
}

/// Decision: `ne` on several values asks whether one of them differs; `not (… eq …)` is the complement of `eq`.
#[test]
fn r7644_3_4_2_2_1_ne_matches_when_some_value_differs() {
    let tenant = people();
    for (filter, expected) in [
        ("emails.value ne \"ada@work.example\"", "abc"),
        ("not (emails.value eq \"ada@work.example\")", "bc"),
        ("phoneNumbers.value ne \"555-0100\"", "bc"),
        ("title ne \"Äbtissin\"", "ab"),
        ("emails[type ne \"work\"]", "ab"),
        ("emails[type eq \"work\" and value ne \"ada@work.example\"]", "b"),
    ] {
        finds(&tenant, filter, expected);
    }
}

/// Decision: what identity providers and the RFC's own examples write is taken.
#[test]
fn r7644_3_4_2_2_1_brackets_select_a_singular_value_too_but_no_simple_one() {
    let tenant = tenant();
    tenant.create(&json!({"schemas": [USER], "userName": "ada", "name": {"givenName": "Ada", "familyName": "King"}}));
    tenant.user("bob");
    for (filter, found) in [
        ("name[givenName eq \"ada\" and familyName sw \"k\"]", vec!["ada"]),
        ("name[not (givenName eq \"ada\")]", vec![]),
        ("not (name[givenName pr])", vec!["bob"]),
        ("meta[resourceType eq \"User\"]", vec!["ada", "bob"]),
        ("meta[lastModified gt \"2020-01-01T00:00:00Z\"] and userName eq \"bob\"", vec!["bob"]),
    ] {
        assert_eq!(tenant.client.found(filter), found, "{filter}");
    }
    for filter in ["userName[value eq \"ada\"]", "externalId[value eq \"x\"]", "id[value pr]", "active[value eq true]"]
    {
        assert_error(&tenant.client.filter(filter), 400, Some("invalidFilter"));
    }
}

#[test]
fn r7644_3_4_2_2_1_unquoted_words_and_single_quotes_are_taken() {
    let tenant = people();
    for (filter, expected) in [
        ("userName eq bob", "b"),
        ("externalId eq 00uBob", "b"),
        ("meta.resourceType eq User", "abc"),
        ("userName eq 'bob'", "b"),
        ("userName eq\"bob\"", "b"),
        ("userName eq Ada@Example.com and active eq True", "a"),
        ("employeeNumber eq 701984", ""),
    ] {
        finds(&tenant, filter, expected);
    }
}

#[test]
fn r7644_3_4_2_2_7_passwords_cannot_be_asked_for() {
    let tenant = crate::support::tenant_with(true);
    tenant.create(&json!({"userName": "ada", "password": "t1meMa$heen"}));
    for filter in [
        "password eq \"t1meMa$heen\"",
        "PASSWORD sw \"t\"",
        "password pr",
        "not (password eq \"x\")",
        "userName eq \"ada\" and password eq \"t1meMa$heen\"",
        &format!("{USER}:password pr"),
    ] {
        refused(&tenant, filter);
        assert!(!tenant.client.filter(filter).text.contains("t1meMa"), "the value is not echoed");
    }
}

#[test]
fn r7644_3_4_2_2_8_depth_length_and_number_of_terms_are_bounded() {
    let tenant = people();
    let nested = |depth: usize| format!("{}userName eq \"bob\"{}", "(".repeat(depth), ")".repeat(depth));
    let negated = |depth: usize| format!("{}userName eq \"bob\"{}", "not (".repeat(depth), ")".repeat(depth));
    let chained = |terms: usize, with: &str| vec!["userName eq \"bob\""; terms].join(with);
    finds(&tenant, &nested(12), "b");
    finds(&tenant, &negated(12), "b");
    finds(&tenant, &chained(30, " or "), "b");
    finds(&tenant, &format!("userName eq \"bob\" or userName eq \"{}\"", "x".repeat(3_000)), "b");
    for filter in [
        nested(17),
        nested(1_000),
        negated(200),
        "[".repeat(1_000),
        "emails[".repeat(100),
        chained(100, " or "),
        chained(100, " and "),
        format!("userName eq \"{}\"", "x".repeat(5_000)),
        format!("{} eq \"x\"", "a".repeat(4_000)),
    ] {
        refused(&tenant, &filter);
    }
    assert_eq!(read(&tenant.client, "/Users")["totalResults"], 3);
}

#[test]
fn r7644_3_4_2_2_5_operators_that_a_type_does_not_have_are_refused() {
    let tenant = people();
    for operator in ["gt", "ge", "lt", "le"] {
        refused(&tenant, &format!("active {operator} true"));
        refused(&tenant, &format!("x509Certificates.value {operator} \"TUlJ\""));
    }
    for operator in ["co", "sw", "ew"] {
        refused(&tenant, &format!("active {operator} \"t\""));
        refused(&tenant, &format!("meta.created {operator} \"2026\""));
        refused(&tenant, &format!("x509Certificates.value {operator} \"TU\""));
    }
    finds(&tenant, "x509Certificates.value eq \"TUlJ\"", "b");
    finds(&tenant, "active eq false", "b");
}

#[test]
fn r7644_3_note_a_filter_on_a_defaulted_attribute_sees_the_value_that_was_returned() {
    let tenant = tenant();
    let made = tenant.create(&json!({"userName": "ada"}));
    assert_eq!(made["active"], true);
    finds(&tenant, "active eq true", "a");
    finds(&tenant, "active pr", "a");
}
