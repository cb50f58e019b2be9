//! `scim::sort` says in which order a list is. Here it is held against Postgres: random documents of several types, sorted by every
//! attribute both ways, filtered or not, read in one piece, page by page and from the middle.

use std::sync::Arc;

use provisor::auth::Caller;
use provisor::backend::Backend;
use provisor::id::TenantId;
use provisor::private_postgres::Role;
use provisor::provider::{Context, Endpoint, Service};
use provisor::scim::registry::Registry;
use provisor::scim::resource_type::ResourceType;
use provisor::scim::sort::{self, Order};
use provisor::scim::{filter, fold, registry};
use provisor::store::{Page, PageRequest, Selection, Start};
use serde_json::{Map, Value};

use crate::filter_sql::{Generator, gadget, insert_tenant, populate};
use crate::support::{Random, operator, settings, shared};

/// Lists of one kind, each by a random attribute.
const LISTS: usize = 150;

/// A resource in comparison form.
struct Known {
    selection: usize,
    id: String,
    folded: Map<String, Value>,
}

/// The database, and what is known to be in it.
struct Lists {
    backend: Backend,
    caller: Caller,
    endpoints: Vec<Endpoint>,
    known: Vec<Known>,
}

/// What is asked for.
#[derive(Debug)]
struct Question {
    filter: Option<String>,
    by: Option<String>,
    order: Order,
}

impl Lists {
    /// A tenant with random resources of these types, which are in the order of their names.
    fn new(resource_types: Vec<ResourceType>, seed: u64) -> Self {
        let backend = Backend::open(&settings(&shared().data_dir), Role::Command).unwrap();
        let caller = operator(TenantId::generate());
        insert_tenant(&backend, &caller, seed);
        let registry = Arc::new(Registry::new(resource_types).unwrap());
        let service = Service { registry, base_url: "http://localhost/scim/v2".into() };
        let endpoints = service.endpoints();
        let context =
            Context { store: &backend.store, caller: &caller, service: &service, cursors: &backend.cursor_key };
        let mut known = Vec::new();
        for (selection, endpoint) in endpoints.iter().enumerate() {
            let mut generator = Generator::new(seed + selection as u64, &endpoint.resource_type);
            populate(&context, endpoint, &mut generator);
            known.extend(generator.documents.iter().map(|document| Known {
                selection,
                id: document["id"].as_str().unwrap().to_owned(),
                folded: fold::attributes(&endpoint.resource_type, document),
            }));
        }
        Self { backend, caller, endpoints, known }
    }

