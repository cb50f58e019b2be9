//! Who is calling: credentials, and the [`Principal`] that a valid one becomes.

mod authenticate;
pub mod cursor;
pub mod master_key;
pub mod password;
mod principal;
mod recent;
pub mod secret;
mod tokens;

pub use authenticate::{Authenticator, Credential, Refusal};
pub use principal::{Actor, ActorKind, Caller, Principal, Scope, Scopes, TenantSettings};
pub use recent::LIFETIME as RECENT_LIFETIME;
pub use tokens::{IssuedToken, NewToken, TokenError, create, list, revoke, rotate};
