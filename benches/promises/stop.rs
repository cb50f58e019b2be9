//! P-11: the server is told to stop under load, again and again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::common::driver::{Client, Random};
use super::common::server::{Launch, Server};
use super::directory::{create, title};
use super::scale::{Outcome, Scale, grouped, told};

const ROUNDS: usize = 50;
const CLIENTS: usize = 8;
/// The bar for the end of the process.
const END: Duration = Duration::from_secs(30);

/// What became of a request.
enum End {
    /// It was answered as it should be.
    Answered,
    /// It was answered otherwise.
    Refused(u16),
    /// The connection ended without an answer; this title was to be written.
    Broken(String),
}

/// Changes a user, each time to another title, until the server is gone.
fn load(server: &Server, name: &str, gone: &AtomicBool) -> Vec<(Instant, End)> {
    let mut ends = Vec::new();
    let Ok(mut client) = Client::try_with(&server.address, &server.token) else {
        return ends;
    };
    let path = format!("/Users/{}", create(&mut client, name));
    for number in 0_usize.. {
        let written = format!("{name}-{number}");
        let begun = Instant::now();
        let end = match client.try_send("PATCH", &path, &title(&written)).map(|answer| answer.status) {
            Ok(200) => End::Answered,
            Ok(status) => End::Refused(status),
            Err(_) => End::Broken(written),
        };
        let broken = matches!(end, End::Broken(_));
        ends.push((begun, end));
        if broken {
            match Client::try_with(&server.address, &server.token) {
                Ok(again) if !gone.load(Ordering::Relaxed) => client = again,
                _ => break,
            }
        }
    }
    ends
}

/// Measures. A request that reaches a connection in the moment in which the server closes it as idle breaks off without having begun,
/// and may be sent again (RFC 9112 section 9.3.1). What must not happen is that one is carried out and not answered.
pub fn run(scale: Scale) -> Outcome {
    let rounds = scale.of(ROUNDS, 5);
    let database = Launch::new("stop").start();
    let token = database.new_token("bench");
    let mut random = Random::new(1);
    let (mut answered, mut refused, mut broken, mut unclean, mut longest) = (0, 0, Vec::new(), 0, Duration::ZERO);
    for round in 0..rounds {
        let mut server = Launch::beside(&database, "stopped").start();
        server.token.clone_from(&token);
        let (gone, all) = (AtomicBool::new(false), Mutex::new(Vec::new()));
        let told = thread::scope(|scope| {
            for number in 0..CLIENTS {
                let (server, gone, all) = (&server, &gone, &all);
                scope.spawn(move || {
                    let ends = load(server, &format!("stop-{round}-{number}"), gone);
                    all.lock().unwrap().extend(ends);
                });
            }
            thread::sleep(Duration::from_millis(300 + random.below(400) as u64));
            let told = Instant::now();
            server.signal(Signal::SIGTERM);
            while !ended(&server) {
                thread::sleep(Duration::from_millis(5));
            }
            longest = longest.max(told.elapsed());
            gone.store(true, Ordering::Relaxed);
            told
        });
        unclean += usize::from(!server.wait().success());
        for (begun, end) in all.into_inner().unwrap() {
            match end {
                End::Answered => answered += 1,
                End::Refused(status) => {
                    eprintln!("answered {status}");
                    refused += 1;
                }
                End::Broken(written) => broken.push((begun < told, written)),
            }
        }
    }
    let before = broken.iter().filter(|(before, _)| *before).count();
    let titles: Vec<String> = broken.iter().map(|(_, written)| format!("'{written}'")).collect();
    let query = format!("SELECT count(*) FROM audit_events WHERE after ->> 'title' IN ('', {})", titles.join(","));
    let lost: usize = if titles.is_empty() { 0 } else { database.sql(&query).parse().unwrap() };
    database.stop();
    Outcome {
        held: lost == 0 && refused == 0 && unclean == 0 && longest <= END && answered > 0,
        measured: format!(
            "{} requests answered, {refused} refused, {lost} carried out without an answer; {} more were never begun, {before} of them sent \
             before the signal; exit code other than 0: {unclean}; longest end {:.2} s",
            grouped(answered),
            broken.len() - lost,
            longest.as_secs_f64()
        ),
        size: told(rounds, ROUNDS, "rounds"),
    }
}

/// Whether the process has ended; it stays a zombie until it is waited for.
fn ended(server: &Server) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
}
