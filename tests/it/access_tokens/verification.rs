//! Attacks on the token itself: each is a right token with one thing changed.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use sha2::Sha256;

use super::*;

#[test]
fn an_access_token_reads_and_writes_in_the_name_of_its_client() {
    let (tenant, client_id, claims) = connected();
    let client = forge().bearer(&forge().token(&claims));
    let answer = client.post("/Users", &crate::support::minimal("ada@example.com"));
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(client.get("/Users").json()["Resources"], json!([answer.json()]));
    // The tenant's own token sees the same.
    assert_eq!(tenant.client.get("/Users").json()["totalResults"], 1);
    let created = tenant.audit().into_iter().find(|row| row.action == "resource.create").unwrap();
    assert_eq!([&*created.actor_kind, &created.actor_id, &created.actor_name], ["oauth_client", &client_id, "Okta"]);
    for authorization in ["bearer", "BEARER", "Bearer  "] {
        let again = Client::new(&shared().url, &format!("{authorization} {}", forge().token(&claims)));
        assert_eq!(again.get("/Users").status, 200, "{authorization}");
    }
}

#[test]
fn a_header_that_is_not_ours_is_refused_whatever_signed_it() {
    let (_, _, claims) = connected();
    let header = forge().header();
    assert_eq!(status(&forge().sign(&header, &claims)), 200);
    let kid = header["kid"].as_str().unwrap();
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("None")),
        ("alg", json!("HS256")),
        ("alg", json!("RS256")),
        ("alg", json!("ES384")),
        ("alg", json!("EdDSA")),
        ("alg", json!("es256")),
        ("alg", json!(256)),
        ("alg", Value::Null),
        ("kid", Value::Null),
        ("kid", json!("")),
        ("kid", json!("../../../../dev/null")),
        ("kid", json!("' OR '1'='1")),
        ("kid", json!("\"; DROP TABLE signing_keys; --")),
        ("kid", json!(format!("{kid}\0"))),
        ("kid", json!(kid.to_lowercase())),
        ("kid", json!(&kid[..42])),
        ("kid", json!([kid])),
        ("kid", json!("x".repeat(43))),
        ("typ", Value::Null),
        ("typ", json!("JWT")),
        ("typ", json!("")),
        ("typ", json!("at")),
        ("typ", json!("logout+jwt")),
        ("typ", json!("application/jwt")),
        ("typ", json!("text/at+jwt")),
        ("typ", json!("application/application/at+jwt")),
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("crit", json!("exp")),
    ] {
        let changed = with(&header, name, value);
        let answer = forge().bearer(&forge().sign(&changed, &claims)).get("/Users");
        assert_refused(&answer, &changed.to_string());
    }
    for media_type in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert_eq!(status(&forge().sign(&with(&header, "typ", json!(media_type)), &claims)), 200, "{media_type}");
    }
}

#[test]
fn no_other_key_signs_however_it_is_offered() {
    let (_, _, claims) = connected();
    let header = forge().header();
    let foreign = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = foreign.public_key().as_ref();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": part(&point[1..33]), "y": part(&point[33..])});
    for (name, value) in [
        ("kid", header["kid"].clone()),
        ("kid", Value::Null),
        ("kid", json!("foreign")),
        ("jwk", jwk),
        ("jku", json!("http://127.0.0.1:9/jwks.json")),
        ("x5u", json!("http://127.0.0.1:9/chain.pem")),
        ("x5c", json!([part(point)])),
    ] {
        let changed = with(&header, name, value.clone());
        let signed = |key: &EcdsaKeyPair| sign_with(key, &format!("{}.{}", encode(&changed), encode(&claims)));
        assert_refused(&forge().bearer(&signed(&foreign)).get("/Users"), &changed.to_string());
        // Beside the right key such hints are passed over.
        if name != "kid" {
            assert_eq!(status(&forge().sign(&changed, &claims)), 200, "{changed}");
        }
    }
}

