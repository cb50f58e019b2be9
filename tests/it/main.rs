//! The tests that drive provisor from outside: over HTTP and by its command line, on a real Postgres.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access_tokens;
mod admin;
mod arbitrary_inputs;
mod architecture;
mod audit;
mod authorization;
mod authorize;
mod bad_input;
mod cli;
mod configuration_reference;
mod definitions;
mod durability;
mod examples;
mod exchanges;
mod field_problems;
mod filter_sql;
mod groups;
mod interop;
mod isolation;
mod large_replies;
mod limits;
mod memberships_sql;
mod migrations;
mod oauth;
mod oauth_flow;
mod okta;
mod openapi;
mod private_postgres;
mod races;
mod requirements;
mod sign_in;
mod sort_sql;
mod stolen_database;
mod support;
