//! The conversations under `tests/exchanges`, each in a tenant of its own. `README.md` there says what a file may hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::support::{Answer, Client, ERROR, TemporaryDirectory, Tenant, process, shared, tenant};

/// One conversation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    /// Which client speaks.
    from: String,
    /// What is particular about it, in a sentence.
    shows: String,
    /// How it is known.
    #[allow(dead_code)]
    evidence: Evidence,
    #[serde(default)]
    set_up: Vec<SetUp>,
    #[serde(default)]
    headers: Headers,
    steps: Vec<Step>,
}

/// A command that makes the tenant what the conversation needs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetUp {
    command: String,
    /// What is in the file that the command calls `FILE`.
    definition: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Evidence {
    Captured,
    Documented,
    TestSuite,
    Reported,
    Inferred,
}

/// Header values by name; `null` takes away one that stands further out.
type Headers = BTreeMap<String, Option<String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    does: String,
    request: Request,
    answer: Expected,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    method: String,
    path: String,
    #[serde(default)]
    headers: Headers,
    /// The text as it stands in the file, so that capitals, order and spelling arrive as they are.
    body: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    status: u16,
    /// The `scimType`.
    error: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    has: Option<Value>,
    #[serde(default)]
    lacks: Vec<String>,
    #[serde(default)]
    keep: BTreeMap<String, String>,
}

/// What earlier answers said, by the names that the file gives it.
struct Kept {
    values: BTreeMap<String, Value>,
    used: BTreeSet<String>,
}

