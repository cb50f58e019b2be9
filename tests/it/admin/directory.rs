//! Users and groups: search, forms made from schemas, and who belongs to which group.

use provisor::auth::role::Role;
use serde_json::{Map, Value, json};

use super::signed_in;
use crate::definitions::imported;
use crate::support::browser::{Browser, Form, Page};
use crate::support::people::{PASSWORD, somebody};
use crate::support::{
    ENTERPRISE, GROUP, Random, Tenant, USER, minimal, okta_user, path_of, shared, tenant, tenant_with,
};

const HR: &str = "urn:example:scim:schemas:extension:hr:1.0:User";

/// An extension with an attribute of every type, singular and as a list.
fn hr() -> Value {
    json!({
        "id": HR, "name": "Human resources", "description": "What the staff office keeps",
        "attributes": [
            {"name": "nick", "type": "string"},
            {"name": "remote", "type": "boolean"},
            {"name": "level", "type": "integer"},
            {"name": "share", "type": "decimal"},
            {"name": "since", "type": "dateTime"},
            {"name": "badge", "type": "binary"},
            {"name": "office", "type": "reference", "referenceTypes": ["external"]},
            {"name": "tags", "type": "string", "multiValued": true},
            {"name": "scores", "type": "decimal", "multiValued": true},
            {"name": "flags", "type": "boolean", "multiValued": true},
            {"name": "serial", "type": "string", "mutability": "immutable"},
            {"name": "rank", "type": "string", "mutability": "readOnly"},
            {"name": "pin", "type": "string", "mutability": "writeOnly", "returned": "never"},
            {"name": "notes", "type": "string", "returned": "request"},
            {"name": "place", "type": "complex", "subAttributes": [
                {"name": "room", "type": "string", "required": true},
                {"name": "floor", "type": "integer"},
                {"name": "doors", "type": "string", "multiValued": true},
                {"name": "building", "type": "string", "mutability": "immutable"},
                {"name": "key", "type": "string", "returned": "never"}
            ]},
            {"name": "devices", "type": "complex", "multiValued": true, "subAttributes": [
                {"name": "value", "type": "string", "mutability": "immutable"},
                {"name": "type", "type": "string", "canonicalValues": ["laptop", "phone"]},
                {"name": "primary", "type": "boolean"},
                {"name": "weight", "type": "decimal"},
                {"name": "bought", "type": "dateTime"},
                {"name": "display", "type": "string", "mutability": "readOnly"}
            ]}
        ]
    })
}

fn id(resource: &Value) -> &str {
    resource["id"].as_str().unwrap()
}

fn unescaped(text: &str) -> String {
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#39;", "'"),
        ("&#x2F;", "/"),
        ("&amp;", "&"),
    ];
    entities.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    Some(unescaped(&tag[start..start + tag[start..].find('"')?]))
}

/// The form of a page as a browser sends it that nobody has touched: all fields, with each end of a line as two characters.
fn untouched(page: &Page) -> Form {
    let start = page.text.find("<form class=\"directory\"").unwrap_or_else(|| panic!("no form: {}", page.text));
    let text = &page.text[start..start + page.text[start..].find("</form>").unwrap()];
    let mut fields = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        // No value of an attribute holds this character as such.
        let end = rest.find('>').unwrap();
        let (tag, behind) = (&rest[..end], &rest[end + 1..]);
        rest = behind;
        let Some(name) = attribute(tag, "name") else { continue };
        let value = if tag.starts_with("<textarea") {
            let inside = &behind[..behind.find("</textarea>").unwrap()];
            Some(unescaped(inside.strip_prefix('\n').unwrap_or(inside)))
        } else if tag.starts_with("<select") {
            let inside = &behind[..behind.find("</select>").unwrap()];
            let chosen = inside.split("<option").find(|option| option.contains(" selected")).unwrap();
            Some(attribute(chosen, "value").unwrap())
        } else if tag.starts_with("<input") {
            let is_box = attribute(tag, "type").as_deref() == Some("checkbox");
            (!is_box || tag.contains(" checked")).then(|| attribute(tag, "value").unwrap())
        } else {
            None
        };
        let as_sent = |value: String| value.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
        fields.extend(value.map(|value| (name, as_sent(value))));
    }
    Form { action: attribute(text, "action").unwrap(), fields }
}

