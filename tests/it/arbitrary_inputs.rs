//! Whatever bytes arrive, nothing panics and no stack overflows, and what is understood can be written down and read again. The
//! inputs are part noise, part pieces of the grammar in any order, part good messages with a few errors, so that many get deep.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use provisor::auth::secret::{Kind, Secret};
use provisor::auth::{Authenticator, Scope};
use provisor::oauth::access_token::{self, Parties};
use provisor::oauth::authorization_request::{self, Terms};
use provisor::oauth::client_authentication::ClientAuthentication;
use provisor::oauth::grant_type::GrantType;
use provisor::oauth::parameters::Parameters;
use provisor::oauth::token_request::TokenRequest;
use provisor::scim::bulk::{BulkRequest, Entry, Operation, Step};
use provisor::scim::error::ScimError;
use provisor::scim::filter::{self, Filter};
use provisor::scim::patch::PatchRequest;
use provisor::scim::path::{self, Target};
use provisor::scim::precondition::Preconditions;
use provisor::scim::registry;
use provisor::scim::resource::{Resource, entity_tag};
use provisor::scim::search::{Paging, SearchRequest};
use provisor::scim::{json, limits, validate};
use serde_json::{Value, json};

use crate::support::oauth::Endpoints;
use crate::support::{
    Client, ENTERPRISE, Random, USER, assert_error, measured, minimal, okta_user, path_of, scaled, shared, tenant,
};

const THREADS: usize = 2;
/// Inputs for the filter parser, half of them paths, and for PATCH.
const MANY: usize = 1_000_000;
/// Inputs for what is simpler.
const SOME: usize = 100_000;
/// Inputs that go to a server.
const FEW: usize = 1_500;

/// What stands in filters and paths, whole and broken.
const FILTER_PIECES: &[&str] = &[
    "userName",
    "emails",
    "name.givenName",
    "EMAILS.value",
    "active",
    "meta.created",
    "$ref",
    "value",
    "type",
    "not",
    "NOT",
    "and",
    "or",
    "And",
    " ",
    " ",
    " ",
    "  ",
    "\t",
    "eq",
    "ne",
    "co",
    "sw",
    "ew",
    "gt",
    "ge",
    "lt",
    "le",
    "pr",
    "EQ",
    "(",
    "(",
    ")",
    ")",
    "[",
    "]",
    "].",
    ".",
    "\"work\"",
    "\"a b\"",
    "\"\\u00df\"",
    "\"\\ud800\"",
    "\"\\\\\"",
    "\"",
    "'",
    "'x'",
    "'it\\'s'",
    "true",
    "FALSE",
    "null",
    "0",
    "-0",
    "1e5",
    "1e999",
    "-1.50",
    "18446744073709551616",
    "bare",
    "\u{df}",
    "\u{130}",
    "e\u{301}",
    "\u{10ffff}",
    "\u{2028}",
    "\0",
    "%",
    "\\",
    ":",
    USER,
    ENTERPRISE,
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0User:",
    "userName eq \"ada\"",
    "emails[type eq \"work\"]",
    "emails[type eq \"work\"].value",
    " and ",
    " or ",
    "not (",
    "manager.value pr",
];
const FILTERS: &[&str] = &[
    "userName eq \"bjensen@example.com\"",
    "name.familyName co \"O'Malley\"",
    "meta.lastModified gt \"2011-05-13T04:42:34Z\"",
    "title pr and userType eq \"Employee\" or active eq true",
    "userType ne \"Employee\" and not (emails co \"example.com\" or emails.value co \"example.org\")",
    "emails[type eq \"work\" and value co \"@example.com\"] or ims[type eq \"xmpp\" and not (value sw \"x\")]",
    "emails[type eq \"work\"].value eq \"a@example.com\"",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber eq 701984",
];
const PATHS: &[&str] = &[
    "userName",
    "name",
    "name.givenName",
    "NAME.familyname",
    "emails",
    "emails.value",
    "emails[type eq \"work\"]",
    "emails[type eq \"work\"].value",
    "emails[primary eq true].display",
    "emails[not (type eq \"home\")]",
    "addresses[type eq \"work\"]",
    "addresses",
    "roles[primary eq \"True\"].value",
    "roles",
    "active",
    "manager",
    "manager.value",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    ENTERPRISE,
    USER,
    "externalId",
    "id",
    "meta.created",
    "groups",
    "schemas",
    "password",
    "x509Certificates",
    "photos.value",
    "nothing",
    "emails[",
    "emails[]",
    "emails[type eq]",
    "name[givenName pr]",
    "",
    " ",
    ".",
    "a.b.c",
    "emails[type eq \"work\"].nothing",
];
const VALUES: &[&str] = &[
    "\"text\"",
    "\"\"",
    "null",
    "true",
    "\"True\"",
    "17",
    "-1.5e3",
    "[]",
    "{}",
    "[null]",
    "{\"value\":\"a@example.com\"}",
    "[{\"value\":\"a@example.com\",\"type\":\"work\",\"primary\":true}]",
    "[{\"value\":\"b\",\"primary\":true},{\"value\":\"c\",\"primary\":true}]",
    "{\"givenName\":\"\u{df}\",\"familyName\":null}",
    "[\"a\",\"b\"]",
    "\"{\\\"value\\\":\\\"x\\\"}\"",
    "{\"emails[type eq \\\"work\\\"].value\":\"z\"}",
    "{\"userName\":\"eve\",\"active\":\"False\",\"nothing\":{}}",
    "{\"name.givenName\":\"Eve\",\"manager\":\"26118915\"}",
    "[[[]]]",
    "\"\\u0000\"",
    "{\"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\":{\"department\":\"x\",\"manager.value\":\"1\"}}",
    "{\"value\":null}",
    "{\"type\":\"work\"}",
    "[{\"type\":\"home\",\"displayName\":\"h\"},{}]",
    "\"AQID\"",
    "{\"$ref\":\"../Users/1\",\"value\":\"1\"}",
];
const JSON_PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\"op\"",
    "\"OP\"",
    "\"path\"",
    "\"value\"",
    "\"Operations\"",
    "\"add\"",
    "\"Remove\"",
    "null",
    "1",
    "1e999",
    "\\u0000",
    "\\ud800",
    "{\"op\":\"add\",",
    "\u{10ffff}",
    " ",
];

