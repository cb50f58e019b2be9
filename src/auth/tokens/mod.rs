//! Header tokens as an operator manages them: create, list, rotate with an overlap, revoke.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::name;
use super::principal::{Caller, Scope, Scopes};
use super::secret::{Kind, Secret, TokenKey};
use crate::audit::{Action, AuditEvent, Target};
use crate::id::ResourceId;
use crate::network::Networks;
use crate::store::{self, Store, TokenCallerRow, TokenChanges, TokenFilter, TokenQuery, TokenRow, TokenState};

/// How long before its end a token is said to end soon.
pub const SOON: TimeDelta = TimeDelta::days(14);
/// After how long without a call a token is said to be unused.
pub const UNUSED: TimeDelta = TimeDelta::days(30);
/// How long a token that ended stays in the list.
pub const KEPT: TimeDelta = TimeDelta::days(90);
/// Whoever used a token within this time is likely to use it now.
pub const IN_USE: TimeDelta = TimeDelta::hours(24);
/// How long a token with a successor may go on at most.
pub const LONGEST_OVERLAP: TimeDelta = TimeDelta::days(7);
/// Tokens on a page of the list.
const PAGE: usize = 50;
/// Addresses that are told of a token.
const CALLERS: i64 = 10;
/// Networks that a token may be bound to.
const NETWORKS: usize = 50;

/// What a new token is to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The name that says who holds it.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it ends; never, without.
    pub expires_at: Option<DateTime<Utc>>,
    /// From where it is taken, as addresses and networks; from everywhere, without.
    pub allowed_networks: Vec<String>,
    /// The user that it stands for; none, for an identity provider's token.
    pub user: Option<ResourceId>,
}

/// What a person can say of a token: of a new one, and of one that is changed.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The name.
    pub name: String,
    /// What it may do; after a change, no more than before.
    pub scopes: Scopes,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// From where it is taken.
    pub allowed_networks: Vec<String>,
}

/// A token and what is known around it.
#[derive(Debug)]
pub struct Details {
    /// The token.
    pub row: TokenRow,
    /// The token that it replaces.
    pub former: Option<TokenRow>,
    /// The addresses that it came from, the last ones first.
    pub callers: Vec<TokenCallerRow>,
}

/// What an administrator ought to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// It ends within [`SOON`], and has no successor.
    EndsSoon,
    /// It never ends.
    NeverEnds,
    /// It was not used for [`UNUSED`].
    Unused,
    /// It came from an address within [`IN_USE`] that it never came from before.
    NewAddress,
}

/// Which tokens a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// All, also those that ended within [`KEPT`].
    All,
    /// Those that are taken.
    Active,
    /// Those of them that end within [`SOON`].
    Expiring,
    /// Those of them that were not used for [`UNUSED`].
    Unused,
    /// Those that were revoked or expired.
    Revoked,
}

/// A token just made, with the secret that is shown this once.
#[derive(Debug)]
pub struct IssuedToken {
    /// The stored record.
    pub row: TokenRow,
    /// The secret.
    pub secret: Secret,
}

/// Why a token could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// There is no such token in the tenant.
    #[error("no token '{0}' in this tenant")]
    Unknown(String),
    /// It is revoked or expired already.
    #[error("token '{0}' is no longer valid; create a new one")]
    Ended(String),
    /// It has a successor already.
    #[error("token '{id}' is rotated already; rotate its successor '{successor}', or revoke both and create a new one")]
    Rotated {
        /// The token.
        id: String,
        /// The token that replaces it.
        successor: String,
    },
    /// The tenant is served nothing.
    #[error("the tenant is suspended; resume it first")]
    Suspended,
    /// It has no successor, so nothing overlaps.
    #[error("token '{0}' has no successor")]
    NotRotated(String),
    /// What cannot be a name.
    #[error("a name has 1 to {longest} characters and no control characters", longest = name::LENGTH)]
    Name,
    /// The name of another token.
    #[error("another token that is in use has this name")]
    Taken,
    /// No scope.
    #[error("a token that may do nothing is of no use; choose at least one scope")]
    NoScope,
    /// More than it could before.
    #[error("a token cannot be given more than it had; create a new one")]
    Wider,
    /// An end that has passed.
    #[error("the end is in the past; revoke the token to end it now")]
    Past,
    /// Not addresses and networks.
    #[error("'allowed from' wants up to 50 addresses or networks like 192.0.2.1 or 10.0.0.0/8")]
    Networks,
    /// The form that asked for it was sent before.
    #[error("this form was sent before, and the token was made then")]
    Twice,
    /// The operating system gives no randomness.
    #[error("no randomness from the operating system: {0}")]
    Random(#[from] getrandom::Error),
    /// The database.
    #[error(transparent)]
    Store(store::Error),
}

