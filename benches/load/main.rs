//! Measures the server against the least SQL that the same work needs, side by side in one run: `scripts/bench`.
//!
//! Both sides use the same Postgres, the same number of connections, and take turns. The driver checks every answer, so a wrong one
//! never counts as fast. What is compared is the ratio; the absolute figures belong to the machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::cast_precision_loss)]

#[path = "../common/mod.rs"]
mod common;
mod groups;
mod pages;
mod pgbench;
mod tokens;
mod workloads;

use std::time::Duration;

use clap::Parser;

use common::server::Server;
use common::{driver, quantile};
use workloads::Workload;

/// Measures provisor against the least SQL that the same work needs.
#[derive(Debug, Parser)]
struct Options {
    /// Users in the directory.
    #[arg(long, default_value_t = 10_000)]
    users: usize,
    /// Connections of either side.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// Measurements of either side, of which the median counts.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Only workloads whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let options = Options::parse();
    let server = Server::start();
    eprintln!("creating {} users", options.users);
    let directory = workloads::fill(&server, options.users, options.connections);
    pgbench::copy_tables(&server);
    let selected = |name: &str| options.only.as_deref().is_none_or(|only| name.contains(only));
    println!(
        "{} users, {} connections, {} x {} s each",
        options.users, options.connections, options.rounds, options.seconds
    );
    println!();
    println!("| workload | provisor/s | p50 ms | p99 ms | SQL limit/s | ratio | superb |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for workload in Workload::ALL.iter().filter(|workload| selected(workload.name)) {
        measure(&options, &server, &directory, workload);
    }
    if selected("walk") {
        walk(&server, &directory);
    }
    if selected("tokens") {
        tokens::measure(&options, &server, &directory);
    }
    if selected("groups") {
        groups::measure(&options, &server);
    }
    if selected("ui") {
        pages::measure(&server);
    }
    let (now, peak) = server.memory();
    println!();
    println!("server memory: {now:.1} MB resident at the end, {peak:.1} MB at most (superb: 40)");
    server.stop();
}

fn measure(options: &Options, server: &Server, directory: &workloads::Directory, workload: &Workload) {
    let length = Duration::from_secs(options.seconds);
    let script = (workload.sql)(server, directory);
    let mut ours = Vec::new();
    let mut limit = Vec::new();
    // The ratio of neighbouring measurements: the machine's own drift is the same for both.
    let mut ratios = Vec::new();
    let mut latencies = Vec::new();
    (workload.prepare)(server, directory);
    for _ in 0..options.rounds {
        let run = driver::run(server, &server.token, options.connections, length, &|client, random| {
            (workload.request)(client, random, directory);
        });
        let rate = run.operations as f64 / run.elapsed.as_secs_f64();
        let most = pgbench::run(server, &script, options.connections, options.seconds);
        ours.push(rate);
        limit.push(most);
        ratios.push(rate / most);
        latencies.extend(run.latencies);
    }
    let (ours, limit, ratio) = (median(&mut ours), median(&mut limit), median(&mut ratios));
    latencies.sort_unstable();
    println!(
        "| {} | {ours:.0} | {:.2} | {:.2} | {limit:.0} | {ratio:.2} | {} |",
        workload.name,
        quantile(&latencies, 0.50),
        quantile(&latencies, 0.99),
        workload.superb
    );
}

/// Reads the whole directory page after page and compares the last pages with the first.
fn walk(server: &Server, directory: &workloads::Directory) {
    let mut times = workloads::walk(server, directory);
    let edge = (times.len() / 10).clamp(1, 50);
    let last: Vec<Duration> = times.split_off(times.len() - edge);
    let typical = |times: &[Duration]| {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        quantile(&sorted, 0.5)
    };
    let (first, last) = (typical(&times[..edge.min(times.len())]), typical(&last));
    println!();
    println!(
        "walk by startIndex, 100 a page: first {edge} pages {first:.2} ms, last {edge} pages {last:.2} ms, {:.2}x (superb: 1.5)",
        last / first
    );
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
