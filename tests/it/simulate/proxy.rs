//! A server with a fault: a proxy before ours, which changes requests and answers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};

use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use reqwest::Method;
use serde_json::Value;

use crate::support::{Tenant, shared};

/// A request that came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: Method,
    /// Path and query below the base URL.
    pub path: String,
    pub headers: BTreeMap<String, String>,
    /// The body; null where there is none.
    pub body: Value,
    /// How many came before it.
    pub number: usize,
}

/// What is answered.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub text: String,
}

/// What a fault makes of a request; it may pass it on to our server.
pub type Fault = fn(&Asked, &Server) -> Reply;

/// Our server, and what has been asked of it.
pub struct Server {
    pub authorization: String,
    pub asked: Mutex<Vec<Asked>>,
    http: reqwest::blocking::Client,
    fault: Fault,
    count: AtomicUsize,
}

impl Asked {
    pub fn is(&self, method: &Method, endpoint: &str) -> bool {
        self.method == *method && self.path.starts_with(endpoint)
    }

    /// Whether it reads or changes one resource.
    pub fn is_one(&self, endpoint: &str) -> bool {
        self.path.starts_with(&format!("{endpoint}/"))
    }

    /// Whether it asks for a list without a filter.
    pub fn is_page(&self, endpoint: &str) -> bool {
        self.is(&Method::GET, &format!("{endpoint}?")) && !self.path.contains("filter=")
    }

    /// The number of this name in the query.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let url = url::Url::parse(&format!("http://h{}", self.path)).unwrap();
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// How many resources are asked for.
    pub fn count(&self) -> usize {
        self.parameter("count").and_then(|count| count.parse().ok()).unwrap_or_default()
    }

    /// The same request with another path.
    pub fn at(&self, path: String) -> Self {
        Self { path, ..self.clone() }
    }

    /// The same request with another body.
    pub fn with(&self, body: Value) -> Self {
        Self { body, ..self.clone() }
    }

    /// A GET of the same path.
    pub fn reading(&self) -> Self {
        Self { method: Method::GET, body: Value::Null, ..self.clone() }
    }
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The same answer with a body that was changed, where it has one.
    #[must_use]
    pub fn edit(mut self, change: impl FnOnce(&mut Value)) -> Self {
        if !self.text.is_empty() {
            let mut body = self.json();
            change(&mut body);
            self.text = body.to_string();
        }
        self
    }

    /// The same answer with another status.
    #[must_use]
    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The same answer with another header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// The same answer without a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }
}

impl Server {
    /// Passes a request on to our server.
    pub fn pass(&self, asked: &Asked) -> Reply {
        let url = format!("{}/scim/v2{}", shared().url, asked.path);
        let mut request = self.http.request(asked.method.clone(), url);
        for name in ["authorization", "content-type", "accept"] {
            if let Some(value) = asked.headers.get(name) {
                request = request.header(name, value);
            }
        }
        if !asked.body.is_null() {
            request = request.body(asked.body.to_string());
        }
        let response = request.send().unwrap();
        let headers =
            response.headers().iter().filter(|(name, _)| ["content-type", "location"].contains(&name.as_str()));
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        Reply { status: response.status().as_u16(), headers, text: response.text().unwrap() }
    }
}

/// The servers with faults, by the first segment of their path.
static SERVERS: Mutex<Vec<Arc<Server>>> = Mutex::new(Vec::new());

/// Plants a fault before the server of a tenant. The base URL, and what is asked there.
pub fn plant(tenant: &Tenant, fault: Fault) -> (String, Arc<Server>) {
    let server = Arc::new(Server {
        authorization: tenant.client.authorization().unwrap().to_owned(),
        asked: Mutex::default(),
        http: reqwest::blocking::Client::new(),
        fault,
        count: AtomicUsize::new(0),
    });
    let mut servers = SERVERS.lock().unwrap();
    servers.push(server.clone());
    (format!("{}/{}/scim/v2", url(), servers.len() - 1), server)
}

/// The one listener of all of them, which ends with this process.
fn url() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let listen = async move {
                let application = || App::new().default_service(web::to(answer));
                let server = HttpServer::new(application).workers(2).disable_signals().bind("127.0.0.1:0").unwrap();
                sender.send(format!("http://{}", server.addrs()[0])).unwrap();
                server.run().await.unwrap();
            };
            actix_web::rt::System::new().block_on(listen);
        });
        receiver.recv().unwrap()
    })
}

async fn answer(request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let target = request.uri().path_and_query().unwrap().as_str();
    let (server, path) = target[1..].split_once("/scim/v2").unwrap();
    let server = SERVERS.lock().unwrap()[server.parse::<usize>().unwrap()].clone();
    let headers = request.headers().iter();
    let asked = Asked {
        method: Method::from_bytes(request.method().as_str().as_bytes()).unwrap(),
        path: path.to_owned(),
        headers: headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
        number: server.count.fetch_add(1, Ordering::Relaxed),
    };
    server.asked.lock().unwrap().push(asked.clone());
    let reply = web::block(move || (server.fault)(&asked, &server)).await.unwrap();
    let mut response = HttpResponse::build(StatusCode::from_u16(reply.status).unwrap());
    for header in &reply.headers {
        response.insert_header((header.0.as_str(), header.1.as_str()));
    }
    response.body(reply.text)
}
