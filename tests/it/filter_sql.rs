//! `scim::filter::matches` says what a filter means. Here it is held against Postgres: random documents, random filters, and both
//! must find the same resources.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, FixedOffset, TimeDelta};
use provisor::auth::Caller;
use provisor::backend::Backend;
use provisor::id::TenantId;
use provisor::private_postgres::Role;
use provisor::provider::{self, Context, Endpoint, Modified, Service};
use provisor::scim::precondition::Preconditions;
use provisor::scim::project::Projection;
use provisor::scim::registry::Registry;
use provisor::scim::resource_type::ResourceType;
use provisor::scim::schema::{Attribute, Mutability, Returned, Type};
use provisor::scim::sort::Order;
use provisor::scim::{filter, fold, registry};
use provisor::store::{NewTenant, PageRequest, Selection, Start};
use serde_json::{Map, Value, json};

use crate::support::{Random, operator, patch, settings, shared};

const DOCUMENTS: usize = 80;
const FILTERS: usize = 500;

/// Texts in which case, composition and wildcards matter. Few, so that documents and literals meet.
const TEXTS: [&str; 44] = [
    "ada",
    "Ada",
    "ADA LOVELACE",
    "straße",
    "STRASSE",
    "Straße 7",
    "İstanbul",
    "i\u{307}stanbul",
    "ISTANBUL",
    "ıstanbul",
    "\u{e9}cole",
    "e\u{301}cole",
    "\u{c9}COLE",
    "%",
    "_",
    "a%b",
    "a_b",
    "axb",
    "\\",
    "a\\b",
    "\\%",
    "\"quoted\"",
    "it's",
    "\u{10ffff}",
    "zz\u{10ffff}",
    "42",
    "007",
    "4.20",
    "true",
    "null",
    " space ",
    "ΑΣ",
    "ας",
    "ﬁn",
    "fin",
    "\u{212b}",
    "å",
    "ǅ",
    "日本",
    "😀",
    "a\tb",
    "(x) [y]",
    "work",
    "home",
];
const TIMES: [&str; 10] = [
    "2026-01-02T03:04:05Z",
    "2026-01-02T03:04:05.000Z",
    "2026-01-02T05:04:05+02:00",
    "2026-01-02T03:04:05.123456789Z",
    "2026-01-02T03:04:05",
    "1969-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z",
    "2016-12-31T23:59:60Z",
    "2024-02-29T12:00:00-11:30",
];
/// Beyond 2^53 a fraction is no longer exact, so numbers with one stay below.
const INTEGERS: [i64; 12] =
    [0, 1, -1, 2, 7, 42, 100, 1_000_000, 9_007_199_254_740_993, 9_007_199_254_740_992, i64::MAX, i64::MIN];
const DECIMALS: [f64; 9] = [0.0, -0.0, 0.1, 0.5, 1.0, -1.5, 42.0, 1e-7, 123_456.789];

/// A type with what `User` lacks: integers, decimals, instants, arrays of simple values, and all of it in an extension too.
pub fn gadget() -> ResourceType {
    let kinds = [
        ("Text", "string", false),
        ("Exact", "string", true),
        ("Flag", "boolean", false),
        ("Whole", "integer", false),
        ("Fraction", "decimal", false),
        ("Time", "dateTime", false),
        ("Bytes", "binary", true),
        ("Link", "reference", true),
    ];
    let simple = |prefix: &str, multi_valued: bool| -> Vec<Value> {
        let attribute = |(name, kind, case_exact): &(&str, &str, bool)| json!({"name": format!("{prefix}{name}"), "type": kind, "multiValued": multi_valued, "caseExact": case_exact});
        kinds.iter().map(attribute).collect()
    };
    let attributes = |prefix: &str| {
        let mut attributes = simple(&format!("{prefix}One"), false);
        attributes.extend(simple(&format!("{prefix}Many"), true));
        for (name, multi_valued) in [("Part", false), ("Parts", true)] {
            let mut parts = simple("", false);
            parts.push(json!({"name": "value", "type": "integer"}));
            attributes.push(json!({
                "name": format!("{prefix}{name}"), "type": "complex", "multiValued": multi_valued, "subAttributes": parts
            }));
        }
        attributes
    };
    let mut core = attributes("g");
    core.push(json!({"name": "displayName", "type": "string"}));
    let mut gadget = registry::user().unwrap();
    gadget.name = "Gadget".into();
    gadget.endpoint = "Gadgets".into();
    gadget.schema = Arc::new(
        serde_json::from_value(json!({"id": "urn:example:Gadget", "name": "Gadget", "attributes": core})).unwrap(),
    );
    gadget.extensions[0].schema = Arc::new(
        serde_json::from_value(
            json!({"id": "urn:example:extra:2.0:Gadget", "name": "Extra", "attributes": attributes("x")}),
        )
        .unwrap(),
    );
    gadget
}