/// What stands in the `Authorization` header.
const CREDENTIALS: &[&str] = &[
    "Bearer ",
    "bearer ",
    "BEARER\t",
    "Basic ",
    "Token ",
    "Digest username=\"a\"",
    "Bearer",
    " ",
    ",",
    "YWRhOnNlY3JldA==",
    "OnNlY3JldA==",
    "YWRhOg==",
    "/w==",
    "=",
    "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImEifQ.eyJpc3MiOiJ4In0.AAAA",
    "eyJhbGciOiJub25lIn0.e30.",
    "e30.e30.e30",
    "..",
    ".",
    "pvr_t_",
    "pvr_s_",
    "pvr_r_0123456789abcdef",
    "\u{df}",
    "\0",
    "%41",
];
/// Parameters of the authorization server, whole and broken.
const PARAMETERS: &[&str] = &[
    "client_id=client-1",
    "client_id=",
    "client_secret=s",
    "redirect_uri=https%3A%2F%2Fclient.example.com%2Fcallback",
    "redirect_uri=https://client.example.com/callback?x=%26",
    "redirect_uri=http://127.0.0.1:70000/",
    "redirect_uri=javascript:alert(1)",
    "response_type=code",
    "response_type=code",
    "response_type=token",
    "response_mode=fragment",
    "scope=scim.read+scim.write",
    "scope=scim.read%20%20nothing",
    "scope=%00",
    "state=x",
    "state=%FF%FE",
    "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method=S256",
    "code_challenge_method=plain",
    "code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    "resource=https://scim.example/scim/v2",
    "resource=x",
    "grant_type=authorization_code",
    "grant_type=client_credentials",
    "grant_type=refresh_token",
    "grant_type=password",
    "code=pvr_c_0",
    "refresh_token=pvr_r_0",
    "token=e30.e30.e30",
    "token_type_hint=access_token",
    "client_assertion=e30.e30.e30",
    "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    "prompt=none",
    "=",
    "%",
    "%4",
    "\u{df}=\u{df}",
    "a=b=c",
];