impl From<store::Error> for TokenError {
    fn from(error: store::Error) -> Self {
        if error.is_second_submission() { Self::Twice } else { Self::Store(error) }
    }
}

/// Creates a token in the caller's tenant.
///
/// # Errors
/// [`TokenError`] without randomness or database.
pub fn create(store: &Store, caller: &Caller, key: &TokenKey, new: &NewToken) -> Result<IssuedToken, TokenError> {
    refuse_suspended(store, caller)?;
    let (row, secret) = issue(caller, key, new, Utc::now())?;
    let event = AuditEvent::new(Action::TokenCreate, target(&row.id)).after(summary(&row));
    store.run(caller, |tenant| tenant.insert_header_token(&row, None, &event))?;
    Ok(IssuedToken { row, secret })
}

/// Creates a token that a person asked for by a form, once for each form. Unlike a script, a person is not to make a second token of
/// the same name: nobody could tell them apart.
///
/// # Errors
/// [`TokenError`] when it cannot be as it is asked for, or was made before.
pub fn create_by_form(
    store: &Store,
    caller: &Caller,
    key: &TokenKey,
    wanted: &Wanted,
    form: Uuid,
) -> Result<IssuedToken, TokenError> {
    refuse_suspended(store, caller)?;
    let now = Utc::now();
    check(wanted, now)?;
    let Wanted { name, scopes, expires_at, allowed_networks } = wanted.clone();
    let new = NewToken { name, scopes, expires_at, allowed_networks, user: None };
    let (row, secret) = issue(caller, key, &new, now)?;
    let event = AuditEvent::new(Action::TokenCreate, target(&row.id)).after(summary(&row));
    store.run(caller, |tenant| {
        // Before the name: sent twice, the form would find its own token in the way.
        if tenant.is_submitted(form)? {
            return Err(TokenError::Twice);
        }
        if tenant.has_header_token_named(&row.name, now, &[])? {
            return Err(TokenError::Taken);
        }
        Ok(tenant.insert_header_token(&row, Some(form), &event)?)
    })?;
    Ok(IssuedToken { row, secret })
}

/// The tokens of the caller's tenant, the newest first.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn list(store: &Store, caller: &Caller) -> Result<Vec<TokenRow>, store::Error> {
    store.run(caller, |tenant| tenant.header_tokens())
}

/// A page of the tokens of the caller's tenant, the newest first: those of which the name holds a text, after one that was created at
/// some time and has some id. And whether there are more.
///
/// # Errors
/// [`store::Error`] from the database.
pub fn page(
    store: &Store,
    caller: &Caller,
    shown: Shown,
    name: &str,
    before: Option<(DateTime<Utc>, String)>,
) -> Result<(Vec<TokenRow>, bool), store::Error> {
    let now = Utc::now();
    let filter = match shown {
        Shown::All => TokenFilter::All,
        Shown::Active => TokenFilter::Active,
        Shown::Expiring => TokenFilter::EndingBefore(now + SOON),
        Shown::Unused => TokenFilter::UnusedSince(now - UNUSED),
        Shown::Revoked => TokenFilter::Ended,
    };
    if name.contains('\0') {
        return Ok((Vec::new(), false));
    }
    let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let query = TokenQuery { filter, name, kept_since: now - KEPT, now, before, limit };
    let mut rows = store.read(caller, |tenant| tenant.find_header_tokens(&query))?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    Ok((rows, more))
}

/// A token of the caller's tenant with what is known around it.
///
/// # Errors
/// [`TokenError::Unknown`].
pub fn details(store: &Store, caller: &Caller, id: &str) -> Result<Details, TokenError> {
    let known = (!id.contains('\0')).then_some(id).ok_or_else(|| TokenError::Unknown(id.to_owned()))?;
    store.read(caller, |tenant| {
        let found = tenant.header_token_and_former(known)?;
        let (row, former) = found.ok_or_else(|| TokenError::Unknown(id.to_owned()))?;
        let callers = tenant.header_token_callers(&row, CALLERS)?;
        Ok(Details { row, former, callers })
    })
}

impl Details {
    /// Whether the token that this one replaces is still taken. A third one beside them would leave nobody knowing which is where.
    #[must_use]
    pub fn is_overlapping(&self, now: DateTime<Utc>) -> bool {
        self.former.as_ref().is_some_and(|former| former.is_valid(now))
    }

    /// What an administrator ought to look at, by `now`.
    #[must_use]
    pub fn warnings(&self, now: DateTime<Utc>) -> Vec<Warning> {
        let mut warnings = warnings(&self.row, now);
        let is_new = |caller: &TokenCallerRow| caller.first_at > now - IN_USE;
        let (fresh, known): (Vec<_>, Vec<_>) = self.callers.iter().partition(|caller| is_new(caller));
        if self.row.is_valid(now) && !fresh.is_empty() && !known.is_empty() {
            warnings.push(Warning::NewAddress);
        }
        warnings
    }
}

