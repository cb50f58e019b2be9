//! A small OpenID provider. It speaks HTTP on this machine, signs with real keys, and misbehaves on demand.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::browser::parameter;

/// What it knows this server by.
pub const CLIENT_ID: &str = "provisor";
/// And what this server authenticates with; with what has to be encoded in a header.
pub const CLIENT_SECRET: &str = "s3cr:et/+& 7";
const ACCESS_TOKEN: &str = "access";

/// How it signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signs {
    Es256,
    Rs256,
    /// With a key that it does not publish.
    Stranger,
    /// With another key under the name of the one that it publishes.
    Forged,
    /// With the client secret, as HMAC.
    Hs256,
    /// Not at all.
    Nothing,
}

/// Somebody who signs in there, and how it answers for the person.
#[derive(Debug, Clone)]
pub struct Somebody {
    claims: Value,
    pub signs: Signs,
    /// The status of its token endpoint.
    pub status: u16,
    /// What `UserInfo` says.
    pub information: Option<Value>,
}

impl Somebody {
    /// Somebody with a verified address.
    pub fn new(subject: &str, email: &str) -> Self {
        let claims = json!({"sub": subject, "email": email, "email_verified": true});
        Self { claims, signs: Signs::Es256, status: 200, information: None }
    }

    /// The same, with a claim; with null it is left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.claims[name] = value;
        self
    }

    #[must_use]
    pub fn signed(mut self, signs: Signs) -> Self {
        self.signs = signs;
        self
    }
}

#[derive(Clone)]
struct Grant {
    somebody: Somebody,
    nonce: String,
    challenge: String,
    redirect_uri: String,
}

struct Keys {
    es256: EncodingKey,
    rs256: EncodingKey,
    stranger: EncodingKey,
    set: Value,
}

/// The provider.
pub struct Provider {
    pub issuer: String,
    grants: Arc<Mutex<HashMap<String, Grant>>>,
    connections: Arc<AtomicUsize>,
}

impl Provider {
    /// Starts it; it ends with the process.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let grants: Arc<Mutex<HashMap<String, Grant>>> = Arc::default();
        let (own, known, keys) = (issuer.clone(), Arc::clone(&grants), Arc::new(keys()));
        let connections: Arc<AtomicUsize> = Arc::default();
        let counted = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::Relaxed);
                let (own, known, keys) = (own.clone(), Arc::clone(&known), Arc::clone(&keys));
                std::thread::spawn(move || serve(stream.unwrap(), &own, &known, &keys));
            }
        });
        Self { issuer, grants, connections }
    }

    /// How often somebody has connected to it.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Signs somebody in who was sent there, and gives the URL that the person is sent back to.
    pub fn sign_in(&self, location: &str, somebody: &Somebody) -> String {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        assert!(location.starts_with(&format!("{}/authorize?", self.issuer)), "{location}");
        let given = |name: &str| parameter(location, name).unwrap_or_else(|| panic!("no {name} in {location}"));
        assert_eq!([given("response_type"), given("client_id")], ["code", CLIENT_ID]);
        assert_eq!([given("scope"), given("code_challenge_method")], ["openid email profile", "S256"]);
        let code = format!("code-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let grant = Grant {
            somebody: somebody.clone(),
            nonce: given("nonce"),
            challenge: given("code_challenge"),
            redirect_uri: given("redirect_uri"),
        };
        let back = format!("{}?code={code}&state={}", grant.redirect_uri, given("state"));
        self.grants.lock().unwrap().insert(code, grant);
        back
    }
}

fn keys() -> Keys {
    let ecdsa = || EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let private = |pair: &EcdsaKeyPair| EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
    let (own, rsa) = (ecdsa(), RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
    let (x, y) = own.public_key().as_ref()[1..].split_at(32);
    let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part));
    let public = rsa.public_key();
    let [n, e] = [public.modulus(), public.exponent()]
        .map(|part| URL_SAFE_NO_PAD.encode(part.big_endian_without_leading_zero()));
    Keys {
        set: json!({"keys": [
            {"kty": "RSA", "use": "enc", "kid": "encrypts", "n": n, "e": e},
            {"kty": "EC", "crv": "P-256", "use": "sig", "kid": "es", "x": x, "y": y},
            {"kty": "RSA", "use": "sig", "kid": "rs", "alg": "RS256", "n": n, "e": e},
        ]}),
        es256: private(&own),
        // PKCS #1 is what lies inside of PKCS #8, behind the name of the algorithm.
        rs256: EncodingKey::from_rsa_der(&rsa.as_der().unwrap().as_ref()[26..]),
        stranger: private(&ecdsa()),
    }
}

