//! Whoever changes the log in the database is found out, and so is where.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection;
use provisor::chain::Fault;
use serde_json::Value;
use uuid::Uuid;

use super::{Server, entries, id, sealed, value};
use crate::support::process::run;
use crate::support::{Random, database, eventually};

/// Entries of each tenant.
const ENTRIES: u32 = 12;

/// A superuser who has switched off what would stop him.
fn tamper(server: &Server, statements: &str) {
    const TABLES: [&str; 3] = ["audit_events", "audit_seals", "audit_checkpoints"];
    let switch = |to: &str| TABLES.map(|table| format!("ALTER TABLE {table} {to} TRIGGER USER;")).concat();
    let always = TABLES.map(|table| format!("ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only;")).concat();
    let all = format!("BEGIN; {} {statements} {} {always} COMMIT", switch("DISABLE"), switch("ENABLE"));
    database::execute(&mut server.database(), &all);
}

/// What `audit verify` tells of each tenant, by id, and whether all is well.
fn verify(server: &Server) -> (BTreeMap<String, Value>, bool) {
    let output = run(&server.data, &["audit", "verify", "--json"]);
    let told: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    (
        told.into_iter().map(|report| (report["tenant"].as_str().unwrap().to_owned(), report)).collect(),
        output.status.success(),
    )
}

/// Where a change must be found: the number of the link, or the entry, and how it is called.
type Expected = (Option<i64>, Option<String>, Fault);

/// A change of one row, and where it must be found.
fn random_change(random: &mut Random, tenant: Uuid, seals: &[(i64, String)]) -> (String, Vec<Expected>) {
    let at = random.below(seals.len());
    let (seq, event) = &seals[at];
    let (tenant_is, event_is) =
        (format!("tenant_id = '{tenant}'"), format!("tenant_id = '{tenant}' AND id = '{event}'"));
    let found = |fault| vec![(Some(*seq), Some(event.clone()), fault)];
    match random.below(8) {
        0 | 1 => {
            let change = *random.pick(&[
                "target_id = target_id || 'x'",
                "after = '{\"active\": true}'",
                "after = NULL",
                "occurred_at = occurred_at - interval '1 microsecond'",
                "actor_name = 'somebody else'",
                "address = '192.0.2.9'",
                "detail = ''",
                "action = 'resource.delete'",
                "request_id = ''",
            ]);
            (format!("UPDATE audit_events SET {change} WHERE {event_is};"), found(Fault::Edited))
        }
        2 | 3 => (format!("DELETE FROM audit_events WHERE {event_is};"), found(Fault::Deleted)),
        4 => {
            // The contents of two entries change places.
            let other = &seals[(at + 1 + random.below(seals.len() - 1)) % seals.len()];
            let swap = format!(
                "UPDATE audit_events AS e SET target_id = o.target_id, before = o.before, after = o.after, request_id = o.request_id \
                 FROM audit_events AS o WHERE e.{tenant_is} AND o.{tenant_is} AND \
                 (e.id, o.id) IN (('{event}', '{}'), ('{}', '{event}'));",
                other.1, other.1
            );
            let both = [
                (Some(*seq), Some(event.clone()), Fault::Edited),
                (Some(other.0), Some(other.1.clone()), Fault::Edited),
            ];
            (swap, both.to_vec())
        }
        5 => {
            let new = Uuid::from_u128(Uuid::parse_str(event).unwrap().as_u128() + 1);
            let insert = format!(
                "INSERT INTO audit_events SELECT tenant_id, '{new}', occurred_at, action, actor_kind, actor_id, actor_name, target_type, \
                 'nobody', before, after, detail, request_id, address FROM audit_events WHERE {event_is};"
            );
            (insert, vec![(None, Some(new.to_string()), Fault::Inserted)])
        }
        6 => (
            format!("UPDATE audit_seals SET hash = sha256(hash) WHERE {tenant_is} AND seq = {seq};"),
            found(Fault::SealEdited),
        ),
        _ => (
            format!("DELETE FROM audit_seals WHERE {tenant_is} AND seq = {seq};"),
            vec![(Some(*seq), None, Fault::SealDeleted)],
        ),
    }
}

