//! How clients say who they are (contract section 3.1).

use super::*;

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// Posts to the token endpoint with a header.
fn with_header(endpoints: &Endpoints, header: &str, form: &[(&str, &str)]) -> Answer {
    Client::send(endpoints.form("/token", form).header("Authorization", header))
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Every character as `%xx`.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |escaped, byte| format!("{escaped}%{byte:02x}"))
}

#[test]
fn a_client_authenticates_by_basic_or_in_the_body() {
    let tenant = tenant();
    let client = client(tenant.id, &script());
    let endpoints = Endpoints::shared();
    assert_eq!(client.ask(&endpoints).status, 200);
    assert_eq!(with_header(&endpoints, &client.basic(), &[GRANT]).status, 200);
    let lower = client.basic().replace("Basic", "basic");
    assert_eq!(with_header(&endpoints, &lower, &[GRANT]).status, 200);
    // Some repeat their id.
    assert_eq!(with_header(&endpoints, &client.basic(), &[GRANT, ("client_id", &client.id)]).status, 200);
}

#[test]
fn both_parts_of_basic_are_form_encoded_or_raw() {
    let tenant = tenant();
    let client = client(tenant.id, &script());
    let endpoints = Endpoints::shared();
    for header in [
        basic(&encoded(&client.id), &encoded(&client.secret)),
        basic(&escaped(&client.id), &escaped(&client.secret)),
        basic(&client.id, &escaped(&client.secret)),
    ] {
        assert_eq!(with_header(&endpoints, &header, &[GRANT]).status, 200, "{header}");
    }
    for secret in [": +%&=\"\\", "%", "%zz", "a b", "p:q", "", "%00"] {
        for header in [basic(&client.id, secret), basic(&client.id, &encoded(secret))] {
            assert_oauth_error(&with_header(&Endpoints::shared(), &header, &[GRANT]), 401, "invalid_client");
        }
    }
}

#[test]
fn more_than_one_method_is_refused() {
    let tenant = tenant();
    let (client, other) = (client(tenant.id, &script()), client(tenant.id, &script()));
    let endpoints = Endpoints::shared();
    let secret = ("client_secret", client.secret.as_str());
    let own = ("client_id", client.id.as_str());
    for form in [&[GRANT, own, secret][..], &[GRANT, secret], &[GRANT, ("client_id", &other.id)]] {
        assert_oauth_error(&with_header(&endpoints, &client.basic(), form), 400, "invalid_request");
    }
    let twice = endpoints.form("/token", &[GRANT]).header("Authorization", client.basic());
    assert_oauth_error(&Client::send(twice.header("Authorization", client.basic())), 400, "invalid_request");
}

#[test]
fn a_secret_in_the_url_is_refused() {
    let tenant = tenant();
    let client = client(tenant.id, &script());
    let endpoints = Endpoints::shared();
    for path in ["/token", "/revoke", "/introspect"] {
        let url = format!("{path}?client_secret={}", client.secret);
        assert_oauth_error(&endpoints.post(&url, &[GRANT, ("client_id", &client.id)]), 400, "invalid_request");
        assert_oauth_error(&endpoints.post(&url, &client.with(&[GRANT])), 400, "invalid_request");
    }
    // The id in the URL is not read.
    let url = format!("/token?client_id={}&grant_type=client_credentials", client.id);
    assert_oauth_error(&endpoints.post(&url, &[]), 401, "invalid_client");
}

