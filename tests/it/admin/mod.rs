//! The admin UI, by a small browser without scripts. What needs a real one is in `tests/browser`.

mod administrators;
mod audit;
mod clients;
mod connect;
mod customers;
mod directory;
mod errors;
mod forms;
mod guards;
mod keys;
mod log;
mod schemas;
mod second_factor;
mod settings;
mod sso;
mod tenants;
mod tokens;

use provisor::auth::role::Role;
use provisor::id::TenantId;

use crate::support::people::{PASSWORD, somebody};
use crate::support::{Browser, shared};

/// The browser of somebody who has signed in.
fn signed_in(tenant: TenantId, role: Role) -> Browser {
    let person = somebody(tenant, role);
    let mut browser = Browser::new(&shared().url);
    browser.sign_in(&person.email, PASSWORD);
    browser
}
