//! From the text of a credential to a [`Principal`], or to the reason why not. The reason goes to the audit log; the caller hears
//! no more than [`Told`].

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};

use super::keys::{KeyError, KeyRing};
use super::principal::{Actor, ActorKind, Principal, Scope};
use super::recent::{Recent, Remembered, is_taken_from};
use super::secret::{Kind, Secret, SecretHash, TokenKey};
use super::uses::Uses;
use crate::id::TenantId;
use crate::network::Networks;
use crate::oauth::access_token::{self, Claims, LEEWAY_SECONDS, Parties};
use crate::oauth::scope;
use crate::store::{self, Access, AccessQuestion, GrantState, Store, StoredToken, TokenUse};

/// A credential that is well-formed, with the hash by which it is known again.
pub struct Credential {
    hash: SecretHash,
    kind: CredentialKind,
}

enum CredentialKind {
    /// A header token, with its public id.
    HeaderToken { id: String },
    /// A JWT, whoever signed it.
    AccessToken { text: String },
}

/// What a caller hears of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Told {
    /// That a credential is wanted, and which kind.
    Wanted,
    /// That the credential is not valid.
    Invalid,
    /// That it was valid once. Only who holds an access token that we have signed hears that.
    Expired,
}

/// Why a credential was refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// The tenant, where the credential is one of ours.
    pub tenant: TenantId,
    /// The public id of the header token or client, or empty.
    pub id: String,
    /// The reason, for the audit log.
    pub reason: &'static str,
    /// What the caller hears of it.
    pub told: Told,
}

impl Refusal {
    /// The refusal of a credential that is none of ours.
    #[must_use]
    pub fn unknown(reason: &'static str) -> Self {
        Self { tenant: TenantId::NONE, id: String::new(), reason, told: Told::Invalid }
    }

    /// The refusal of a request without a credential, or with one of a kind that is not known here.
    #[must_use]
    pub fn wanted(reason: &'static str) -> Self {
        Self { told: Told::Wanted, ..Self::unknown(reason) }
    }
}

/// Verifies credentials.
#[derive(Debug)]
pub struct Authenticator {
    key: TokenKey,
    keys: Arc<KeyRing>,
    issuer: String,
    audience: String,
    recent: Recent,
    uses: Uses,
}

impl Authenticator {
    /// An authenticator for header tokens that were hashed under this key, and for access tokens that these keys signed, of this
    /// issuer and for this audience.
    #[must_use]
    pub fn new(key: TokenKey, keys: Arc<KeyRing>, parties: Parties<'_>) -> Self {
        Self {
            key,
            keys,
            issuer: parties.issuer.to_owned(),
            audience: parties.audience.to_owned(),
            recent: Recent::default(),
            uses: Uses::default(),
        }
    }