/// What an administrator ought to look at in the list.
#[must_use]
pub fn warnings(row: &TokenRow, now: DateTime<Utc>) -> Vec<Warning> {
    if !row.is_valid(now) {
        return Vec::new();
    }
    let ends_soon = row.state(now) == TokenState::Valid && row.expires_at.is_some_and(|end| end <= now + SOON);
    let is_unused = row.last_used_at.unwrap_or(row.created_at) < now - UNUSED;
    let table =
        [(ends_soon, Warning::EndsSoon), (row.expires_at.is_none(), Warning::NeverEnds), (is_unused, Warning::Unused)];
    table.into_iter().filter(|(applies, _)| *applies).map(|(_, warning)| warning).collect()
}

/// Wanted a token that is taken. Its scopes can only become fewer: whoever holds it was given it for these.
///
/// # Errors
/// [`TokenError`] when there is no such token, or it cannot be as it is asked for.
pub fn update(store: &Store, caller: &Caller, id: &str, wanted: &Wanted) -> Result<(), TokenError> {
    let now = Utc::now();
    let Details { row, former, .. } = details(store, caller, id)?;
    if !row.is_valid(now) {
        return Err(TokenError::Ended(id.to_owned()));
    }
    check(wanted, now)?;
    let scopes: Vec<String> = wanted.scopes.names().map(str::to_owned).collect();
    if scopes.iter().any(|scope| !row.scopes.contains(scope)) {
        return Err(TokenError::Wider);
    }
    let family = [Some(id), former.as_ref().map(|former| &*former.id), row.rotated_to.as_deref()];
    let family: Vec<&str> = family.into_iter().flatten().collect();
    let taken = |name: &str| store.read(caller, |tenant| tenant.has_header_token_named(name, now, &family));
    if wanted.name != row.name && taken(&wanted.name)? {
        return Err(TokenError::Taken);
    }
    let changed = TokenRow {
        name: wanted.name.clone(),
        scopes,
        expires_at: wanted.expires_at,
        allowed_networks: wanted.allowed_networks.clone(),
        ..row.clone()
    };
    set(store, caller, &row, &changed, now)
}

/// Has a token that has a successor end at another time: now, or later than it would.
///
/// # Errors
/// [`TokenError`] when there is no such token, or it has no successor.
pub fn set_overlap(store: &Store, caller: &Caller, id: &str, overlap: TimeDelta) -> Result<(), TokenError> {
    let now = Utc::now();
    let Details { row, .. } = details(store, caller, id)?;
    match row.state(now) {
        TokenState::Rotated => {}
        TokenState::Valid => return Err(TokenError::NotRotated(id.to_owned())),
        TokenState::Expired | TokenState::Revoked => return Err(TokenError::Ended(id.to_owned())),
    }
    let changed = TokenRow { expires_at: Some(now + overlap.min(LONGEST_OVERLAP)), ..row.clone() };
    set(store, caller, &row, &changed, now)
}

/// Writes what differs between two states of a token.
fn set(
    store: &Store,
    caller: &Caller,
    before: &TokenRow,
    after: &TokenRow,
    now: DateTime<Utc>,
) -> Result<(), TokenError> {
    let (mut old, mut new) = (summary(before), summary(after));
    if let (Some(old), Some(new)) = (old.as_object_mut(), new.as_object_mut()) {
        let same: Vec<String> = old.keys().filter(|name| old.get(*name) == new.get(*name)).cloned().collect();
        for name in same {
            old.remove(&name);
            new.remove(&name);
        }
        if old.is_empty() && new.is_empty() {
            return Ok(());
        }
    }
    let changes = TokenChanges {
        name: after.name.clone(),
        scopes: after.scopes.clone(),
        expires_at: after.expires_at,
        allowed_networks: after.allowed_networks.clone(),
    };
    let event = AuditEvent { before: Some(old), ..AuditEvent::new(Action::TokenUpdate, target(&before.id)).after(new) };
    let changed =
        store.run(caller, |tenant| tenant.update_header_token(&before.id, &before.scopes, &changes, now, &event))?;
    if changed { Ok(()) } else { Err(TokenError::Ended(before.id.clone())) }
}