/// An attribute that filters can name, and where its values lie in a document.
#[derive(Clone, Copy)]
pub struct Place<'s> {
    schema: &'s str,
    in_extension: bool,
    pub attribute: &'s Attribute,
}

impl<'s> Place<'s> {
    pub fn all(resource_type: &'s ResourceType) -> Vec<Self> {
        let core = resource_type.common_attributes().iter().chain(&resource_type.schema.attributes);
        let core = core.map(|attribute| Place { schema: &resource_type.schema.id, in_extension: false, attribute });
        let extensions = resource_type.extensions.iter().flat_map(|extension| {
            let schema = &extension.schema;
            schema.attributes.iter().map(|attribute| Place { schema: &schema.id, in_extension: true, attribute })
        });
        core.chain(extensions).filter(|place| place.attribute.returned != Returned::Never).collect()
    }

    fn values<'v>(&self, document: &'v Map<String, Value>) -> &'v [Value] {
        let holder =
            if self.in_extension { document.get(self.schema).and_then(Value::as_object) } else { Some(document) };
        match holder.and_then(|holder| holder.get(&self.attribute.name)) {
            Some(Value::Array(elements)) => elements,
            Some(single) => std::slice::from_ref(single),
            None => &[],
        }
    }
}

/// Makes documents and filters.
pub struct Generator<'s> {
    pub random: Random,
    pub places: Vec<Place<'s>>,
    pub documents: Vec<Map<String, Value>>,
}

impl<'s> Generator<'s> {
    pub fn new(seed: u64, resource_type: &'s ResourceType) -> Self {
        Self { random: Random::new(seed), places: Place::all(resource_type), documents: Vec::new() }
    }

    fn value(&mut self, attribute: &Attribute) -> Value {
        let random = &mut self.random;
        match attribute.kind {
            Type::String | Type::Reference => json!(random.pick(&TEXTS)),
            Type::Boolean => json!(random.chance(50)),
            Type::Integer if random.chance(5) => json!(u64::MAX - u64::try_from(random.below(2)).unwrap()),
            Type::Integer => json!(random.pick(&INTEGERS)),
            Type::Decimal => json!(random.pick(&DECIMALS)),
            Type::DateTime => json!(random.pick(&TIMES)),
            Type::Binary => json!(STANDARD.encode(&TEXTS[random.below(4)][..2])),
            Type::Complex => Value::Object(self.parts(attribute)),
        }
    }

    fn parts(&mut self, attribute: &Attribute) -> Map<String, Value> {
        let mut parts = Map::new();
        for part in &attribute.sub_attributes {
            // One of several may be primary, and a document of two is no document.
            if part.name != "primary" && self.random.chance(55) {
                let value = self.value(part);
                parts.insert(part.name.clone(), value);
            }
        }
        parts
    }