fn serve(stream: TcpStream, issuer: &str, grants: &Mutex<HashMap<String, Grant>>, keys: &Keys) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.to_owned()),
            None => break,
        };
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let authorization = headers.get("authorization").map_or("", String::as_str);
    let (status, answer) = match (method.as_str(), path.as_str()) {
        ("GET", "/.well-known/openid-configuration") => (200, document(issuer)),
        ("GET", "/keys") => (200, keys.set.clone()),
        ("POST", "/token") => token(issuer, grants, keys, authorization, &body),
        ("GET", "/userinfo") => {
            let code = authorization.strip_prefix(&format!("Bearer {ACCESS_TOKEN}-")).unwrap();
            let somebody = grants.lock().unwrap()[code].somebody.clone();
            (200, somebody.information.unwrap_or_else(|| json!({"sub": somebody.claims["sub"]})))
        }
        _ => (404, json!({})),
    };
    let answer = answer.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        answer.len()
    );
    let _ = reader.into_inner().write_all(format!("{head}{answer}").as_bytes());
}

fn document(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "id_token_signing_alg_values_supported": ["ES256", "RS256"],
    })
}

fn token(
    issuer: &str,
    grants: &Mutex<HashMap<String, Grant>>,
    keys: &Keys,
    authorization: &str,
    body: &[u8],
) -> (u16, Value) {
    let form: HashMap<String, String> = url::form_urlencoded::parse(body).into_owned().collect();
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let own = format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(CLIENT_ID), encoded(CLIENT_SECRET))));
    if authorization != own {
        return (401, json!({"error": "invalid_client"}));
    }
    let code = form["code"].clone();
    let Some(grant) = grants.lock().unwrap().get(&code).cloned() else {
        return (400, json!({"error": "invalid_grant"}));
    };
    let challenge = provisor::oauth::pkce::challenge(&form["code_verifier"]);
    if challenge != grant.challenge || form["redirect_uri"] != grant.redirect_uri {
        return (400, json!({"error": "invalid_grant"}));
    }
    let somebody = &grant.somebody;
    if somebody.status != 200 {
        return (somebody.status, json!({"error": "<script>alert(1)</script>"}));
    }
    let now = Utc::now().timestamp();
    let mut claims = json!({
        "iss": issuer, "aud": CLIENT_ID, "exp": now + 300, "iat": now, "nonce": grant.nonce, "name": "Ada",
    });
    for (name, value) in somebody.claims.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let access_token = format!("{ACCESS_TOKEN}-{code}");
    let id_token = sign(somebody.signs, keys, &claims);
    (200, json!({"access_token": access_token, "token_type": "Bearer", "id_token": id_token, "expires_in": 300}))
}

fn sign(signs: Signs, keys: &Keys, claims: &Value) -> String {
    let secret = EncodingKey::from_secret(CLIENT_SECRET.as_bytes());
    let (algorithm, kid, key) = match signs {
        Signs::Es256 => (Algorithm::ES256, "es", &keys.es256),
        Signs::Rs256 => (Algorithm::RS256, "rs", &keys.rs256),
        Signs::Stranger => (Algorithm::ES256, "stranger", &keys.stranger),
        Signs::Forged => (Algorithm::ES256, "es", &keys.stranger),
        Signs::Hs256 => (Algorithm::HS256, "es", &secret),
        Signs::Nothing => {
            let [header, claims] = [json!({"alg": "none", "kid": "es"}), claims.clone()]
                .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
            return format!("{header}.{claims}.");
        }
    };
    let mut header = Header::new(algorithm);
    header.kid = Some(kid.into());
    jsonwebtoken::encode(&header, claims, key).unwrap()
}
