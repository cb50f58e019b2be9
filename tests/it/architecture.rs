//! Who may import whom: the picture in `src/lib.rs`, as one table that the sources are held against.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Files that stand together, and what they may name besides themselves and `std`.
struct Unit {
    /// Modules; of several that fit a file the longest counts.
    modules: &'static [&'static str],
    /// Other units, by their first module. Only units above in the table, so that there is no cycle.
    uses: &'static [&'static str],
    crates: &'static [&'static str],
}

/// From the bottom up. What `auth` consists of stands apart: its plain data is below the store, its use of the store above.
const UNITS: &[Unit] = &[
    Unit {
        modules: &["scim"],
        uses: &[],
        crates: &["base64", "chrono", "icu_casemap", "icu_normalizer", "serde", "serde_json", "thiserror", "uuid"],
    },
    Unit { modules: &["id"], uses: &[], crates: &["chrono", "uuid"] },
    Unit { modules: &["network"], uses: &[], crates: &[] },
    Unit { modules: &["allowance"], uses: &[], crates: &[] },
    Unit { modules: &["database_url"], uses: &[], crates: &["thiserror", "zeroize"] },
    Unit { modules: &["tls"], uses: &[], crates: &["chrono", "log", "rustls", "thiserror", "zeroize"] },
    Unit { modules: &["shutdown"], uses: &[], crates: &["log", "nix", "tokio"] },
    Unit { modules: &["metrics"], uses: &[], crates: &["nix"] },
    Unit { modules: &["log_format"], uses: &[], crates: &["chrono", "clap", "env_logger", "log", "serde_json"] },
    Unit {
        modules: &["config"],
        uses: &["network", "database_url", "tls", "log_format"],
        crates: &["clap", "nix", "thiserror", "url", "zeroize"],
    },
    Unit { modules: &["audit"], uses: &["scim", "id"], crates: &["serde_json"] },
    Unit {
        modules: &[
            "auth::principal",
            "auth::seal",
            "auth::stamp",
            "auth::secret",
            "auth::master_key",
            "auth::name",
            "auth::password",
            "auth::recent",
            "auth::role",
            "auth::totp",
        ],
        uses: &["id", "network"],
        crates: &[
            "argon2",
            "base64",
            "chacha20poly1305",
            "crc32fast",
            "getrandom",
            "hkdf",
            "hmac",
            "sha2",
            "subtle",
            "thiserror",
            "totp_rs",
            "uuid",
            "zeroize",
        ],
    },
    // The protocol as pure functions; the use of the store stands above.
    Unit {
        modules: &[
            "oauth::access_token",
            "oauth::assertion",
            "oauth::authorization_request",
            "oauth::client_authentication",
            "oauth::error",
            "oauth::grant_type",
            "oauth::metadata",
            "oauth::parameters",
            "oauth::pkce",
            "oauth::public_keys",
            "oauth::redirect_uri",
            "oauth::scope",
            "oauth::token_request",
            "oauth::token_response",
        ],
        uses: &["auth::principal"],
        crates: &["base64", "jsonwebtoken", "serde", "serde_json", "sha2", "subtle", "url", "uuid", "zeroize"],
    },
    Unit {
        modules: &["store"],
        uses: &["scim", "id", "database_url", "audit", "auth::principal"],
        crates: &["chrono", "diesel", "diesel_migrations", "log", "r2d2", "serde_json", "thiserror", "url", "uuid"],
    },
    Unit {
        modules: &["auth"],
        uses: &["id", "network", "audit", "auth::principal", "oauth::access_token", "store"],
        crates: &[
            "argon2",
            "aws_lc_rs",
            "base64",
            "chrono",
            "getrandom",
            "jsonwebtoken",
            "log",
            "serde_json",
            "sha2",
            "thiserror",
            "url",
            "uuid",
            "zeroize",
        ],
    },
    // The hash chain over the audit log.
    Unit {
        modules: &["chain"],
        uses: &["metrics", "auth::principal", "store", "auth"],
        crates: &["chrono", "log", "serde_json", "sha2", "uuid"],
    },
    Unit {
        modules: &["oauth"],
        uses: &["id", "audit", "auth::principal", "oauth::access_token", "store", "auth"],
        crates: &["chrono", "getrandom", "serde_json", "thiserror", "uuid"],
    },
    // The description of the API, as pure functions.
    Unit { modules: &["openapi"], uses: &["scim", "auth::principal", "oauth::access_token"], crates: &["serde_json"] },
    Unit { modules: &["private_postgres"], uses: &["database_url", "store"], crates: &["log", "nix", "thiserror"] },
    // The form of a copy of the database.
    Unit {
        modules: &["backup"],
        uses: &["auth::principal"],
        crates: &["chrono", "serde", "serde_json", "sha2", "thiserror", "uuid"],
    },
    Unit {
        modules: &["provider"],
        uses: &["scim", "id", "audit", "auth::principal", "store"],
        crates: &["chrono", "serde_json", "thiserror", "uuid"],
    },
    Unit {
        modules: &["http"],
        uses: &[
            "scim",
            "id",
            "network",
            "allowance",
            "tls",
            "shutdown",
            "metrics",
            "config",
            "audit",
            "auth::principal",
            "oauth::access_token",
            "store",
            "auth",
            "chain",
            "oauth",
            "openapi",
            "provider",
        ],
        crates: &[
            "actix_files",
            "actix_web",
            "chrono",
            "futures_util",
            "log",
            "oauth2",
            "qrcode",
            "reqwest",
            "serde",
            "serde_json",
            "sha2",
            "tera",
            "thiserror",
            "tokio",
            "url",
            "uuid",
        ],
    },
    Unit {
        modules: &["housekeeping"],
        uses: &["metrics", "auth::principal", "oauth::access_token", "store", "auth", "provider"],
        crates: &["chrono", "log"],
    },
    // A client of any server: it must not use ours, whose faults would then go unseen.
    Unit {
        modules: &["simulate"],
        uses: &[],
        crates: &["chrono", "oauth2", "reqwest", "serde_json", "thiserror", "url"],
    },
    // What the server and the commands both work on.
    Unit {
        modules: &["backend"],
        uses: &["database_url", "config", "auth::principal", "store", "auth", "private_postgres"],
        crates: &["log", "thiserror", "zeroize"],
    },
    Unit {
        modules: &["server"],
        uses: &[
            "scim",
            "tls",
            "metrics",
            "config",
            "auth::principal",
            "oauth::access_token",
            "auth",
            "chain",
            "private_postgres",
            "http",
            "housekeeping",
            "backend",
            "shutdown",
        ],
        crates: &["actix_web", "log", "serde_json", "socket2", "tera", "thiserror"],
    },
    Unit {
        modules: &["cli"],
        uses: &[
            "scim",
            "id",
            "database_url",
            "tls",
            "log_format",
            "config",
            "audit",
            "auth::principal",
            "store",
            "auth",
            "chain",
            "backup",
            "oauth::access_token",
            "oauth",
            "private_postgres",
            "provider",
            "http",
            "simulate",
            "backend",
            "shutdown",
            "server",
        ],
        crates: &["actix_web", "chrono", "clap", "indicatif", "nix", "serde_json", "thiserror", "url", "uuid"],
    },
    Unit { modules: &["main"], uses: &["cli"], crates: &["clap", "env_logger"] },
    Unit { modules: &["lib"], uses: &[], crates: &[] },
];