struct Inputs {
    random: Random,
    text: String,
}

impl Inputs {
    /// Noise: bytes, or characters from everywhere.
    fn noise(&mut self) {
        let length = self.random.below(40);
        if self.random.chance(50) {
            let bytes: Vec<u8> = (0..length).map(|_| self.random.next().to_le_bytes()[0]).collect();
            self.text.push_str(&String::from_utf8_lossy(&bytes));
        } else {
            let character =
                |_| char::from_u32(u32::try_from(self.random.below(0x11_0000)).unwrap()).unwrap_or('\u{fffd}');
            self.text.extend((0..length).map(character));
        }
    }

    fn pieces(&mut self, pieces: &[&str]) {
        for _ in 0..=self.random.below(14) {
            self.text.push_str(self.random.pick::<&str>(pieces));
        }
    }

    /// A few errors in the text so far: something left out, doubled, or put in.
    fn damage(&mut self, pieces: &[&str]) {
        for _ in 0..self.random.below(3) {
            let (start, end) = (self.place(), self.place());
            let range = start.min(end)..start.max(end).min(start.min(end) + 12);
            let range = if self.text.is_char_boundary(range.end) { range } else { range.start..range.start };
            match self.random.below(3) {
                0 => self.text.replace_range(range, ""),
                1 => {
                    let doubled = self.text[range.clone()].to_owned();
                    self.text.insert_str(range.end, &doubled);
                }
                _ => self.text.insert_str(range.start, self.random.pick::<&str>(pieces)),
            }
        }
    }

    fn place(&mut self) -> usize {
        let place = self.random.below(self.text.len() + 1);
        if self.text.is_char_boundary(place) { place } else { 0 }
    }

    fn filter(&mut self) {
        self.text.clear();
        match self.random.below(1_000) {
            0..150 => self.noise(),
            150..550 => self.pieces(FILTER_PIECES),
            550..995 => {
                self.text.push_str(self.random.pick::<&str>(FILTERS));
                self.damage(FILTER_PIECES);
            }
            _ => {
                let piece = self.random.pick(&["(", "not (", "a[", "a pr and ", "\"", "((a pr) or ", "a eq \u{1}"]);
                for _ in 0..self.random.below(limits::FILTER_BYTES / piece.len() + 10) {
                    self.text.push_str(piece);
                }
            }
        }
    }

    fn path(&mut self) {
        self.text.clear();
        match self.random.below(10) {
            0 => self.noise(),
            1..3 => self.pieces(FILTER_PIECES),
            _ => {
                self.text.push_str(self.random.pick::<&str>(PATHS));
                self.damage(FILTER_PIECES);
            }
        }
    }

    fn patch(&mut self) {
        self.text.clear();
        match self.random.below(1_000) {
            0..80 => self.noise(),
            80..200 => self.pieces(JSON_PIECES),
            200..998 => {
                self.text.push_str("{\"Operations\":[");
                for position in 0..=self.random.below(2) {
                    self.text.push_str(if position > 0 { "," } else { "" });
                    self.operation();
                }
                self.text.push_str("]}");
                if self.random.chance(20) {
                    self.damage(JSON_PIECES);
                }
            }
            _ => {
                let piece = self.random.pick(&["[", "{\"a\":", "{\"Operations\":["]);
                for _ in 0..self.random.below(20_000) {
                    self.text.push_str(piece);
                }
            }
        }
    }

    fn operation(&mut self) {
        let op = *self.random.pick(&["add", "replace", "remove", "Add", "REPLACE", "move"]);
        self.text.push_str("{\"op\":\"");
        self.text.push_str(op);
        self.text.push('"');
        if self.random.chance(80) {
            self.text.push_str(",\"path\":\"");
            self.text.push_str(&self.random.pick(PATHS).replace('"', "\\\""));
            self.text.push('"');
        }
        if self.random.chance(85) {
            self.text.push_str(",\"value\":");
            self.text.push_str(self.random.pick::<&str>(VALUES));
        }
        self.text.push('}');
    }

