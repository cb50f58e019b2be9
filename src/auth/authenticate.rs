//! From the text of a credential to a [`Principal`], or to the reason why not. The reason goes to the audit log; the caller hears
//! the same 401 whatever it was.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};

use super::principal::{Actor, ActorKind, Principal, Scope};
use super::recent::Recent;
use super::secret::{Kind, Secret, SecretHash, TokenKey};
use crate::id::TenantId;
use crate::store::{self, Store, StoredToken, TokenUse};

/// A credential that is well-formed, with the hash that is looked for.
#[derive(Debug)]
pub struct Credential {
    id: String,
    hash: SecretHash,
}

/// Why a credential was refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// The tenant, where the credential is one of ours.
    pub tenant: TenantId,
    /// The credential's public id, or empty.
    pub id: String,
    /// The reason, for the audit log.
    pub reason: &'static str,
}

impl Refusal {
    /// The refusal of a credential that is none of ours.
    #[must_use]
    pub fn unknown(reason: &'static str) -> Self {
        Self { tenant: TenantId::NONE, id: String::new(), reason }
    }
}

/// Verifies credentials.
#[derive(Debug)]
pub struct Authenticator {
    key: TokenKey,
    recent: Recent,
    used: Mutex<HashMap<String, TokenUse>>,
}

impl Authenticator {
    /// An authenticator for tokens that were hashed under this key.
    #[must_use]
    pub fn new(key: TokenKey) -> Self {
        Self { key, recent: Recent::default(), used: Mutex::default() }
    }

    /// Reads the `Authorization` header: a header token with or without `Bearer` (Okta sends both).
    ///
    /// # Errors
    /// [`Refusal`] when it holds no token of ours.
    pub fn credential(&self, header: Option<&str>) -> Result<Credential, Refusal> {
        let header = header.ok_or_else(|| Refusal::unknown("no credential"))?;
        let token = match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            Some(_) => return Err(Refusal::unknown("unsupported scheme")),
            None => header.trim(),
        };
        let secret = Secret::parse(Kind::HeaderToken, token).ok_or_else(|| Refusal::unknown("malformed token"))?;
        Ok(Credential { id: secret.id().to_owned(), hash: secret.hash(&self.key) })
    }

    /// The principal of a credential that was verified within the last second. Needs no database.
    pub fn recent(&self, credential: &Credential) -> Option<Arc<Principal>> {
        self.recent.find(&credential.hash, Instant::now())
    }

    /// Verifies a credential against the database.
    ///
    /// # Errors
    /// The inner [`Refusal`] when it is unknown, wrong, revoked or expired; the outer error when the database does not answer.
    pub fn verify(
        &self,
        store: &Store,
        credential: &Credential,
        address: Option<&str>,
    ) -> Result<Result<Arc<Principal>, Refusal>, store::Error> {
        let stored = store.gate(|gate| gate.header_token(&credential.id))?;
        let now = Utc::now();
        let verdict = self.judge(credential, stored, now);
        if verdict.is_ok() {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            used.insert(credential.id.clone(), TokenUse { at: now, address: address.map(str::to_owned) });
        }
        Ok(verdict)
    }

    fn judge(
        &self,
        credential: &Credential,
        stored: Option<StoredToken>,
        now: DateTime<Utc>,
    ) -> Result<Arc<Principal>, Refusal> {
        let expected = stored.as_ref().and_then(|token| SecretHash::from_bytes(&token.secret_hash));
        let matches = credential.hash.matches(&expected.unwrap_or(SecretHash::NONE));
        let Some(token) = stored.filter(|_| matches) else {
            return Err(Refusal::unknown("unknown token"));
        };
        let refuse = |reason| Err(Refusal { tenant: token.tenant, id: credential.id.clone(), reason });
        if token.revoked_at.is_some() {
            return refuse("revoked token");
        }
        if token.expires_at.is_some_and(|expires| expires <= now) {
            return refuse("expired token");
        }
        // A leaver's own token must not outlive the account.
        if token.user.is_some_and(|user| !user.may_sign_in) {
            return refuse("the token's user is deleted or inactive");
        }
        let actor = Actor { kind: ActorKind::HeaderToken, id: credential.id.clone(), name: token.name };
        let scopes = token.scopes.iter().filter_map(|name| Scope::parse(name)).collect();
        let principal = Principal::new(token.tenant, token.settings, actor, scopes);
        let principal = Arc::new(principal.for_user(token.user.map(|user| user.id)));
        let valid = token.expires_at.and_then(|expires| (expires - now).to_std().ok());
        self.recent.insert(credential.hash, Arc::clone(&principal), Instant::now(), valid);
        Ok(principal)
    }

    /// The uses since the last call, for the background job that records them.
    pub fn take_uses(&self) -> HashMap<String, TokenUse> {
        std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
