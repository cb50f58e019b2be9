//! OAuth 2.0: the authorization server (RFC 6749 and what builds on it), and the access tokens it issues for the SCIM API.

pub mod access_token;
pub mod error;
pub mod metadata;
pub mod parameters;
pub mod pkce;
pub mod redirect_uri;
pub mod scope;
