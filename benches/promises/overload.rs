//! P-06: ten times as much as the server can do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::common::driver::Client;
use super::common::server::Server;
use super::directory;
use super::scale::{Outcome, Scale, grouped, told};

const USERS: usize = 20_000;
const FULL: Duration = Duration::from_mins(1);
const LEAST: Duration = Duration::from_secs(10);
/// Clients that ask as fast as they are answered: as many as there are connections to the database.
const CLIENTS: usize = 10;
/// How much more is asked for than can be done.
const TIMES: f64 = 10.0;
/// Connections that the load comes over. A request is put off after two seconds at the latest, so that they suffice for some hundred a second more than
/// can be done. All are open, and have asked something at the same time, before anything is measured: what a connection and a request take by themselves is not
/// what the load makes of them.
const CONNECTIONS: usize = 2_000;
/// The bars.
const GOODPUT: f64 = 0.8;
const MEMORY: f64 = 1.2;

/// A query that looks at all users and finds nobody: dear for the server, cheap for the driver.
const QUERY: &str = "/Users?filter=title%20co%20%22zzz%22&count=1";

/// Answers by what they say.
#[derive(Default)]
struct Answers {
    good: AtomicUsize,
    put_off: AtomicUsize,
    other: AtomicUsize,
}

impl Answers {
    fn ask(&self, client: &mut Client) -> bool {
        let answer = client.try_send("GET", QUERY, "");
        let counted = match &answer {
            Ok(answer) if answer.status == 200 => &self.good,
            Ok(answer) if answer.puts_off() => &self.put_off,
            _ => &self.other,
        };
        counted.fetch_add(1, Ordering::Relaxed);
        answer.is_ok()
    }
}

/// Measures.
pub fn run(scale: Scale) -> Outcome {
    let length = scale.time(FULL, LEAST);
    let server = Server::start();
    directory::fill(&server, USERS);
    let (_, alone) = server.memory();
    let mut clients: Vec<Client> = (0..CONNECTIONS).map(|_| Client::connect(&server)).collect();
    thread::scope(|scope| {
        for client in &mut clients {
            scope.spawn(|| client.send("GET", "/Users?count=1", "").0);
        }
    });
    let (mut capacity, started) = (Answers::default(), Instant::now());
    thread::scope(|scope| {
        for client in &mut clients[..CLIENTS] {
            let capacity = &capacity;
            scope.spawn(move || {
                while started.elapsed() < length {
                    capacity.ask(client);
                }
            });
        }
    });
    let peak = *capacity.good.get_mut() as f64 / started.elapsed().as_secs_f64();
    let (_, before) = server.memory();

    let wanted = peak * TIMES;
    let period = Duration::from_secs_f64(CONNECTIONS as f64 / wanted);
    let answers = Answers::default();
    let started = Instant::now();
    thread::scope(|scope| {
        for (number, mut client) in clients.into_iter().enumerate() {
            let (server, answers) = (&server, &answers);
            scope.spawn(move || {
                // Each has its moments; what comes too late for one of them waits for the next.
                let mut due = period.mul_f64(number as f64 / CONNECTIONS as f64);
                while due < length {
                    thread::sleep(due.saturating_sub(started.elapsed()));
                    if !answers.ask(&mut client) {
                        client = Client::connect(server);
                    }
                    while due < started.elapsed() {
                        due += period;
                    }
                }
            });
        }
    });
    let seconds = started.elapsed().as_secs_f64();
    let (_, after) = server.memory();
    let [good, put_off, other] = [answers.good, answers.put_off, answers.other].map(|count| count.into_inner());
    let goodput = good as f64 / seconds;
    let outcome = Outcome {
        held: goodput >= peak * GOODPUT && after < before * MEMORY && other == 0 && server.panics() == 0,
        measured: format!(
            "capacity {peak:.0}/s; {:.0}/s asked over {} connections: {goodput:.0}/s done ({:.0} %), {} put off, {other} else; memory {before:.0} → {after:.0} MB ({alone:.0} MB without the connections)",
            (good + put_off + other) as f64 / seconds,
            grouped(CONNECTIONS),
            goodput / peak * 100.0,
            grouped(put_off)
        ),
        #[allow(clippy::cast_possible_truncation)]
        size: told(length.as_secs() as usize, FULL.as_secs() as usize, "s"),
    };
    server.stop();
    outcome
}