#[test]
fn whatever_is_wrong_the_client_hears_the_same() {
    let tenant = tenant();
    let (client, other, disabled) =
        (client(tenant.id, &script()), client(tenant.id, &script()), client(tenant.id, &script()));
    change(&format!("UPDATE oauth_clients SET disabled_at = now() WHERE id = '{}'", disabled.id));
    let expired = super::client(tenant.id, &script());
    change(&format!("UPDATE client_secrets SET expires_at = now() WHERE client_id = '{}'", expired.id));
    let public = super::client(tenant.id, &provisor::oauth::clients::NewClient { confidential: false, ..provider() });
    let attempts = [
        basic(&client.id, &other.secret),
        basic(&client.id, "wrong"),
        basic(&client.id, ""),
        basic("client_00000000000000000000000000000000", &client.secret),
        basic("nobody", &client.secret),
        basic("' OR 1=1 --", &client.secret),
        basic(&disabled.id, &disabled.secret),
        basic(&expired.id, &expired.secret),
        basic(&public.id, &client.secret),
        basic(&public.id, ""),
        "Basic !".into(),
        format!("Bearer {}", client.secret),
        String::new(),
    ];
    let answers: Vec<Answer> =
        attempts.iter().map(|header| with_header(&Endpoints::shared(), header, &[GRANT])).collect();
    for answer in &answers {
        assert_oauth_error(answer, 401, "invalid_client");
        assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"oauth\""));
        assert_eq!(answer.text, answers[0].text);
    }
    let endpoints = Endpoints::shared();
    for form in [
        &[GRANT][..],
        &[GRANT, ("client_id", &client.id)],
        &[GRANT, ("client_id", &client.id), ("client_secret", "")],
        &[GRANT, ("client_id", &client.id), ("client_secret", &other.secret)],
        &[GRANT, ("client_secret", &client.secret)],
    ] {
        let answer = endpoints.token(form);
        assert_oauth_error(&answer, 401, "invalid_client");
        assert_eq!(answer.text, answers[0].text);
    }
}

#[test]
fn refused_clients_are_in_the_audit_log_without_their_secrets() {
    let tenant = tenant();
    let client = client(tenant.id, &script());
    let endpoints = Endpoints::shared();
    let wrong = provisor::auth::secret::Secret::generate(provisor::auth::secret::Kind::ClientSecret).unwrap();
    assert_eq!(endpoints.token(&[GRANT, ("client_id", &client.id), ("client_secret", wrong.reveal())]).status, 401);
    let row = eventually("the refusal", || audited(&tenant, "client.refused").pop());
    assert_eq!((row.target_type.as_str(), row.target_id.as_str()), ("OAuthClient", client.id.as_str()));
    assert_eq!(row.detail.as_deref(), Some("wrong secret"));
    let address = row.address.clone();
    assert!(address.as_deref().unwrap().starts_with("127."));
    assert_oauth_error(&with_header(&endpoints, "Basic !", &[GRANT]), 401, "invalid_client");
    eventually("the unreadable credential", || {
        let nobody = crate::support::operator(provisor::id::TenantId::NONE);
        let rows =
            shared().with_backend(|backend| backend.store.run(&nobody, |tenant| tenant.audit_events(1_000)).unwrap());
        let mine = |other: &provisor::store::AuditRow| {
            other.address == address && other.detail.as_deref() == Some("no readable credential")
        };
        rows.iter().any(mine).then_some(())
    });
    let all = format!("{:?}", tenant.audit());
    assert!(!all.contains(&wrong.reveal()[18..]) && !all.contains(&client.secret[18..]));
}

#[test]
fn a_public_client_says_only_who_it_is() {
    let tenant = tenant();
    let public = client(tenant.id, &provisor::oauth::clients::NewClient { confidential: false, ..provider() });
    assert_eq!(public.secret, "");
    let endpoints = Endpoints::shared();
    let verifier = "a".repeat(43);
    let bound = Consent { code_challenge: Some(provisor::oauth::pkce::challenge(&verifier)), ..consent(tenant.id) };
    let code = code(&public, &bound);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", verifier.as_str()),
    ];
    let answer = endpoints.token(&public.with(&form));
    let refresh = text(&answer, "refresh_token");
    assert_eq!(public.refresh(&endpoints, &refresh).status, 200);
    assert_oauth_error(&public.ask(&endpoints), 400, "unauthorized_client");
    // Introspection is for clients that prove who they are.
    let answer = endpoints.post("/introspect", &public.with(&[("token", &refresh)]));
    assert_oauth_error(&answer, 401, "invalid_client");
}