    /// Reads the `Authorization` header: a header token with or without `Bearer` (Okta sends both), or an access token with it. Which
    /// of them it is, is told by the shape alone (RFC 8725 section 3.12).
    ///
    /// # Errors
    /// [`Refusal`] when it holds neither.
    pub fn credential(&self, header: Option<&str>) -> Result<Credential, Refusal> {
        let header = header.map(str::trim).filter(|header| !header.is_empty());
        let header = header.ok_or_else(|| Refusal::wanted("no credential"))?;
        let (bearer, token) = match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => (true, token.trim()),
            // Another method says no more than none (RFC 6750 section 3.1).
            Some(_) => return Err(Refusal::wanted("unsupported scheme")),
            None => (false, header),
        };
        if let Some(secret) = Secret::parse(Kind::HeaderToken, token) {
            let kind = CredentialKind::HeaderToken { id: secret.id().to_owned() };
            return Ok(Credential { hash: secret.hash(&self.key), kind });
        }
        if token.len() > access_token::LENGTH {
            return Err(Refusal::unknown("token too long"));
        }
        match (access_token::is_shaped(token), bearer) {
            (true, true) => {
                let kind = CredentialKind::AccessToken { text: token.to_owned() };
                Ok(Credential { hash: self.key.digest(token), kind })
            }
            (true, false) => Err(Refusal::unknown("access token without the scheme")),
            (false, _) => Err(Refusal::unknown(mistake(token))),
        }
    }

    /// The principal of a credential that was verified within the last second and is taken from this address. Needs no database.
    pub fn recent(&self, credential: &Credential, address: Option<&str>) -> Option<Arc<Principal>> {
        self.recent.find(&credential.hash, address, Instant::now())
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
    ) -> Result<Result<Arc<Principal>, Refusal>, KeyError> {
        let now = Utc::now();
        // What is remembered is as old as what it rests on.
        let mut seen = Instant::now();
        let mut networks = Networks::default();
        let verdict = match &credential.kind {
            CredentialKind::HeaderToken { id } => {
                let stored = store.gate(|gate| gate.nearest_header_token(id))?;
                let verdict = judge_header_token(id, &credential.hash, stored, address, now);
                verdict.map(|(principal, end, bound)| {
                    networks = bound;
                    (principal, end)
                })
            }
            CredentialKind::AccessToken { text } => {
                let (verdict, key_seen) = self.verify_access_token(store, text, now)?;
                seen = key_seen.map_or(seen, |key_seen| key_seen.min(seen));
                verdict
            }
        };
        Ok(verdict.map(|(principal, end)| {
            let principal = Arc::new(principal);
            let valid = end.and_then(|end| (end - now).to_std().ok());
            let calls = match &credential.kind {
                CredentialKind::HeaderToken { id } => self.uses.record(id, now, address),
                CredentialKind::AccessToken { .. } => Arc::default(),
            };
            let remembered = Remembered { principal: Arc::clone(&principal), networks, calls };
            self.recent.insert(credential.hash, remembered, seen, valid);
            principal
        }))
    }

    /// The verdict, and when the key of the token was last seen in the database.
    fn verify_access_token(
        &self,
        store: &Store,
        text: &str,
        now: DateTime<Utc>,
    ) -> Result<(Verdict, Option<Instant>), KeyError> {
        let parties = Parties { issuer: &self.issuer, audience: &self.audience };
        let (claims, seen) = match self.keys.verify(store, text, parties, now)? {
            Ok(verified) => verified,
            Err(reason) => {
                let told = if reason == access_token::EXPIRED { Told::Expired } else { Told::Invalid };
                return Ok((Err(Refusal { told, ..Refusal::unknown(reason) }), None));
            }
        };
        Ok((stands(store, &claims)?, Some(seen)))
    }

    /// Writes the uses of header tokens since the last call. What cannot be written is lost.
    ///
    /// # Errors
    /// [`store::Error`] from the database.
    pub fn record_uses(&self, store: &Store) -> Result<(), store::Error> {
        self.uses.write(|uses| store.gate(|gate| gate.record_token_uses(uses)))
    }

    /// The uses of a header token that are not written yet.
    pub fn pending_uses(&self, id: &str) -> Option<TokenUse> {
        self.uses.pending(id)
    }
}

/// What somebody did wrong with a token, as far as its text tells.
fn mistake(token: &str) -> &'static str {
    const TWICE: &str = "bearer ";
    if token.get(..TWICE.len()).is_some_and(|start| start.eq_ignore_ascii_case(TWICE)) {
        return "the word Bearer twice";
    }
    if token.starts_with(['"', '\'', '\u{201c}', '\u{2018}', '<']) {
        return "quotes around the token";
    }
    match token.get(..6) {
        Some("pvr_t_") if token.len() < Secret::LENGTH => "a part of a token",
        Some("pvr_s_") => "a client secret in place of a token",
        _ => "malformed token",
    }
}

/// Whose a credential is, and when it ends by itself.
pub(crate) type Verdict = Result<(Principal, Option<DateTime<Utc>>), Refusal>;