/// Words that may stand only in some files.
const ONLY: &[(&str, &[&str])] = &[
    ("actix", &["src/http/", "src/server.rs", "src/cli/serve.rs"]),
    ("diesel", &["src/store/"]),
    ("sql_query", &["src/store/citus.rs", "src/store/cluster.rs", "src/store/copy.rs", "src/store/inspection.rs"]),
    (
        "batch_execute",
        &[
            "src/store/audit_seals/batch.rs",
            "src/store/citus.rs",
            "src/store/cluster.rs",
            "src/store/copy.rs",
            "src/store/definitions.rs",
            "src/store/inspection.rs",
            "src/store/migrate.rs",
            "src/store/mod.rs",
            "src/store/pool.rs",
            "src/store/replacement.rs",
            "src/store/resources.rs",
            "src/store/tenants.rs",
        ],
    ),
    // How much an entry weighs, and what people call the thing, as constants.
    ("dsl::sql", &["src/store/audit_events/weight.rs", "src/store/audit_events/named.rs"]),
    ("Principal::operator", &["src/cli/"]),
    ("async", &["src/http/", "src/server.rs", "src/shutdown.rs", "src/cli/serve.rs"]),
];

/// Words that may not stand in some files: the RFCs know no clock, no environment, no files.
const NEVER: &[(&str, &[&str])] =
    &[("src/scim/", &["::now", "SystemTime", "env::", "fs::", "net::", "process::", "thread::"])];

/// A source file: where it is, its module, and its text without comments, strings and tests.
struct Source {
    path: String,
    module: String,
    code: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let module =
            path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::");
        Self { path: path.to_owned(), module, code: without_tests(&bare(text)) }
    }

    fn unit(&self) -> Option<&'static Unit> {
        unit_of(&self.module)
    }
}

/// The unit with the longest module that holds this one.
fn unit_of(module: &str) -> Option<&'static Unit> {
    let holds = |outer: &str| module == outer || module.strip_prefix(outer).is_some_and(|rest| rest.starts_with("::"));
    let longest = |unit: &&Unit| unit.modules.iter().filter(|outer| holds(outer)).map(|outer| outer.len()).max();
    UNITS.iter().filter(|unit| longest(unit).is_some()).max_by_key(longest)
}