fn version(tenant: &Tenant, user: &str) -> String {
    tenant.client.get(&format!("/Users/{user}")).json()["meta"]["version"].as_str().unwrap().to_owned()
}

/// Sends the form that a page shows with some fields filled in, and follows where it leads.
fn send(browser: &mut Browser, path: &str, filled: &[(&str, &str)]) -> Page {
    let page = browser.open(path);
    assert_eq!(page.status, 200, "{}", page.text);
    let form = filled.iter().fold(untouched(&page), |form, (name, value)| form.with(name, value));
    browser.post(&form);
    browser.follow()
}

#[test]
fn a_user_is_found_by_how_a_name_begins() {
    let (tenant, other) = (tenant(), tenant());
    let mut browser = signed_in(tenant.id, Role::Auditor);
    assert!(browser.open("/admin/users").says("There is no user yet"));
    let user = tenant.create(&json!({
        "schemas": [USER], "userName": "Ada@example.com", "externalId": "00uAda", "displayName": "Countess Ädä",
        "emails": [{"value": "first@example.com"}, {"value": "Second@example.com"}]
    }));
    tenant.user("somebody@example.com");
    other.user("ada.of.another@example.com");
    let mut found = |text: &str| {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", text).finish();
        let page = browser.open(&format!("/admin/users?{query}"));
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(!page.says("another@example.com"));
        page.text.matches("<th scope=\"row\">").count()
    };
    let by_id = &id(&user)[..18];
    for beginning in
        ["ada@", "ADA@EX", "00uA", "count", "countess ädä", "COUNTESS Ä", "first@", "SECOND@example", id(&user), by_id]
    {
        assert_eq!(found(beginning), if beginning == by_id { found(by_id) } else { 1 }, "{beginning}");
    }
    for beginning in ["da@", "00ua", "zz", "%", "_", "\0", "a\0", "'", "\\", "\u{10ffff}", &"x".repeat(5_000)] {
        assert_eq!(found(beginning), 0, "{beginning}");
    }
    assert_eq!(found(""), 2);
    assert!(browser.open("/admin/users?q=zz").says("Nothing matches"));
}

#[test]
fn lists_are_read_page_by_page_and_narrowed_by_status() {
    let tenant = tenant();
    for number in 0..60 {
        let body =
            json!({"schemas": [USER], "userName": format!("u{number:02}@example.com"), "active": number % 2 == 0});
        tenant.create(&body);
    }
    let mut browser = signed_in(tenant.id, Role::Auditor);
    let mut walk = |path: &str| {
        let (mut seen, mut page) = (Vec::new(), browser.open(path));
        loop {
            assert_eq!(page.status, 200, "{}", page.text);
            let names = page.text.split("<th scope=\"row\">").skip(1);
            seen.extend(names.map(|row| row.split('>').nth(1).unwrap().split('<').next().unwrap().to_owned()));
            let Some(next) = page.text.split("rel=\"next\" href=\"").nth(1) else { return seen };
            page = browser.open(&format!("/admin/users{}", unescaped(next.split('"').next().unwrap())));
        }
    };
    let all = walk("/admin/users");
    let expected: Vec<String> = (0..60).map(|number| format!("u{number:02}@example.com")).collect();
    assert_eq!(all, expected);
    assert_eq!(walk("/admin/users?q=U"), expected);
    assert_eq!(walk("/admin/users?filter=userName+sw+%22u%22"), expected);
    for status in ["status=inactive", "q=u&status=inactive", "filter=userName+sw+%22u%22+or+title+pr&status=inactive"] {
        let inactive = walk(&format!("/admin/users?{status}"));
        assert_eq!(inactive.len(), 30, "{status}");
        assert!(inactive.iter().all(|name| !all.iter().step_by(2).any(|active| active == name)), "{status}");
    }
}