#[test]
fn a_thousand_random_changes_of_single_rows_are_each_found_where_they_are() {
    let server = Server::start();
    let mut pg = server.database();
    // One more than there are changes: that one stays whole.
    let tenants: Vec<Uuid> = (0..=1_000).map(|_| Uuid::now_v7()).collect();
    for tenants in tenants.chunks(50) {
        database::execute(&mut pg, &tenants.iter().map(|tenant| entries(*tenant, ENTRIES)).collect::<String>());
    }
    sealed(&mut pg);
    assert!(verify(&server).1);
    let mut random = Random::new(Random::seed(41));
    let mut expected = BTreeMap::new();
    let mut changes = String::new();
    for tenant in &tenants[1..] {
        let query = format!(
            "SELECT seq || ' ' || event_id AS value FROM audit_seals WHERE tenant_id = '{tenant}' ORDER BY seq"
        );
        let seals = database::texts(&mut pg, &query);
        let seals: Vec<(i64, String)> = seals
            .iter()
            .map(|seal| seal.split_once(' ').map(|(seq, event)| (seq.parse().unwrap(), event.to_owned())).unwrap())
            .collect();
        let (change, found) = random_change(&mut random, *tenant, &seals);
        changes.push_str(&change);
        expected.insert(tenant.to_string(), found);
    }
    tamper(&server, &changes);
    let (told, whole) = verify(&server);
    assert!(!whole);
    for (tenant, expected) in expected {
        let breaks = told[&tenant]["breaks"].as_array().unwrap();
        for (seq, event, fault) in &expected {
            let is_it = |found: &&Value| {
                found["fault"] == fault.code()
                    && found["seq"].as_i64() == *seq
                    && (event.is_none() || found["event"].as_str() == event.as_deref())
            };
            assert!(breaks.iter().any(|found| is_it(&found)), "{tenant}: {expected:?}, but {breaks:?}");
        }
        // A seal that is gone leaves its entry without one.
        let more = usize::from(expected[0].2 == Fault::SealDeleted);
        assert!(breaks.len() <= expected.len() + more, "{tenant}: {expected:?}, but {breaks:?}");
    }
    assert_eq!(told[&tenants[0].to_string()]["whole"], true);
}

#[test]
fn a_chain_that_is_made_anew_contradicts_its_checkpoint() {
    let server = Server::start();
    let mut pg = server.database();
    let tenant = Uuid::now_v7();
    database::execute(&mut pg, &entries(tenant, 5));
    sealed(&mut pg);
    // The server signs the heads when it ends.
    let Server { process, data } = server;
    drop(pg);
    process.stop();
    let server = Server { process: crate::support::ServerProcess::start(&data), data };
    let mut pg = server.database();
    let signed = format!("SELECT seq::text AS value FROM audit_checkpoints WHERE tenant_id = '{tenant}'");
    assert_eq!(value(&mut pg, &signed), "5");
    let head = format!(
        "SELECT seq || ':' || encode(hash, 'hex') AS value FROM audit_seals WHERE tenant_id = '{tenant}' ORDER BY seq DESC LIMIT 1"
    );
    let head = value(&mut pg, &head);
    // All links are taken away, and the server makes them anew over changed entries.
    tamper(
        &server,
        &format!(
            "DELETE FROM audit_seals WHERE tenant_id = '{tenant}'; DELETE FROM audit_chains WHERE tenant_id = '{tenant}';
             UPDATE audit_events SET target_id = 'x' WHERE tenant_id = '{tenant}';
             INSERT INTO audit_unsealed SELECT tenant_id, id FROM audit_events WHERE tenant_id = '{tenant}';"
        ),
    );
    sealed(&mut pg);
    let (told, whole) = verify(&server);
    let breaks = &told[&tenant.to_string()]["breaks"];
    assert!(!whole);
    assert_eq!((&breaks[0]["fault"], &breaks[0]["seq"]), (&Value::from("rewritten"), &Value::from(5)));
    // Without the checkpoint, or with one of his own, the head that was noted elsewhere still tells.
    let forged = format!(
        "UPDATE audit_checkpoints SET hash = (SELECT hash FROM audit_seals WHERE tenant_id = '{tenant}' AND seq = 5) WHERE tenant_id = '{tenant}';"
    );
    tamper(&server, &forged);
    assert_eq!(verify(&server).0[&tenant.to_string()]["breaks"][0]["fault"], "forged");
    tamper(&server, &format!("DELETE FROM audit_checkpoints WHERE tenant_id = '{tenant}';"));
    assert_eq!(verify(&server).0[&tenant.to_string()]["whole"], true);
    let named = format!(
        "INSERT INTO tenants (id, name, stores_passwords, created_at, unique_group_names, schema_revision) VALUES ('{tenant}', 'acme', false, now(), true, 0)"
    );
    database::execute(&mut pg, &named);
    let expected = run(&server.data, &["audit", "verify", "--tenant", "acme", "--expect", &head]);
    assert_eq!(expected.status.code(), Some(1));
    let said = String::from_utf8(expected.stdout).unwrap();
    assert!(said.contains("acme: BROKEN") && said.contains("broken at #5: the hash is not the one expected"), "{said}");
}

