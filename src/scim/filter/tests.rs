//! The grammar, and what each operator means, on one resource.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::scim::error::{ErrorKind, ScimError};
use crate::scim::{fold, limits, registry, validate};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn compare(path: &str, value: Value) -> Filter {
    Filter::Compare(path.into(), Operator::Eq, value)
}

/// The resource that the meaning of operators is shown on, as filters see it.
fn folded() -> Map<String, Value> {
    let user = registry::user().unwrap();
    let body = json!({
        "userName": "Ada@Example.com",
        "externalId": "00uAda",
        "name": {"givenName": "Ada", "familyName": "Straße"},
        "active": true,
        "emails": [
            {"value": "ada@work.example", "type": "work", "primary": true},
            {"value": "ada@home.example", "type": "home"}
        ],
        "x509Certificates": [{"value": "TUlJ"}],
        ENTERPRISE: {"employeeNumber": "701984", "department": "100%_R&D", "manager": {"value": "Boss1"}}
    });
    let resource = validate::resource(&user, body).unwrap();
    let mut folded = fold::attributes(&user, &resource.attributes);
    folded.insert("id".into(), json!("2819c223-7f76-453a-919d-413861904646"));
    folded.insert("meta".into(), json!({"created": "2026-01-02T03:04:05.000000000Z"}));
    folded
}

fn matches_user(filter: &str) -> Result<bool, ScimError> {
    let user = registry::user().unwrap();
    let filter = parse(filter)?;
    Ok(matches(&resolve(&filter, &user)?, &folded()))
}

#[test]
fn and_binds_tighter_than_or_and_groups_tightest() {
    let [a, b, c] = ["a", "b", "c"].map(|name| compare(name, json!(1)));
    assert_eq!(parse("a eq 1 or b eq 2 and c eq 3").unwrap().to_string(), "a eq 1 or (b eq 2 and c eq 3)", "or of and");
    assert_eq!(
        parse("a eq 1 and b eq 1 or c eq 1").unwrap(),
        Filter::Or(vec![Filter::And(vec![a.clone(), b.clone()]), c.clone()])
    );
    assert_eq!(
        parse("(a eq 1 or b eq 1) and c eq 1").unwrap(),
        Filter::And(vec![Filter::Or(vec![a.clone(), b]), c.clone()])
    );
    assert_eq!(parse("not(a eq 1) and c eq 1").unwrap(), Filter::And(vec![Filter::Not(Box::new(a)), c]));
}

