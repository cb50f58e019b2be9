//! P-04 and P-05: Postgres goes away under load, and comes back.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::common::driver::Client;
use super::common::quantile;
use super::common::server::{Launch, Server};
use super::directory::{create, title};
use super::scale::{Outcome, Scale, grouped, told};

const FULL: Duration = Duration::from_mins(1);
const LEAST: Duration = Duration::from_secs(12);
const CLIENTS: usize = 12;
/// What a client waits between two requests.
const PAUSE: Duration = Duration::from_millis(10);
/// How long the outage is new.
const FIRST: Duration = Duration::from_secs(5);
/// How long the load goes on after Postgres is back.
const AFTERWARDS: Duration = Duration::from_secs(9);
/// The bars: p99 at first, p99 later, first success and last failure after the return.
const AT_FIRST_MS: f64 = 2_200.0;
const LATER_MS: f64 = 50.0;
const FIRST_SUCCESS: Duration = Duration::from_secs(2);
const LAST_FAILURE: Duration = Duration::from_secs(5);

/// One request.
struct Event {
    begun: Instant,
    took: Duration,
    /// The status, where there was an answer.
    status: Option<u16>,
    puts_off: bool,
}

impl Event {
    fn ended(&self) -> Instant {
        self.begun + self.took
    }
}

/// Reads and changes a user until it is told to stop.
fn load(server: &Server, stop: &AtomicBool, events: &Mutex<Vec<Event>>, number: usize) {
    let mut client = Client::connect(server);
    let id = create(&mut client, &format!("outage-{number}"));
    let (path, body) = (format!("/Users/{id}"), title("x"));
    for round in 0_usize.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let (method, body) = if (round + number).is_multiple_of(4) { ("PATCH", body.as_str()) } else { ("GET", "") };
        let begun = Instant::now();
        let answer = client.try_send(method, &path, body).map(|answer| (answer.status, answer.puts_off()));
        let (status, puts_off) = answer.as_ref().map_or((None, false), |(status, puts_off)| (Some(*status), *puts_off));
        events.lock().unwrap().push(Event { begun, took: begun.elapsed(), status, puts_off });
        if answer.is_err() {
            client = Client::connect(server);
        }
        thread::sleep(PAUSE);
    }
}

/// Measures.
pub fn run(scale: Scale) -> Outcome {
    let length = scale.time(FULL, LEAST);
    // Postgres belongs to one server, so that it goes and comes with it, and the other is the one that loses it.
    let database = Launch::new("outage").start();
    let mut server = Launch::beside(&database, "victim").start();
    server.token = server.new_token("bench");
    let (stop, events) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let (down, back, database) = thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (server, stop, events) = (&server, &stop, &events);
            scope.spawn(move || load(server, stop, events, number));
        }
        thread::sleep(Duration::from_secs(3));
        let launch = database.end(Signal::SIGTERM);
        let down = Instant::now();
        thread::sleep(length);
        let starting = scope.spawn(move || launch.start());
        let back = loop {
            if server.try_sql("SELECT 1").is_ok() {
                break Instant::now();
            }
            thread::sleep(Duration::from_millis(10));
        };
        let database = starting.join().unwrap();
        thread::sleep(AFTERWARDS.saturating_sub(back.elapsed()));
        stop.store(true, Ordering::Relaxed);
        (down, back, database)
    });
    let outcome = judge(&events.into_inner().unwrap(), down, back, length);
    let panics = server.panics();
    server.stop();
    database.stop();
    Outcome { held: outcome.held && panics == 0, ..outcome }
}

fn judge(events: &[Event], down: Instant, back: Instant, length: Duration) -> Outcome {
    let during: Vec<&Event> = events.iter().filter(|event| event.begun > down && event.ended() < back).collect();
    let honest = during.iter().filter(|event| event.status == Some(503) && event.puts_off).count();
    let others: BTreeMap<Option<u16>, usize> =
        during.iter().filter(|event| event.status != Some(503)).fold(BTreeMap::new(), |mut counts, event| {
            *counts.entry(event.status).or_default() += 1;
            counts
        });
    if !others.is_empty() {
        eprintln!("other answers than 503: {others:?}");
    }
    let p99 = |is_counted: &dyn Fn(&Event) -> bool| {
        let mut times: Vec<Duration> =
            during.iter().filter(|event| is_counted(event)).map(|event| event.took).collect();
        times.sort_unstable();
        quantile(&times, 0.99)
    };
    let at_first = p99(&|event| event.begun < down + FIRST);
    let later = p99(&|event| event.begun >= down + FIRST);
    let success = events.iter().filter(|event| event.status == Some(200) && event.ended() > down + length);
    let success = success.map(|event| event.ended().saturating_duration_since(back)).min().unwrap_or(AFTERWARDS);
    let failed = |event: &&Event| event.status.is_none_or(|status| status >= 500) && event.begun > back;
    let failure = events.iter().filter(failed).map(|event| event.begun.duration_since(back)).max().unwrap_or_default();
    Outcome {
        held: honest == during.len()
            && at_first <= AT_FIRST_MS
            && later <= LATER_MS
            && success <= FIRST_SUCCESS
            && failure <= LAST_FAILURE,
        measured: format!(
            "{} of {} answers 503 with Retry-After; p99 {at_first:.0} ms at first, then {later:.0} ms; first 200 after {:.2} s, \
             last 5xx after {:.2} s",
            grouped(honest),
            grouped(during.len()),
            success.as_secs_f64(),
            failure.as_secs_f64()
        ),
        #[allow(clippy::cast_possible_truncation)]
        size: told(length.as_secs() as usize, FULL.as_secs() as usize, "s without Postgres"),
    }
}