    /// The body of a POST, with about half of the attributes.
    fn body(&mut self, number: usize) -> Value {
        let mut body = Map::new();
        for place in self.places.clone() {
            let attribute = place.attribute;
            if attribute.mutability == Mutability::ReadOnly || attribute.name == "schemas" || self.random.chance(45) {
                continue;
            }
            let mut value = if attribute.multi_valued {
                let elements = 1 + self.random.below(3);
                (0..elements).map(|_| self.value(attribute)).collect()
            } else {
                self.value(attribute)
            };
            if attribute.sub_attribute("primary").is_some() && self.random.chance(60) {
                value[0]["primary"] = json!(self.random.chance(70));
            }
            let holder = if place.in_extension {
                body.entry(place.schema).or_insert_with(|| json!({})).as_object_mut().unwrap()
            } else {
                &mut body
            };
            holder.insert(attribute.name.clone(), value);
        }
        let text = self.random.pick(&TEXTS);
        body.insert("userName".into(), json!(format!("{text}-{number}@Example.com")));
        Value::Object(body)
    }

    pub fn filter(&mut self, depth: usize) -> String {
        match self.random.below(100) {
            0..15 if depth > 0 => self.joined(depth, " and ", |this, depth| this.filter(depth)),
            15..30 if depth > 0 => self.joined(depth, " or ", |this, depth| this.filter(depth)),
            30..40 if depth > 0 => format!("not ({})", self.filter(depth - 1)),
            40..65 => {
                let has_elements = |place: &Place<'_>| place.attribute.multi_valued || place.attribute.is_complex();
                let places: Vec<_> = self.places.iter().copied().filter(has_elements).collect();
                let place = *self.random.pick(&places);
                format!("{}[{}]", self.path(place), self.element_filter(place, 2))
            }
            65..67 if self.places.last().is_some_and(|place| place.in_extension) => {
                let extension = self.places[self.places.len() - 1].schema;
                format!("{} pr", self.odd_case(extension))
            }
            _ => {
                let place = *self.random.pick(&self.places);
                let mut path = self.path(place);
                let mut part = None;
                let parts: Vec<&Attribute> = place.attribute.sub_attributes.iter().collect();
                if !parts.is_empty() && self.random.chance(80) {
                    let chosen = *self.random.pick(&parts);
                    path = format!("{path}.{}", self.odd_case(&chosen.name));
                    part = Some(chosen);
                }
                self.test(&path, place, part)
            }
        }
    }

    fn element_filter(&mut self, place: Place<'_>, depth: usize) -> String {
        match self.random.below(100) {
            0..25 if depth > 0 => self.joined(depth, " and ", |this, depth| this.element_filter(place, depth)),
            25..40 if depth > 0 => self.joined(depth, " or ", |this, depth| this.element_filter(place, depth)),
            40..50 if depth > 0 => format!("not ({})", self.element_filter(place, depth - 1)),
            _ => {
                let parts: Vec<&Attribute> = place.attribute.sub_attributes.iter().collect();
                if parts.is_empty() {
                    return self.test("value", place, None);
                }
                let part = *self.random.pick(&parts);
                let name = self.odd_case(&part.name);
                self.test(&name, place, Some(part))
            }
        }
    }

    fn joined(&mut self, depth: usize, operator: &str, part: impl Fn(&mut Self, usize) -> String) -> String {
        let mut text = String::new();
        for position in 0..2 + self.random.below(2) {
            let separator = if position > 0 { operator } else { "" };
            let part = part(self, depth - 1);
            write!(text, "{separator}({part})").unwrap();
        }
        text
    }

    pub fn path(&mut self, place: Place<'_>) -> String {
        let path = match self.random.below(4) {
            0 => format!("{}:{}", place.schema, place.attribute.name),
            _ => place.attribute.name.clone(),
        };
        self.odd_case(&path)
    }

    pub fn odd_case(&mut self, name: &str) -> String {
        match self.random.below(6) {
            0 => name.to_ascii_uppercase(),
            1 => name.chars().map(|c| if self.random.chance(50) { c.to_ascii_uppercase() } else { c }).collect(),
            _ => name.to_owned(),
        }
    }