#[test]
fn an_error_in_a_filter_is_shown_at_its_character() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Auditor);
    for (filter, at, says) in [
        ("userName xx \"a\"", "x", "Expected one of eq"),
        ("userName eq \"ä\" and shoeSize eq 42", "s", "'shoeSize' names no attribute"),
        ("(userName eq \"a\"", "\u{a0}", "Expected ')'"),
        ("userName eq \"a\" or emails[type eq \"work\" and kind eq \"x\"]", "k", "'kind' is no sub-attribute"),
        ("active gt true", "a", "does not apply"),
        ("title eq \"open", "\"", "The quote has no end"),
        ("<b>x</b> eq 1", "<", "is not an attribute path"),
    ] {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", filter).finish();
        let page = browser.open(&format!("/admin/users?{query}"));
        assert_eq!(page.status, 200);
        assert!(page.says(says), "{filter}: {}", page.text);
        let shown =
            page.text.split("<pre class=\"place\">").nth(1).unwrap_or_else(|| panic!("{filter}: {}", page.text));
        let shown = shown.split("</pre>").next().unwrap();
        let (before, rest) = shown.split_once("<mark>").unwrap();
        let (mark, after) = rest.split_once("</mark>").unwrap();
        assert_eq!(unescaped(mark).replace("&nbsp;", "\u{a0}"), at, "{filter}");
        let whole = format!("{}{}{}", unescaped(before), if at == "\u{a0}" { "" } else { at }, unescaped(after));
        assert_eq!(whole, filter);
        assert!(!page.text.contains("<b>x"));
    }
    let long = "a".repeat(5_000);
    assert!(browser.open(&format!("/admin/users?filter={long}")).says("The filter cannot be used"));
}

#[test]
fn a_user_is_created_by_the_form_and_refused_at_the_field() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let page = send(
        &mut browser,
        "/admin/users/new",
        &[
            ("a:userName", " Ada@example.com "),
            ("a:name.givenName", "<b>Ada</b>"),
            ("a:emails.0.value", "ada@example.com"),
            ("a:emails.0.type", "work"),
            ("a:emails.0.primary", "true"),
            ("a:urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "Engines"),
        ],
    );
    assert_eq!(page.heading(), "Ada@example.com");
    assert!(page.says("is saved") && !page.text.contains("<b>Ada"));
    let found = tenant.client.query("/Users", &[("filter", "userName eq \"ada@example.com\"")]).json();
    let user = &found["Resources"][0];
    assert_eq!(user["emails"], json!([{"value": "ada@example.com", "type": "work", "primary": true}]));
    assert_eq!((&user[ENTERPRISE]["department"], &user["active"]), (&json!("Engines"), &json!(true)));
    let entry = &tenant.audit()[0];
    assert_eq!((&*entry.action, &*entry.actor_kind, &*entry.target_id), ("resource.create", "administrator", id(user)));
    let before = tenant.audit().len();
    for (field, value, refused) in [
        ("a:userName", "ADA@EXAMPLE.COM", "A User with this userName already exists"),
        ("a:userName", "", "is required"),
        ("a:userName", &*"x".repeat(2_000), "is longer than 1024 bytes"),
        ("a:displayName", "a\0b", "must not contain the character U+0000"),
        ("a:x509Certificates.0.value", "no base64!", "must be base64 text"),
    ] {
        let filled = [("a:userName", "new@example.com"), ("a:title", "Kept <i>"), (field, value)];
        let page = send(&mut browser, "/admin/users/new", &filled);
        assert_eq!(page.status, 422, "{field} {value}");
        assert!(page.says(refused), "{field}: {}", page.text);
        assert!(page.text.contains(&format!("<a href=\"#{field}\">")), "{field}: {}", page.text);
        assert!(page.text.contains("value=\"Kept &lt;i&gt;\""));
    }
    assert_eq!(tenant.audit().len(), before);
}

/// A text that is hard on forms, never empty.
fn odd_text(random: &mut Random) -> String {
    const ODD: [&str; 16] = [
        "a",
        " ",
        "\"",
        "'",
        "<",
        "&amp;",
        "\n",
        "\r\n",
        "\r",
        "\t",
        "ä",
        "e\u{301}",
        "\u{202e}",
        "🏳️‍🌈",
        "</textarea>",
        "%00+",
    ];
    (0..=random.below(6)).map(|_| *random.pick(&ODD)).collect::<String>() + "."
}

