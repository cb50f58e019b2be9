//! The load: one thread and one connection each, requests one after the other, over plain sockets so that the driver takes as
//! little of the machine as it can.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::server::Server;

/// What a run did.
pub struct Run {
    pub operations: usize,
    pub elapsed: Duration,
    pub latencies: Vec<Duration>,
}

/// Repeats an operation on every connection, with this token, until the time is over.
pub fn run(
    server: &Server,
    token: &str,
    connections: usize,
    length: Duration,
    operation: &(dyn Fn(&mut Client, &mut Random) + Sync),
) -> Run {
    let started = Instant::now();
    let latencies = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..connections)
            .map(|number| {
                scope.spawn(move || {
                    let mut client = Client::with(server, token);
                    let mut random = Random::new(number as u64);
                    let mut latencies = Vec::new();
                    while started.elapsed() < length {
                        let begun = Instant::now();
                        operation(&mut client, &mut random);
                        latencies.push(begun.elapsed());
                    }
                    latencies
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    Run { operations: latencies.len(), elapsed: started.elapsed(), latencies }
}

/// One kept-alive connection.
pub struct Client {
    stream: BufReader<TcpStream>,
    head: String,
    body: Vec<u8>,
}

impl Client {
    /// With the header token.
    pub fn connect(server: &Server) -> Self {
        Self::with(server, &server.token)
    }

    /// With any token.
    pub fn with(server: &Server, token: &str) -> Self {
        let stream = TcpStream::connect(&server.address).unwrap();
        stream.set_nodelay(true).unwrap();
        let head = format!(
            " HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nAccept: application/scim+json\r\n",
            server.address
        );
        Self { stream: BufReader::with_capacity(1 << 16, stream), head, body: Vec::new() }
    }

    /// Sends a request below the base URL and returns the status and the body.
    pub fn send(&mut self, method: &str, path: &str, body: &str) -> (u16, &[u8]) {
        let mut request = format!("{method} /scim/v2{path}{}", self.head);
        if !body.is_empty() {
            request.push_str("Content-Type: application/scim+json\r\nContent-Length: ");
            request.push_str(&body.len().to_string());
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        request.push_str(body);
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        self.receive()
    }

    fn receive(&mut self) -> (u16, &[u8]) {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let (mut length, mut chunked) = (0, false);
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
            chunked |= name.eq_ignore_ascii_case("transfer-encoding");
        }
        if chunked {
            self.receive_chunks();
            return (status, &self.body);
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body).unwrap();
        (status, &self.body)
    }
}

impl Client {
    fn receive_chunks(&mut self) {
        self.body.clear();
        let mut line = String::new();
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let length = usize::from_str_radix(line.trim(), 16).unwrap();
            let end = self.body.len();
            self.body.resize(end + length, 0);
            self.stream.read_exact(&mut self.body[end..]).unwrap();
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            if length == 0 {
                return;
            }
        }
    }
}

/// A fast generator (xorshift64*).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        #[allow(clippy::cast_possible_truncation)]
        let mut random = Self((now as u64).wrapping_mul(seed * 2 + 1) | 1);
        random.next();
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number from 0 to `below` - 1.
    pub fn below(&mut self, below: usize) -> usize {
        #[allow(clippy::cast_possible_truncation)]
        let number = (self.next() >> 32) as usize;
        number % below
    }
}