    /// Asks, in these pieces, and compares with what `scim` says.
    fn check(&self, question: &Question, random: &mut Random) {
        let types: Vec<Arc<ResourceType>> =
            self.endpoints.iter().map(|endpoint| Arc::clone(&endpoint.resource_type)).collect();
        let borrowed: Vec<&ResourceType> = types.iter().map(Arc::as_ref).collect();
        let parsed = question.filter.as_deref().map(|text| filter::parse(text).unwrap());
        let keys = match &question.by {
            Some(by) => sort::resolve(by, &borrowed).unwrap_or_else(|error| panic!("{error}: {question:?}")),
            None => vec![None; types.len()],
        };
        let selections: Vec<Selection<'_>> = self
            .endpoints
            .iter()
            .zip(&borrowed)
            .zip(keys)
            .map(|((endpoint, resource_type), sort)| Selection {
                resource_type,
                condition: parsed.as_ref().map(|filter| filter::resolve_among(filter, resource_type, &types).unwrap()),
                sort,
                location_prefix: format!("{}/", endpoint.url),
            })
            .collect();
        let mut expected: Vec<(Option<Value>, usize, &str)> = self
            .known
            .iter()
            .filter(|known| {
                let condition = selections[known.selection].condition.as_ref();
                condition.is_none_or(|condition| filter::matches(condition, &known.folded))
            })
            .map(|known| {
                let key = selections[known.selection].sort.and_then(|attribute| sort::key(attribute, &known.folded));
                (key, known.selection, known.id.as_str())
            })
            .collect();
        expected.sort_by(|left, right| {
            sort::compare(question.order, left.0.as_ref(), right.0.as_ref())
                .then_with(|| (left.1, left.2).cmp(&(right.1, right.2)))
        });

        let page = |query: &str, start: Start<'_>, count: usize| -> Page {
            let request = PageRequest {
                selections: &selections,
                member_locations: &[],
                order: question.order,
                query,
                start,
                count,
                counts: true,
            };
            let page = self.backend.store.run(&self.caller, |tenant| tenant.page(&request));
            let page = page.unwrap_or_else(|error| panic!("{error}: {question:?}"));
            assert_eq!(page.total, expected.len(), "{question:?} {start:?} {count}");
            page
        };
        let assert_same = |page: &Page, from: usize, count: usize| {
            let found: Vec<(usize, String)> = page
                .resources
                .iter()
                .zip(&page.selections)
                .map(|(stored, selection)| (*selection, stored.id.to_string()))
                .collect();
            let wanted: Vec<(usize, String)> = expected
                .iter()
                .skip(from)
                .take(count)
                .map(|(_, selection, id)| (*selection, (*id).to_owned()))
                .collect();
            let key = |position: usize| expected.get(from + position).map(|(key, ..)| key);
            let differ = (0..wanted.len().max(found.len())).find(|at| wanted.get(*at) != found.get(*at));
            assert_eq!(found, wanted, "{question:?} from {from} by {count}, at {differ:?}: {:?}", differ.map(key));
        };
        let size = [1, 5, 16, 40][random.below(4)];
        let whole = page("whole", Start::Index(1), 1_000);
        assert_same(&whole, 0, 1_000);
        // A jump, of which no walk remembers the way.
        let from = random.below(expected.len() + 3);
        assert_same(&page(&format!("jump {}", random.next()), Start::Index(from + 1), size), from, size);
        // A walk by position, which reads on behind what it has read.
        let walk = format!("walk {}", random.next());
        let mut read = 0;
        while read < expected.len() {
            assert_same(&page(&walk, Start::Index(read + 1), size), read, size);
            read += size;
        }
        // A walk by anchors.
        let (mut behind, mut read) = (None, 0);
        loop {
            let page = page("anchors", Start::Behind(behind.as_ref()), size);
            assert_same(&page, read, size);
            read += page.resources.len();
            assert_eq!(page.next.is_some(), read < expected.len(), "{question:?} {read} of {}", expected.len());
            behind = page.next;
            if behind.is_none() {
                break;
            }
        }
    }
}

/// Checks lists by random attributes, some of them filtered, and some only filtered.
fn agree(resource_types: Vec<ResourceType>, seed: u64) {
    let lists = Lists::new(resource_types, seed);
    let types: Vec<&ResourceType> = lists.endpoints.iter().map(|endpoint| endpoint.resource_type.as_ref()).collect();
    let mut generator = Generator::new(seed, types[0]);
    for resource_type in &types[1..] {
        let more = Generator::new(seed, resource_type);
        generator.places.extend(more.places);
    }
    let random = &mut Random::new(seed);
    let mut sorted = 0;
    for _ in 0..LISTS {
        let place = *random.pick(&generator.places);
        let parts: Vec<&str> = place.attribute.sub_attributes.iter().map(|part| part.name.as_str()).collect();
        let mut by = generator.path(place);
        if !parts.is_empty() && random.chance(80) {
            by = format!("{by}.{}", generator.odd_case(parts[random.below(parts.len())]));
        }
        let by = Some(by).filter(|by| random.chance(90) && sort::resolve(by, &types).is_ok());
        sorted += usize::from(by.is_some());
        let filter = random.chance(30).then(|| generator.filter(1));
        let order = if random.chance(50) { Order::Descending } else { Order::Ascending };
        lists.check(&Question { filter, by, order }, random);
    }
    assert!(sorted * 2 > LISTS, "only {sorted} are sorted");
    for by in ["id", "externalId", "meta.created", "meta.lastModified", "meta.version", "meta.location", "schemas"] {
        for order in [Order::Ascending, Order::Descending] {
            lists.check(&Question { filter: None, by: Some(by.to_owned()), order }, random);
        }
    }
}

#[test]
fn postgres_sorts_users_as_the_rules_say() {
    agree(vec![registry::user().unwrap()], Random::seed(9865));
}

#[test]
fn postgres_sorts_by_every_type_of_attribute() {
    agree(vec![gadget()], Random::seed(9866));
}

#[test]
fn postgres_lists_resources_of_several_types_as_the_rules_say() {
    agree(vec![registry::user().unwrap(), gadget()], Random::seed(9867));
}
