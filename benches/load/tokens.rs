//! What an access token costs: reads with one against reads with a header token, side by side.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use clap::Parser;
use provisor::audit::{Action, AuditEvent, Target};
use provisor::auth::{Caller, Principal};
use provisor::backend::Backend;
use provisor::config::Settings;
use provisor::id::TenantId;
use provisor::oauth::access_token::Claims;
use provisor::private_postgres::Role;
use provisor::store::ClientRow;
use uuid::Uuid;

use super::common::server::Server;
use super::{Options, driver, median, workloads};

/// Measures and prints.
pub fn measure(options: &Options, server: &Server, directory: &workloads::Directory) {
    let access_token = issue(server);
    let length = Duration::from_secs(options.seconds);
    let rate = |token: &str| {
        let run = driver::run(server, token, options.connections, length, &|client, random| {
            workloads::read(client, random, directory);
        });
        run.operations as f64 / run.elapsed.as_secs_f64()
    };
    let (mut access, mut header, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..options.rounds {
        // Each goes first as often as the other.
        let (with_access, with_header) = if round % 2 == 0 {
            let with_access = rate(&access_token);
            (with_access, rate(&server.token))
        } else {
            let with_header = rate(&server.token);
            (rate(&access_token), with_header)
        };
        access.push(with_access);
        header.push(with_header);
        ratios.push(with_access / with_header);
    }
    println!();
    println!(
        "reads by id with an access token {:.0}/s, with a header token {:.0}/s, {:.2} of its speed (superb: 0.90)",
        median(&mut access),
        median(&mut header),
        median(&mut ratios)
    );
}

/// A token of a client of the default tenant, signed with the server's key.
fn issue(server: &Server) -> String {
    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        settings: Settings,
    }
    let data_dir = server.data_dir().to_str().unwrap();
    let settings = Only::parse_from(["provisor", "--data-dir", data_dir]).settings;
    let backend = Backend::open(&settings, Role::Command).unwrap();
    let tenant = TenantId(backend.store.gate(|gate| gate.tenant("default")).unwrap().unwrap().id);
    let now = Utc::now();
    let client = ClientRow {
        id: "bench".into(),
        tenant_id: tenant.0,
        name: "bench".into(),
        confidential: true,
        grant_types: vec!["client_credentials".into()],
        scopes: vec!["scim.read".into()],
        redirect_uris: Vec::new(),
        pkce_required: false,
        jwks: None,
        jwks_uri: None,
        access_token_seconds: 3_600,
        refresh_idle_seconds: 1,
        created_at: now,
        disabled_at: None,
        tokens_not_before: None,
        last_used_at: None,
    };
    let principal = Arc::new(Principal::operator(tenant));
    let operator = Caller { principal, request_id: "bench".into(), address: None };
    let event = AuditEvent::new(Action::ClientCreate, Target::new("OAuthClient", &client.id));
    backend.store.run(&operator, |tenant| tenant.insert_client(&client, &[], None, &event)).unwrap();
    let issuer = format!("http://{}", server.address);
    let claims = Claims {
        aud: format!("{issuer}/scim/v2"),
        iss: issuer,
        sub: client.id.clone(),
        exp: now.timestamp() + 24 * 3_600,
        iat: now.timestamp(),
        nbf: now.timestamp(),
        jti: Uuid::now_v7(),
        client_id: client.id,
        scope: "scim.read".into(),
        tenant: tenant.0,
        grant: None,
    };
    let token = backend.keys.keys(&backend.store).unwrap().sign(&claims).unwrap();
    backend.close().unwrap();
    token
}