/// All that is wrong with what a token is to be, as far as it can be told without a look at the others.
#[must_use]
pub fn problems(wanted: &Wanted, now: DateTime<Utc>) -> Vec<TokenError> {
    let networks = &wanted.allowed_networks;
    let are_networks = networks.len() <= NETWORKS && networks.join(",").parse::<Networks>().is_ok();
    let rules = [
        (!name::fits(&wanted.name), TokenError::Name),
        (wanted.scopes == Scopes::default(), TokenError::NoScope),
        (wanted.expires_at.is_some_and(|end| end <= now), TokenError::Past),
        (!are_networks, TokenError::Networks),
    ];
    rules.into_iter().filter(|(broken, _)| *broken).map(|(_, error)| error).collect()
}

fn check(wanted: &Wanted, now: DateTime<Utc>) -> Result<(), TokenError> {
    problems(wanted, now).into_iter().next().map_or(Ok(()), Err)
}

/// Makes a successor of a token with the same name, scopes and length of life. The old one goes on for `overlap`, so that the
/// identity provider can be changed over without a gap.
///
/// # Errors
/// [`TokenError`] when there is no such valid token, or it has a successor.
pub fn rotate(
    store: &Store,
    caller: &Caller,
    key: &TokenKey,
    id: &str,
    overlap: TimeDelta,
) -> Result<IssuedToken, TokenError> {
    refuse_suspended(store, caller)?;
    let now = Utc::now();
    let old = store.run(caller, |tenant| tenant.header_token(id))?;
    let old = old.ok_or_else(|| TokenError::Unknown(id.to_owned()))?;
    if !old.is_valid(now) {
        return Err(TokenError::Ended(id.to_owned()));
    }
    if let Some(successor) = old.rotated_to {
        return Err(TokenError::Rotated { id: id.to_owned(), successor });
    }
    let new = NewToken {
        name: old.name.clone(),
        scopes: old.scopes.iter().filter_map(|name| Scope::parse(name)).collect(),
        expires_at: old.expires_at.map(|expires| now + (expires - old.created_at)),
        allowed_networks: old.allowed_networks.clone(),
        user: old.user_id.map(ResourceId),
    };
    let (row, secret) = issue(caller, key, &new, now)?;
    let end = old.expires_at.map_or(now + overlap, |expires| expires.min(now + overlap));
    let event = AuditEvent::new(Action::TokenRotate, target(id)).after(json!({"rotatedTo": row.id, "expiresAt": end}));
    if !store.run(caller, |tenant| tenant.rotate_header_token(&row, id, end, &event))? {
        return Err(TokenError::Ended(id.to_owned()));
    }
    Ok(IssuedToken { row, secret })
}

/// Revokes a token. Revoking it again changes nothing.
///
/// # Errors
/// [`TokenError::Unknown`] when there is no such token.
pub fn revoke(store: &Store, caller: &Caller, id: &str) -> Result<(), TokenError> {
    let event = AuditEvent::new(Action::TokenRevoke, target(id));
    if store.run(caller, |tenant| tenant.revoke_header_token(id, &event))? {
        return Ok(());
    }
    match store.run(caller, |tenant| tenant.header_token(id))? {
        Some(_) => Ok(()),
        None => Err(TokenError::Unknown(id.to_owned())),
    }
}

fn refuse_suspended(store: &Store, caller: &Caller) -> Result<(), TokenError> {
    let is_open = store.gate(|gate| gate.is_open(caller.principal.tenant()))?;
    if is_open { Ok(()) } else { Err(TokenError::Suspended) }
}

fn issue(
    caller: &Caller,
    key: &TokenKey,
    new: &NewToken,
    now: DateTime<Utc>,
) -> Result<(TokenRow, Secret), getrandom::Error> {
    let secret = Secret::generate(Kind::HeaderToken)?;
    let row = TokenRow {
        id: secret.id().to_owned(),
        tenant_id: caller.principal.tenant().0,
        name: new.name.clone(),
        secret_hash: secret.hash(key).as_bytes().to_vec(),
        key_version: TokenKey::VERSION,
        scopes: new.scopes.names().map(str::to_owned).collect(),
        created_at: now,
        expires_at: new.expires_at,
        revoked_at: None,
        last_used_at: None,
        last_used_address: None,
        rotated_to: None,
        user_id: new.user.map(|ResourceId(id)| id),
        created_by: caller.principal.actor().name.clone(),
        allowed_networks: new.allowed_networks.clone(),
        calls: 0,
        rotated_at: None,
        calls_at_rotation: 0,
    };
    Ok((row, secret))
}

fn target(id: &str) -> Target {
    Target::new("HeaderToken", id)
}

fn summary(row: &TokenRow) -> Value {
    let mut summary = json!({"name": row.name, "scopes": row.scopes, "expiresAt": row.expires_at});
    if !row.allowed_networks.is_empty() {
        summary["allowedNetworks"] = row.allowed_networks.clone().into();
    }
    if let Some(user) = row.user_id {
        summary["user"] = user.to_string().into();
    }
    summary
}
