//! Tokens for clients themselves (contract sections 3.5, 3.6 and 9).

use provisor::auth::Scope;
use provisor::id::TenantId;
use provisor::oauth::clients::NewClient;
use serde_json::json;

use super::*;

/// Asks with more parameters.
fn ask(endpoints: &Endpoints, client: &OAuthClient, others: &[(&str, &str)]) -> Answer {
    endpoints.token(&client.with(&[&[("grant_type", "client_credentials")], others].concat()))
}

#[test]
fn the_answer_has_an_access_token_and_no_refresh_token() {
    let tenant = tenant();
    let client = client(tenant.id, &script());
    let answer = client.ask(&Endpoints::shared());
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_not_kept(&answer);
    let body = answer.json();
    let names: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["access_token", "expires_in", "scope", "token_type"]);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 3_600);
    assert_eq!(body["scope"], "scim.read scim.write");
    let claims = claims(body["access_token"].as_str().unwrap());
    assert_eq!(claims["sub"], json!(client.id));
    assert_eq!(claims["client_id"], json!(client.id));
    assert_eq!(claims["iss"], json!(shared().url));
    assert_eq!(claims["aud"], json!(format!("{}/scim/v2", shared().url)));
    assert_eq!(claims["tenant"], json!(tenant.id.to_string()));
    assert_eq!(claims.get("grant"), None);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3_600);
}

#[test]
fn the_life_of_access_tokens_is_the_clients() {
    let tenant = tenant();
    let short = NewClient { access_token_life: chrono::TimeDelta::minutes(10), ..script() };
    let answer = client(tenant.id, &short).ask(&Endpoints::shared());
    assert_eq!(answer.json()["expires_in"], 600, "{}", answer.text);
}

#[test]
fn a_client_gets_the_scopes_that_it_asks_for_within_its_own() {
    let tenant = tenant();
    let both = client(tenant.id, &script());
    let reader = client(tenant.id, &NewClient { scopes: [Scope::Read].into_iter().collect(), ..script() });
    let writer = client(tenant.id, &NewClient { scopes: [Scope::Write].into_iter().collect(), ..script() });
    let endpoints = Endpoints::shared();
    for (client, scope, got) in [
        (&both, "", Some("scim.read scim.write")),
        (&both, "scim.read", Some("scim.read")),
        (&both, "scim.write", Some("scim.read scim.write")),
        (&both, "scim.write  scim.read", Some("scim.read scim.write")),
        (&both, "scim", Some("scim.read scim.write")),
        (&both, "offline_access", Some("scim.read scim.write")),
        (&both, "SCIM.READ", None),
        (&both, "scim.read admin", None),
        (&both, "https://graph.example.com/.default", None),
        (&reader, "", Some("scim.read")),
        (&reader, "scim.write", None),
        (&reader, "scim", None),
        (&writer, "", Some("scim.read scim.write")),
    ] {
        let answer = ask(&endpoints, client, &[("scope", scope)]);
        match got {
            Some(got) => {
                assert_eq!(text(&answer, "scope"), got, "{scope}");
                assert_eq!(claims(&text(&answer, "access_token"))["scope"], got);
            }
            None => assert_oauth_error(&answer, 400, "invalid_scope"),
        }
    }
}

#[test]
fn the_scope_may_stand_in_the_url_of_the_endpoint_and_nothing_else() {
    let tenant = tenant();
    let client = client(tenant.id, &script());
    let endpoints = Endpoints::shared();
    let grant = ("grant_type", "client_credentials");
    let at = |query: &str, form: &[(&str, &str)]| endpoints.post(&format!("/token?{query}"), &client.with(form));
    for query in ["scope=scim.read", "scope=scim.read&unknown=1"] {
        assert_eq!(text(&at(query, &[grant]), "scope"), "scim.read");
    }
    assert_eq!(text(&at("scope=scim.read%20scim.write", &[grant]), "scope"), "scim.read scim.write");
    assert_eq!(text(&at("scope=scim.read", &[grant, ("scope", "scim.read")]), "scope"), "scim.read");
    assert_eq!(text(&at("scope=", &[grant, ("scope", "scim.read")]), "scope"), "scim.read");
    assert_oauth_error(&at("scope=scim.read", &[grant, ("scope", "scim.write")]), 400, "invalid_request");
    assert_oauth_error(&at("scope=a&scope=b", &[grant]), 400, "invalid_request");
    assert_oauth_error(&at("scope=nothing", &[grant]), 400, "invalid_scope");
    assert_oauth_error(&at("grant_type=client_credentials", &[]), 400, "invalid_request");
    assert_eq!(at("resource=https://other.example.com", &[grant]).status, 200);
}

