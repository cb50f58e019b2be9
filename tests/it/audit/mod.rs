//! The hash chain over the audit log, on servers of its own: tests break what must not be broken elsewhere.

mod append_only;
mod chain;
mod pages;
mod tampering;

use diesel::PgConnection;
use provisor::backend::Backend;
use provisor::private_postgres::Role;
use uuid::Uuid;

use crate::support::{ServerProcess, TemporaryDirectory, database, eventually, settings};

/// A server whose database a test looks into.
struct Server {
    process: ServerProcess,
    data: TemporaryDirectory,
}

impl Server {
    fn start() -> Self {
        let data = TemporaryDirectory::new("audit");
        Self { process: ServerProcess::start(&data), data }
    }

    fn database(&self) -> PgConnection {
        database::connect(&self.data, "provisor")
    }

    fn backend(&self) -> Backend {
        Backend::open(&settings(&self.data), Role::Command).unwrap()
    }
}

/// Writes entries of a tenant as statements do, `count` of them.
fn entries(tenant: Uuid, count: u32) -> String {
    format!(
        "INSERT INTO audit_events (tenant_id, id, occurred_at, action, actor_kind, actor_id, actor_name, target_type, target_id, \
         before, after, request_id) SELECT '{tenant}', {}, now(), 'resource.modify', 'header_token', 'token', 'okta', 'User', \
         'user-' || n, json_build_object('active', true, 'n', n), json_build_object('active', false, 'n', n), 'request-' || n \
         FROM generate_series(1, {count}) AS n;",
        id("n")
    )
}

/// Writes entries of a tenant whose states are of two megabytes; half of them are stored in a hundredth of that.
fn large_entries(tenant: Uuid, count: u32) -> String {
    format!(
        "INSERT INTO audit_events (tenant_id, id, occurred_at, action, actor_kind, actor_id, actor_name, target_type, target_id, \
         before, after, request_id) SELECT '{tenant}', {}, now(), 'resource.replace', 'header_token', 'token', 'okta', 'Group', \
         'group-' || n, NULL, CASE WHEN n % 2 = 0 THEN json_build_object('x', repeat('x', 2 << 20)) ELSE json_build_object('x', \
         (SELECT string_agg(md5((n * m)::text || random()::text), '') FROM generate_series(1, 65536) AS m)) END, 'request-' || n \
         FROM generate_series(1, {count}) AS n;",
        id("n")
    )
}

/// An id as the server makes them, for SQL: the time first.
fn id(salt: &str) -> String {
    format!(
        "(lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7' || substr(md5({salt}::text || random()::text), 1, 3) || '8' \
         || substr(md5(random()::text), 1, 15))::uuid"
    )
}

/// Waits until nothing waits for its seal.
fn sealed(pg: &mut PgConnection) {
    let cell = std::cell::RefCell::new(pg);
    eventually("the seal of all entries", || {
        let waiting = database::texts(&mut cell.borrow_mut(), "SELECT count(*)::text AS value FROM audit_unsealed");
        (waiting == ["0"]).then_some(())
    });
}

/// What one value of one row is.
fn value(pg: &mut PgConnection, query: &str) -> String {
    database::texts(pg, query).pop().unwrap_or_default()
}