    /// A bulk request of operations that refer to one another.
    fn bulk(&mut self) {
        self.text.clear();
        self.text.push_str("{\"Operations\":[");
        for position in 0..=self.random.below(8) {
            self.text.push_str(if position > 0 { "," } else { "" });
            self.bulk_operation();
        }
        self.text.push_str("]}");
        if self.random.chance(20) {
            self.damage(JSON_PIECES);
        }
    }

    fn bulk_operation(&mut self) {
        const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", ""];
        let method = *self.random.pick(&["POST", "POST", "Post", "PUT", "PATCH", "DELETE", "GET"]);
        let name = *self.random.pick(&NAMES);
        let path = match self.random.below(4) {
            0..2 if method == "POST" => "/Users".to_owned(),
            0 => "Users/1".to_owned(),
            1 => format!("/Users/bulkId:{name}"),
            _ => (*self.random.pick(&["/Users", "/Users/", "", "/Users/1/2", "/bulkId:a/bulkId:b"])).to_owned(),
        };
        let value = match self.random.below(6) {
            0 => "null".to_owned(),
            1 => format!("[\"bulkId:{name}\",1,{{\"$ref\":\"../Users/bulkId:{name}\"}}]"),
            2 => format!("{{\"value\":\"bulkId:{name}\"}}"),
            3 => format!("\"members[value eq \\\"bulkId:{name}\\\"].display\""),
            _ => format!("\"bulkId:{}\"", self.random.pick(&NAMES)),
        };
        let data = match method {
            "PATCH" => format!("{{\"Operations\":[{{\"op\":\"add\",\"path\":{value},\"value\":{value}}}]}}"),
            _ => format!("{{\"x\":{value},\"urn:x:y\":{{\"z\":{value}}}}}"),
        };
        let name = self.random.pick(&NAMES);
        for (member, text) in [("{\"method", method), (",\"path", &path), (",\"bulkId", name)] {
            for part in [member, "\":\"", text, "\""] {
                self.text.push_str(part);
            }
        }
        for part in [",\"data\":", &data, "}"] {
            self.text.push_str(part);
        }
    }

    /// A query or a form for the authorization server.
    fn parameters(&mut self) {
        self.text.clear();
        if self.random.chance(10) {
            return self.noise();
        }
        self.text.push_str("client_id=client-1&redirect_uri=https://client.example.com/callback");
        for _ in 0..self.random.below(7) {
            self.text.push('&');
            self.text.push_str(self.random.pick::<&str>(PARAMETERS));
        }
        if self.random.chance(40) {
            self.damage(PARAMETERS);
        }
    }

    /// The value of an `Authorization` header, with or without a token that is one.
    fn authorization(&mut self, token: &str) {
        self.text.clear();
        match self.random.below(10) {
            0 => self.noise(),
            1..5 => self.pieces(CREDENTIALS),
            _ => {
                self.text.push_str(self.random.pick::<&str>(&["Bearer ", "bearer ", "", "Basic "]));
                self.text.push_str(token);
                self.damage(CREDENTIALS);
            }
        }
    }

    /// The body of a POST.
    fn body(&mut self) {
        self.text.clear();
        self.text.push_str("{\"userName\":\"ada\"");
        for _ in 0..self.random.below(5) {
            let name = self.random.pick(PATHS).replace('"', "\\\"");
            let value = self.random.pick(VALUES);
            for part in [",\"", &name, "\":", value] {
                self.text.push_str(part);
            }
        }
        self.text.push('}');
        if self.random.chance(20) {
            self.damage(JSON_PIECES);
        }
    }
}