impl Kept {
    /// The text with `{name}` replaced by what is kept under the name, and `"{name}"` by its JSON.
    fn fill(&mut self, text: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            let (before, from) = rest.split_at(at);
            let end = from[1..].find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '_');
            let name = end.filter(|end| *end > 0 && from[1 + end..].starts_with('}')).map(|end| &from[1..=end]);
            let Some(name) = name else {
                filled.push_str(&rest[..=at]);
                rest = &from[1..];
                continue;
            };
            let value = self.values.get(name).ok_or_else(|| format!("nothing is kept under {name}"))?;
            self.used.insert(name.to_owned());
            let after = &from[name.len() + 2..];
            match (before.strip_suffix('"'), after.strip_prefix('"')) {
                (Some(before), Some(after)) => {
                    filled.push_str(before);
                    filled.push_str(&value.to_string());
                    rest = after;
                }
                _ => {
                    filled.push_str(before);
                    filled.push_str(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                    rest = after;
                }
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// Runs a file. The error says which step, and what was wrong with the answer.
fn run(path: &Path) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let exchange: Exchange = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if exchange.from.is_empty() || exchange.shows.is_empty() || exchange.steps.is_empty() {
        return Err("says nothing".into());
    }
    if exchange.steps.iter().all(|step| step.answer.has.is_none() && step.answer.lacks.is_empty()) {
        return Err("asks nothing of any body".into());
    }
    let tenant = tenant();
    for set_up in &exchange.set_up {
        prepare(&tenant, set_up).map_err(|error| format!("{}: {error}", set_up.command))?;
    }
    let token = tenant.client.authorization().unwrap().trim_start_matches("Bearer ").to_owned();
    let values = BTreeMap::from([("token".to_owned(), json!(token)), ("base".to_owned(), json!(tenant.client.base()))]);
    let mut kept = Kept { values, used: BTreeSet::from(["token".to_owned(), "base".to_owned()]) };
    for (number, step) in exchange.steps.iter().enumerate() {
        let wrong = |what: String| format!("step {} ({}): {what}", number + 1, step.does);
        let answer = send(&exchange.headers, &step.request, &mut kept).map_err(wrong)?;
        let shown = |what: String| wrong(format!("{what}\n    {} {}", answer.status, answer.text));
        check(&step.answer, &answer, &mut kept).map_err(shown)?;
    }
    match kept.values.keys().find(|name| !kept.used.contains(*name)) {
        Some(name) => Err(format!("{name} is kept and not used")),
        None => Ok(()),
    }
}

fn prepare(tenant: &Tenant, set_up: &SetUp) -> Result<(), String> {
    let directory = TemporaryDirectory::new("exchange");
    fs::create_dir_all(&*directory).map_err(|error| error.to_string())?;
    let file = directory.join("definition.json");
    if let Some(definition) = &set_up.definition {
        fs::write(&file, definition.to_string()).map_err(|error| error.to_string())?;
    }
    let file = file.to_str().ok_or("the directory has no name")?;
    let words = set_up.command.split(' ').map(|word| if word == "FILE" { file } else { word });
    let arguments: Vec<&str> = words.chain(["--tenant", &tenant.name]).collect();
    let output = process::run(&shared().data_dir, &arguments);
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn send(common: &Headers, request: &Request, kept: &mut Kept) -> Result<Answer, String> {
    let mut headers: BTreeMap<&str, Option<&str>> = BTreeMap::from([("authorization", Some("Bearer {token}"))]);
    for (name, value) in common.iter().filter(|(name, _)| request.body.is_some() || *name != "content-type") {
        headers.insert(name, value.as_deref());
    }
    headers.extend(request.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())));
    let path = kept.fill(&request.path)?;
    let method = Method::from_bytes(request.method.as_bytes()).map_err(|error| error.to_string())?;
    let mut message = Client::anonymous(&shared().url).request(method, &path);
    for (name, value) in headers {
        if let Some(value) = value {
            message = message.header(name, kept.fill(value)?);
        }
    }
    if let Some(body) = &request.body {
        message = message.body(kept.fill(body.get())?);
    }
    let built = message.try_clone().and_then(|message| message.build().ok()).ok_or("is no request")?;
    if !built.url().as_str().ends_with(&path) {
        return Err(format!("the path would be sent as {}", built.url()));
    }
    Ok(Client::send(message))
}

fn check(expected: &Expected, answer: &Answer, kept: &mut Kept) -> Result<(), String> {
    if answer.status != expected.status {
        return Err(format!("expected status {}", expected.status));
    }
    for (name, value) in &expected.headers {
        let value = kept.fill(value)?;
        if answer.header(name) != Some(&value) {
            return Err(format!("expected the header {name}: {value}, found {:?}", answer.header(name)));
        }
    }
    if answer.text.is_empty() {
        let asked = expected.has.is_some() || !expected.lacks.is_empty() || !expected.keep.is_empty();
        return if asked || expected.error.is_some() { Err("the answer has no body".into()) } else { Ok(()) };
    }
    if answer.header("content-type") != Some("application/scim+json") {
        return Err(format!("the body is {:?}", answer.header("content-type")));
    }
    let body: Value = serde_json::from_str(&answer.text).map_err(|error| error.to_string())?;
    if answer.status >= 400 {
        let error = json!({"schemas": [ERROR], "status": answer.status.to_string()});
        difference(&error, &body, "")?;
        if body["detail"].as_str().is_none_or(str::is_empty) {
            return Err("the error has no detail".into());
        }
        if body["scimType"].as_str() != expected.error.as_deref() {
            return Err(format!("expected the scimType {:?}", expected.error));
        }
    }
    if let Some(has) = &expected.has {
        let has = kept.fill(&has.to_string())?;
        difference(&serde_json::from_str(&has).map_err(|error| error.to_string())?, &body, "")?;
    }
    if let Some(pointer) = expected.lacks.iter().find(|pointer| body.pointer(pointer).is_some()) {
        return Err(format!("{pointer} is there"));
    }
    for (name, pointer) in &expected.keep {
        let value = body.pointer(pointer).ok_or_else(|| format!("{pointer} is not there to be kept"))?;
        kept.values.insert(name.clone(), value.clone());
    }
    Ok(())
}

/// Where the value found lacks something of the one expected: of objects the members named, of arrays every element in order, of
/// all else the same.
fn difference(expected: &Value, found: &Value, at: &str) -> Result<(), String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => expected.iter().try_for_each(|(name, expected)| {
            let at = format!("{at}/{name}");
            let found = found.get(name).ok_or_else(|| format!("{at} is not there"))?;
            difference(expected, found, &at)
        }),
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            let pairs = expected.iter().zip(found).enumerate();
            pairs
                .into_iter()
                .try_for_each(|(index, (expected, found))| difference(expected, found, &format!("{at}/{index}")))
        }
        _ if expected == found => Ok(()),
        _ => Err(format!("{at} is {found}, expected {expected}")),
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exchanges")
}

