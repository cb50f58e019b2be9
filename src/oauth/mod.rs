//! OAuth 2.0: the authorization server (RFC 6749 and what builds on it), and the access tokens it issues for the SCIM API.
//!
//! Most modules here are the protocol as pure functions. Those that use the store are [`authenticate_client`], [`clients`], [`consent`],
//! [`grant`], [`introspect`], [`revoke`] and [`server`].

pub mod access_token;
pub mod assertion;
pub mod authenticate_client;
pub mod authorization_request;
pub mod client_authentication;
pub mod clients;
pub mod consent;
pub mod error;
pub mod grant;
pub mod grant_type;
pub mod introspect;
pub mod metadata;
pub mod parameters;
pub mod pkce;
pub mod public_keys;
pub mod redirect_uri;
pub mod revoke;
pub mod scope;
pub mod server;
pub mod token_request;
pub mod token_response;
