//! Who is calling: credentials, and the [`Principal`] that a valid one becomes.

pub mod administrators;
mod authenticate;
pub mod connect_runs;
pub mod device;
pub mod invitations;
pub mod keys;
pub mod master_key;
pub mod name;
pub mod password;
mod principal;
mod recent;
pub mod role;
pub mod seal;
pub mod second_factor;
pub mod secret;
pub mod sessions;
pub mod settings;
pub mod setup;
pub mod setup_links;
pub mod sso;
pub mod stamp;
pub mod throttle;
pub mod tokens;
pub mod totp;
mod uses;

pub(crate) use authenticate::stands;
pub use authenticate::{Authenticator, Credential, Refusal, Told};
pub use principal::{Actor, ActorKind, Caller, Principal, Scope, Scopes, TenantSettings};
pub use recent::LIFETIME as RECENT_LIFETIME;
pub use tokens::{IssuedToken, NewToken, TokenError};
