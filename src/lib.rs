//! Provisor, a SCIM 2.0 service provider (RFC 7643, RFC 7644) and OAuth 2.0 authorization server (RFC 6749) on Postgres.
//!
//! ```text
//! main -> cli -> server -> http -> { provider, oauth -> auth } -> store -> scim
//! ```
//!
//! - [`scim`] is the two RFCs as pure functions.
//! - [`provider`] has one file per RFC verb; there protocol and storage meet.
//! - [`store`] is all the SQL, [`http`] all the HTTP.
//! - [`auth`] turns a credential into a `Principal`, without which the store cannot be reached.
//! - [`oauth`] is the authorization server, which issues access tokens.
//! - [`backup`] is the form of a copy of the database in a file.
//! - [`openapi`] describes the API for machines.
//! - [`chain`] makes the audit log a hash chain and verifies it.
//! - [`tls`] has the server's own certificate, and [`database_url`] says who else could read what goes to the database.
//! - [`backend`] is what server and commands both work on: the database that the settings in [`config`] name, a [`private_postgres`]
//!   where they name none, and the keys.
//! - [`server`] puts them together, and runs until [`shutdown`] is asked for. Meanwhile [`housekeeping`] rotates keys and deletes what
//!   has expired.
//! - [`simulate`] is an identity provider, to try a server with. It uses nothing of the above.
//!
//! [`metrics`] are counted for whoever watches it, and [`log_format`] is the form of its log.
//!
//! `tests/it/architecture.rs` holds the imports to this picture.

pub mod allowance;
pub mod audit;
pub mod auth;
pub mod backend;
pub mod backup;
pub mod chain;
pub mod cli;
pub mod config;
pub mod database_url;
pub mod housekeeping;
pub mod http;
pub mod id;
pub mod log_format;
pub mod metrics;
pub mod network;
pub mod oauth;
pub mod openapi;
pub mod private_postgres;
pub mod provider;
pub mod scim;
pub mod server;
pub mod shutdown;
pub mod simulate;
pub mod store;
pub mod tls;