/// Tries `work` on so many inputs, on all threads. `work` says whether the input was understood; a fair share must be.
fn survives(
    count: usize,
    understood_percent: usize,
    generate: impl Fn(&mut Inputs) + Sync,
    work: impl Fn(&str, &mut Random) -> bool + Sync,
) {
    let seed = Random::seed(0x5c1b);
    let count = scaled(count);
    let (begun, understood) = (Instant::now(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (generate, work, understood) = (&generate, &work, &understood);
            scope.spawn(move || {
                let random = Random::new(seed + ((thread as u64) << 32));
                let mut inputs = Inputs { random, text: String::new() };
                for number in 0..count / THREADS {
                    generate(&mut inputs);
                    let (text, random) = (&inputs.text, &mut inputs.random);
                    let result = catch_unwind(AssertUnwindSafe(|| work(text, random)));
                    assert!(result.is_ok(), "seed {seed}, input {number} of thread {thread}: {text:?}");
                    understood.fetch_add(usize::from(matches!(result, Ok(true))), Ordering::Relaxed);
                }
            });
        }
    });
    let understood = understood.into_inner();
    assert!(understood * 100 >= count * understood_percent, "only {understood} of {count} were understood");
    let test = std::thread::current();
    let target = test.name().and_then(|name| name.rsplit(':').next()).unwrap_or_default().replace('_', " ");
    measured(&format!("{count} inputs in {} s ({target})", begun.elapsed().as_secs()));
}

/// Printing adds parentheses and escapes, so what is at a limit may come out beyond it.
fn is_beyond_a_limit(error: &ScimError) -> bool {
    ["longer than", "nested deeper", "more than"].iter().any(|limit| error.detail().contains(limit))
}

fn reads_back(filter: &Filter) {
    let printed = filter.to_string();
    match filter::parse(&printed) {
        Ok(again) => assert_eq!(&again, filter, "{printed}"),
        Err(error) => assert!(is_beyond_a_limit(&error), "{error}: {printed}"),
    }
}

#[test]
fn filters_are_refused_or_read_back_as_they_print() {
    survives(MANY / 2, 15, Inputs::filter, |text, _| filter::parse(text).inspect(reads_back).is_ok());
}

#[test]
fn patch_paths_are_refused_or_read_back_as_they_print() {
    survives(MANY / 2, 15, Inputs::path, |text, _| {
        let Ok(read) = filter::parse_path(text) else {
            return false;
        };
        let printed = read.to_string();
        match filter::parse_path(&printed) {
            Ok(again) => assert_eq!(again, read, "{printed}"),
            Err(error) => assert!(is_beyond_a_limit(&error), "{error}: {printed}"),
        }
        true
    });
}

/// A user with a value nearly everywhere.
fn rich_user() -> Resource {
    let mut user = okta_user("ada@example.com");
    user["addresses"] =
        json!([{"type": "work", "locality": "Ulm"}, {"type": "home", "country": "DE", "primary": true}]);
    user["roles"] = json!([{"value": "r1", "primary": true}, {"value": "r2", "type": "x"}]);
    user["photos"] = json!([{"value": "https://example.com/p"}]);
    user["x509Certificates"] = json!([{"value": "AQID"}]);
    user[ENTERPRISE] = json!({"employeeNumber": "7", "manager": {"value": "26118915", "displayName": "Boss"}});
    validate::resource(&registry::user().unwrap(), user).unwrap()
}

#[test]
fn patches_are_refused_or_leave_a_user_that_could_be_created_so() {
    let (resource_type, user) = (registry::user().unwrap(), rich_user());
    survives(MANY, 10, Inputs::patch, |text, random| {
        let Ok(body) = json::parse(text.as_bytes()) else {
            return false;
        };
        if random.chance(10) {
            assert_eq!(json::parse(body.to_string().as_bytes()).unwrap(), body);
        }
        let Ok(patched) = PatchRequest::from_json(body).and_then(|patch| patch.compile(&resource_type)?.apply(&user))
        else {
            return false;
        };
        if patched != user && random.chance(20) {
            let as_body = Value::Object(patched.attributes.clone());
            assert_eq!(validate::resource(&resource_type, as_body).unwrap(), patched);
            let document = patched.document(&resource_type, "1");
            assert_eq!(Resource::from_document(&document).unwrap(), patched);
        }
        true
    });
}

