//! The keys that sign access tokens: one signs, the next is published already, those before still verify. They live in the
//! database, their private halves encrypted, so that every server signs and verifies with the same ones.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::principal::{Caller, Principal};
use super::recent::LIFETIME;
use super::seal::SealKey;
use crate::audit::{Action, AuditEvent, Target};
use crate::id::TenantId;
use crate::oauth::access_token::{self, Claims, Parties};
use crate::store::{self, SigningKeyRow, Store};

/// Characters of a key id.
const THUMBPRINT_LENGTH: usize = 43;
/// Age at which the current key is replaced.
pub const ROTATE_AFTER: TimeDelta = TimeDelta::days(90);
/// How long a key is published before it signs by itself: whoever keeps the key set has it by then.
const PUBLISH_BEFORE: TimeDelta = TimeDelta::hours(24);
/// How long others may keep the key set.
pub const KEPT_FOR: TimeDelta = TimeDelta::minutes(5);
/// How long a key is published after it ceased to sign: longer than any access token lives, and than key sets are kept.
pub const PUBLISH_AFTER: TimeDelta = TimeDelta::hours(3);

/// Why keys could not be had or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no such key.
    #[error("no signing key '{0}'; 'provisor key list' shows them")]
    Unknown(String),
    /// It cannot be removed yet.
    #[error("signing key '{0}' is the current or the next one; 'provisor key rotate' retires the current one")]
    InUse(String),
    /// Some who keep the key set do not have the next key yet.
    #[error(
        "signing key '{kid}' was published a moment ago, and others keep the keys for five minutes; try again in {seconds} s, or \
         rotate with --now all the same"
    )]
    TooEarly {
        /// The next key.
        kid: String,
        /// When it may sign.
        seconds: i64,
    },
    /// Somebody else rotated at the same moment.
    #[error("the keys were rotated by somebody else at the same moment")]
    Concurrent,
    /// The stored private key does not open.
    #[error(
        "signing key '{0}' was sealed under another master key: bring that one back. To give up all access tokens instead, run \
         'provisor key replace'"
    )]
    Sealed(String),
    /// The cryptographic library refuses.
    #[error("signing keys: {0}")]
    Cryptography(&'static str),
    /// The operating system gives no randomness.
    #[error("no randomness from the operating system: {0}")]
    Random(#[from] getrandom::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What a key is for at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Published, and signs after the next rotation.
    Next,
    /// Signs.
    Current,
    /// Only verifies.
    Previous,
}

impl KeyState {
    /// The state of a stored key.
    #[must_use]
    pub fn of(row: &SigningKeyRow) -> Self {
        match (row.activated_at, row.retired_at) {
            (None, _) => Self::Next,
            (Some(_), None) => Self::Current,
            (Some(_), Some(_)) => Self::Previous,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Current => "current",
            Self::Previous => "previous",
        }
    }
}

/// The keys as they are at the moment.
pub struct Keys {
    kid: String,
    signs: EncodingKey,
    published: Vec<Published>,
}

struct Published {
    kid: String,
    point: Vec<u8>,
    verifies: DecodingKey,
}

impl Keys {
    /// Signs an access token with the current key.
    ///
    /// # Errors
    /// [`KeyError::Cryptography`].
    pub fn sign(&self, claims: &Claims) -> Result<String, KeyError> {
        access_token::sign(claims, &self.kid, &self.signs).map_err(|_| KeyError::Cryptography("signing failed"))
    }

    /// Reads an access token that one of the published keys signed.
    ///
    /// # Errors
    /// Why it is refused, for the audit log.
    pub fn verify(&self, token: &str, parties: Parties<'_>, now: DateTime<Utc>) -> Result<Claims, &'static str> {
        let kid = access_token::key_id(token)?;
        let key = self.find(&kid).ok_or("token signed with an unknown key")?;
        access_token::verify(token, &key.verifies, parties, now.timestamp())
    }

    fn find(&self, kid: &str) -> Option<&Published> {
        self.published.iter().find(|key| key.kid == kid)
    }

    /// The key set (RFC 7517 section 5): public halves only.
    #[must_use]
    pub fn jwks(&self) -> Value {
        let key = |key: &Published| {
            let (x, y) = coordinates(&key.point);
            json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": key.kid})
        };
        json!({"keys": self.published.iter().map(key).collect::<Vec<_>>()})
    }

    /// A text that is another one for every other key set.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let kids: Vec<&str> = self.published.iter().map(|key| &*key.kid).collect();
        URL_SAFE_NO_PAD.encode(Sha256::digest(kids.join(" ")))
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Keys").field("current", &self.kid).finish_non_exhaustive()
    }
}

/// The keys, remembered for a second: that long a removed one may still verify on another server.
#[derive(Debug)]
pub struct KeyRing {
    seal: SealKey,
    loaded: RwLock<Option<(Arc<Keys>, Instant)>>,
    /// Held while a key is looked for that is not among the loaded ones.
    search: Mutex<()>,
}

impl KeyRing {
    /// A ring of keys that are sealed under `seal`.
    #[must_use]
    pub fn new(seal: SealKey) -> Self {
        Self { seal, loaded: RwLock::default(), search: Mutex::default() }
    }

    /// The keys, from the database where they were not looked at within the last second. The first keys are made here.
    ///
    /// # Errors
    /// [`KeyError`] from the database or the cryptographic library.
    pub fn keys(&self, store: &Store) -> Result<Arc<Keys>, KeyError> {
        self.keys_as_of(store).map(|(keys, _)| keys)
    }

    /// Reads an access token. The key may have been made and put to use by another server within the last second: for one that is not
    /// among the keys the database is asked once more. One asks for all who wait, so that tokens of strangers cost no query each.
    /// With the claims comes when its key was last seen there.
    ///
    /// # Errors
    /// The inner error says why the token is refused, for the audit log; the outer one comes from the database.
    pub fn verify(
        &self,
        store: &Store,
        token: &str,
        parties: Parties<'_>,
        now: DateTime<Utc>,
    ) -> Result<Result<(Claims, Instant), &'static str>, KeyError> {
        let kid = match access_token::key_id(token) {
            Ok(kid) => kid,
            Err(reason) => return Ok(Err(reason)),
        };
        let asked = Instant::now();
        let (mut keys, mut seen) = self.keys_as_of(store)?;
        if keys.find(&kid).is_none() && kid.len() == THUMBPRINT_LENGTH {
            let _search = self.search.lock().unwrap_or_else(PoisonError::into_inner);
            (keys, seen) = match self.loaded() {
                Some((keys, at)) if at >= asked => (keys, at),
                _ => self.load(store)?,
            };
        }
        Ok(keys.verify(token, parties, now).map(|claims| (claims, seen)))
    }

    /// The keys, and when they were looked at.
    fn keys_as_of(&self, store: &Store) -> Result<(Arc<Keys>, Instant), KeyError> {
        match self.loaded() {
            Some((keys, at)) if at.elapsed() < LIFETIME => Ok((keys, at)),
            _ => self.load(store),
        }
    }

    fn loaded(&self) -> Option<(Arc<Keys>, Instant)> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys as the database has them now.
    fn load(&self, store: &Store) -> Result<(Arc<Keys>, Instant), KeyError> {
        let at = Instant::now();
        let rows = store.gate(|gate| gate.signing_keys())?;
        let keys = match self.open(&rows) {
            Ok(Some(keys)) => keys,
            Ok(None) => self.make_first(store, false, &system())?,
            // Where nothing is at stake. Else a server with a wrong master key would take their keys away from all others.
            Err(KeyError::Sealed(kid)) if !store.gate(|gate| gate.needs_master_key())? => {
                log::warn!("signing key {kid} was sealed under another master key: new keys take its place");
                self.make_first(store, true, &system())?
            }
            Err(error) => return Err(error),
        };
        let keys = Arc::new(keys);
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Some((Arc::clone(&keys), at));
        Ok((keys, at))
    }

    /// Whether these rows open under our master key. `false` where none signs.
    ///
    /// # Errors
    /// [`KeyError::Sealed`] where they do not.
    pub fn fits(&self, rows: &[SigningKeyRow]) -> Result<bool, KeyError> {
        self.open(rows).map(|keys| keys.is_some())
    }

    /// A key that signs and the one after it, which are not stored yet.
    ///
    /// # Errors
    /// [`KeyError`] from the cryptographic library.
    pub fn first_pair(&self) -> Result<[SigningKeyRow; 2], KeyError> {
        let now = Utc::now();
        let current = SigningKeyRow { activated_at: Some(now), ..self.generate(now)? };
        Ok([current, self.generate(now)?])
    }

    fn make_first(&self, store: &Store, instead: bool, caller: &Caller) -> Result<Keys, KeyError> {
        let rows = self.first_pair()?;
        let [current, next] = &rows;
        let event = AuditEvent::new(Action::KeyCreate, Target::new("SigningKey", &current.kid))
            .after(json!({"current": current.kid, "next": next.kid}));
        let made = store.run(caller, |tenant| {
            if instead { tenant.replace_signing_keys(&rows, &event) } else { tenant.insert_signing_keys(&rows, &event) }
        });
        match made {
            Ok(()) => self.open(&rows)?.ok_or(KeyError::Concurrent),
            // Another server was quicker.
            Err(store::Error::Conflict { .. }) => {
                self.open(&store.gate(|gate| gate.signing_keys())?)?.ok_or(KeyError::Concurrent)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Has the next key sign and makes another next one. The kids of the new current and the new next key. `at_once` has it sign although
    /// it was published a moment ago; this server knows it, but others may keep the key set without it.
    ///
    /// # Errors
    /// [`KeyError::TooEarly`], and [`KeyError::Concurrent`] when somebody else rotates at the same moment.
    pub fn rotate(&self, store: &Store, caller: &Caller, at_once: bool) -> Result<(String, String), KeyError> {
        self.keys(store)?;
        let rows = store.gate(|gate| gate.signing_keys())?;
        let find = |state| rows.iter().find(|row| KeyState::of(row) == state).ok_or(KeyError::Concurrent);
        let (current, next) = (find(KeyState::Current)?, find(KeyState::Next)?);
        let now = Utc::now();
        let published = next.created_at + KEPT_FOR;
        if published > now && !at_once {
            let seconds = (published - now).num_seconds() + 1;
            return Err(KeyError::TooEarly { kid: next.kid.clone(), seconds });
        }
        let new = self.generate(now)?;
        let event = AuditEvent::new(Action::KeyRotate, Target::new("SigningKey", &next.kid))
            .after(json!({"previous": current.kid, "current": next.kid, "next": new.kid}));
        let rotated = store.run(caller, |tenant| tenant.rotate_signing_key(&current.kid, &next.kid, &new, &event));
        match rotated {
            Ok(true) => {}
            Ok(false) | Err(store::Error::Conflict { .. }) => return Err(KeyError::Concurrent),
            Err(error) => return Err(error.into()),
        }
        self.load(store)?;
        Ok((next.kid.clone(), new.kid))
    }

    /// Makes and publishes a next key where there is none.
    ///
    /// # Errors
    /// [`KeyError::Concurrent`] when there is one.
    pub fn publish_next(&self, store: &Store, caller: &Caller) -> Result<String, KeyError> {
        self.keys(store)?;
        let new = self.generate(Utc::now())?;
        let event =
            AuditEvent::new(Action::KeyCreate, Target::new("SigningKey", &new.kid)).after(json!({"next": new.kid}));
        match store.run(caller, |tenant| tenant.insert_signing_keys(std::slice::from_ref(&new), &event)) {
            Ok(()) => {}
            Err(store::Error::Conflict { .. }) => return Err(KeyError::Concurrent),
            Err(error) => return Err(error.into()),
        }
        self.load(store)?;
        Ok(new.kid)
    }

    /// Rotates when the current key is old enough and the next one has been published for long enough, and removes the keys of which
    /// no token is valid any more.
    ///
    /// # Errors
    /// [`KeyError`] from the database or the cryptographic library.
    pub fn maintain(&self, store: &Store, now: DateTime<Utc>) -> Result<(), KeyError> {
        store.gate(|gate| gate.delete_retired_signing_keys(now - PUBLISH_AFTER))?;
        let rows = store.gate(|gate| gate.signing_keys())?;
        let old = rows.iter().any(|row| {
            KeyState::of(row) == KeyState::Current && row.activated_at.is_some_and(|at| at + ROTATE_AFTER <= now)
        });
        let ready =
            rows.iter().any(|row| KeyState::of(row) == KeyState::Next && row.created_at + PUBLISH_BEFORE <= now);
        match if old && ready { self.rotate(store, &system(), false).map(drop) } else { Ok(()) } {
            Err(KeyError::Concurrent | KeyError::TooEarly { .. }) => Ok(()),
            other => other,
        }
    }

    /// Makes new keys in place of all. No access token that was issued before is valid any more.
    ///
    /// # Errors
    /// [`KeyError`] from the database or the cryptographic library.
    pub fn replace(&self, store: &Store, caller: &Caller) -> Result<(), KeyError> {
        self.make_first(store, true, caller).map(drop)
    }

    /// Removes a key that does not sign any more, and with it every token that it signed.
    ///
    /// # Errors
    /// [`KeyError::Unknown`] and [`KeyError::InUse`].
    pub fn remove(&self, store: &Store, caller: &Caller, kid: &str) -> Result<(), KeyError> {
        let event = AuditEvent::new(Action::KeyRemove, Target::new("SigningKey", kid));
        if store.run(caller, |tenant| tenant.delete_signing_key(kid, &event))? {
            return self.load(store).map(drop);
        }
        let known = store.gate(|gate| gate.signing_keys())?.iter().any(|row| row.kid == kid);
        Err(if known { KeyError::InUse(kid.to_owned()) } else { KeyError::Unknown(kid.to_owned()) })
    }

    fn generate(&self, now: DateTime<Utc>) -> Result<SigningKeyRow, KeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map_err(|_| KeyError::Cryptography("no key could be made"))?;
        let private = pair.to_pkcs8v1().map_err(|_| KeyError::Cryptography("no key could be written"))?;
        let public_key = pair.public_key().as_ref().to_vec();
        let kid = thumbprint(&public_key);
        if kid.starts_with('-') {
            // At the command line it would be taken for an option.
            return self.generate(now);
        }
        Ok(SigningKeyRow {
            sealed_private_key: self.seal.seal(kid.as_bytes(), private.as_ref())?,
            kid,
            public_key,
            key_version: SealKey::VERSION,
            created_at: now,
            activated_at: None,
            retired_at: None,
        })
    }

    /// The keys of these rows; none where no row signs.
    fn open(&self, rows: &[SigningKeyRow]) -> Result<Option<Keys>, KeyError> {
        let Some(current) = rows.iter().find(|row| KeyState::of(row) == KeyState::Current) else {
            return Ok(None);
        };
        let private = self.seal.open(current.kid.as_bytes(), &current.sealed_private_key);
        let private = private.ok_or_else(|| KeyError::Sealed(current.kid.clone()))?;
        let published = rows.iter().map(|row| {
            let (x, y) = coordinates(&row.public_key);
            let verifies = DecodingKey::from_ec_components(&x, &y);
            let verifies = verifies.map_err(|_| KeyError::Cryptography("a stored public key is none"))?;
            Ok(Published { kid: row.kid.clone(), point: row.public_key.clone(), verifies })
        });
        Ok(Some(Keys {
            kid: current.kid.clone(),
            signs: EncodingKey::from_ec_der(&private),
            published: published.collect::<Result<_, KeyError>>()?,
        }))
    }
}

fn system() -> Caller {
    Caller {
        principal: Arc::new(Principal::system(TenantId::NONE)),
        request_id: Uuid::now_v7().to_string().into(),
        address: None,
    }
}

/// x and y of an uncompressed point, as a JWK has them (RFC 7518 section 6.2.1).
fn coordinates(point: &[u8]) -> (String, String) {
    let (x, y) = point.get(1..).unwrap_or_default().split_at(point.len().saturating_sub(1) / 2);
    (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
}

/// The thumbprint of a public key (RFC 7638 section 3).
fn thumbprint(point: &[u8]) -> String {
    let (x, y) = coordinates(point);
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)))
}
