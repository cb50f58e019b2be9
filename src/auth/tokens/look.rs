//! Finding header tokens, and what there is to say of them.

use chrono::{DateTime, TimeDelta, Utc};

use super::super::principal::Caller;
use super::TokenError;
use crate::store::{self, Store, TokenCallerRow, TokenFilter, TokenQuery, TokenRow, TokenState};

/// How long before its end a token is said to end soon.
pub const SOON: TimeDelta = TimeDelta::days(14);
/// After how long without a call a token is said to be unused.
pub const UNUSED: TimeDelta = TimeDelta::days(30);
/// How long a token that ended stays in the list.
pub const KEPT: TimeDelta = TimeDelta::days(90);
/// Whoever used a token within this time is likely to use it now.
pub const IN_USE: TimeDelta = TimeDelta::hours(24);
/// Tokens on a page of the list.
const PAGE: usize = 50;
/// Addresses that are told of a token.
const CALLERS: i64 = 10;

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
    /// Refuses a successor while the token that this one replaces is still taken: with a third one beside them nobody would know which is
    /// where. What a script does on the command line is not held to it.
    ///
    /// # Errors
    /// [`TokenError::Overlapping`].
    pub fn refuse_third(&self, now: DateTime<Utc>) -> Result<(), TokenError> {
        if self.is_overlapping(now) { Err(TokenError::Overlapping) } else { Ok(()) }
    }

    /// Whether the token that this one replaces is still taken.
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