#[test]
fn the_end_of_a_chain_cannot_be_cut_off_and_no_entry_taken_before_it_is_sealed() {
    let server = Server::start();
    let mut pg = server.database();
    let (cut, lost) = (Uuid::now_v7(), Uuid::now_v7());
    database::execute(&mut pg, &format!("{}{}", entries(cut, 5), entries(lost, 5)));
    sealed(&mut pg);
    tamper(
        &server,
        &format!(
            "DELETE FROM audit_events AS e USING audit_seals AS s WHERE s.tenant_id = '{cut}' AND s.seq > 3 AND e.tenant_id = s.tenant_id AND e.id = s.event_id;
             DELETE FROM audit_seals WHERE tenant_id = '{cut}' AND seq > 3;
             INSERT INTO audit_unsealed VALUES ('{lost}', {});",
            id("1")
        ),
    );
    let (told, _) = verify(&server);
    let faults = |tenant: Uuid| -> Vec<(Option<i64>, String)> {
        let breaks = told[&tenant.to_string()]["breaks"].as_array().unwrap();
        breaks.iter().map(|found| (found["seq"].as_i64(), found["fault"].as_str().unwrap().to_owned())).collect()
    };
    assert_eq!(faults(cut), [(Some(4), "seal_deleted".to_owned()), (Some(5), "seal_deleted".to_owned())]);
    assert_eq!(faults(lost), [(None, "deleted_unsealed".to_owned())]);
}

#[test]
fn a_seal_with_the_last_number_stops_its_own_chain_alone_and_is_named() {
    let server = Server::start();
    let mut pg = server.database();
    let (full, near, other) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::now_v7());
    database::execute(&mut pg, &format!("{}{}{}", entries(full, 3), entries(near, 3), entries(other, 3)));
    sealed(&mut pg);
    let cell = std::cell::RefCell::new(pg);
    let value = |query: String| value(&mut cell.borrow_mut(), &query);
    let checked =
        format!("SELECT min(checked_seq)::text AS value FROM audit_chains WHERE tenant_id IN ('{full}', '{near}')");
    eventually("the first check", || (value(checked.clone()) == "3").then_some(()));
    // Whoever serves may insert: no trigger is in the way.
    let slipped_in = |tenant: Uuid, seq: i64| {
        format!("INSERT INTO audit_seals VALUES ('{tenant}', {seq}, '{}', sha256('x'));", Uuid::now_v7())
    };
    database::execute(
        &mut cell.borrow_mut(),
        &format!(
            "BEGIN; {}{}{}{}{} COMMIT",
            slipped_in(full, i64::MAX),
            slipped_in(near, i64::MAX - 2),
            entries(full, 5),
            entries(near, 5),
            entries(other, 5),
        ),
    );
    let waiting = |tenant: Uuid| {
        value(format!("SELECT count(*)::text AS value FROM audit_unsealed WHERE tenant_id = '{tenant}'"))
    };
    let state = |tenant: Uuid| {
        value(format!(
            "SELECT concat_ws(' ', breaks, broken_seq, broken_how) AS value FROM audit_chains WHERE tenant_id = '{tenant}'"
        ))
    };
    eventually("the seals of another tenant", || (waiting(other) == "0").then_some(()));
    eventually("the break of the full chain", || (state(full) == format!("1 {} head", i64::MAX)).then_some(()));
    eventually("the break of the other chain", || (state(near) == "1 4 seal_deleted").then_some(()));
    assert_eq!((state(other).as_str(), waiting(full).as_str(), waiting(near).as_str()), ("0", "5", "3"));
    // And it goes on.
    database::execute(&mut cell.borrow_mut(), &entries(other, 5));
    eventually("the next seals", || (waiting(other) == "0").then_some(()));
    let (told, _) = verify(&server);
    assert_eq!(told[&other.to_string()]["whole"], true);
    for tenant in [full, near] {
        let first = &told[&tenant.to_string()]["breaks"][0];
        assert_eq!((&first["seq"], &first["fault"]), (&Value::from(4), &Value::from("seal_deleted")));
    }
    drop(cell);
    assert!(server.process.stop());
}