fn odd_value(random: &mut Random, kind: &str) -> Value {
    match kind {
        "boolean" => random.chance(50).into(),
        "integer" => json!(random.next().cast_signed()),
        "decimal" => random
            .pick(&[json!(1.0), json!(1), json!(-0.5e-7), json!(1e300), json!(123_456_789_012_345_678_i64)])
            .clone(),
        "dateTime" => {
            (*random.pick(&["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456789+02:00", "2026-01-02T03:04:05"]))
                .into()
        }
        "binary" => (*random.pick(&["TUlJ", "AA==", "+/+/"])).into(),
        _ => odd_text(random).into(),
    }
}

/// An object with some of the attributes of a definition.
fn odd_object(random: &mut Random, attributes: &Value) -> Map<String, Value> {
    let mut object = Map::new();
    for attribute in attributes.as_array().unwrap() {
        let never =
            attribute["returned"] == "never" || attribute["mutability"] == "readOnly" && attribute["name"] != "display";
        if never || attribute["required"] != true && random.chance(40) {
            continue;
        }
        let one = |random: &mut Random| match attribute.get("subAttributes") {
            Some(parts) => Value::Object(odd_object(random, parts)),
            None => odd_value(random, attribute["type"].as_str().unwrap()),
        };
        let value = if attribute["multiValued"] == true {
            (0..=random.below(3)).map(|_| one(random)).collect()
        } else {
            one(random)
        };
        object.insert(attribute["name"].as_str().unwrap().to_owned(), value);
    }
    if object.get("primary") == Some(&Value::Bool(true)) {
        object.insert("primary".into(), false.into());
    }
    object
}

#[test]
fn a_form_that_nobody_touched_changes_nothing_of_a_hundred_odd_users() {
    let tenant = tenant();
    imported(&tenant, "schema", &hr(), &["--extends", "user"]);
    let definition = hr();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let seed = Random::seed(7);
    let mut random = Random::new(seed);
    let user_schema = tenant.client.get(&format!("/Schemas/{USER}")).json();
    for number in 0..100 {
        let mut body = odd_object(&mut random, &user_schema["attributes"]);
        body.insert("schemas".into(), json!([USER, HR]));
        body.insert("userName".into(), format!("{} {number}", odd_text(&mut random)).into());
        body.insert("externalId".into(), odd_text(&mut random).into());
        body.remove("groups");
        body.insert(HR.into(), Value::Object(odd_object(&mut random, &definition["attributes"])));
        let user = tenant.create(&Value::Object(body));
        let all = format!("/Users/{}?attributes=", id(&user));
        let state = |tenant: &Tenant| {
            (tenant.client.get(&path_of(&user)).json(), tenant.client.get(&format!("{all}{HR}:notes,userName")).json())
        };
        let (before, entries) = (state(&tenant), tenant.audit().len());
        let page = send(&mut browser, &format!("/admin/users/{}/edit", id(&user)), &[]);
        assert_eq!(page.status, 200, "seed {seed}: {user}: {}", page.text);
        assert!(page.says("nothing was changed"), "seed {seed}: {user}: {:?}", tenant.audit()[0]);
        assert_eq!(state(&tenant), before, "seed {seed}");
        assert_eq!(tenant.audit().len(), entries, "seed {seed}");
    }
}