/// What a directory holds, in order.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

/// Runs every file of a client.
fn run_all(client: &str) {
    let files = entries(&root().join(client));
    let failures: Vec<String> = files
        .iter()
        .filter_map(|path| {
            run(path).err().map(|error| format!("{client}/{}: {error}", path.file_name().unwrap().display()))
        })
        .collect();
    assert!(!files.is_empty());
    assert!(failures.is_empty(), "{} of {} exchanges:\n{}", failures.len(), files.len(), failures.join("\n"));
}

/// A test for each directory.
macro_rules! clients {
    ($($client:ident => $sentence:ident,)*) => {
        const CLIENTS: &[&str] = &[$(stringify!($client)),*];

        $(#[test]
        fn $sentence() {
            run_all(stringify!($client));
        })*
    };
}

clients! {
    authentik => authentik_is_served,
    entra => entra_is_served,
    google => google_is_served,
    jumpcloud => jumpcloud_is_served,
    okta => okta_is_served,
    onelogin => onelogin_is_served,
    others => whoever_sends_the_same_is_served,
    ping => ping_is_served,
    rauthy => rauthy_is_served,
}

#[test]
fn every_directory_of_exchanges_has_a_test() {
    let names = entries(&root()).into_iter().filter(|path| path.is_dir());
    let names: Vec<String> = names.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, CLIENTS);
}

/// The exchange files that a text names between backquotes, as `client/file.json`.
fn named(text: &str) -> Vec<&str> {
    text.split('`')
        .filter(|word| Path::new(word).extension().is_some_and(|end| end == "json") && word.contains('/'))
        .collect()
}

/// The doc comment and the name of each function of a source.
fn functions(source: &str) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    let mut comment = String::new();
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("///") {
            comment.push_str(text);
        } else if let Some(name) = line.strip_prefix("pub fn ") {
            found.push((std::mem::take(&mut comment), name.split(['(', '<']).next().unwrap()));
        } else if !line.starts_with("#[") {
            comment.clear();
        }
    }
    found
}

#[test]
fn each_leniency_names_an_exchange_that_needs_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/scim/leniency.rs");
    let source = fs::read_to_string(path).unwrap();
    let functions = functions(&source);
    assert!(functions.len() >= 10);
    let without: Vec<&str> =
        functions.iter().filter(|(comment, _)| named(comment).is_empty()).map(|(_, name)| *name).collect();
    assert_eq!(without, [""; 0], "leniencies without evidence");
    let comments: String = source.lines().filter(|line| line.starts_with("//")).collect();
    let missing: Vec<&str> = named(&comments).into_iter().filter(|file| !root().join(file).is_file()).collect();
    assert_eq!(missing, [""; 0], "exchanges that do not exist");
}

#[test]
fn the_runner_finds_what_is_missing_in_an_answer() {
    let body = json!({"a": {"b": [1, {"c": "x"}]}, "d": null});
    for same in [json!({}), json!({"a": {}}), json!({"a": {"b": [1, {}]}}), body.clone()] {
        assert_eq!(difference(&same, &body, ""), Ok(()), "{same}");
    }
    for (other, at) in [
        (json!({"e": 1}), "/e"),
        (json!({"d": 1}), "/d"),
        (json!({"a": {"b": [1]}}), "/a/b"),
        (json!({"a": {"b": [{"c": "x"}, 1]}}), "/a/b/0"),
        (json!({"a": {"b": [1, {"c": "y"}]}}), "/a/b/1/c"),
    ] {
        let error = difference(&other, &body, "").unwrap_err();
        assert!(error.starts_with(&format!("{at} ")), "{error}");
    }
    let values = BTreeMap::from([("user".to_owned(), json!("u1")), ("version".to_owned(), json!(2))]);
    let mut kept = Kept { values, used: BTreeSet::new() };
    let filled = kept.fill(r#"{"id":"{user}","v":"{version}","path":"/{user}?{x{version}","o":{"{}":1}}"#);
    assert_eq!(filled.unwrap(), r#"{"id":"u1","v":2,"path":"/u1?{x2","o":{"{}":1}}"#);
    assert!(kept.fill("{nobody}").is_err());
}
