//! Measures what the project promises about faults and attacks: `scripts/promises`, or `scripts/promises P-04 P-11` for some.
//!
//! What a test proves is run as a test, in as many rounds as are asked for; what is a figure is measured here, on servers that are
//! started, stopped, starved and killed for it. Each promise prints one row, and the exit code is 1 when a bar is missed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::cast_precision_loss)]

mod clock;
#[path = "../common/mod.rs"]
mod common;
mod crowd;
mod directory;
mod embedded;
mod filters;
mod full_disk;
mod oauth;
mod outage;
mod overload;
mod revocation;
mod rotation;
mod scale;
mod slow_clients;
mod stop;
mod tests;
mod timing;
mod upgrade;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use scale::{Outcome, Scale};

/// Measures what provisor promises about faults and attacks.
#[derive(Debug, Parser)]
struct Options {
    /// Promises to look at, such as P-04 [default: all].
    promises: Vec<String>,
    /// Share of the full run: 1 is what the promise says, less is shorter.
    #[arg(long, default_value_t = 0.1)]
    scale: f64,
    /// An argument for every server that is measured, such as one that lifts a limit.
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    server_argument: Vec<String>,
    /// An older version of the program: measures the upgrade from it, and nothing else. `scripts/upgrade` builds one.
    #[arg(long, value_name = "FILE")]
    older_program: Option<PathBuf>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// How a promise is looked at.
enum Proof {
    /// A measurement.
    Measured(fn(Scale) -> Outcome),
    /// Tests of `tests/it` by their names. The first number is what `PROVISOR_TEST_SCALE` is in a full run.
    Tests(usize, &'static [&'static str]),
    /// A measurement that starts an older version of the program as well.
    Upgrade(fn(Scale, &Path) -> Outcome),
}

/// Promises that are looked at together.
struct Promise {
    ids: &'static [&'static str],
    bar: &'static str,
    proof: Proof,
}

const PROMISES: [Promise; 23] = [
    Promise {
        ids: &["P-01", "P-02", "P-03"],
        bar: "0 of 20,000 acknowledged changes lost, 0 without audit entry or the other way round, over 20 × kill -9 each of server and Postgres",
        proof: Proof::Tests(2, &["durability::what_is_acknowledged"]),
    },
    Promise {
        ids: &["P-04", "P-05"],
        bar: "without Postgres all answers 503 with Retry-After in whole seconds, p99 ≤ 2.2 s in the first 5 s, then ≤ 50 ms; first 200 ≤ 2 s after it is back, no 5xx after 5 s",
        proof: Proof::Measured(outage::run),
    },
    Promise {
        ids: &["P-06"],
        bar: "at 10 times the capacity goodput ≥ 80 %, memory < +20 %, all others 503 or 429 with Retry-After",
        proof: Proof::Measured(overload::run),
    },
    Promise {
        ids: &["P-07"],
        bar: "disk full: writes 503, reads 200, no corruption; full service ≤ 10 s after there is room again",
        proof: Proof::Measured(full_disk::run),
    },
    Promise {
        ids: &["P-08"],
        bar: "64 clients add 1,000 members each to one group: none lost, no 5xx",
        proof: Proof::Measured(crowd::run),
    },
    Promise {
        ids: &["P-09"],
        bar: "200 POSTs of one userName at once: one 201, all others 409, 100 rounds",
        proof: Proof::Tests(50, &["races::of_two_hundred_users"]),
    },
    Promise {
        ids: &["P-10"],
        bar: "10,000 changes of a state that is gone: 412 each; each change is one version more",
        proof: Proof::Tests(50, &["versions::"]),
    },
    Promise {
        ids: &["P-11"],
        bar: "SIGTERM under load: 0 requests under way lost, exit code 0 in ≤ 30 s, 50 rounds",
        proof: Proof::Measured(stop::run),
    },
    Promise {
        ids: &["P-12"],
        bar: "no panic and no 5xx for 5 million inputs per target",
        proof: Proof::Tests(50, &["arbitrary_inputs::"]),
    },
    Promise {
        ids: &["P-14"],
        bar: "any accepted filter at 1,000,000 users ≤ 2 s, then 4xx; any 4 KiB filter parsed in ≤ 1 ms",
        proof: Proof::Measured(filters::run),
    },
    Promise {
        ids: &["P-15"],
        bar: "5,000 slow heads and 1,000 slow bodies: p99 of others ≤ 2 times as before, each dropped in ≤ 15 s",
        proof: Proof::Measured(slow_clients::run),
    },
    Promise {
        ids: &["P-17"],
        bar: "each route × scope and each page × role as published in docs/authorization.md",
        proof: Proof::Tests(1, &["authorization::", "admin::guards::"]),
    },
    Promise {
        ids: &["P-18"],
        bar: "from a dump: 0 tokens accepted, 0 secrets readable, no row made by hand accepted",
        proof: Proof::Tests(1, &["stolen_database::"]),
    },
    Promise {
        ids: &["P-19"],
        bar: "0 of 10,000 secrets that were issued or sent in the log, at any level, or in the database",
        proof: Proof::Tests(6, &["operate::logs::"]),
    },
    Promise {
        ids: &["P-20"],
        bar: "unknown, wrong and revoked tokens: same answer, means differ < 5 % and < 50 µs over 20,000 pairs; unknown and known accounts < 5 %",
        proof: Proof::Measured(timing::run),
    },
    Promise {
        ids: &["P-21"],
        bar: "a revoked credential is refused on every instance in ≤ 1 s",
        proof: Proof::Measured(revocation::run),
    },
    Promise {
        ids: &["P-22"],
        bar: "0 failed calls while header tokens, client secrets and signing keys are rotated",
        proof: Proof::Measured(rotation::run),
    },
    Promise {
        ids: &["P-23"],
        bar: "≤ 30 tries of a password an hour from any number of addresses; the owner is in within 15 minutes",
        proof: Proof::Tests(1, &["sign_in::throttling::", "throttle::"]),
    },
    Promise {
        ids: &["P-31"],
        bar: "clock jumps of an hour both ways: no panic, tokens and sessions by their rule, no limit sticks",
        proof: Proof::Measured(clock::run),
    },
    Promise {
        ids: &["P-33"],
        bar: "a backup of an older schema restores on this binary",
        proof: Proof::Tests(1, &["operate::backup::"]),
    },
    Promise {
        ids: &["P-33"],
        bar: "an older version and this one side by side under load: 0 failed calls, 0 acknowledged changes lost, audit log sound; the older one then refuses to start",
        proof: Proof::Upgrade(upgrade::run),
    },
    Promise {
        ids: &["P-36"],
        bar: "no clear text to a remote database: exit code 78 with the reason",
        proof: Proof::Tests(1, &["cli::databases::", "database_url::"]),
    },
    Promise {
        ids: &["P-37"],
        bar: "as root and as a user, in a path with spaces: first start ≤ 5 s, later ≤ 1 s; a killed server's Postgres is adopted, a second server refused",
        proof: Proof::Measured(embedded::run),
    },
];

