//! Sealing: nothing is passed over, whoever commits late and whoever dies.

use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use provisor::chain::{Verification, link};
use provisor::store::Sealed;
use uuid::Uuid;

use super::{Server, entries, id, sealed, value};
use crate::support::process::program;
use crate::support::{Random, ServerProcess, database, eventually};

/// That each chain has the numbers from 1 on and each entry its seal.
fn assert_whole(server: &Server) {
    let mut pg = server.database();
    sealed(&mut pg);
    let gaps = "SELECT count(*)::text AS value FROM (SELECT tenant_id FROM audit_seals GROUP BY tenant_id HAVING max(seq) <> count(*) OR min(seq) <> 1) AS t";
    assert_eq!(value(&mut pg, gaps), "0");
    let counts = "SELECT ((SELECT count(*) FROM audit_events) - (SELECT count(*) FROM audit_seals))::text AS value";
    assert_eq!(value(&mut pg, counts), "0");
    let backend = server.backend();
    let mut next = backend.store.gate(|gate| gate.audited_tenant(None)).unwrap();
    while let Some(tenant) = next {
        let report = Verification::of(tenant).run(&backend.store, &backend.checkpoint_key).unwrap();
        assert_eq!(report.breaks, [], "{tenant}");
        next = backend.store.gate(|gate| gate.audited_tenant(Some(tenant))).unwrap();
    }
}

#[test]
fn an_entry_that_is_committed_late_gets_a_later_number_and_breaks_nothing() {
    let server = Server::start();
    let (mut pg, mut late) = (server.database(), server.database());
    let tenant = Uuid::now_v7();
    database::execute(&mut late, "SET idle_in_transaction_session_timeout = 0; BEGIN");
    database::execute(&mut late, &entries(tenant, 1));
    database::execute(&mut pg, &entries(tenant, 5));
    let seals = format!("SELECT count(*)::text AS value FROM audit_seals WHERE tenant_id = '{tenant}'");
    let cell = std::cell::RefCell::new(&mut pg);
    eventually("the seals of the others", || (value(&mut cell.borrow_mut(), &seals) == "5").then_some(()));
    database::execute(&mut late, "COMMIT");
    eventually("the late seal", || (value(&mut cell.borrow_mut(), &seals) == "6").then_some(()));
    let last = format!(
        "SELECT s.seq::text AS value FROM audit_seals s JOIN audit_events e ON e.tenant_id = s.tenant_id AND e.id = s.event_id \
         WHERE s.tenant_id = '{tenant}' ORDER BY e.id LIMIT 1"
    );
    assert_eq!(value(&mut pg, &last), "6");
    assert_whole(&server);
}

#[test]
fn many_writers_that_commit_late_or_never_leave_a_whole_chain() {
    let server = Server::start();
    let tenants: Vec<Uuid> = (0..5).map(|_| Uuid::now_v7()).collect();
    let seed = Random::seed(40);
    thread::scope(|scope| {
        for writer in 0..8 {
            let (server, tenants) = (&server, &tenants);
            scope.spawn(move || {
                let mut random = Random::new(seed + writer);
                let mut pg = server.database();
                for _ in 0..25 {
                    let tenant = *random.pick(tenants);
                    database::execute(&mut pg, "BEGIN");
                    database::execute(&mut pg, &entries(tenant, 1 + u32::try_from(random.below(4)).unwrap()));
                    thread::sleep(Duration::from_millis(random.below(120) as u64));
                    database::execute(&mut pg, if random.chance(20) { "ROLLBACK" } else { "COMMIT" });
                }
            });
        }
    });
    assert_whole(&server);
}

#[test]
fn one_seals_at_a_time_and_another_goes_on_when_it_is_gone() {
    let server = Server::start();
    let (mut pg, mut holder) = (server.database(), server.database());
    database::execute(
        &mut holder,
        "SET idle_in_transaction_session_timeout = 0; BEGIN; SELECT pg_advisory_xact_lock(7643, 8)",
    );
    let tenant = Uuid::now_v7();
    database::execute(&mut pg, &entries(tenant, 2));
    let backend = server.backend();
    let tried = backend.store.gate(|gate| gate.seal(100, link)).unwrap();
    assert_eq!(tried, Sealed::Elsewhere);
    thread::sleep(Duration::from_millis(2_500));
    let seals = format!("SELECT count(*)::text AS value FROM audit_seals WHERE tenant_id = '{tenant}'");
    assert_eq!(value(&mut pg, &seals), "0");
    // As when its process is killed.
    drop(holder);
    sealed(&mut pg);
    assert_eq!(value(&mut pg, &seals), "2");
    drop(backend);
    assert_whole(&server);
}

#[test]
fn two_servers_make_one_chain_and_the_other_seals_when_one_is_killed() {
    let server = Server::start();
    let mut command = program();
    command.env("DATABASE_URL", database::url(&server.data, "provisor"));
    command.args(["--master-key-file"]).arg(server.data.join("master.key"));
    let data = crate::support::TemporaryDirectory::new("audit2");
    let second = ServerProcess::spawn(command, &data);
    let mut pg = server.database();
    let tenant = Uuid::now_v7();
    for _ in 0..10 {
        database::execute(&mut pg, &entries(tenant, 100));
        thread::sleep(Duration::from_millis(300));
    }
    assert_whole(&server);
    let Server { process, data } = server;
    process.kill();
    database::execute(&mut pg, &entries(tenant, 100));
    sealed(&mut pg);
    let seals = format!("SELECT max(seq)::text AS value FROM audit_seals WHERE tenant_id = '{tenant}'");
    assert_eq!(value(&mut pg, &seals), "1100");
    drop(pg);
    drop(second);
    // Whoever comes next takes the database over and finds everything whole.
    let server = Server { process: ServerProcess::start(&data), data };
    assert_whole(&server);
}

#[test]
fn what_is_written_a_thousand_times_a_second_is_sealed_within_two_seconds() {
    let server = Server::start();
    let mut pg = server.database();
    let tenant = Uuid::now_v7();
    let begun = Instant::now();
    for second in 0..5_u64 {
        for _ in 0..10 {
            database::execute(&mut pg, &entries(tenant, 100));
        }
        thread::sleep(Duration::from_secs(second + 1).saturating_sub(begun.elapsed()));
    }
    let last = Instant::now();
    sealed(&mut pg);
    // A build without optimisation, among other tests, gets more.
    let bound = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 2 });
    assert!(last.elapsed() < bound, "{:?}", last.elapsed());
    assert_whole(&server);
}

#[test]
fn an_entry_that_a_loaded_copy_lets_wait_again_is_sealed_once() {
    let server = Server::start();
    let mut pg = server.database();
    let tenant = Uuid::now_v7();
    database::execute(&mut pg, &entries(tenant, 20));
    sealed(&mut pg);
    database::execute(&mut pg, "INSERT INTO audit_unsealed SELECT tenant_id, event_id FROM audit_seals");
    sealed(&mut pg);
    assert_whole(&server);
    pg.batch_execute(&format!("SELECT {}", id("1"))).unwrap();
}
