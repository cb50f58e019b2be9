//! The load: one thread and one connection each, requests one after the other, over plain sockets so that the driver takes as
//! little of the machine as it can.

use std::io::{self, BufRead, BufReader, Read, Write};
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

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the server answered.
pub struct Answer<'a> {
    pub status: u16,
    /// The header `Retry-After`.
    pub retry_after: Option<String>,
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// Whether it puts the client off as it should: 503 or 429, with a whole number of seconds to wait.
    pub fn puts_off(&self) -> bool {
        matches!(self.status, 429 | 503) && self.retry_after.as_ref().is_some_and(|text| text.parse::<u32>().is_ok())
    }
}

fn connect(address: &str) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(BufReader::with_capacity(1 << 16, stream))
}

/// One kept-alive connection.
pub struct Client {
    address: String,
    stream: BufReader<TcpStream>,
    /// Whether the server has said that it closes the connection.
    closed: bool,
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
        Self::try_with(&server.address, token).unwrap()
    }

    /// The same, where the server may be gone.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub fn try_with(address: &str, token: &str) -> io::Result<Self> {
        let stream = connect(address)?;
        let head = format!(
            " HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nAccept: application/scim+json\r\n"
        );
        Ok(Self { address: address.to_owned(), stream, closed: false, head, body: Vec::new() })
    }

    /// Sends a request below the base URL and returns the status and the body.
    pub fn send(&mut self, method: &str, path: &str, body: &str) -> (u16, &[u8]) {
        let answer = self.try_send(method, path, body).unwrap();
        (answer.status, answer.body)
    }

    /// The same, where the server may be gone.
    ///
    /// # Errors
    /// When the connection ends before the answer does.
    pub fn try_send(&mut self, method: &str, path: &str, body: &str) -> io::Result<Answer<'_>> {
        let mut request = format!("{method} /scim/v2{path}{}", self.head);
        if !body.is_empty() {
            request.push_str("Content-Type: application/scim+json\r\nContent-Length: ");
            request.push_str(&body.len().to_string());
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        request.push_str(body);
        if self.closed {
            self.stream = connect(&self.address)?;
            self.closed = false;
        }
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.receive()
    }

    fn line(&mut self, line: &mut String) -> io::Result<()> {
        line.clear();
        if self.stream.read_line(line)? == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn receive(&mut self) -> io::Result<Answer<'_>> {
        let mut line = String::new();
        self.line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|text| text.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        let (mut length, mut chunked, mut retry_after) = (0, false, None);
        loop {
            self.line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            } else if name.eq_ignore_ascii_case("retry-after") {
                retry_after = Some(value.trim().to_owned());
            } else if name.eq_ignore_ascii_case("connection") {
                self.closed = value.trim().eq_ignore_ascii_case("close");
            }
            chunked |= name.eq_ignore_ascii_case("transfer-encoding");
        }
        if chunked {
            self.receive_chunks()?;
        } else {
            self.body.resize(length, 0);
            self.stream.read_exact(&mut self.body)?;
        }
        Ok(Answer { status, retry_after, body: &self.body })
    }

    fn receive_chunks(&mut self) -> io::Result<()> {
        self.body.clear();
        let mut line = String::new();
        loop {
            self.line(&mut line)?;
            let length = usize::from_str_radix(line.trim(), 16).unwrap();
            let end = self.body.len();
            self.body.resize(end + length, 0);
            self.stream.read_exact(&mut self.body[end..])?;
            self.line(&mut line)?;
            if length == 0 {
                return Ok(());
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