/// The text without comments and without what stands between quotes.
fn bare(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let raw = rest.strip_prefix('r').map(|rest| rest.chars().take_while(|c| *c == '#').count());
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(hashes) = raw.filter(|hashes| rest[1 + hashes..].starts_with('"')) {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = 2 + hashes;
            rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len())
        } else if first == '"' {
            quoted(rest, '"')
        } else if rest.starts_with("'\\") || rest.chars().nth(2) == Some('\'') && first == '\'' {
            quoted(rest, '\'')
        } else {
            code.push(first);
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    code
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = true;
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            end if end == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Tests stand at the end of a file, or in a file of their own.
fn without_tests(code: &str) -> String {
    let starts = ["mod tests {", "pub(super) mod tests {"].map(|start| code.find(&format!("#[cfg(test)]\n{start}")));
    let end = starts.into_iter().flatten().min().unwrap_or(code.len());
    code[..end].to_owned()
}

/// The paths at the start of the text: `a::b` is one, `a::{b, c::d}` are two.
fn paths<'t>(text: &mut &'t str, before: &[&'t str], found: &mut Vec<Vec<&'t str>>) {
    *text = text.trim_start();
    if let Some(rest) = text.strip_prefix('{') {
        *text = rest;
        loop {
            *text = text.trim_start_matches(|c: char| c.is_whitespace() || c == ',' || c == '*');
            let length = text.len();
            if !text.starts_with('}') {
                paths(text, before, found);
            }
            if text.len() == length {
                *text = text.strip_prefix('}').unwrap_or(text);
                return;
            }
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    *text = rest;
    let path = [before, &[word]].concat();
    match rest.strip_prefix("::") {
        Some(rest) => {
            *text = rest;
            paths(text, &path, found);
        }
        None => found.push(path),
    }
}

/// The paths behind each occurrence of a word that begins one.
fn paths_behind<'t>(code: &'t str, word: &str) -> Vec<Vec<&'t str>> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(word) {
        let inside_a_word = code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        if !inside_a_word {
            paths(&mut &code[at + word.len()..], &[], &mut found);
        }
    }
    found
}

/// The sources, by module, and what modules hand on by `pub use`.
struct Tree {
    sources: BTreeMap<String, Source>,
    handed_on: BTreeMap<String, String>,
}

impl Tree {
    fn new(files: &[(String, String)]) -> Self {
        let sources: BTreeMap<String, Source> = files
            .iter()
            .map(|(path, text)| Source::new(path, text))
            .map(|source| (source.module.clone(), source))
            .collect();
        let mut handed_on = BTreeMap::new();
        for source in sources.values() {
            for path in paths_behind(&source.code, "pub use ") {
                let name = format!("{}::{}", source.module, path[path.len() - 1]);
                handed_on.insert(name, format!("{}::{}", source.module, path.join("::")));
            }
        }
        Self { sources, handed_on }
    }

    /// The module in which the thing lives that a path from the root of the crate names.
    fn home<'t>(&'t self, path: &'t str) -> &'t str {
        let mut prefix = path;
        loop {
            if self.sources.contains_key(prefix) {
                return prefix;
            }
            if let Some(target) = self.handed_on.get(prefix) {
                return self.home(target);
            }
            match prefix.rsplit_once("::") {
                Some((shorter, _)) => prefix = shorter,
                None => return prefix,
            }
        }
    }

    /// The paths from the root that a file names.
    fn named(source: &Source) -> Vec<String> {
        let mut named: Vec<String> = Vec::new();
        for root in ["crate::", "provisor::"] {
            named.extend(paths_behind(&source.code, root).iter().map(|path| path.join("::")));
        }
        for path in paths_behind(&source.code, "super::") {
            let ups = 1 + path.iter().take_while(|part| **part == "super").count();
            let mut module: Vec<&str> = source.module.split("::").collect();
            module.truncate(module.len().saturating_sub(ups));
            module.extend(&path[ups - 1..]);
            named.push(module.join("::"));
        }
        named
    }
}