#[test]
fn an_edit_changes_what_was_edited_and_no_more() {
    let tenant = tenant();
    imported(&tenant, "schema", &hr(), &["--extends", "user"]);
    let user = tenant.create(&json!({
        "schemas": [USER, HR], "userName": "ada", "name": {"givenName": "Ada", "familyName": "L"},
        "emails": [{"value": "a@example.com", "type": "work"}, {"value": "b@example.com", "type": "home"}, {"value": "c@example.com"}],
        HR: {"level": 3, "serial": "S1", "place": {"room": "1", "floor": 2, "building": "B", "doors": ["x", "y"]},
             "devices": [{"value": "d1", "display": "Phone of Ada"}], "notes": "kept"}
    }));
    let mut browser = signed_in(tenant.id, Role::Admin);
    let own = |name: &str| format!("a:{HR}:{name}");
    let edit = format!("/admin/users/{}/edit", id(&user));
    let page = send(
        &mut browser,
        &edit,
        &[
            ("a:name.givenName", "Augusta"),
            ("a:name.familyName", ""),
            ("a:emails.0:remove", "yes"),
            ("a:emails.1.value", "B@example.com"),
            ("a:emails.2.value", ""),
            (&own("level"), "-4"),
            (&own("share"), "0.25"),
            (&own("place.doors.1"), "z"),
            (&own("place.floor"), ""),
            (&own("devices.0.value"), "d2"),
            (&own("pin"), "1234"),
        ],
    );
    assert!(page.says("is saved"), "{}", page.text);
    let now = tenant.client.get(&format!("/Users/{}?attributes=name,emails,{HR}", id(&user))).json();
    assert_eq!(now["name"], json!({"givenName": "Augusta"}));
    assert_eq!(now["emails"], json!([{"value": "B@example.com", "type": "home"}]));
    let extension = &now[HR];
    assert_eq!(
        (&extension["level"], &extension["share"], &extension["serial"]),
        (&json!(-4), &json!(0.25), &json!("S1"))
    );
    assert_eq!(extension["place"], json!({"room": "1", "building": "B", "doors": ["x", "z"]}));
    assert_eq!(extension["devices"], json!([{"value": "d2"}]));
    let notes = tenant.client.get(&format!("/Users/{}?attributes={HR}:notes", id(&user))).json();
    assert_eq!(notes[HR]["notes"], "kept");
    let entry = &tenant.audit()[0];
    assert_eq!((&*entry.action, &*entry.actor_kind), ("resource.modify", "administrator"));
    assert!(entry.after.as_ref().unwrap().get("userName").is_none());
    // Each type refuses what it does not take, at its field.
    for (name, value, refused) in [
        ("level", "1.5", "must be a whole number"),
        ("level", "many", "must be a whole number"),
        ("share", "half", "must be a number"),
        ("since", "yesterday", "must be a date and time"),
        ("badge", "%", "must be base64"),
        ("remote", "maybe", "must be true or false"),
        ("place.room", "", "is required"),
        ("serial", "S2", "is immutable"),
    ] {
        let page = send(&mut browser, &edit, &[(&own(name), value)]);
        assert_eq!(page.status, 422, "{name}: {}", page.text);
        assert!(page.says(refused), "{name}: {}", page.text);
        assert!(page.text.contains(&format!("<a href=\"#{}\">", own(name))), "{name}: {}", page.text);
    }
}

#[test]
fn one_more_row_changes_nothing_and_keeps_what_was_typed() {
    let tenant = tenant();
    let user = tenant.create(&okta_user("ada@example.com"));
    let mut browser = signed_in(tenant.id, Role::Admin);
    let path = format!("/admin/users/{}/edit", id(&user));
    let page = send(&mut browser, &path, &[("a:title", "Typed"), ("add", "a:emails")]);
    assert_eq!(page.status, 200);
    let form = untouched(&page);
    assert_eq!((form.field("a:title"), form.field("a:emails.1.value")), ("Typed", ""));
    assert_eq!(version(&tenant, id(&user)), "W/\"1\"");
    browser.post(&form.with("a:emails.1.value", "second@example.com"));
    assert!(browser.follow().says("is saved"));
    let now = tenant.client.get(&path_of(&user)).json();
    assert_eq!((&now["title"], &now["emails"][1]), (&json!("Typed"), &json!({"value": "second@example.com"})));
}

