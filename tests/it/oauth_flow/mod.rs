//! The flows as identity providers run them, from the sign-in page to the SCIM calls, with the `oauth2` crate in the provider's
//! place and a browser in the administrator's.

mod client_credentials;
mod okta;
pub mod provider;

use provider::{Provider, Tokens, come_back};