#[test]
fn bodies_are_refused_or_become_users_that_stay_as_they_are() {
    let resource_type = registry::user().unwrap();
    survives(SOME, 15, Inputs::body, |text, _| {
        let Ok(user) = json::parse(text.as_bytes()).and_then(|body| validate::resource(&resource_type, body)) else {
            return false;
        };
        let as_body = Value::Object(user.attributes.clone());
        assert_eq!(validate::resource(&resource_type, as_body).unwrap(), user);
        true
    });
}

/// Carries out a bulk request as far as it needs no database, with ids that cannot be mistaken for references.
fn carry_out(request: BulkRequest) {
    let count = request.entries.len();
    let mut known = BTreeSet::new();
    let unknown = |_: &str| Err(ScimError::invalid_syntax("a reference is left"));
    let resolve = |mut operation: Operation, known: &BTreeSet<String>, all: &BTreeSet<String>| {
        let id_of = |name: &str| {
            assert!(known.contains(name) || !all.contains(name), "{name} comes too late");
            Ok(format!("id of {name}"))
        };
        operation.resolve(id_of).unwrap();
        operation.resolve(unknown).unwrap();
    };
    let all: BTreeSet<String> =
        request.entries.iter().filter_map(|entry| entry.head.created_name()).map(str::to_owned).collect();
    let mut carried_out = Vec::new();
    for step in request.into_steps() {
        let (entries, circle) = match step {
            Step::One(entry) => (vec![entry], false),
            Step::Circle(entries) => (entries, true),
        };
        let mut rest = Vec::new();
        for Entry { head, operation } in entries {
            if let Ok(mut operation) = operation {
                if circle {
                    let missing = |name: &str| !known.contains(name);
                    rest.extend(operation.split_off(head.created_name().unwrap(), missing));
                }
                resolve(operation, &known, &all);
            }
            known.extend(head.created_name().map(str::to_owned));
            carried_out.push(head.position);
        }
        assert_eq!(circle, !rest.is_empty());
        for operation in rest {
            resolve(operation, &known, &all);
        }
    }
    carried_out.sort_unstable();
    assert_eq!(carried_out, (0..count).collect::<Vec<_>>());
}

#[test]
fn bulk_requests_are_refused_or_each_operation_has_its_turn_after_those_that_it_refers_to() {
    survives(SOME, 70, Inputs::bulk, |text, _| {
        let read = json::parse(text.as_bytes()).and_then(|body| BulkRequest::from_json(body, "https://scim.example"));
        read.map(carry_out).is_ok()
    });
}

#[test]
fn attribute_paths_are_unknown_or_resolve_again_as_they_print() {
    let resource_type = registry::user().unwrap();
    survives(SOME, 10, Inputs::path, |text, _| match path::resolve(text, &resource_type) {
        Ok(Target::Attribute(found)) => {
            assert_eq!(path::resolve(&found.to_string(), &resource_type), Ok(Target::Attribute(found)));
            true
        }
        Ok(Target::Extension(schema)) => {
            assert_eq!(path::resolve(&schema.id, &resource_type), Ok(Target::Extension(schema)));
            true
        }
        Err(_) => false,
    });
}

#[test]
fn tokens_are_ours_or_refused() {
    let secret = Secret::generate(Kind::HeaderToken).unwrap();
    let ours = secret.reveal();
    let generate = |inputs: &mut Inputs| {
        inputs.text.clear();
        match inputs.random.below(10) {
            0..2 => inputs.noise(),
            2 => inputs.text.push_str(ours),
            _ => {
                inputs.text.push_str(ours);
                inputs.damage(&["pvr_t_", "A", "0", "_", "\u{df}", " ", "\0"]);
            }
        }
    };
    survives(SOME, 10, generate, |text, _| {
        let read = Secret::parse(Kind::HeaderToken, text);
        assert_eq!(read.is_some(), text == ours);
        read.is_some()
    });
}