#[test]
fn whoever_edits_what_another_has_changed_sees_both() {
    let tenant = tenant();
    let user = tenant.create(&json!({"schemas": [USER], "userName": "ada", "title": "Analyst", "nickName": "A"}));
    let (mut one, mut two) = (signed_in(tenant.id, Role::Admin), signed_in(tenant.id, Role::Admin));
    let path = format!("/admin/users/{}/edit", id(&user));
    let mine = untouched(&one.open(&path)).with("a:title", "Mine <x>");
    assert!(send(&mut two, &path, &[("a:title", "Theirs")]).says("is saved"));
    let page = one.post(&mine);
    assert_eq!((page.status, &*page.heading()), (409, "Somebody else has changed this user"));
    assert!(page.says("Theirs") && page.says("Mine <x>") && !page.text.contains("Mine <x>"));
    assert_eq!(tenant.client.get(&path_of(&user)).json()["title"], "Theirs");
    let answer = page.form(&path);
    // Once more, with the values at hand.
    let again = one.post(&answer.clone().with("again", "yes"));
    assert_eq!((again.status, untouched(&again).field("a:title")), (200, "Mine <x>"));
    one.post(&answer);
    assert!(one.follow().says("is saved"));
    assert_eq!(tenant.client.get(&path_of(&user)).json()["title"], "Mine <x>");
    // An old form that would change nothing is no conflict.
    let same = untouched(&one.open(&path));
    assert!(send(&mut two, &path, &[("a:nickName", "B")]).says("is saved"));
    let now = same.with("a:nickName", "B");
    one.post(&now);
    assert!(one.follow().says("nothing was changed"));
}

#[test]
fn accounts_are_deactivated_activated_and_deleted_after_a_question() {
    let tenant = tenant();
    let user = tenant.create(&okta_user("ada@example.com"));
    let mut browser = signed_in(tenant.id, Role::Admin);
    let path = format!("/admin/users/{}", id(&user));
    let page = browser.open(&path);
    assert!(page.says("came from an identity provider") && page.says("by okta"));
    for (step, active) in [("deactivate", false), ("activate", true), ("deactivate", false)] {
        let page = browser.open(&format!("{path}/{step}"));
        assert!(page.text.contains("data-question") && page.text.contains("data-cancel"));
        browser.post(&page.form(&format!("{path}/{step}")));
        browser.follow();
        assert_eq!(tenant.client.get(&path_of(&user)).json()["active"], json!(active));
    }
    let stale = browser.open(&format!("{path}/delete")).form(&format!("{path}/delete"));
    tenant
        .client
        .patch(&path_of(&user), &crate::support::patch(&json!([{"op": "replace", "path": "title", "value": "New"}])));
    let page = browser.post(&stale);
    assert_eq!(page.status, 409);
    browser.post(&page.form(&format!("{path}/delete")));
    assert!(browser.follow().says("is deleted"));
    assert_eq!(tenant.client.get(&path_of(&user)).status, 404);
    assert_eq!(tenant.audit()[0].action, "resource.delete");
    assert_eq!(browser.open(&path).status, 404);
}