/// The crates that `Cargo.toml` names, as code writes them.
fn dependencies(manifest: &str) -> Vec<String> {
    let section = manifest.split("[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    section.lines().filter_map(|line| Some(line.split_once(" = ")?.0.replace('-', "_"))).collect()
}

/// What in these files is against the rules, one sentence each.
fn violations(files: &[(String, String)], crates: &[String]) -> Vec<String> {
    let tree = Tree::new(files);
    let mut found = Vec::new();
    for source in tree.sources.values() {
        let path = &source.path;
        let Some(unit) = source.unit() else {
            found.push(format!("{path} is in no unit"));
            continue;
        };
        for named in Tree::named(source) {
            let home = tree.home(&named);
            let Some(other) = unit_of(home) else {
                continue;
            };
            if !std::ptr::eq(other, unit) && !unit.uses.contains(&other.modules[0]) {
                found.push(format!("{path} uses {named}, which is in {home}"));
            }
        }
        for name in crates {
            if !unit.crates.contains(&name.as_str()) && !paths_behind(&source.code, &format!("{name}::")).is_empty() {
                found.push(format!("{path} uses the crate {name}"));
            }
        }
        let at = |places: &[&str]| places.iter().any(|place| path.starts_with(place));
        for (word, places) in ONLY {
            if !at(places) && source.code.contains(word) {
                found.push(format!("{path} says {word}"));
            }
        }
        for (place, words) in NEVER {
            let said = words.iter().filter(|word| at(&[place]) && source.code.contains(*word));
            found.extend(said.map(|word| format!("{path} says {word}")));
        }
    }
    found
}

fn collect(directory: &Path, root: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, root, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn the_sources_keep_to_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("src"), root, &mut files);
    let crates = dependencies(&fs::read_to_string(root.join("Cargo.toml")).unwrap());
    assert!(files.len() > 50 && crates.contains(&"actix_web".to_owned()));
    let found = violations(&files, &crates);
    let mut sentences = String::new();
    for sentence in &found {
        writeln!(sentences, "{sentence}").unwrap();
    }
    assert!(found.is_empty(), "{sentences}");
}

#[test]
fn no_unit_uses_one_below_it_in_the_table() {
    for (position, unit) in UNITS.iter().enumerate() {
        for used in unit.uses {
            let above = UNITS[..position].iter().any(|other| other.modules[0] == *used);
            assert!(above, "{} uses {used}", unit.modules[0]);
        }
    }
}

#[test]
fn a_planted_violation_is_found() {
    let crates = ["diesel", "actix_web", "serde_json"].map(str::to_owned);
    let surroundings = [
        (
            "src/auth/mod.rs",
            "mod authenticate; mod principal;\npub use authenticate::{Authenticator, Refusal};\npub use principal::Caller;",
        ),
        ("src/auth/authenticate.rs", "use crate::store;"),
        ("src/auth/principal.rs", ""),
        ("src/store/mod.rs", "pub struct Store;"),
        ("src/http/mod.rs", ""),
    ];
    let found = |path: &str, text: &str| {
        let files = surroundings.iter().copied().chain([(path, text)]);
        let files: Vec<_> = files.map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
        violations(&files, &crates)
    };
    for (path, text, sentence) in [
        ("src/scim/x.rs", "use crate::store::Store;", "src/scim/x.rs uses store::Store, which is in store"),
        (
            "src/scim/filter/x.rs",
            "super::super::super::store::f()",
            "src/scim/filter/x.rs uses store::f, which is in store",
        ),
        ("src/scim/x.rs", "let now = Utc::now();", "src/scim/x.rs says ::now"),
        ("src/scim/x.rs", "use std::fs::File;", "src/scim/x.rs says fs::"),
        ("src/provider/x.rs", "use crate::{id::A, http::{B, C}};", "src/provider/x.rs uses http::B, which is in http"),
        ("src/provider/x.rs", "use diesel::prelude::*;", "src/provider/x.rs uses the crate diesel"),
        ("src/provider/x.rs", "async fn f() {}", "src/provider/x.rs says async"),
        (
            "src/store/x.rs",
            "use crate::auth::Refusal;",
            "src/store/x.rs uses auth::Refusal, which is in auth::authenticate",
        ),
        ("src/store/x.rs", "diesel::sql_query(text)", "src/store/x.rs says sql_query"),
        ("src/http/x.rs", "Principal::operator(tenant)", "src/http/x.rs says Principal::operator"),
        ("src/cli/token.rs", "actix_web::rt::spawn", "src/cli/token.rs says actix"),
        ("src/new.rs", "", "src/new.rs is in no unit"),
    ] {
        let found = found(path, text);
        assert!(found.contains(&sentence.to_owned()), "{text}: {found:?}");
    }
    for (path, text) in [
        ("src/store/x.rs", "use crate::auth::{Caller};\nuse diesel::prelude::*;"),
        (
            "src/scim/x.rs",
            "// use crate::store;\nlet text = \"crate::store::Store and Utc::now \\\" \";\nlet quote = '\"'; // fs::",
        ),
        ("src/scim/x.rs", "r#\"\"crate::http\"\"#;\n#[cfg(test)]\nmod tests {\n use crate::store::Store;\n}"),
    ] {
        assert_eq!(found(path, text), Vec::<String>::new(), "{text}");
    }
}
