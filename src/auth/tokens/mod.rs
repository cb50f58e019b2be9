//! Header tokens as an operator manages them: create, list, rotate with an overlap, revoke.

mod change;
mod issue;
mod look;

use serde_json::{Value, json};

pub use change::{LONGEST_OVERLAP, Wanted, problems, revoke, set_overlap, update};
pub use issue::{IssuedToken, NewToken, create, create_by_form, rotate};
pub use look::{Details, IN_USE, KEPT, SOON, Shown, UNUSED, Warning, details, list, page, warnings};

use super::name;
use crate::audit::Target;
use crate::store::{self, TokenRow};

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
    /// The one that it replaces is still taken.
    #[error("the token before this one still works. End that overlap first: there are two at most at the same time")]
    Overlapping,
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
