//! One server for the whole run, a tenant for each test: so all tests run side by side, and each is a test of isolation too.

#![allow(dead_code)]

pub mod access;
pub mod browser;
pub mod client;
pub mod database;
pub mod front;
pub mod groups;
pub mod oauth;
pub mod openid;
pub mod people;
pub mod process;
pub mod random;
pub mod totp;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use provisor::audit::{Action, AuditEvent, Target};
use provisor::auth::{self, Caller, NewToken, Principal, Scope};
use provisor::backend::Backend;
use provisor::id::{ResourceId, TenantId};
use provisor::private_postgres::Role;
use provisor::store::{AuditRow, NewTenant};
use serde_json::{Value, json};

pub use browser::Browser;
pub use client::{Answer, Client};
pub use process::{ServerProcess, TemporaryDirectory, settings, temporary_directory};
pub use random::Random;

/// The server that all tests share.
pub struct Shared {
    pub url: String,
    pub data_dir: PathBuf,
    backend: Mutex<Backend>,
}

/// Starts the shared server on first use. A watching shell stops it when the test process ends, however it ends.
pub fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let data_dir = temporary_directory("shared");
        let url = match front::instances() {
            1 => process::start_watched(&data_dir),
            count => start_several(&data_dir, count),
        };
        let backend = Backend::open(&settings(&data_dir), Role::Command).unwrap();
        Shared { url, data_dir, backend: Mutex::new(backend) }
    })
}

/// Starts several servers on one database behind one URL.
fn start_several(data_dir: &Path, count: usize) -> String {
    let front = front::Front::open();
    let url = front.url.clone();
    let mut urls = vec![process::start_watched_with(data_dir, &["--public-url", &url])];
    let (database, key) = (database::url(data_dir, "provisor"), data_dir.join("master.key"));
    let common = ["--public-url", &url, "--database-url", &database, "--master-key-file", key.to_str().unwrap()];
    for _ in 1..count {
        urls.push(process::start_watched_with(&temporary_directory("another"), &common));
    }
    front.serve(&urls);
    url
}

impl Shared {
    /// Works on the database of the shared server, as the operator.
    pub fn with_backend<T>(&self, work: impl FnOnce(&Backend) -> T) -> T {
        work(&self.backend.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A tenant of its own for a test.
pub struct Tenant {
    pub name: String,
    pub id: TenantId,
    /// A client with a token that may read and write.
    pub client: Client,
}

/// The operator, acting for a tenant.
pub fn operator(tenant: TenantId) -> Caller {
    Caller { principal: Arc::new(Principal::operator(tenant)), request_id: "test".into(), address: None }
}

/// Creates a tenant with a token.
pub fn tenant() -> Tenant {
    tenant_with(false)
}

/// Creates a tenant that keeps passwords, or not.
pub fn tenant_with(stores_passwords: bool) -> Tenant {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let name = format!("tenant-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let id = TenantId::generate();
    shared().with_backend(|backend| {
        let event = AuditEvent::new(Action::TenantCreate, Target::new("Tenant", id));
        let new = NewTenant { name: &name, stores_passwords, unique_group_names: true };
        backend.store.run(&operator(id), |tenant| tenant.insert_tenant(&new, &event)).unwrap();
    });
    let token = token(id, &Scope::ALL, None);
    Tenant { client: Client::new(&shared().url, &format!("Bearer {token}")), name, id }
}

/// Creates a token; the text is what goes behind `Bearer`.
pub fn token(tenant: TenantId, scopes: &[Scope], expires_at: Option<DateTime<Utc>>) -> String {
    token_of(tenant, scopes, expires_at, None)
}

/// Creates a token that stands for a user.
pub fn user_token(tenant: &Tenant, user: &Value) -> String {
    token_of(tenant.id, &Scope::ALL, None, ResourceId::parse(user["id"].as_str().unwrap()))
}

fn token_of(tenant: TenantId, scopes: &[Scope], expires_at: Option<DateTime<Utc>>, user: Option<ResourceId>) -> String {
    shared().with_backend(|backend| {
        let scopes = scopes.iter().copied().collect();
        let new = NewToken { name: "okta".into(), scopes, expires_at, allowed_networks: vec![], user };
        let issued = auth::tokens::create(&backend.store, &operator(tenant), &backend.token_key, &new).unwrap();
        issued.secret.reveal().to_owned()
    })
}

impl Tenant {
    /// A client with other scopes.
    pub fn client_with(&self, scopes: &[Scope]) -> Client {
        Client::new(&shared().url, &format!("Bearer {}", token(self.id, scopes, None)))
    }

    /// The audit entries, the newest first.
    pub fn audit(&self) -> Vec<AuditRow> {
        shared()
            .with_backend(|backend| backend.store.run(&operator(self.id), |tenant| tenant.audit_events(1_000)).unwrap())
    }

    /// Creates a user and returns what the server answered.
    pub fn user(&self, user_name: &str) -> Value {
        self.create(&minimal(user_name))
    }

    /// Creates a user from a body.
    pub fn create(&self, body: &Value) -> Value {
        let answer = self.client.post("/Users", body);
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()
    }

    /// Creates a user from a body and returns its path.
    pub fn create_path(&self, body: &Value) -> String {
        path_of(&self.create(body))
    }
}

/// So many rounds times `PROVISOR_TEST_SCALE`, for runs that are longer than those of every day.
pub fn scaled(rounds: usize) -> usize {
    std::env::var("PROVISOR_TEST_SCALE")
        .map_or(rounds, |text| rounds * text.parse::<usize>().expect("PROVISOR_TEST_SCALE is a whole number"))
}

/// Tells a figure, which `scripts/promises` puts into its table.
pub fn measured(figure: &str) {
    println!("measured: {figure}");
}

/// Looks until there is something to see, for up to thirty seconds. Where there are several servers, all of them show it by then.
pub fn eventually<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(seen) = look() {
            if front::instances() > 1 {
                std::thread::sleep(auth::RECENT_LIFETIME);
            }
            return seen;
        }
        assert!(Instant::now() < deadline, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The path of a resource below the base URL.
pub fn path_of(resource: &Value) -> String {
    format!("/Users/{}", resource["id"].as_str().unwrap())
}

pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
pub const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
pub const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
pub const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The least user.
pub fn minimal(user_name: &str) -> Value {
    json!({"schemas": [USER], "userName": user_name})
}

/// A user as Okta sends it.
pub fn okta_user(user_name: &str) -> Value {
    json!({
        "schemas": [USER],
        "userName": user_name,
        "name": {"givenName": "Test", "familyName": "User"},
        "emails": [{"primary": true, "value": user_name, "type": "work"}],
        "displayName": "Test User",
        "locale": "en-US",
        "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [],
        "password": "1mz050nq",
        "active": true
    })
}

/// A PATCH message.
pub fn patch(operations: &Value) -> Value {
    json!({"schemas": [PATCH_OP], "Operations": operations})
}

/// Asserts that an answer is a SCIM error.
pub fn assert_error(answer: &Answer, status: u16, scim_type: Option<&str>) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/scim+json"));
    let body = answer.json();
    assert_eq!(body["schemas"], json!([ERROR]));
    assert_eq!(body["status"], json!(status.to_string()));
    assert_eq!(body.get("scimType").and_then(Value::as_str), scim_type, "{body}");
    assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body}");
}