fn judge_header_token(
    id: &str,
    hash: &SecretHash,
    stored: Option<StoredToken>,
    address: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(Principal, Option<DateTime<Utc>>, Networks), Refusal> {
    let expected = stored.as_ref().and_then(|token| SecretHash::from_bytes(&token.secret_hash));
    let matches = hash.matches(&expected.unwrap_or(SecretHash::NONE));
    let Some(token) = stored.filter(|token| matches && token.id == id) else {
        return Err(Refusal::unknown("unknown token"));
    };
    let refuse = |reason| Err(Refusal { tenant: token.tenant, id: id.to_owned(), ..Refusal::unknown(reason) });
    if token.revoked_at.is_some() {
        return refuse("revoked token");
    }
    if token.expires_at.is_some_and(|expires| expires <= now) {
        return refuse("expired token");
    }
    let Ok(networks) = token.allowed_networks.join(",").parse() else {
        return refuse("the token's networks cannot be read");
    };
    if !is_taken_from(&networks, address) {
        return refuse("the token is not taken from this address");
    }
    // A leaver's own token must not outlive the account.
    if token.user.is_some_and(|user| !user.may_sign_in) {
        return refuse("the token's user is deleted or inactive");
    }
    let actor = Actor { kind: ActorKind::HeaderToken, id: id.to_owned(), name: token.name };
    let scopes = token.scopes.iter().filter_map(|name| Scope::parse(name)).collect();
    let principal = Principal::new(token.tenant, token.settings, actor, scopes);
    Ok((principal.for_user(token.user.map(|user| user.id)), token.expires_at, networks))
}

/// What an access token is worth of which signature, parties and times are right: whether its client, grant and tenant stand by it.
pub(crate) fn stands(store: &Store, claims: &Claims) -> Result<Verdict, store::Error> {
    let question = AccessQuestion {
        client_id: &claims.client_id,
        tenant: TenantId(claims.tenant),
        grant: claims.grant,
        jti: claims.jti,
    };
    let access = store.gate(|gate| gate.access(question))?;
    Ok(judge_access_token(claims, access))
}

/// Judges such a token by what has become of its client, grant and tenant since.
fn judge_access_token(claims: &Claims, access: Option<Access>) -> Verdict {
    let tenant = TenantId(claims.tenant);
    let refuse = |tenant, reason| Err(Refusal { tenant, id: claims.client_id.clone(), ..Refusal::unknown(reason) });
    let Some(access) = access else {
        return refuse(TenantId::NONE, "the token's client is gone");
    };
    let Some(settings) = access.settings else {
        return refuse(access.client_tenant, "the token's tenant is gone");
    };
    // A catalogue client acts for the tenant of whoever consented.
    if access.client_tenant != tenant && access.client_tenant != TenantId::NONE {
        return refuse(access.client_tenant, "the token's tenant is not its client's");
    }
    if access.client_disabled_at.is_some() {
        return refuse(tenant, "the token's client is disabled");
    }
    // The times of tokens have whole seconds: one issued later in the second of the mark is refused as well, so that none from before
    // it passes. Its client gets another one.
    let issued_at = DateTime::from_timestamp(claims.iat, 0).unwrap_or(DateTime::<Utc>::MIN_UTC);
    if access.tokens_not_before.is_some_and(|mark| issued_at < mark) {
        return refuse(tenant, "access token from before the client's tokens were revoked");
    }
    match (claims.grant, access.grant) {
        (Some(_), None) => return refuse(tenant, "the token's grant is gone"),
        (Some(_), Some(GrantState::Revoked)) => return refuse(tenant, "the token's grant is revoked"),
        // Nobody has consented to what a catalogue client would do by itself.
        (None, _) if access.client_tenant == TenantId::NONE => return refuse(tenant, "access token without a grant"),
        _ => {}
    }
    if access.token_revoked {
        return refuse(tenant, "revoked access token");
    }
    let Some(scopes) = scope::parse(&claims.scope) else {
        return refuse(tenant, "access token with an unknown scope");
    };
    let end = DateTime::from_timestamp(claims.exp, 0)
        .and_then(|end| end.checked_add_signed(TimeDelta::seconds(LEEWAY_SECONDS)));
    Ok((Principal::oauth_client(tenant, settings, &claims.client_id, &access.client_name, scopes), end))
}