#[test]
fn groups_are_made_and_members_come_and_go() {
    let tenant = tenant();
    let mut browser = signed_in(tenant.id, Role::Admin);
    let page = send(&mut browser, "/admin/groups/new", &[("a:displayName", "Engineers & <friends>")]);
    assert_eq!(page.heading(), "Engineers & <friends>");
    let found = tenant.client.get("/Groups").json();
    let group = id(&found["Resources"][0]).to_owned();
    let ids: Vec<String> = (0..60).map(|number| id(&tenant.user(&format!("u{number:02}"))).to_owned()).collect();
    let members = format!("/admin/groups/{group}/members");
    assert!(browser.open(&members).says("No members yet"));
    let page = browser.open(&format!("{members}/add?q=U0"));
    assert_eq!(page.text.matches(">Add</button>").count(), 10);
    let action = format!("{members}/add");
    let add = Form { action, ..page.form("/admin/logout") }.with("query", "q=U0");
    browser.post(&add.clone().with("member", &ids[7]));
    let page = browser.follow();
    assert!(page.says("u07 is a member of Engineers & <friends>.") && page.says("Member</span>"), "{}", page.text);
    assert_eq!(page.text.matches(">Add</button>").count(), 9);
    for id in &ids {
        assert_eq!(browser.post(&add.clone().with("member", id)).status, 303);
    }
    let page = browser.open(&members);
    assert!(page.says("60 in all") && page.text.matches(">Remove</button>").count() == 50);
    let next = page.text.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let page = browser.open(&format!("{members}{next}"));
    assert_eq!(page.text.matches(">Remove</button>").count(), 10);
    let remove = page.form(&format!("{members}/remove"));
    browser.post(&remove.clone().with("member", &ids[55]));
    let page = browser.follow();
    assert!(page.url.ends_with(&next) && page.text.matches(">Remove</button>").count() == 9);
    assert!(browser.open(&format!("/admin/users/{}/groups", ids[7])).says("Engineers & <friends>"));
    assert!(browser.open(&format!("/admin/users/{}/groups", ids[55])).says("In no group"));
    assert!(browser.open(&format!("/admin/groups/{group}/json")).says("\"displayName\": \"Engineers & <friends>\""));
    // Who is no member, or nobody of this tenant, neither comes nor goes.
    let foreign = crate::support::tenant().user("foreign");
    for (form, member) in [(&add, id(&foreign)), (&add, "x"), (&add, ""), (&remove, "\0")] {
        assert_eq!(browser.post(&form.clone().with("member", member)).status, 404, "{member:?}");
    }
    assert!(browser.open(&members).says("59 in all"));
    let page = send(&mut browser, &format!("/admin/groups/{group}/edit"), &[("a:displayName", "Renamed")]);
    assert_eq!(page.heading(), "Renamed");
    assert!(browser.open(&members).says("59 in all"));
}

#[test]
fn nothing_of_another_tenant_is_shown_or_changed() {
    let (own, other) = (tenant(), tenant());
    let user = other.create(&okta_user("theirs@example.com"));
    let group = other.client.post("/Groups", &json!({"schemas": [GROUP], "displayName": "Theirs"})).json();
    let mut browser = signed_in(own.id, Role::Owner);
    for path in ["", "/json", "/groups", "/history", "/edit", "/deactivate", "/delete"] {
        assert_eq!(browser.open(&format!("/admin/users/{}{path}", id(&user))).status, 404, "{path}");
    }
    for path in ["", "/json", "/members", "/members/add", "/history", "/edit", "/delete"] {
        assert_eq!(browser.open(&format!("/admin/groups/{}{path}", id(&group))).status, 404, "{path}");
    }
    let form =
        browser.open("/admin/users/new").form("/admin/users/new").with("a:userName", "mine").with("version", "W/\"1\"");
    for step in ["edit", "delete", "deactivate", "activate"] {
        let action = format!("/admin/users/{}/{step}", id(&user));
        assert_eq!(browser.post(&Form { action, ..form.clone() }).status, 404, "{step}");
    }
    let member = own.user("mine");
    for step in ["add", "remove"] {
        let action = format!("/admin/groups/{}/members/{step}", id(&group));
        let form = Form { action, ..form.clone() }.with("member", id(&member));
        assert_eq!(browser.post(&form).status, 404, "{step}");
    }
    assert_eq!(version(&other, id(&user)), "W/\"1\"");
    assert!(!browser.open("/admin/users?q=theirs").says("theirs@example.com"));
    for id in ["x", "%00", "..", "%2e%2e%2f", &"9".repeat(3_000), "01a21952-83FF-73cb-a14e-f7ec4836065b"] {
        assert_eq!(browser.open(&format!("/admin/users/{id}/edit")).status, 404, "{id}");
    }
}

#[test]
fn an_auditor_reads_and_is_told_who_may_write() {
    let tenant = tenant();
    let user = tenant.create(&okta_user("ada@example.com"));
    let mut browser = signed_in(tenant.id, Role::Auditor);
    assert!(browser.open("/admin/users").says("needs the role admin or owner"));
    let page = browser.open(&format!("/admin/users/{}", id(&user)));
    assert!(page.says("needs the role admin or owner") && !page.text.contains("/edit\""));
    assert!(browser.open(&format!("/admin/users/{}/history", id(&user))).says("okta"));
}

