//! People who sign in, and the clients that send them.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::Utc;
use provisor::audit::{Action, AuditEvent, Target};
use provisor::auth::administrators::{self, NewAdministrator};
use provisor::auth::role::Role;
use provisor::id::TenantId;
use provisor::store::ClientRow;
use uuid::Uuid;

use super::{operator, shared};

/// The password of all of them.
pub const PASSWORD: &str = "correct horse battery";
/// Where clients in tests take people back.
pub const CALLBACK: &str = "https://system-admin.okta.com/admin/app/cpc/acme_1/oauth/callback";

/// Somebody who can sign in to the shared server.
#[derive(Debug, Clone)]
pub struct Somebody {
    pub id: Uuid,
    pub email: String,
}

/// Creates an administrator of a tenant, or an operator.
pub fn somebody(tenant: TenantId, role: Role) -> Somebody {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let email = format!("ada{}@example.com", NUMBER.fetch_add(1, Ordering::Relaxed));
    let new = NewAdministrator { email: &email, role, password: PASSWORD };
    let row = shared().with_backend(|backend| administrators::create(&backend.store, &operator(tenant), &new)).unwrap();
    Somebody { id: row.id, email }
}

/// An OAuth client that may send people, for a test to change.
pub fn client(tenant: TenantId) -> ClientRow {
    ClientRow {
        id: format!("client-{}", Uuid::now_v7().simple()),
        tenant_id: tenant.0,
        name: "Acme Okta".into(),
        confidential: true,
        grant_types: vec!["authorization_code".into(), "refresh_token".into()],
        scopes: vec!["scim.read".into(), "scim.write".into()],
        redirect_uris: vec![CALLBACK.into()],
        pkce_required: false,
        jwks: None,
        jwks_uri: None,
        access_token_seconds: 3_600,
        refresh_idle_seconds: 7_776_000,
        created_at: Utc::now(),
        disabled_at: None,
        tokens_not_before: None,
        last_used_at: None,
    }
}

/// Stores a client.
pub fn registered(client: ClientRow) -> ClientRow {
    let event = AuditEvent::new(Action::ClientCreate, Target::new("OAuthClient", &client.id));
    let caller = operator(TenantId(client.tenant_id));
    shared()
        .with_backend(|backend| backend.store.run(&caller, |tenant| tenant.insert_client(&client, &[], None, &event)))
        .unwrap();
    client
}
