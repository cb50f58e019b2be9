//! P-14: the dearest filters that are accepted, on a large directory, and the longest texts for the parser.

use std::time::{Duration, Instant};

use provisor::scim::{filter, limits};

use super::common::driver::Client;
use super::common::server::Server;
use super::directory;
use super::scale::{Outcome, Scale, told};

const USERS: usize = 1_000_000;
/// The bars: an answer of whatever kind, and the reading of a filter.
const ANSWER: Duration = Duration::from_secs(2);
const PARSE: Duration = Duration::from_millis(1);
/// How often each text is read, of which the fastest counts: the others measure who else uses the machine.
const READS: usize = 5;

/// Filters that no index answers, each as dear as its kind can be.
fn worst() -> Vec<String> {
    const NOWHERE: &str = "\"qqqzzz\"";
    let comparisons = |operator: &str, joined: &str, most: usize| {
        let attributes =
            ["displayName", "title", "name.familyName", "emails.value", "phoneNumbers.value", "emails.type"];
        let one = |number: usize| format!("{} {operator} \"q{number}z\"", attributes[number % attributes.len()]);
        let mut filter = String::new();
        for number in 0..most {
            let next = one(number);
            if filter.len() + next.len() + joined.len() > limits::FILTER_BYTES {
                break;
            }
            filter.push_str(if number > 0 { joined } else { "" });
            filter.push_str(&next);
        }
        filter
    };
    // A chain of n comparisons has n - 1 connectives.
    let most = limits::FILTER_NODES / 2;
    let deep = (0..limits::FILTER_DEPTH / 2 - 1).fold("title pr".to_owned(), |inner, _| format!("not ({inner})"));
    let mut filters: Vec<String> =
        ["co", "ew", "sw", "gt", "le"].iter().map(|operator| comparisons(operator, " or ", most)).collect();
    filters.extend([
        comparisons("ne", " and ", most),
        format!("displayName co {NOWHERE}"),
        format!("emails[type eq \"work\" and value co {NOWHERE}]"),
        format!("emails[not (value co \"bench\") and type ne {NOWHERE}]"),
        format!("not (not (emails.value co {NOWHERE}))"),
        format!("{deep} and displayName ew {NOWHERE}"),
        format!("meta.created gt \"2020-01-01T00:00:00Z\" and title co {NOWHERE}"),
        // Nobody is left out, so that all are counted.
        "active eq true".into(),
        // An index leads to them, and to everybody.
        "title eq \"Engineer\"".into(),
        "title eq \"Engineer\" and locale eq \"en-US\"".into(),
        "phoneNumbers.value eq \"+49 30 123\"".into(),
        "phoneNumbers[type eq \"work\" and value eq \"+49 30 123\"]".into(),
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"Department 7\"".into(),
    ]);
    filters
}

/// Texts of the largest size that are dear to read.
fn longest() -> Vec<String> {
    let pieces =
        ["(", "not (", "a[", "a pr and ", "a pr or ", "\"", "((a pr) or ", "a eq \"\\u00df\" and ", "a.b.", "urn:x:"];
    pieces.iter().map(|piece| piece.repeat(limits::FILTER_BYTES / piece.len())).collect()
}

/// The longest reading of a text.
fn parse() -> Duration {
    let read = |text: &String| {
        let times = (0..READS).map(|_| {
            let begun = Instant::now();
            let _ = std::hint::black_box(filter::parse(std::hint::black_box(text)));
            begun.elapsed()
        });
        times.min().unwrap()
    };
    longest().iter().chain(&worst()).map(read).max().unwrap()
}

/// Measures.
pub fn run(scale: Scale) -> Outcome {
    let users = scale.of(USERS, 20_000);
    let server = Server::start();
    directory::fill(&server, users);
    let mut client = Client::connect(&server);
    let (mut slowest, mut dearest, mut refused, mut too_slow) = (Duration::ZERO, String::new(), 0, 0);
    let filters = worst();
    for filter in &filters {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", filter).finish();
        let begun = Instant::now();
        let (status, body) = client.send("GET", &format!("/Users?count=10&{query}"), "");
        let took = begun.elapsed();
        eprintln!("{status} after {:.3} s: {}", took.as_secs_f64(), filter.chars().take(60).collect::<String>());
        assert!(matches!(status, 200 | 400), "{status} {}", String::from_utf8_lossy(body));
        refused += usize::from(status == 400);
        too_slow += usize::from(took > ANSWER);
        if took > slowest {
            (slowest, dearest) = (took, filter.chars().take(40).collect());
        }
    }
    let parse = parse();
    let outcome = Outcome {
        held: too_slow == 0 && parse <= PARSE,
        measured: format!(
            "{} filters: {refused} answered 400, slowest {:.2} s (`{dearest}…`), {too_slow} over {} s; longest parse {:.3} ms",
            filters.len(),
            slowest.as_secs_f64(),
            ANSWER.as_secs(),
            parse.as_secs_f64() * 1e3
        ),
        size: told(users, USERS, "users"),
    };
    server.stop();
    outcome
}