#[test]
fn keywords_are_taken_in_any_case_and_not_needs_no_space() {
    let plain = parse(r#"not (userName eq "x") and title pr or active eq true"#).unwrap();
    assert_eq!(parse(r#"NOT(userName EQ "x") AND title PR OR active Eq TRUE"#).unwrap(), plain);
}

#[test]
fn literals_are_json_and_escapes_are_decoded() {
    assert_eq!(
        parse(r#"a eq "q\"\\\/\b\f\n\r\t\u00e9""#).unwrap(),
        compare("a", json!("q\"\\/\u{8}\u{c}\n\r\t\u{e9}"))
    );
    assert_eq!(parse("a eq null").unwrap(), compare("a", Value::Null));
    assert_eq!(parse("a eq -1500.5").unwrap(), compare("a", json!(-1500.5)));
    assert_eq!(parse("a eq 12e45").unwrap(), compare("a", json!("12e45")), "as an identifier may look");
    assert_eq!(parse(r#"a eq"x""#).unwrap(), compare("a", json!("x")), "no space before the quote");
    assert_eq!(parse("a eq 'it\\'s \"x\"'").unwrap(), compare("a", json!("it's \"x\"")), "single quotes");
    assert_eq!(parse("a eq jyoung").unwrap(), compare("a", json!("jyoung")), "a bare word");
}

#[test]
fn a_value_path_may_be_followed_by_a_comparison_of_the_same_element() {
    assert_eq!(
        parse(r#"emails[type eq "work"].value eq "x""#).unwrap(),
        parse(r#"emails[type eq "work" and value eq "x"]"#).unwrap()
    );
}

#[test]
fn what_does_not_follow_the_grammar_says_where() {
    for (text, column) in [
        ("", 1),
        ("   ", 4),
        ("userName", 9),
        ("userName xx \"a\"", 10),
        ("userName eq", 12),
        ("userName eq \"a", 13),
        ("userName eq \"\\x\"", 13),
        ("(userName pr", 13),
        ("userName pr)", 12),
        ("not userName pr", 5),
        ("emails[type eq \"work\"", 22),
        ("a pr and", 9),
        ("and", 4),
        ("é pr or", 8),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidFilter, "{text}");
        assert!(error.detail().contains(&format!("character {column}:")), "{text}: {}", error.detail());
    }
}

#[test]
fn length_depth_and_nodes_are_bounded() {
    let long = format!("userName eq \"{}\"", "x".repeat(limits::FILTER_BYTES));
    let deep = format!("{}a pr{}", "(".repeat(limits::FILTER_DEPTH + 1), ")".repeat(limits::FILTER_DEPTH + 1));
    let deeper = format!("{}a pr{}", "not (".repeat(800), ")".repeat(800));
    let wide = vec!["a pr"; limits::FILTER_NODES + 1].join(" or ");
    for text in [long, deep, deeper, wide] {
        assert_eq!(parse(&text).unwrap_err().kind(), ErrorKind::InvalidFilter);
    }
    let fits = format!("{}a pr{}", "(".repeat(limits::FILTER_DEPTH - 1), ")".repeat(limits::FILTER_DEPTH - 1));
    assert!(parse(&fits).is_ok());
}

#[test]
fn operators_compare_by_the_type_of_the_attribute() {
    for (filter, expected) in [
        // Text without regard to case.
        (r#"userName eq "ADA@example.COM""#, true),
        (r#"userName ne "ADA@example.COM""#, false),
        (r#"userName co "@EXAMPLE""#, true),
        (r#"userName sw "ada@""#, true),
        (r#"userName ew ".Com""#, true),
        (r#"userName gt "ACA""#, true),
        (r#"userName lt "aca""#, false),
        (r#"userName ge "ada@example.com" and userName le "ada@example.com""#, true),
        (r#"name.familyName eq "STRASSE""#, true),
        // Text with regard to case.
        (r#"externalId eq "00uAda""#, true),
        (r#"externalId eq "00uada""#, false),
        (r#"externalId sw "00U""#, false),
        // Booleans, also as Entra writes them.
        ("active eq true", true),
        (r#"active eq "True""#, true),
        ("active ne false", true),
        ("active pr", true),
        // Instants, whatever their zone.
        (r#"meta.created eq "2026-01-02T04:04:05+01:00""#, true),
        (r#"meta.created gt "2026-01-02T03:04:04.999Z""#, true),
        (r#"meta.created lt "2026-01-02T03:04:05Z""#, false),
        // Binary is compared by its bytes.
        (r#"x509Certificates.value eq "TUlJ""#, true),
        // Wildcards of SQL are text like any other.
        (r#"department co "%_r""#, true),
        (r#"department co "0_""#, false),
        // A complex attribute is compared by its value.
        (r#"emails eq "ada@work.example""#, true),
        (r#"emails co "home.example""#, true),
        (r#"manager eq "Boss1""#, true),
    ] {
        assert_eq!(matches_user(filter).unwrap(), expected, "{filter}");
    }
}

#[test]
fn an_unassigned_attribute_matches_nothing_but_its_absence() {
    for (filter, expected) in [
        ("title pr", false),
        ("title eq null", true),
        ("title ne null", false),
        (r#"title eq "x""#, false),
        (r#"title ne "x""#, true),
        (r#"title co "x""#, false),
        (r#"title lt "x""#, false),
        (r#"not (title co "x")"#, true),
        ("phoneNumbers pr", false),
        (r#"phoneNumbers.value ne "1""#, true),
        ("userName eq null", false),
        ("emails.display pr", false),
        ("emails.primary pr", true),
        ("name pr", true),
    ] {
        assert_eq!(matches_user(filter).unwrap(), expected, "{filter}");
    }
}

#[test]
fn elements_are_matched_one_by_one_or_all_conditions_by_the_same_one() {
    for (filter, expected) in [
        (r#"emails.type eq "work" and emails.value co "home""#, true),
        (r#"emails[type eq "work" and value co "home"]"#, false),
        (r#"emails[type eq "home" and value co "home"]"#, true),
        (r#"emails[not (type eq "work")]"#, true),
        (r#"not (emails.type eq "work")"#, false),
        (r#"emails.type ne "work""#, true),
        (r#"emails[type ne "work" and type ne "home"]"#, false),
        (r#"emails[type eq "work"].value ew "work.example""#, true),
        (r#"emails[primary eq "True" and value sw "ada"]"#, true),
        (r#"name[givenName eq "ada" and familyName pr]"#, true),
    ] {
        assert_eq!(matches_user(filter).unwrap(), expected, "{filter}");
    }
}

#[test]
fn extensions_are_named_by_urn_in_any_case_or_by_a_name_that_is_theirs_alone() {
    for filter in [
        r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber eq "701984""#,
        r#"URN:IETF:params:scim:schemas:extension:ENTERPRISE:2.0:User:EMPLOYEENUMBER eq "701984""#,
        r#"employeeNumber eq "701984""#,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value pr",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr",
        r#"urn:ietf:params:scim:schemas:core:2.0:User:USERNAME sw "ada""#,
        r#"name.familyName co "stra" and employeeNumber pr"#,
    ] {
        assert!(matches_user(filter).unwrap(), "{filter}");
    }
}

#[test]
fn what_no_schema_knows_and_what_a_type_cannot_do_is_refused() {
    for filter in [
        r#"unknown eq "x""#,
        r#"name.unknown eq "x""#,
        r#"urn:example:2.0:User:department eq "x""#,
        "a..b pr",
        r#"userName[value eq "x"].b.c eq "y""#,
        r#"password eq "x""#,
        "password pr",
        "active gt true",
        r#"active co "t""#,
        "active eq \"yes\"",
        "active eq 1",
        r#"x509Certificates.value gt "TUlJ""#,
        r#"x509Certificates.value eq "no base64""#,
        r#"meta.created co "2026""#,
        "meta.created gt 5",
        r#"meta.created gt "yesterday""#,
        r#"name eq "Ada""#,
        "userName eq true",
        r#"emails[unknown eq "x"]"#,
        r#"emails[type eq "work" and emails[value pr]]"#,
        r#"emails.value[type eq "x"]"#,
        r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User eq "x""#,
    ] {
        assert_eq!(matches_user(filter).unwrap_err().kind(), ErrorKind::InvalidFilter, "{filter}");
    }
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let path = "[a-zA-Z][a-zA-Z0-9_-]{0,8}(\\.[a-z]{1,5})?";
    let value = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        "[^\0]{0,12}".prop_map(Value::String),
    ];
    let operator = proptest::sample::select(Operator::TABLE.map(|(operator, _)| operator).to_vec());
    let leaf = prop_oneof![
        path.prop_map(Filter::Present),
        (path, operator, value).prop_map(|(path, operator, value)| Filter::Compare(path, operator, value)),
    ];
    let keyword = |filter: &Filter| match filter {
        Filter::Present(path) | Filter::Compare(path, ..) => !path.eq_ignore_ascii_case("not"),
        _ => true,
    };
    leaf.prop_filter("'not' opens a group", keyword).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Filter::Or),
            inner.clone().prop_map(|inner| Filter::Not(Box::new(inner))),
            ("[a-z]{3,6}", inner)
                .prop_filter("'not' opens a group", |(path, _)| path != "not")
                .prop_map(|(path, inner)| Filter::ValuePath(path, Box::new(inner))),
        ]
    })
}

proptest! {
    #[test]
    fn a_filter_reads_back_as_it_was_written(filter in any_filter()) {
        prop_assert_eq!(parse(&filter.to_string()).unwrap(), filter);
    }
}

#[test]
fn each_error_in_a_typed_filter_knows_its_character() {
    let user = registry::user().unwrap();
    for (filter, position) in [
        ("userName xx \"a\"", Some(9)),
        ("userName eq \"ä\" and shoeSize eq 42", Some(20)),
        ("not (userName eq \"a\") or (title pr and active gt true)", Some(39)),
        ("emails[type eq \"work\" and kind eq \"x\"]", Some(26)),
        ("emails[type eq \"work\"].kind eq \"x\"", Some(22)),
        ("nothing[type eq \"work\"]", Some(0)),
        ("userName eq \"a\" or", Some(18)),
    ] {
        assert_eq!(check(filter, &user).unwrap_err().position(), position, "{filter}");
    }
    assert!(check("userName eq \"a\" and emails[type eq \"work\"].value pr", &user).is_ok());
}