    fn test(&mut self, path: &str, place: Place<'_>, part: Option<&Attribute>) -> String {
        let leaf = part.unwrap_or(place.attribute);
        let value = if leaf.is_complex() { leaf.sub_attribute("value") } else { None };
        let (leaf, part) = match value {
            Some(value) => (value, Some(value)),
            None => (leaf, part),
        };
        if self.random.chance(8) || leaf.is_complex() {
            let operator = self.random.pick(&["pr", "eq null", "ne null", "pr"]);
            return format!("{path} {operator}");
        }
        let operators: &[&str] = match leaf.kind {
            Type::String | Type::Reference => &["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "eq", "ne", "Co"],
            Type::Boolean | Type::Binary => &["eq", "ne", "EQ"],
            _ => &["eq", "ne", "gt", "ge", "lt", "le", "eq"],
        };
        let operator = *self.random.pick(operators);
        let literal = self.literal(leaf, place, part);
        format!("{path} {operator} {literal}")
    }

    /// A literal, half of the time from a value that some document has there.
    fn literal(&mut self, leaf: &Attribute, place: Place<'_>, part: Option<&Attribute>) -> Value {
        let mut found = None;
        if self.random.chance(65) {
            let held: Vec<&Value> = self
                .documents
                .iter()
                .flat_map(|document| place.values(document))
                .filter_map(|element| part.map_or(Some(element), |part| element.get(&part.name)))
                .collect();
            found = (!held.is_empty()).then(|| (*self.random.pick(&held)).clone());
        }
        let value = found.unwrap_or_else(|| self.value(leaf));
        let random = &mut self.random;
        match (leaf.kind, value) {
            (Type::DateTime, Value::String(text)) => json!(elsewhere(random, &text)),
            (Type::String | Type::Reference, Value::String(text)) => {
                let characters: Vec<char> = text.chars().collect();
                let (start, end) = (random.below(characters.len() + 1), random.below(characters.len() + 1));
                json!(match random.below(8) {
                    0 => text.to_uppercase(),
                    1 => text.to_lowercase(),
                    2 => characters[..end].iter().collect(),
                    3 => characters[start..].iter().collect(),
                    4 => characters[start.min(end)..start.max(end)].iter().collect(),
                    _ => text,
                })
            }
            (Type::Boolean, Value::Bool(flag)) if random.chance(20) => json!(if flag { "True" } else { "FALSE" }),
            (_, value) => value,
        }
    }
}

/// The same instant, or one close by, as another zone writes it.
fn elsewhere(random: &mut Random, text: &str) -> String {
    let Ok(time) = DateTime::parse_from_rfc3339(text) else {
        return text.to_owned();
    };
    let step = [TimeDelta::zero(), TimeDelta::milliseconds(1), TimeDelta::hours(-1)][random.below(3)];
    let zone = FixedOffset::east_opt([0, 7_200, -41_400, 50_400][random.below(4)]).unwrap();
    let moved = (time + step).with_timezone(&zone).to_rfc3339();
    if fold::date_time(&moved).is_some() { moved } else { text.to_owned() }
}

/// Creates the documents, of which some then change, and returns them as they are shown.
pub fn populate(context: &Context<'_>, endpoint: &Endpoint, generator: &mut Generator<'_>) {
    let view = context.presentation(endpoint, &Projection::Default);
    for number in 0..DOCUMENTS {
        let body = generator.body(number);
        let mut created =
            provider::create(context, endpoint, &view, body.clone()).unwrap_or_else(|error| panic!("{error}: {body}"));
        let id = created.to_json().unwrap()["id"].as_str().unwrap().to_owned();
        for change in 0..generator.random.below(3) {
            let value = format!("{} {change}", generator.random.pick(&TEXTS));
            let body = patch(&json!([{"op": "replace", "path": "displayName", "value": value}]));
            let modified = provider::modify(context, endpoint, &id, &Preconditions::default(), &view, body).unwrap();
            let Modified::Shown(resource) = modified else { panic!("{modified:?}") };
            created = resource;
        }
        generator.documents.push(created.to_json().unwrap());
    }
}

fn agree(resource_type: ResourceType, seed: u64) {
    let backend = Backend::open(&settings(&shared().data_dir), Role::Command).unwrap();
    let caller: Caller = operator(TenantId::generate());
    insert_tenant(&backend, &caller, seed);
    let segment = resource_type.endpoint.clone();
    let registry = Arc::new(Registry::new(vec![resource_type]).unwrap());
    let service = Service { registry, base_url: "http://localhost/scim/v2".into() };
    let endpoint = service.endpoint(&segment).unwrap();
    let context = Context { store: &backend.store, caller: &caller, service: &service, cursors: &backend.cursor_key };
    let resource_type = endpoint.resource_type.as_ref();
    let mut generator = Generator::new(seed, resource_type);
    populate(&context, &endpoint, &mut generator);
    compare(&context, &endpoint, &mut generator, seed);
}

/// Holds the filters that the generator makes against its documents, in memory and in Postgres.
pub fn compare(context: &Context<'_>, endpoint: &Endpoint, generator: &mut Generator<'_>, seed: u64) {
    let resource_type = endpoint.resource_type.as_ref();
    let base_url = context.service.base_url.as_ref();
    let member_locations = [format!("{base_url}/Users/"), format!("{base_url}/Groups/")];
    let folded: Vec<(String, Map<String, Value>)> = generator
        .documents
        .iter()
        .map(|document| (document["id"].as_str().unwrap().to_owned(), fold::attributes(resource_type, document)))
        .collect();
    let (mut matched, mut hit) = (0, 0);
    for _ in 0..FILTERS {
        let text = generator.filter(3);
        let parsed = filter::parse(&text).unwrap_or_else(|error| panic!("seed {seed}: {error}: {text}"));
        let condition =
            filter::resolve(&parsed, resource_type).unwrap_or_else(|error| panic!("seed {seed}: {error}: {text}"));
        let expected: BTreeSet<&str> = folded
            .iter()
            .filter(|(_, folded)| filter::matches(&condition, folded))
            .map(|(id, _)| id.as_str())
            .collect();
        let location_prefix = format!("{}/", endpoint.url);
        let selection = Selection { resource_type, condition: Some(condition.clone()), sort: None, location_prefix };
        let request = PageRequest {
            selections: &[selection],
            member_locations: &member_locations,
            order: Order::Ascending,
            query: &text,
            start: Start::Index(1),
            count: 1_000,
            counts: true,
        };
        let page = context.store.run(context.caller, |tenant| tenant.page(&request));
        let page = page.unwrap_or_else(|error| panic!("seed {seed}: {error}: {text}"));
        let found: BTreeSet<String> = page.resources.iter().map(|stored| stored.id.to_string()).collect();
        assert_eq!(page.total, found.len());
        for (id, folded) in &folded {
            assert_eq!(
                found.contains(id),
                expected.contains(id.as_str()),
                "seed {seed}: Postgres (left) and matches() differ on\n{text}\n{}",
                Value::Object(folded.clone())
            );
        }
        matched += expected.len();
        hit += usize::from(!expected.is_empty() && expected.len() < folded.len());
    }
    assert!(matched * 8 > FILTERS * folded.len(), "only {matched} pairs match");
    assert!(hit * 5 > FILTERS * 2, "only {hit} filters tell documents apart");
}

pub fn insert_tenant(backend: &Backend, caller: &Caller, seed: u64) {
    use provisor::audit::{Action, AuditEvent, Target};
    let tenant = caller.principal.tenant();
    let event = AuditEvent::new(Action::TenantCreate, Target::new("Tenant", tenant));
    let name = format!("filters-{seed}-{tenant}");
    let new = NewTenant { name: &name, stores_passwords: false, unique_group_names: true };
    backend.store.run(caller, |conn| conn.insert_tenant(&new, &event)).unwrap();
}

#[test]
fn postgres_finds_the_users_that_the_filter_means() {
    agree(registry::user().unwrap(), Random::seed(7643));
}

#[test]
fn postgres_finds_resources_by_every_type_of_attribute() {
    agree(gadget(), Random::seed(7644));
}