#[test]
fn a_resource_that_is_not_our_api_is_refused() {
    let tenant = tenant();
    let client = client(tenant.id, &script());
    let endpoints = Endpoints::shared();
    let api = format!("{}/scim/v2", shared().url);
    assert_eq!(ask(&endpoints, &client, &[("resource", &api)]).status, 200);
    assert_eq!(ask(&endpoints, &client, &[("resource", &api), ("resource", &api)]).status, 200);
    for other in
        ["https://other.example.com", "nonsense", &format!("{api}#part"), &format!("{api}/Users"), &shared().url]
    {
        assert_oauth_error(&ask(&endpoints, &client, &[("resource", other)]), 400, "invalid_target");
        let both = [("resource", api.as_str()), ("resource", other)];
        assert_oauth_error(&ask(&endpoints, &client, &both), 400, "invalid_target");
    }
}

#[test]
fn a_grant_that_is_not_there_or_not_the_clients_is_refused() {
    let tenant = tenant();
    let (script, provider) = (client(tenant.id, &script()), client(tenant.id, &provider()));
    let endpoints = Endpoints::shared();
    assert_oauth_error(&endpoints.token(&script.with(&[])), 400, "invalid_request");
    for grant in ["password", "implicit", "urn:ietf:params:oauth:grant-type:device_code", "CLIENT_CREDENTIALS"] {
        let form = [("grant_type", grant), ("username", "ada@example.com"), ("password", "x")];
        assert_oauth_error(&endpoints.token(&script.with(&form)), 400, "unsupported_grant_type");
    }
    assert_oauth_error(&provider.ask(&endpoints), 400, "unauthorized_client");
    assert_oauth_error(&script.redeem(&endpoints, "x"), 400, "unauthorized_client");
    assert_oauth_error(&script.refresh(&endpoints, "x"), 400, "unauthorized_client");
    // A catalogue client has no tenant of its own.
    let catalogue = client(TenantId::NONE, &super::provider());
    assert_oauth_error(&catalogue.ask(&endpoints), 400, "unauthorized_client");
    change(&format!("UPDATE oauth_clients SET grant_types = '{{client_credentials}}' WHERE id = '{}'", catalogue.id));
    assert_oauth_error(&catalogue.ask(&endpoints), 400, "unauthorized_client");
    // Who is not authenticated does not hear which grants there are.
    assert_oauth_error(&endpoints.token(&[("grant_type", "password")]), 401, "invalid_client");
}

#[test]
fn each_issue_is_in_the_audit_log_without_the_token() {
    let tenant = tenant();
    let client = client(tenant.id, &script());
    let token = text(&client.ask(&Endpoints::shared()), "access_token");
    let rows = audited(&tenant, "oauth.issue");
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row.actor_kind.as_str(), row.actor_id.as_str()), ("oauth_client", client.id.as_str()));
    assert_eq!(row.target_id, client.id);
    let after = row.after.as_ref().unwrap();
    assert_eq!(after["jti"], claims(&token)["jti"]);
    assert_eq!((&after["subject"], &after["scope"]), (&json!(client.id), &json!("scim.read scim.write")));
    let all = format!("{:?}", tenant.audit());
    assert!(!all.contains(token.rsplit('.').next().unwrap()) && !all.contains(&client.secret[18..]));
    assert!(
        database::number(&format!(
            "SELECT count(*) AS number FROM oauth_clients WHERE id = '{}' AND last_used_at > now() - interval '1 minute'",
            client.id
        )) == 1
    );
}
