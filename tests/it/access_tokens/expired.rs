//! What the server tidies up by itself: it begins when it starts, and ends when it is told to.

use std::time::{Duration, Instant};

use super::*;
use crate::support::{ServerProcess, TemporaryDirectory, database};

/// A row for each side of each limit: what goes is called `old`, what stays is called `new`.
const ROWS: &str = "
    DELETE FROM setup_codes;
    INSERT INTO oauth_clients (id, tenant_id, name, confidential, grant_types, scopes, redirect_uris, pkce_required,
        access_token_seconds, refresh_idle_seconds, created_at)
        VALUES ('c', '00000000-0000-7000-8000-000000000001', 'Okta', true, '{}', '{}', '{}', false, 600, 600, now());
    INSERT INTO authorization_codes (id, code_hash, key_version, client_id, tenant_id, administrator_id, redirect_uri, scopes,
        created_at, expires_at)
        SELECT name, '', 1, 'c', gen_random_uuid(), gen_random_uuid(), '', '{}', now(), now() - age::interval
        FROM (VALUES ('old', '61 min'), ('new', '59 min')) AS rows (name, age);
    INSERT INTO oauth_grants (tenant_id, id, client_id, administrator_id, administrator_email, scopes, created_at, last_used_at, revoked_at)
        SELECT '00000000-0000-7000-8000-000000000001', md5(name)::uuid, 'c', gen_random_uuid(), name, '{}',
            now() - created::interval, now() - used::interval, now() - revoked::interval
        FROM (VALUES ('old revoked', '200 d', '1 d', '91 d'), ('new revoked', '200 d', '100 d', '89 d'),
            ('old unused', '91 d', NULL, NULL), ('old used long ago', '200 d', '91 d', NULL),
            ('new unused', '89 d', NULL, NULL), ('new used lately', '200 d', '89 d', NULL),
            ('new with a token', '200 d', '91 d', NULL)) AS rows (name, created, used, revoked);
    INSERT INTO refresh_tokens (id, tenant_id, grant_id, token_hash, key_version, created_at, expires_at)
        SELECT name, '00000000-0000-7000-8000-000000000001', md5(of)::uuid, '', 1, now(), now() - age::interval
        FROM (VALUES ('old', 'new unused', '1 min'), ('new', 'new with a token', '-1 min')) AS rows (name, of, age);
    INSERT INTO revoked_access_tokens (jti, expires_at)
        SELECT 'old' || number, now() - interval '5 min' FROM generate_series(1, 1700) AS number;
    INSERT INTO revoked_access_tokens (jti, expires_at) VALUES ('new', now() - interval '30 s');
    INSERT INTO used_assertions (client_id, jti, expires_at)
        VALUES ('c', 'old', now() - interval '5 min'), ('c', 'new', now() + interval '1 min');
    INSERT INTO used_sso_states (state, expires_at)
        VALUES ('old', now() - interval '1 min'), ('new', now() + interval '1 min');
    INSERT INTO administrators (id, tenant_id, email, folded_email, role, password_hash, created_at)
        VALUES (md5('ada')::uuid, '00000000-0000-0000-0000-000000000000', 'ada@example.com', 'ada@example.com', 'owner', '', now());
    INSERT INTO sessions (id_hash, administrator_id, created_at, seen_at)
        SELECT name::bytea, md5('ada')::uuid, now() - begun::interval, now() - seen::interval
        FROM (VALUES ('old idle', '1 h', '31 min'), ('old long', '13 h', '1 min'), ('new', '11 h', '29 min')) AS rows (name, begun, seen);
    INSERT INTO setup_codes (code_hash, created_at)
        VALUES ('old', now() - interval '61 min'), ('new', now() - interval '59 min');
    INSERT INTO throttles (subject, failures, last_failed_at)
        VALUES ('old', 1, now() - interval '61 min'), ('new', 1, now() - interval '59 min');
    UPDATE signing_keys SET activated_at = now() - interval '91 d' WHERE activated_at IS NOT NULL;
    UPDATE signing_keys SET created_at = now() - interval '92 d';
    INSERT INTO signing_keys (kid, public_key, sealed_private_key, key_version, created_at, activated_at, retired_at)
        SELECT 'old', public_key, '', 1, now(), now() - interval '4 h', now() - interval '181 min' FROM signing_keys LIMIT 1;
    INSERT INTO signing_keys (kid, public_key, sealed_private_key, key_version, created_at, activated_at, retired_at)
        SELECT 'new', public_key, '', 1, now(), now() - interval '4 h', now() - interval '179 min' FROM signing_keys LIMIT 1;";

/// The names of all rows.
const LEFT: &str = "
    SELECT 'code ' || id AS value FROM authorization_codes
    UNION ALL SELECT 'grant ' || administrator_email FROM oauth_grants
    UNION ALL SELECT 'refresh ' || id FROM refresh_tokens
    UNION ALL SELECT 'revoked ' || jti FROM revoked_access_tokens
    UNION ALL SELECT 'assertion ' || jti FROM used_assertions
    UNION ALL SELECT 'state ' || state FROM used_sso_states
    UNION ALL SELECT 'session ' || encode(id_hash, 'escape') FROM sessions
    UNION ALL SELECT 'set-up ' || encode(code_hash, 'escape') FROM setup_codes
    UNION ALL SELECT 'throttle ' || subject FROM throttles
    UNION ALL SELECT 'key ' || kid FROM signing_keys WHERE length(kid) = 3
    ORDER BY value";

#[test]
fn what_has_had_its_time_is_deleted_and_an_old_key_is_exchanged() {
    let data_dir = TemporaryDirectory::new("expired");
    let server = ServerProcess::start(&data_dir);
    // The first round finds nothing; the next server's first round finds what comes now.
    std::thread::sleep(Duration::from_millis(300));
    let mut pg = database::connect(&data_dir, "provisor");
    let keys = "SELECT kid AS value FROM signing_keys WHERE retired_at IS NULL AND activated_at IS NOT NULL";
    database::execute(&mut pg, ROWS);
    let before = database::texts(&mut pg, keys);
    drop(pg);
    let begun = Instant::now();
    assert!(server.stop());
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());

    let server = ServerProcess::start(&data_dir);
    let mut expected = vec![
        "assertion new",
        "code new",
        "grant new revoked",
        "grant new unused",
        "grant new used lately",
        "grant new with a token",
        "key new",
        "refresh new",
        "revoked new",
        "session new",
        "set-up new",
        "state new",
        "throttle new",
    ];
    expected.sort_unstable();
    eventually("the end of what has had its time", || {
        let left = database::texts(&mut database::connect(&data_dir, "provisor"), LEFT);
        assert!(expected.iter().all(|name| left.iter().any(|left| left == name)), "{left:?}");
        (left == expected).then_some(())
    });
    eventually("another current key", || {
        let now = database::texts(&mut database::connect(&data_dir, "provisor"), keys);
        (now.len() == 1 && now != before).then_some(())
    });
    assert!(server.stop());
}