#[test]
fn a_time_that_is_none_is_named_and_hides_nothing_else() {
    let server = Server::start();
    let mut pg = server.database();
    let (tenant, other) = (Uuid::now_v7(), Uuid::now_v7());
    database::execute(&mut pg, &entries(tenant, 5));
    sealed(&mut pg);
    // Whoever serves may insert, so such an entry must not keep those of others from their seals.
    let slipped_in = entries(tenant, 1).replace("now()", "'infinity'");
    database::execute(&mut pg, &format!("BEGIN; {slipped_in} {} COMMIT", entries(other, 5)));
    sealed(&mut pg);
    let event = |seq: i64| format!("(SELECT event_id FROM audit_seals WHERE tenant_id = '{tenant}' AND seq = {seq})");
    let edit = |seq: i64, at: &str| {
        format!("UPDATE audit_events SET occurred_at = '{at}' WHERE tenant_id = '{tenant}' AND id = {};", event(seq))
    };
    tamper(
        &server,
        &format!(
            "{}{}{} DELETE FROM audit_checkpoints WHERE tenant_id = '{tenant}'; INSERT INTO audit_checkpoints VALUES ('{tenant}', 3, sha256('x'), 'infinity', 'x'), \
             ('{tenant}', 5, sha256('x'), '-infinity', 'x');
             UPDATE audit_chains SET complete_at = '-infinity', checked_at = 'infinity', asked_at = 'infinity', \
             scanned_at = now() WHERE tenant_id = '{tenant}';",
            edit(1, "infinity"),
            edit(2, "-infinity"),
            edit(4, "294276-12-31"),
        ),
    );
    let doctor: Value = serde_json::from_slice(&run(&server.data, &["doctor", "--json"]).stdout).unwrap();
    let chains =
        doctor["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == "audit.chain").unwrap();
    assert!(chains["said"].as_str().unwrap().starts_with("last verified 0001-01-01"), "{chains}");
    let (told, _) = verify(&server);
    let breaks = told[&tenant.to_string()]["breaks"].as_array().unwrap();
    let faults: Vec<_> = breaks.iter().map(|found| (found["seq"].as_i64(), found["fault"].as_str().unwrap())).collect();
    let expected = [(1, "edited"), (2, "edited"), (4, "edited"), (3, "forged"), (5, "forged")];
    assert_eq!(faults, expected.map(|(seq, fault)| (Some(seq), fault)));
    assert_eq!(told[&other.to_string()]["whole"], true);
}

#[test]
fn a_seal_with_a_number_before_the_first_is_refused_and_counts_for_nothing() {
    let server = Server::start();
    let mut pg = server.database();
    let (tenant, new) = (Uuid::now_v7(), Uuid::now_v7());
    database::execute(&mut pg, &entries(tenant, 3));
    sealed(&mut pg);
    let event = Uuid::now_v7();
    let seal = |tenant: Uuid, seq: i64, event: Uuid| {
        format!("INSERT INTO audit_seals VALUES ('{tenant}', {seq}, '{event}', sha256('x'));")
    };
    for seq in [0, -1, i64::MIN] {
        let refused = pg.batch_execute(&seal(tenant, seq, event)).unwrap_err().to_string();
        assert!(refused.contains("audit_seals_from_one"), "{seq}: {refused}");
    }
    // Whoever owns the table takes that away, and gives an entry that he slipped in a seal where no verification comes by.
    let slipped_in = entries(tenant, 1).replace(&id("n"), &format!("'{event}'"));
    tamper(
        &server,
        &format!(
            "ALTER TABLE audit_seals DROP CONSTRAINT audit_seals_from_one; {slipped_in} {} {}",
            seal(tenant, 0, event),
            seal(new, -5, Uuid::now_v7()),
        ),
    );
    database::execute(&mut pg, &entries(new, 3));
    sealed(&mut pg);
    let first = format!("SELECT min(seq)::text AS value FROM audit_seals WHERE tenant_id = '{new}' AND seq > -5");
    assert_eq!(value(&mut pg, &first), "1");
    let (told, _) = verify(&server);
    let breaks = &told[&tenant.to_string()]["breaks"];
    assert_eq!(breaks.as_array().unwrap().len(), 1, "{breaks}");
    assert_eq!((&breaks[0]["event"], &breaks[0]["fault"]), (&Value::from(event.to_string()), &Value::from("inserted")));
    assert_eq!(told[&new.to_string()]["whole"], true);
}