#[test]
fn the_public_key_is_no_shared_secret() {
    let (_, _, claims) = connected();
    let keys = reqwest::blocking::get(format!("{}/.well-known/jwks.json", shared().url)).unwrap().text().unwrap();
    let header = with(&forge().header(), "alg", json!("HS256"));
    let parsed: Value = serde_json::from_str(&keys).unwrap();
    let key = parsed["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let [x, y] = ["x", "y"].map(|name| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap());
    let point = [&[4][..], &x, &y].concat();
    let der = {
        let public = aws_lc_rs::signature::ParsedPublicKey::new(&aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED, &point);
        public.unwrap().as_der().unwrap().as_ref().to_vec()
    };
    for secret in [keys.clone().into_bytes(), key.to_string().into_bytes(), point, der, Vec::new()] {
        let text = format!("{}.{}", encode(&header), encode(&claims));
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
        mac.update(text.as_bytes());
        let token = format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
        assert_refused(&forge().bearer(&token).get("/Users"), "HS256");
        // And under a header that says nothing of it.
        let text = format!("{}.{}", encode(&forge().header()), encode(&claims));
        let token = format!("{text}.{}", token.rsplit('.').next().unwrap());
        assert_refused(&forge().bearer(&token).get("/Users"), "ES256 with a MAC");
    }
}

#[test]
fn every_claim_counts() {
    let (tenant, _, claims) = connected();
    let now = claims["iat"].as_i64().unwrap();
    let audience = claims["aud"].as_str().unwrap().to_owned();
    let issuer = claims["iss"].as_str().unwrap().to_owned();
    let other = crate::support::tenant();
    let others_client = forge().client(other.id);
    let mut changes = vec![
        ("iss", json!("https://issuer.example.com")),
        ("iss", json!(format!("{issuer}/"))),
        ("iss", json!(issuer.to_uppercase())),
        ("iss", json!([issuer])),
        ("aud", json!("https://api.example.com")),
        ("aud", json!(format!("{audience}/"))),
        ("aud", json!(issuer)),
        ("aud", json!([])),
        ("aud", json!(["https://api.example.com"])),
        ("aud", json!({"aud": audience})),
        ("exp", json!((now + 600).to_string())),
        ("exp", json!(-1)),
        ("exp", json!(true)),
        ("iat", json!(now + 120)),
        ("nbf", json!(now + 120)),
        ("iat", json!("now")),
        ("jti", json!("not an id")),
        ("jti", json!(1)),
        ("client_id", json!("unknown")),
        ("client_id", json!("' OR '1'='1")),
        ("client_id", json!(others_client)),
        ("tenant", json!(other.id.0)),
        ("tenant", json!(TenantId::NONE.0)),
        ("tenant", json!(TenantId::generate().0)),
        ("tenant", json!("default")),
        ("grant", json!(TenantId::generate().0)),
        ("scope", json!("scim.read admin")),
        ("scope", json!(["scim.read"])),
    ];
    let all = ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "scope", "tenant"];
    changes.extend(all.map(|name| (name, Value::Null)));
    for (name, value) in changes {
        let changed = with(&claims, name, value);
        assert_refused(&forge().bearer(&forge().token(&changed)).get("/Users"), &format!("{name}: {changed}"));
    }
    for (name, value) in [
        ("aud", json!([audience])),
        ("aud", json!(["https://api.example.com", audience])),
        ("iat", json!(now + 30)),
        ("nbf", json!(now + 30)),
        ("exp", json!(now - 30)),
        ("more", json!({"than": "is known"})),
    ] {
        let changed = with(&claims, name, value);
        assert_eq!(status(&forge().token(&changed)), 200, "{name}: {changed}");
    }
    assert_eq!(tenant.client.get("/Users").json()["totalResults"], 0);
}

#[test]
fn only_the_holder_of_a_signed_token_hears_that_it_expired() {
    let (_, _, claims) = connected();
    let expired = with(&claims, "exp", json!(claims["iat"].as_i64().unwrap() - 61));
    let token = forge().token(&expired);
    let answer = forge().bearer(&token).get("/Users");
    assert_error(&answer, 401, None);
    assert_eq!(answer.json()["detail"], "the access token expired");
    let challenge = answer.header("www-authenticate").unwrap();
    let start = "Bearer realm=\"scim\", error=\"invalid_token\", error_description=\"the access token expired\"";
    assert!(challenge.starts_with(start), "{challenge}");
    // Neither is it said of a token with another fault.
    for changed in [with(&expired, "aud", json!("https://api.example.com")), with(&expired, "iss", json!("x"))] {
        assert_refused(&forge().bearer(&forge().token(&changed)).get("/Users"), "expired and wrong");
    }
    let (text, _) = token.rsplit_once('.').unwrap();
    let foreign = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    assert_refused(&forge().bearer(&sign_with(&foreign, text)).get("/Users"), "expired and of another key");
}

