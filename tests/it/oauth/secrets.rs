//! Secrets change without a gap.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::support::process::{run, run_json};

fn rotate(client: &OAuthClient, overlap: &str) -> OAuthClient {
    let rotated = run_json(&shared().data_dir, &["client", "rotate-secret", &client.id, "--overlap", overlap]);
    OAuthClient { secret: rotated["secret"].as_str().unwrap().to_owned(), ..client.clone() }
}

#[test]
fn no_call_fails_while_a_secret_is_changed() {
    let tenant = tenant();
    let client = client(tenant.id, &script());
    let endpoints = Endpoints::shared();
    let stop = AtomicBool::new(false);
    let (asked, rotated) = std::thread::scope(|scope| {
        let calls = scope.spawn(|| {
            let mut asked = 0;
            while !stop.load(Ordering::Relaxed) {
                let answer = client.ask(&endpoints);
                assert_eq!(answer.status, 200, "{}", answer.text);
                asked += 1;
            }
            asked
        });
        let rotated = rotate(&client, "1h");
        for _ in 0..20 {
            assert_eq!(rotated.ask(&endpoints).status, 200);
        }
        stop.store(true, Ordering::Relaxed);
        (calls.join().unwrap(), rotated)
    });
    assert!(asked > 0);
    assert_ne!(rotated.secret, client.secret);
    assert_eq!(audited(&tenant, "client.rotate_secret").len(), 1);
}

#[test]
fn a_client_has_two_secrets_at_most_and_the_old_one_ends_with_the_overlap() {
    let tenant = tenant();
    let first = client(tenant.id, &script());
    let endpoints = Endpoints::shared();
    let works = |client: &OAuthClient| client.ask(&endpoints).status == 200;
    let second = rotate(&first, "1h");
    assert!(works(&first) && works(&second));
    let third = rotate(&second, "1h");
    assert!(!works(&first) && works(&second) && works(&third));
    let aged = "SET expires_at = expires_at - interval '1 hour' WHERE expires_at > now()";
    change(&format!("UPDATE client_secrets {aged} AND client_id = '{}'", first.id));
    assert!(!works(&second) && works(&third));
    let fourth = rotate(&third, "0s");
    assert!(!works(&third) && works(&fourth));
    let shown = run_json(&shared().data_dir, &["client", "show", &first.id]);
    assert_eq!(shown["secrets"].as_array().unwrap().len(), 1);
    assert!(!shown.to_string().contains(&fourth.secret[18..]));
}

#[test]
fn only_a_client_with_secrets_gets_a_new_one() {
    let tenant = tenant();
    let public = client(tenant.id, &provisor::oauth::clients::NewClient { confidential: false, ..provider() });
    for id in [public.id.as_str(), "client_nobody"] {
        let output = run(&shared().data_dir, &["client", "rotate-secret", id]);
        assert_eq!(output.status.code(), Some(1));
    }
}
