//! OAuth clients and the token endpoint: who gets tokens, for what, and how they end.

mod assertions;
mod authentication;
mod client_credentials;
mod codes;
mod commands;
mod endpoints;
mod introspection;
mod refreshing;
mod revocation;
mod secrets;
mod throttling;

use crate::support::database;
use crate::support::oauth::*;
use crate::support::{Answer, Client, Tenant, eventually, shared, tenant};

/// A tenant with an identity provider that holds tokens.
struct Connected {
    tenant: Tenant,
    client: OAuthClient,
    endpoints: Endpoints,
    access: String,
    refresh: String,
}

fn connected() -> Connected {
    let tenant = tenant();
    let client = client(tenant.id, &provider());
    let endpoints = Endpoints::shared();
    let answer = client.redeem(&endpoints, &code(&client, &consent(tenant.id)));
    let (access, refresh) = (text(&answer, "access_token"), text(&answer, "refresh_token"));
    Connected { tenant, client, endpoints, access, refresh }
}

/// Changes rows of the shared database.
fn change(statement: &str) {
    database::execute(&mut database::connect(&shared().data_dir, "provisor"), statement);
}

/// The public id in a secret.
fn public_id(secret: &str) -> &str {
    &secret[6..18]
}

/// The audit entries of a tenant with this action.
fn audited(tenant: &Tenant, action: &str) -> Vec<provisor::store::AuditRow> {
    tenant.audit().into_iter().filter(|row| row.action == action).collect()
}