#[test]
fn preconditions_hold_only_by_a_tag_that_is_written_in_them() {
    let pieces = ["W/", "\"3\"", "\"", "3", ",", " ", "*", "\"33\"", "\u{df}", "\\"];
    let generate = |inputs: &mut Inputs| {
        inputs.text.clear();
        inputs.pieces(&pieces);
    };
    survives(SOME, 5, generate, |text, _| {
        let named = Preconditions { if_match: Some(text.into()), if_none_match: None };
        let holds = named.check(3).is_ok();
        let tag = entity_tag(3);
        assert!(!holds || text.contains('*') || text.contains(tag.trim_start_matches("W/")));
        let other = Preconditions { if_match: None, if_none_match: Some(text.into()) };
        assert_eq!(other.not_modified(3), holds);
        assert_eq!(other.check(3).is_ok(), !holds);
        holds
    });
}

#[test]
fn query_parameters_are_refused_or_in_range() {
    const NAMES: [&str; 9] =
        ["startIndex", "COUNT", "filter", "attributes", "excludedAttributes", "sortBy", "sortOrder", "cursor", "other"];
    const NUMBERS: [&str; 8] = ["1", "-1", "+7", "0", " 12 ", "99999999999999999999", "1.5", ""];
    survives(SOME, 15, Inputs::path, |text, random| {
        let mut parameters = Vec::new();
        for _ in 0..random.below(4) {
            let value = if random.chance(50) { *random.pick(&NUMBERS) } else { text };
            parameters.push(((*random.pick(&NAMES)).to_owned(), value.to_owned()));
        }
        let Ok(request) = SearchRequest::from_parameters(&parameters) else {
            return false;
        };
        assert!(request.paging != Paging::Index(0) && request.page_size() <= limits::MAX_PAGE_SIZE);
        true
    });
}

#[test]
fn parameters_of_the_authorization_server_are_refused_or_what_they_say() {
    const API: &str = "https://scim.example/scim/v2";
    let redirect_uris = ["https://client.example.com/callback".to_owned()];
    let terms = Terms {
        redirect_uris: &redirect_uris,
        confidential: true,
        may_use_codes: true,
        scopes: Scope::ALL.into_iter().collect(),
        pkce_required: false,
    };
    survives(SOME, 2, Inputs::parameters, |text, random| {
        let parameters = Parameters::parse(text);
        let nothing = Parameters::default();
        for grant_type in [GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::ClientCredentials] {
            let _ = TokenRequest::read(grant_type, &parameters, &nothing, API);
        }
        let _ = GrantType::read(&parameters);
        let headers: &[_] = if random.chance(50) { &[] } else { &[Some(text.to_owned())] };
        if let Ok(read) = ClientAuthentication::read(headers, &parameters, &nothing) {
            assert!(headers.is_empty() || !parameters.contains("client_secret"), "{text}");
            let _ = read.client_id();
        }
        let Ok((_, redirect_uri)) = authorization_request::addressee(&parameters) else {
            return false;
        };
        let registered = authorization_request::check_addressee(&terms, redirect_uri).is_ok();
        assert_eq!(registered, redirect_uri == redirect_uris[0], "{redirect_uri}");
        let Ok(request) = authorization_request::read(&parameters, &terms, API) else {
            return false;
        };
        // Carried by the browser and read again, it is the same, and what is sent back is a URL.
        let carried = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<authorization_request::AuthorizationRequest>(&carried).unwrap(), request);
        let back = request.success("code", "https://scim.example");
        assert_eq!(url::Url::parse(&back).is_ok(), url::Url::parse(redirect_uri).is_ok(), "{back}");
        registered
    });
}

#[test]
fn authorization_headers_are_a_credential_or_refused() {
    let secret = Secret::generate(Kind::HeaderToken).unwrap();
    let ours = secret.reveal();
    let parties = Parties { issuer: "https://scim.example", audience: "https://scim.example/scim/v2" };
    let authenticator = shared()
        .with_backend(|backend| Authenticator::new(backend.token_key.clone(), Arc::clone(&backend.keys), parties));
    survives(
        SOME,
        10,
        |inputs| inputs.authorization(ours),
        |text, _| {
            let is_credential = authenticator.credential(Some(text)).is_ok();
            let token = text.trim().rsplit(' ').next().unwrap_or_default();
            if access_token::is_shaped(token) {
                let _ = access_token::key_id(token);
            }
            assert!(!is_credential || token == ours || access_token::is_shaped(token), "{text}");
            is_credential
        },
    );
}

