//! Access tokens for tests: right ones, and whatever else somebody might send.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use provisor::audit::{Action, AuditEvent, Target};
use provisor::auth::keys::KeyState;
use provisor::auth::master_key::MasterKey;
use provisor::auth::seal::SealKey;
use provisor::id::TenantId;
use provisor::store::{ClientRow, Store};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Client, database, operator, settings, shared};

/// Makes clients, and signs what it is told to with the keys of a server.
pub struct Forge {
    pub url: String,
    /// Whom the tokens come from, and below whom the API is.
    pub issuer: String,
    data_dir: PathBuf,
    store: Store,
    seal: SealKey,
}

/// The forge of the shared server.
pub fn forge() -> &'static Forge {
    static FORGE: OnceLock<Forge> = OnceLock::new();
    FORGE.get_or_init(|| Forge::of(&shared().url, &shared().data_dir))
}

/// Base64url of a JSON text.
pub fn encode(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

impl Forge {
    /// The forge of a server at this URL, with this data directory.
    pub fn of(url: &str, data_dir: &Path) -> Self {
        let master = MasterKey::read(&settings(data_dir).master_key_file().unwrap()).unwrap();
        let store = Store::open(&database::url(data_dir, "provisor"), 4).unwrap();
        let url = url.to_owned();
        Self {
            issuer: url.clone(),
            url,
            data_dir: data_dir.to_owned(),
            store,
            seal: SealKey::for_signing_keys(&master),
        }
    }

    /// A confidential client of a tenant, or of none; its id.
    pub fn client(&self, tenant: TenantId) -> String {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let id = format!("client-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let row = ClientRow {
            id: id.clone(),
            tenant_id: tenant.0,
            name: "Okta".into(),
            confidential: true,
            grant_types: vec!["authorization_code".into(), "client_credentials".into()],
            scopes: vec!["scim.read".into(), "scim.write".into()],
            redirect_uris: Vec::new(),
            pkce_required: false,
            jwks: None,
            jwks_uri: None,
            access_token_seconds: 3_600,
            refresh_idle_seconds: 1,
            created_at: Utc::now(),
            disabled_at: None,
            tokens_not_before: None,
            last_used_at: None,
        };
        let event = AuditEvent::new(Action::ClientCreate, Target::new("OAuthClient", &id));
        self.store.run(&operator(tenant), |tenant| tenant.insert_client(&row, &[], None, &event)).unwrap();
        id
    }

    /// A grant of a tenant to a client.
    pub fn grant(&self, tenant: TenantId, client: &str) -> Uuid {
        let id = Uuid::now_v7();
        self.execute(&format!(
            "INSERT INTO oauth_grants (tenant_id, id, client_id, administrator_id, administrator_email, scopes, created_at)
             VALUES ('{tenant}', '{id}', '{client}', '{id}', 'ada@example.com', '{{scim.read,scim.write}}', now())"
        ));
        id
    }

    /// Runs statements on the database.
    pub fn execute(&self, statements: &str) {
        database::execute(&mut database::connect(&self.data_dir, "provisor"), statements);
    }

    /// What a token says by which a client acts for itself.
    pub fn claims(&self, tenant: TenantId, client: &str) -> Value {
        let now = Utc::now().timestamp();
        json!({
            "iss": self.issuer,
            "sub": client,
            "aud": format!("{}/scim/v2", self.issuer),
            "exp": now + 600,
            "iat": now,
            "nbf": now,
            "jti": Uuid::now_v7(),
            "client_id": client,
            "scope": "scim.read scim.write",
            "tenant": tenant.0,
        })
    }

    /// The header of a token that the current key signs.
    pub fn header(&self) -> Value {
        header(&self.current().0)
    }

    /// The current key and its id.
    fn current(&self) -> (String, EcdsaKeyPair) {
        let rows = self.store.gate(|gate| gate.signing_keys()).unwrap();
        let row = rows.into_iter().find(|row| KeyState::of(row) == KeyState::Current).unwrap();
        let private = self.seal.open(row.kid.as_bytes(), &row.sealed_private_key).unwrap();
        (row.kid, EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private).unwrap())
    }

    /// Header and claims, signed with the current key whatever they say.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&format!("{}.{}", encode(header), encode(claims)))
    }

    /// Any text, signed with the current key.
    pub fn sign_text(&self, text: &str) -> String {
        sign_with(&self.current().1, text)
    }

    /// A token that says this, under a right header.
    pub fn token(&self, claims: &Value) -> String {
        let (kid, key) = self.current();
        sign_with(&key, &format!("{}.{}", encode(&header(&kid)), encode(claims)))
    }

    /// The sender of a token.
    pub fn bearer(&self, token: &str) -> Client {
        Client::new(&self.url, &format!("Bearer {token}"))
    }
}

fn header(kid: &str) -> Value {
    json!({"alg": "ES256", "typ": "at+jwt", "kid": kid})
}

/// A text with its signature (RFC 7515 section 3.1).
pub fn sign_with(key: &EcdsaKeyPair, text: &str) -> String {
    let signature = key.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}