#[test]
fn a_token_ends_in_its_time_although_it_is_never_out_of_use() {
    let (_, _, claims) = connected();
    // Two seconds are left of the minute by which clocks may differ.
    let token = forge().token(&with(&claims, "exp", json!(chrono::Utc::now().timestamp() - 58)));
    assert_eq!(status(&token), 200);
    let begun = std::time::Instant::now();
    eventually("the end of a token", || (status(&token) == 401).then_some(()));
    assert!(begun.elapsed() < std::time::Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[test]
fn the_text_of_a_token_has_one_form() {
    let (_, _, claims) = connected();
    let token = forge().token(&claims);
    assert_eq!(status(&token), 200);
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("{token}") };
    // The last of the 86 characters of the signature has four bits that count.
    let other_bits = {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let last = ALPHABET.iter().position(|letter| *letter == signature.as_bytes()[85]).unwrap();
        format!("{}{}", &signature[..85], char::from(ALPHABET[last | 1]))
    };
    assert_ne!(signature, other_bits);
    let standard = STANDARD_NO_PAD.encode(URL_SAFE_NO_PAD.decode(signature).unwrap());
    let mut wrong = vec![
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("..{signature}"),
        "..".to_owned(),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{header}.{payload}.{signature}.{signature}.{signature}"),
        format!("{header}.{payload}.{signature}="),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}.{other_bits}"),
        format!("{header}.{payload}.{}", &signature[..84]),
        format!("{header}.{payload}.{}", "A".repeat(86)),
        format!("{header}.{payload}.{signature}AA"),
        format!("{header}.{header}.{signature}"),
        format!("{payload}.{header}.{signature}"),
        format!("{token} {token}"),
        format!("{token},{token}"),
        format!("{token}\t{token}"),
        format!("\"{token}\""),
        format!("<{token}>"),
        forge().sign_text("bm8gSlNPTg.bm8gSlNPTg"),
        forge().sign_text(&format!("{header}.{}", encode(&json!([])))),
        forge().sign_text(&format!("{header}.{}", encode(&json!("text")))),
        forge().sign_text(&format!("{}.{payload}", encode(&json!([1])))),
        forge().token(&with(&claims, "long", json!("x".repeat(8_192)))),
    ];
    if standard != signature {
        wrong.push(format!("{header}.{payload}.{standard}"));
    }
    for token in wrong {
        assert_refused(&forge().bearer(&token).get("/Users"), &token);
    }
    // Twice the same claim is no right claim.
    let twice = format!(r#"{{"client_id":"unknown",{}"#, &claims.to_string()[1..]);
    let twice = forge().sign_text(&format!("{header}.{}", URL_SAFE_NO_PAD.encode(twice)));
    assert_refused(&forge().bearer(&twice).get("/Users"), "a claim twice");
}

#[test]
fn an_access_token_counts_only_behind_bearer_in_the_header() {
    let (_, _, claims) = connected();
    let token = forge().token(&claims);
    let anonymous = Client::anonymous(&shared().url);
    for authorization in [token.clone(), format!("Bearer{token}"), "Bearer".to_owned()] {
        assert_refused(&Client::new(&shared().url, &authorization).get("/Users"), &authorization);
    }
    for authorization in [format!("Basic {token}"), format!("DPoP {token}"), format!("Token {token}")] {
        let answer = Client::new(&shared().url, &authorization).get("/Users");
        assert_error(&answer, 401, None);
        assert!(!answer.header("www-authenticate").unwrap().contains("error"), "{authorization}");
    }
    let form = anonymous.request(Method::POST, "/Users").header("Content-Type", "application/x-www-form-urlencoded");
    for request in [
        anonymous.request(Method::GET, &format!("/Users?access_token={token}")),
        anonymous.request(Method::GET, &format!("/Users?access_token=Bearer%20{token}")),
        anonymous.request(Method::GET, "/Users").header("Cookie", format!("access_token={token}")),
        form.body(format!("access_token={token}")),
    ] {
        let answer = Client::send(request);
        assert_error(&answer, 401, None);
        assert!(!answer.header("www-authenticate").unwrap().contains("error"), "{}", answer.text);
    }
    let both = forge().bearer(&token).get(&format!("/Users?access_token={token}"));
    assert_error(&both, 400, Some("invalidSyntax"));
    assert!(both.header("www-authenticate").unwrap().contains("error=\"invalid_request\""));
    let bearer = format!("Bearer {token}");
    let twice = anonymous.request(Method::GET, "/Users").header("Authorization", &bearer);
    assert_refused(&Client::send(twice.header("Authorization", &bearer)), "two headers");
    // Replies are not to be kept, right or wrong (RFC 6750 section 5.2).
    for answer in [forge().bearer(&token).get("/Users"), anonymous.get("/Users")] {
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}