/// The same inputs through the whole server: whatever it says, it is no fault of its own.
#[test]
fn whatever_is_sent_is_answered_without_a_fault() {
    let tenant = tenant();
    let user = path_of(&tenant.create(&okta_user("ada@example.com")));
    let endpoints = Endpoints::shared();
    let authorization = tenant.client.authorization().unwrap().to_owned();
    let query = |path: &str, name: &str, text: &str| {
        let pairs = [(name, text)];
        format!("{path}?{}", url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
    };
    let scim = |method: reqwest::Method, path: &str, body: &str| {
        let request = tenant.client.request(method, path).header("Content-Type", "application/scim+json");
        Client::send(request.body(body.to_owned()))
    };
    let mut inputs = Inputs { random: Random::new(Random::seed(0x5c1c)), text: String::new() };
    let count = scaled(FEW);
    let begun = Instant::now();
    for number in 0..count {
        let answer = match number % 8 {
            0 => {
                inputs.filter();
                tenant.client.get(&query("/Users", "filter", &inputs.text))
            }
            1 => {
                inputs.path();
                tenant.client.get(&query(&user, "attributes", &inputs.text))
            }
            2 => {
                inputs.patch();
                scim(reqwest::Method::PATCH, &user, &inputs.text)
            }
            3 => {
                inputs.body();
                scim(reqwest::Method::POST, "/Users", &inputs.text)
            }
            4 => {
                inputs.bulk();
                scim(reqwest::Method::POST, "/Bulk", &inputs.text)
            }
            5 => {
                inputs.authorization(&authorization);
                let Ok(value) = reqwest::header::HeaderValue::from_bytes(inputs.text.as_bytes()) else {
                    continue;
                };
                let anonymous = Client::anonymous(&shared().url);
                Client::send(anonymous.request(reqwest::Method::GET, "/Users?count=1").header("Authorization", value))
            }
            6 => {
                inputs.parameters();
                let request = endpoints.form(["/token", "/revoke", "/introspect"][number / 8 % 3], &[]);
                Client::send(request.body(inputs.text.clone()))
            }
            _ => {
                inputs.parameters();
                let text: String = inputs.text.chars().filter(|character| !character.is_control()).collect();
                Client::send(endpoints.request(reqwest::Method::GET, &format!("/authorize?{text}")))
            }
        };
        assert!(answer.status < 500, "{}: {} {}", inputs.text, answer.status, answer.text);
    }
    measured(&format!("{count} requests in {} s", begun.elapsed().as_secs()));
}

#[test]
fn texts_of_every_length_are_kept_or_refused() {
    let tenant = tenant();
    let mut random = Random::new(Random::seed(1));
    for length in [1, limits::INDEXED_BYTES, limits::INDEXED_BYTES + 1, 20_000] {
        for name in ["userName", "externalId", "displayName"] {
            // Without a pattern, so that nothing can compress it.
            let text: String = (0..length).map(|_| *random.pick(&['a', 'b', '7', '"', '\\', '%', '_', '-'])).collect();
            let mut body = minimal(&format!("{name}-{length}"));
            body[name] = json!(text);
            let answer = tenant.client.post("/Users", &body);
            if name != "displayName" && length > limits::INDEXED_BYTES {
                assert_error(&answer, 400, Some("invalidValue"));
            } else {
                assert_eq!(answer.status, 201, "{}", answer.text);
                assert_eq!(tenant.client.get(&path_of(&answer.json())).json()[name], json!(text));
            }
        }
    }
    // Folded, it is half as long again.
    let mut body = minimal("folded");
    body["userName"] = json!("\u{149}".repeat(limits::INDEXED_BYTES / 2));
    assert_error(&tenant.client.post("/Users", &body), 400, Some("invalidValue"));
}