#[test]
fn a_password_can_be_set_where_the_tenant_keeps_it_and_is_never_shown() {
    let (without, with) = (tenant(), tenant_with(true));
    let user = |tenant: &Tenant| tenant.create(&minimal("ada"));
    let (first, second) = (user(&without), user(&with));
    let mut browser = signed_in(without.id, Role::Admin);
    let page = browser.open(&format!("/admin/users/{}/edit", id(&first)));
    assert!(!page.text.contains("a:password"));
    let mut browser = signed_in(with.id, Role::Admin);
    let path = format!("/admin/users/{}/edit", id(&second));
    let page = send(
        &mut browser,
        &path,
        &[("a:password", "a secret of hers"), ("a:emails.0.value", "x"), ("add", "a:emails")],
    );
    assert!(!page.says("a secret of hers"));
    let stale = untouched(&browser.open(&path)).with("a:password", "a secret of hers").with("a:title", "Mine");
    let page = send(&mut browser, &path, &[("a:password", "a secret of hers")]);
    assert!(page.says("is saved") && !page.says("a secret of hers"));
    assert_eq!(with.audit()[0].after, Some(json!({"password": "(changed)"})));
    let page = browser.post(&stale);
    assert_eq!(page.status, 409);
    assert!(!page.says("a secret of hers"));
    for path in ["", "/json", "/history", "/edit"] {
        assert!(!browser.open(&format!("/admin/users/{}{path}", id(&second))).says("a secret of hers"), "{path}");
    }
}

#[test]
fn resources_of_other_types_are_shown_and_left_alone() {
    let tenant = tenant();
    let schema = json!({
        "id": "urn:example:scim:schemas:core:1.0:Device", "name": "Device",
        "attributes": [{"name": "displayName", "type": "string", "required": true}]
    });
    imported(&tenant, "schema", &schema, &[]);
    let kind = json!({"name": "Device", "description": "A device", "endpoint": "/Devices", "schema": schema["id"]});
    imported(&tenant, "resource-type", &kind, &[]);
    let body = json!({"schemas": [schema["id"]], "displayName": "Printer <1>"});
    let device = tenant.client.post("/Devices", &body);
    assert_eq!(device.status, 201, "{}", device.text);
    let device = device.json();
    let mut browser = signed_in(tenant.id, Role::Owner);
    assert!(browser.open("/admin/resources/Devices").says("Printer <1>"));
    let page = browser.open(&format!("/admin/resources/Devices/{}", id(&device)));
    assert_eq!(page.heading(), "Printer <1>");
    assert!(!page.text.contains("/edit") && !page.text.contains("/delete"));
    assert!(browser.open(&format!("/admin/resources/Devices/{}/json", id(&device))).says("\"displayName\""));
    assert_eq!(browser.open("/admin/resources/Nothing").status, 404);
}

#[test]
fn a_form_that_was_open_too_long_shows_no_value_that_is_never_returned() {
    let tenant = tenant();
    imported(&tenant, "schema", &hr(), &["--extends", "user"]);
    let person = somebody(tenant.id, Role::Admin);
    let mut browser = Browser::new(&shared().url);
    browser.sign_in(&person.email, PASSWORD);
    let form = untouched(&browser.open("/admin/users/new"));
    let form = form.with("a:userName", "ada@example.com").with(&format!("a:{HR}:pin"), "4711-0815");
    let form = form.with(&format!("a:{HR}:nick"), "adele");
    let out = browser.page.form("/admin/logout");
    browser.post(&out);
    browser.sign_in(&person.email, PASSWORD);
    let page = browser.post(&form);
    assert_eq!((page.status, page.heading().as_str()), (403, "This form was open too long"));
    assert!(!page.text.contains("4711-0815"), "{}", page.text);
    assert!(page.says("Passwords, codes and large files are not kept"), "{}", page.text);
    // Where none was entered, all that was is kept, and sent again.
    let page = browser.post(&form.with(&format!("a:{HR}:pin"), ""));
    assert!(page.says("adele") && page.says("Send again") && !page.text.contains("never_shown"), "{}", page.text);
    assert_eq!(browser.post(&page.form("/admin/users/new")).status, 303, "{}", browser.page.text);
}
