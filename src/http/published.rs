//! Documents that others publish, remembered for a while: the keys of OAuth clients (`jwks_uri`), and the keys and the description of
//! the identity provider of the installation.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::outbound::Outbound;

/// How long a document is used.
const LIFETIME: Duration = Duration::from_mins(10);
/// How long nothing is fetched again for what is missing in it, and after a failure.
const PAUSE: Duration = Duration::from_mins(1);

/// Documents of one kind, by their URI.
#[derive(Debug)]
pub(super) struct Published<T> {
    outbound: Outbound,
    read: fn(&Value) -> Result<T, &'static str>,
    fetched: Mutex<HashMap<String, Slot<T>>>,
}

/// What is known of one URI. Whoever fetches holds the lock, so that the others wait for the same answer.
type Slot<T> = Arc<tokio::sync::Mutex<Known<T>>>;

#[derive(Debug)]
struct Known<T> {
    document: Option<(T, Instant)>,
    tried_at: Option<Instant>,
    /// Why the last try failed.
    problem: String,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self { document: None, tried_at: None, problem: String::new() }
    }
}

impl<T: Clone + 'static> Published<T> {
    /// No documents yet. `read` makes sense of one, or completes the sentence "what is there …".
    pub(super) fn new(outbound: Outbound, read: fn(&Value) -> Result<T, &'static str>) -> Self {
        Self { outbound, read, fetched: Mutex::default() }
    }

    /// The document at a URI. Fetched when it was not for a while, or when what is wanted is not in it.
    ///
    /// # Errors
    /// Why it could not be had.
    pub(super) async fn get(&self, uri: &str, wanted: impl Fn(&T) -> bool + 'static) -> Result<T, String> {
        let slot =
            Arc::clone(self.fetched.lock().unwrap_or_else(PoisonError::into_inner).entry(uri.to_owned()).or_default());
        let (uri, outbound, read) = (uri.to_owned(), self.outbound, self.read);
        // On its own: whoever asks first may hang up, and then nobody else could have the document until the pause is over.
        let looked_up = actix_web::rt::spawn(async move {
            let mut known = slot.lock().await;
            known.look_up(&uri, outbound, read, wanted).await
        });
        looked_up.await.unwrap_or_else(|_| Err("the look-up was cut off".into()))
    }

    /// Forgets the document at a URI, so that it is fetched anew: somebody has changed it just now.
    pub(super) fn forget(&self, uri: &str) {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).remove(uri);
    }
}

impl<T: Clone> Known<T> {
    /// What is known, after fetching it where that is due.
    async fn look_up(
        &mut self,
        uri: &str,
        outbound: Outbound,
        read: fn(&Value) -> Result<T, &'static str>,
        wanted: impl Fn(&T) -> bool,
    ) -> Result<T, String> {
        let fresh = |(document, at): &&(T, Instant)| at.elapsed() < LIFETIME && wanted(document);
        if let Some((document, _)) = self.document.as_ref().filter(fresh) {
            return Ok(document.clone());
        }
        if self.tried_at.is_none_or(|at| at.elapsed() >= PAUSE) {
            self.tried_at = Some(Instant::now());
            let fetched = outbound.get(uri).await.map_err(|error| error.to_string());
            let document = fetched.and_then(|value| read(&value).map_err(|problem| format!("what is there {problem}")));
            match document {
                Ok(document) => self.document = Some((document, Instant::now())),
                Err(problem) => {
                    log::warn!("{uri}: {problem}");
                    self.problem = problem;
                }
            }
        }
        let known = self.document.as_ref().filter(|(_, at)| at.elapsed() < LIFETIME);
        known.map(|(document, _)| document.clone()).ok_or_else(|| self.problem.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::public_keys::PublicKeys;

    #[actix_web::test]
    async fn who_hangs_up_while_keys_are_fetched_does_not_keep_them_from_others() {
        use std::io::{Read, Write};

        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("http://{}/jwks", listener.local_addr().unwrap());
        let keys = Published::new(Outbound::new(true), PublicKeys::read);
        let first = tokio::time::timeout(Duration::from_millis(100), keys.get(&uri, |_| true)).await;
        assert!(first.is_err(), "nobody has answered yet");
        let publisher = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1_024]).unwrap();
            let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
            let body = serde_json::json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]}).to_string();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            // Fails when whoever asked is gone.
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        });
        assert!(keys.get(&uri, |_| true).await.is_ok());
        publisher.join().unwrap();
    }
}
