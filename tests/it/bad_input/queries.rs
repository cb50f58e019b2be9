//! Filters, pages and projections, in the URL and in a search message.

use provisor::scim::limits;

use super::*;

/// Filters that cannot be answered for any type of resource.
fn filters() -> Vec<String> {
    let fixed = [
        "",
        " ",
        "x",
        "id",
        "id eq",
        "eq \"x\"",
        "id is \"x\"",
        "id == \"x\"",
        "id eq \"x",
        "id eq \"x\" and",
        "and id pr",
        "id pr or",
        "not id pr",
        "not",
        "(id pr",
        "id pr)",
        "()",
        "id pr id pr",
        "id eq \"x\" \"y\"",
        "id eq \"\\q\"",
        "unknown eq \"x\"",
        "displayName.x eq \"x\"",
        "displayName[value eq \"x\"]",
        "id eq true",
        "displayName gt true",
        "displayName eq 1.5",
        "meta eq \"x\"",
        "meta.created eq \"yesterday\"",
        "meta.created gt 7",
        "meta.created co \"2026\"",
        "meta.unknown pr",
        "urn:acme:1.0:User:x eq \"x\"",
        "id;DROP TABLE resources",
        "'",
        "\"",
        "[",
        "id[",
        "\u{202e}id pr",
    ];
    let mut filters: Vec<String> = fixed.map(str::to_owned).into();
    filters.push(format!("id eq \"{}\"", "x".repeat(limits::FILTER_BYTES)));
    filters.push(format!("{}id pr{}", "(".repeat(limits::FILTER_DEPTH + 1), ")".repeat(limits::FILTER_DEPTH + 1)));
    filters.push(vec!["id pr"; limits::FILTER_NODES + 1].join(" and "));
    filters.push(format!("{} pr", "n".repeat(limits::PATH_BYTES + 1)));
    filters
}

#[test]
fn a_filter_that_cannot_be_answered_is_refused_and_never_finds_everyone() {
    let scene = Scene::new();
    let client = &scene.tenant.client;
    let of_users = [
        "password pr",
        "password eq \"x\"",
        "active gt true",
        "active eq \"maybe\"",
        "active co \"t\"",
        "name eq \"x\"",
        "emails[type eq \"work\"",
        "emails[unknown eq \"x\"]",
        "emails.unknown pr",
        "emails[emails[value pr]]",
        "x509Certificates.value gt \"YQ==\"",
        "x509Certificates.value eq \"%%\"",
        "members pr",
    ];
    let of_groups = ["userName pr", "emails pr", "members[unknown pr]", "members.unknown pr", "members.value.x pr"];
    let mut rows = Vec::new();
    for ((collection, _), own) in scene.endpoints().into_iter().zip([&of_users[..], &of_groups]) {
        for filter in filters().iter().map(String::as_str).chain(own.iter().copied()) {
            let shown: String = filter.chars().take(80).collect();
            let asked = client.query(collection, &[("filter", filter)]);
            rows.push((format!("{collection} {shown}"), asked, 400, Some("invalidFilter")));
            let searched = client.post(&format!("{collection}/.search"), &json!({"filter": filter}));
            rows.push((format!("{collection}/.search {shown}"), searched, 400, Some("invalidFilter")));
        }
    }
    assert_errors(&rows);
    scene.assert_unchanged();
}

#[test]
fn a_page_or_projection_that_is_none_is_refused() {
    let scene = Scene::new();
    let client = &scene.tenant.client;
    let many = vec!["id"; limits::PROJECTION_NAMES + 1];
    let in_the_url = [
        "startIndex=one".to_owned(),
        "startIndex=1.5".into(),
        "startIndex=0x10".into(),
        "startIndex=1e3".into(),
        "startIndex=%201%202".into(),
        "startIndex=--1".into(),
        "count=many".into(),
        "count=1.0".into(),
        "count=%D9%A1".into(),
        "attributes=id&excludedAttributes=emails".into(),
        format!("attributes={}", many.join(",")),
        format!("excludedAttributes={}", many.join(",")),
        "filter=id%20eq%20%22%FF%22".into(),
        "attributes=%C3%28".into(),
        "%FF=1".into(),
        "sortBy=unknown".into(),
        "sortBy=name".into(),
        "sortBy=id&sortOrder=sideways".into(),
        "cursor=&startIndex=1".into(),
    ];
    let in_a_message = [
        (json!({"startIndex": "one"}), "invalidValue"),
        (json!({"startIndex": 1.5}), "invalidValue"),
        (json!({"startIndex": true}), "invalidValue"),
        (json!({"count": "many"}), "invalidValue"),
        (json!({"count": [1]}), "invalidValue"),
        (json!({"count": {}}), "invalidValue"),
        (json!({"attributes": ["id"], "excludedAttributes": ["emails"]}), "invalidValue"),
        (json!({"attributes": many}), "invalidValue"),
        (json!({"sortBy": "unknown"}), "invalidValue"),
        (json!({"sortBy": 7}), "invalidSyntax"),
        (json!({"cursor": 7}), "invalidSyntax"),
        (json!({"cursor": "forged"}), "invalidCursor"),
        (json!({"filter": 7}), "invalidSyntax"),
        (json!({"filter": ["id pr"]}), "invalidSyntax"),
        (json!({"filter": {"id": 1}}), "invalidSyntax"),
        (json!({"attributes": "id"}), "invalidSyntax"),
        (json!({"attributes": [7]}), "invalidSyntax"),
        (json!({"excludedAttributes": {"id": 1}}), "invalidSyntax"),
    ];
    let mut rows = Vec::new();
    // The root is a collection of everything.
    for collection in scene.endpoints().map(|(collection, _)| collection).into_iter().chain([""]) {
        for query in &in_the_url {
            let shown: String = query.chars().take(60).collect();
            rows.push((
                format!("{collection}?{shown}"),
                client.get(&format!("{collection}?{query}")),
                400,
                Some("invalidValue"),
            ));
        }
        for (message, scim_type) in &in_a_message {
            let answer = client.post(&format!("{collection}/.search"), message);
            let shown: String = message.to_string().chars().take(60).collect();
            rows.push((format!("{collection}/.search {shown}"), answer, 400, Some(*scim_type)));
        }
    }
    assert_errors(&rows);
    scene.assert_unchanged();
}

#[test]
fn a_projection_of_one_resource_or_of_a_change_is_refused_before_the_change() {
    let scene = Scene::new();
    let client = &scene.tenant.client;
    let both = "?attributes=id&excludedAttributes=displayName";
    let mut rows = Vec::new();
    for (collection, resource) in scene.endpoints() {
        let body = json!({"userName": "x", "displayName": "x"});
        let rename = json!([{"op": "replace", "value": {"displayName": "x"}}]);
        rows.extend([
            (format!("GET {resource}"), client.get(&format!("{resource}{both}")), 400, Some("invalidValue")),
            (
                format!("POST {collection}"),
                client.post(&format!("{collection}{both}"), &body),
                400,
                Some("invalidValue"),
            ),
            (format!("PUT {resource}"), client.put(&format!("{resource}{both}"), &body), 400, Some("invalidValue")),
            (
                format!("PATCH {resource}"),
                client.modify(&format!("{resource}{both}"), &rename),
                400,
                Some("invalidValue"),
            ),
        ]);
    }
    assert_errors(&rows);
    scene.assert_unchanged();
}
