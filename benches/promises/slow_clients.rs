//! P-15: clients that send a byte a second, thousands of them, beside clients that do not.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::common::driver::{self, Client, Random};
use super::common::quantile;
use super::common::server::Server;
use super::directory::create;
use super::scale::{Outcome, Scale, told};

const HEADS: usize = 5_000;
const BODIES: usize = 1_000;
/// Clients that behave.
const CLIENTS: usize = 4;
/// How long the others are measured before the slow ones come, and beside them.
const LENGTH: Duration = Duration::from_secs(8);
/// The bars.
const TIMES: f64 = 2.0;
const DROPPED: Duration = Duration::from_secs(15);
/// How long the slow ones are watched.
const WATCHED: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_secs(1);

/// A slow client.
struct Slow {
    stream: TcpStream,
    begun: Instant,
    /// When the server had enough.
    dropped: Option<Duration>,
}

impl Slow {
    fn begin(server: &Server, head: &str) -> Self {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self { stream, begun: Instant::now(), dropped: None }
    }

    /// Sends one more byte, and looks whether the connection is still there.
    fn go_on(&mut self) {
        if self.dropped.is_some() {
            return;
        }
        let mut buffer = [0; 4_096];
        let gone = |result: std::io::Result<usize>| match result {
            Ok(read) => read == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        };
        let answered = matches!(self.stream.read(&mut buffer), Ok(read) if read > 0);
        if answered || gone(self.stream.write(b"x")) || gone(self.stream.read(&mut buffer)) {
            self.dropped = Some(self.begun.elapsed());
        }
    }
}

/// The p99 of reads by clients that behave.
fn p99(server: &Server, id: &str) -> f64 {
    let path = format!("/Users/{id}");
    let read = |client: &mut Client, _: &mut Random| assert_eq!(client.send("GET", &path, "").0, 200);
    let mut run = driver::run(server, &server.token, CLIENTS, LENGTH, &read);
    run.latencies.sort_unstable();
    quantile(&run.latencies, 0.99)
}

/// Measures.
pub fn run(scale: Scale) -> Outcome {
    let (heads, bodies) = (scale.of(HEADS, 500), scale.of(BODIES, 100));
    let server = Server::start();
    let id = create(&mut Client::connect(&server), "steady");
    let before = p99(&server, &id);
    let head = "GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\nX-Slow: ";
    let body = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/scim+json\r\n\
         Content-Length: 10000\r\n\r\n{{",
        server.token
    );
    let (beside, slow) = thread::scope(|scope| {
        let watched = scope.spawn(|| {
            let heads = (0..heads).map(|_| Slow::begin(&server, head));
            let mut slow: Vec<Slow> = heads.chain((0..bodies).map(|_| Slow::begin(&server, &body))).collect();
            let begun = Instant::now();
            while begun.elapsed() < WATCHED && slow.iter().any(|slow| slow.dropped.is_none()) {
                thread::sleep(STEP);
                slow.iter_mut().for_each(Slow::go_on);
            }
            slow
        });
        thread::sleep(STEP);
        (p99(&server, &id), watched.join().unwrap())
    });
    let longest = slow.iter().map(|slow| slow.dropped.unwrap_or(WATCHED)).max().unwrap();
    let kept = slow.iter().filter(|slow| slow.dropped.is_none_or(|after| after > DROPPED)).count();
    drop(slow);
    let outcome = Outcome {
        held: beside <= before * TIMES && kept == 0 && server.panics() == 0,
        measured: format!(
            "p99 {before:.1} ms before, {beside:.1} ms beside them ({:.2} times); all dropped after {:.1} s, {kept} later than {} s",
            beside / before,
            longest.as_secs_f64(),
            DROPPED.as_secs()
        ),
        size: format!("{}, {}", told(heads, HEADS, "heads"), told(bodies, BODIES, "bodies")),
    };
    server.stop();
    outcome
}
