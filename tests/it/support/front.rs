//! A front before several servers on one database, for runs with `PROVISOR_TEST_INSTANCES`: each connection goes to the next server. As
//! clients then open a connection for each request, what one request has done must be known to the server of the next.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use reqwest::blocking::ClientBuilder;
use socket2::{Domain, Socket, Type};

/// Servers behind the shared URL: one, unless `PROVISOR_TEST_INSTANCES` says more.
pub fn instances() -> usize {
    std::env::var("PROVISOR_TEST_INSTANCES").map_or(1, |text| {
        text.parse().ok().filter(|count| *count > 0).expect("PROVISOR_TEST_INSTANCES is a number from 1")
    })
}

/// The beginning of an HTTP client, which keeps no connection where a connection decides on the server.
pub fn http() -> ClientBuilder {
    let builder = reqwest::blocking::Client::builder();
    if instances() > 1 { builder.pool_max_idle_per_host(0) } else { builder }
}

/// A front that listens, and knows its servers later.
pub struct Front {
    listener: TcpListener,
    pub url: String,
}

impl Front {
    /// Listens on any free port.
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self { listener, url }
    }

    /// Hands connections to the servers at these URLs in turn, as long as this process lives.
    pub fn serve(self, urls: &[String]) {
        let servers: Arc<[SocketAddr]> =
            urls.iter().map(|url| url.strip_prefix("http://").unwrap().parse().unwrap()).collect();
        let next = Arc::new(AtomicUsize::new(0));
        thread::spawn(move || {
            for client in self.listener.incoming().flatten() {
                let (servers, next) = (Arc::clone(&servers), Arc::clone(&next));
                thread::spawn(move || {
                    let server = servers[next.fetch_add(1, Ordering::Relaxed) % servers.len()];
                    // Whatever breaks ends the connection, which is all that its client would see anyway.
                    let _ = connect(&client, server).and_then(|server| pass(client, server));
                });
            }
        });
    }
}

/// Connects to a server from the address that the client has, because addresses are counted.
fn connect(client: &TcpStream, server: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(client.peer_addr()?.ip(), 0).into())?;
    socket.connect(&server.into())?;
    socket.set_tcp_nodelay(true)?;
    client.set_nodelay(true)?;
    Ok(socket.into())
}

/// Passes bytes on in both directions until both sides have ended.
fn pass(client: TcpStream, server: TcpStream) -> io::Result<()> {
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    let request = thread::spawn(move || copy(from_client, to_server));
    copy(server, client);
    request.join().map_err(|_| io::ErrorKind::Other.into())
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