fn main() -> ExitCode {
    let options = Options::parse();
    common::server::always_with(options.server_argument.clone());
    if let Some(unknown) =
        options.promises.iter().find(|id| !PROMISES.iter().any(|promise| promise.ids.contains(&id.as_str())))
    {
        eprintln!("there is no measurement of {unknown}");
        return ExitCode::from(2);
    }
    let is_named = |promise: &Promise| {
        options.promises.is_empty() || promise.ids.iter().any(|id| options.promises.iter().any(|named| named == id))
    };
    let selected = |promise: &&Promise| {
        let is_upgrade = matches!(promise.proof, Proof::Upgrade(_));
        is_upgrade == options.older_program.is_some() && is_named(promise)
    };
    println!("| promise | bar | measured | run | took | held |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let mut missed = false;
    for promise in PROMISES.iter().filter(selected) {
        let ids = promise.ids.join(", ");
        eprintln!("{ids}");
        let begun = Instant::now();
        let outcome = look_at(promise, Scale(options.scale), options.older_program.as_deref());
        let (took, held) = (begun.elapsed().as_secs(), if outcome.held { "yes" } else { "**no**" });
        println!("| {ids} | {} | {} | {} | {took} s | {held} |", promise.bar, outcome.measured, outcome.size);
        missed |= !outcome.held;
    }
    ExitCode::from(u8::from(missed))
}

/// Looks at a promise. What breaks off is one that is not held.
fn look_at(promise: &Promise, scale: Scale, older: Option<&Path>) -> Outcome {
    let looked = catch_unwind(AssertUnwindSafe(|| match promise.proof {
        Proof::Measured(run) => run(scale),
        Proof::Tests(full, names) => tests::run(scale, full, names),
        Proof::Upgrade(run) => run(scale, older.expect("only selected with an older program")),
    }));
    looked.unwrap_or_else(|_| Outcome { held: false, measured: "broke off".into(), size: "–".into() })
}
