//! ID tokens (OpenID Connect Core 1.0 section 2): what a provider says of somebody, and that it is the provider who says it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Validation};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256, Sha512};

use crate::oauth::access_token::LEEWAY_SECONDS;
use crate::oauth::public_keys::PublicKeys;

/// Bytes of a subject at most (section 2).
const SUBJECT_LENGTH: usize = 255;

/// What an ID token must say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The provider.
    pub issuer: &'a str,
    /// Us.
    pub client_id: &'a str,
    /// What this sign-in was begun with.
    pub nonce: &'a str,
    /// The access token that came along, where one did.
    pub access_token: Option<&'a str>,
}

/// What a provider says of somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    /// By which it knows the person for ever.
    pub subject: String,
    /// Everything that it says.
    pub all: Map<String, Value>,
}

impl Claims {
    /// The e-mail address.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.all.get("email").and_then(Value::as_str)
    }

    /// Whether the provider says that the address is verified; some say it by a text.
    #[must_use]
    pub fn email_verified(&self) -> Option<bool> {
        match self.all.get("email_verified")? {
            Value::Bool(verified) => Some(*verified),
            Value::String(text) => Some(text == "true"),
            _ => None,
        }
    }

    /// Adds what the `UserInfo` endpoint says and the token does not (section 5.3.2).
    ///
    /// # Errors
    /// When it speaks of somebody else.
    pub fn complete(&mut self, information: Value) -> Result<(), &'static str> {
        let Value::Object(more) = information else {
            return Err("UserInfo that is no object");
        };
        if more.get("sub").and_then(Value::as_str) != Some(&self.subject) {
            return Err("UserInfo of somebody else");
        }
        // An address and whether it is verified belong together.
        let has_email = self.email().is_some();
        for (name, value) in more {
            if !(has_email && name == "email_verified") {
                self.all.entry(name).or_insert(value);
            }
        }
        Ok(())
    }
}

/// The id of the key that a token names, if any.
#[must_use]
pub fn key_id(token: &str) -> Option<String> {
    jsonwebtoken::decode_header(token).ok()?.kid
}

/// Verifies an ID token (section 3.1.3.7).
///
/// # Errors
/// Why it is refused, for the audit log.
pub fn verify(token: &str, keys: &PublicKeys, expected: &Expected<'_>, now: i64) -> Result<Claims, &'static str> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| "malformed ID token")?;
    if header.crit.is_some() {
        return Err("ID token with critical extensions");
    }
    // An access token or logout token of the same provider is none (RFC 8725 section 3.11).
    if header.typ.as_deref().is_some_and(|given| !given.eq_ignore_ascii_case("JWT")) {
        return Err("ID token of another type");
    }
    // Only what the provider's public keys are for: never HMAC, and never nothing.
    let key = keys.find(header.kid.as_deref(), header.alg).ok_or("ID token with an unknown key")?;
    let mut validation = Validation::new(header.alg);
    // All below, against `now` and what is expected.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims::<&str>(&[]);
    let all = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &validation);
    let all = all.map_err(|_| "ID token with a wrong signature")?.claims;
    check(&all, header.alg, expected, now)?;
    let subject = all.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
    if subject.is_empty() || subject.len() > SUBJECT_LENGTH || subject.chars().any(char::is_control) {
        return Err("ID token without a usable subject");
    }
    Ok(Claims { subject, all })
}

fn check(
    claims: &Map<String, Value>,
    algorithm: Algorithm,
    expected: &Expected<'_>,
    now: i64,
) -> Result<(), &'static str> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let time = |name: &str| claims.get(name).and_then(Value::as_f64);
    if text("iss") != Some(expected.issuer) {
        return Err("ID token of another issuer");
    }
    let audiences = match claims.get("aud") {
        Some(Value::Array(several)) => several.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    if !audiences.iter().any(|audience| audience == expected.client_id) {
        return Err("ID token for another audience");
    }
    match claims.get("azp") {
        Some(party) if party != expected.client_id => return Err("ID token for another authorized party"),
        None if audiences.len() > 1 => return Err("ID token for several audiences without an authorized party"),
        _ => {}
    }
    #[allow(clippy::cast_precision_loss)] // Exact for the next hundred million years.
    let (earliest, latest) = ((now - LEEWAY_SECONDS) as f64, (now + LEEWAY_SECONDS) as f64);
    if time("exp").is_none_or(|until| until <= earliest) {
        return Err("expired ID token");
    }
    if time("iat").is_none_or(|at| at > latest) || time("nbf").is_some_and(|from| from > latest) {
        return Err("ID token from the future");
    }
    if text("nonce") != Some(expected.nonce) {
        return Err("ID token with a wrong nonce");
    }
    match (claims.get("at_hash"), expected.access_token) {
        (Some(given), Some(token)) if *given != access_token_hash(token, algorithm) => {
            Err("ID token for another access token")
        }
        _ => Ok(()),
    }
}

/// The left half of the hash of an access token, by the hash function of the algorithm (section 3.1.3.6).
fn access_token_hash(token: &str, algorithm: Algorithm) -> String {
    match algorithm {
        Algorithm::EdDSA => URL_SAFE_NO_PAD.encode(&Sha512::digest(token)[..32]),
        _ => URL_SAFE_NO_PAD.encode(&Sha256::digest(token)[..16]),
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair};
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://id.example.com";
    const CLIENT: &str = "provisor";
    const NOW: i64 = 1_800_000_000;
    const EXPECTED: Expected<'_> =
        Expected { issuer: ISSUER, client_id: CLIENT, nonce: "n", access_token: Some("access") };

    fn pair() -> (EncodingKey, Value) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part));
        let public = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": "one", "use": "sig"});
        (EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()), public)
    }

    fn claims() -> Value {
        json!({"iss": ISSUER, "aud": CLIENT, "sub": "ada", "exp": NOW + 60, "iat": NOW, "nonce": "n"})
    }

    fn sign(key: &EncodingKey, claims: &Value, change: impl Fn(&mut Header)) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some("one".into());
        change(&mut header);
        jsonwebtoken::encode(&header, claims, key).unwrap()
    }

    fn check(token: &str, public: &Value) -> Result<Claims, &'static str> {
        verify(token, &PublicKeys::read(&json!({"keys": [public]})).unwrap(), &EXPECTED, NOW)
    }

    #[test]
    fn a_token_is_taken_for_what_it_says() {
        let (key, public) = pair();
        assert_eq!(check(&sign(&key, &claims(), |_| ()), &public).unwrap().subject, "ada");
        for (name, value) in [
            ("aud", json!([CLIENT])),
            ("azp", json!(CLIENT)),
            ("exp", json!(NOW - 59)),
            ("iat", json!(NOW + 60)),
            ("iat", json!(NOW - 3_600)),
            ("nbf", json!(NOW)),
            ("at_hash", json!(access_token_hash("access", Algorithm::ES256))),
        ] {
            let mut changed = claims();
            changed[name] = value.clone();
            assert!(check(&sign(&key, &changed, |_| ()), &public).is_ok(), "{name} {value}");
        }
        let mut several = claims();
        (several["aud"], several["azp"]) = (json!([CLIENT, "other"]), json!(CLIENT));
        assert!(check(&sign(&key, &several, |_| ()), &public).is_ok());
    }

    #[test]
    fn a_token_with_wrong_claims_is_refused() {
        let (key, public) = pair();
        for (name, value) in [
            ("iss", json!("https://id.example.com/")),
            ("iss", Value::Null),
            ("aud", json!("other")),
            ("aud", json!([])),
            ("aud", json!([CLIENT, "other"])),
            ("aud", Value::Null),
            ("azp", json!("other")),
            ("azp", Value::Null),
            ("exp", json!(NOW - 60)),
            ("exp", json!("soon")),
            ("exp", Value::Null),
            ("iat", json!(NOW + 61)),
            ("iat", Value::Null),
            ("nbf", json!(NOW + 61)),
            ("nonce", json!("other")),
            ("nonce", Value::Null),
            ("sub", json!("")),
            ("sub", json!("a\u{0}b")),
            ("sub", json!("a".repeat(256))),
            ("sub", Value::Null),
            ("at_hash", json!(access_token_hash("other", Algorithm::ES256))),
            ("at_hash", json!(7)),
        ] {
            let mut changed = claims();
            changed[name] = value.clone();
            assert!(check(&sign(&key, &changed, |_| ()), &public).is_err(), "{name} {value}");
        }
    }

    #[test]
    fn a_token_by_another_key_algorithm_or_type_is_refused() {
        let (key, public) = pair();
        let (other, _) = pair();
        assert_eq!(check(&sign(&other, &claims(), |_| ()), &public), Err("ID token with a wrong signature"));
        let unknown = sign(&key, &claims(), |header| header.kid = Some("two".into()));
        assert_eq!(check(&unknown, &public), Err("ID token with an unknown key"));
        assert!(check(&sign(&key, &claims(), |header| header.typ = Some("at+jwt".into())), &public).is_err());
        assert!(check(&sign(&key, &claims(), |header| header.crit = Some(vec!["exp".into()])), &public).is_err());
        for secret in [public["x"].as_str().unwrap(), &public.to_string(), CLIENT] {
            let mut header = Header::new(Algorithm::HS256);
            header.kid = Some("one".into());
            let token = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(secret.as_bytes())).unwrap();
            assert_eq!(check(&token, &public), Err("ID token with an unknown key"));
        }
        let signed = sign(&key, &claims(), |_| ());
        let payload = signed.split('.').nth(1).unwrap();
        let none = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"one"}"#));
        assert!(check(&none, &public).is_err());
        for broken in ["", "x", "x.y.z", &format!("{signed}.x"), &signed[..signed.len() - 4]] {
            assert!(check(broken, &public).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_token_by_rsa_is_taken_and_one_without_key_id_where_one_key_fits() {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        // PKCS #1 is what lies inside of PKCS #8, behind the name of the algorithm.
        let private = EncodingKey::from_rsa_der(&pair.as_der().unwrap().as_ref()[26..]);
        let public = pair.public_key();
        let [n, e] = [public.modulus(), public.exponent()]
            .map(|part| URL_SAFE_NO_PAD.encode(part.big_endian_without_leading_zero()));
        let public = json!({"kty": "RSA", "n": n, "e": e});
        for algorithm in [Algorithm::RS256, Algorithm::PS256] {
            let token = jsonwebtoken::encode(&Header::new(algorithm), &claims(), &private).unwrap();
            assert!(check(&token, &public).is_ok(), "{algorithm:?}");
        }
        let token = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims(), &private).unwrap();
        let two = PublicKeys::read(&json!({"keys": [public, public]})).unwrap();
        assert_eq!(verify(&token, &two, &EXPECTED, NOW), Err("ID token with an unknown key"));
    }

    #[test]
    fn user_info_adds_what_the_token_does_not_say_of_the_same_person() {
        let all = |value: Value| value.as_object().unwrap().clone();
        let mut said = Claims { subject: "ada".into(), all: all(json!({"sub": "ada", "groups": ["a"]})) };
        let more = json!({"sub": "ada", "email": "ada@example.com", "email_verified": "true", "groups": ["b"]});
        said.complete(more).unwrap();
        assert_eq!((said.email(), said.email_verified()), (Some("ada@example.com"), Some(true)));
        assert_eq!(said.all["groups"], json!(["a"]));
        for other in [json!({"sub": "grace"}), json!({}), json!([])] {
            assert!(said.complete(other).is_err());
        }
        // Nothing vouches for an address that was said elsewhere.
        let mut unverified = Claims { subject: "ada".into(), all: all(json!({"email": "eve@example.com"})) };
        unverified.complete(json!({"sub": "ada", "email": "ada@example.com", "email_verified": true})).unwrap();
        assert_eq!((unverified.email(), unverified.email_verified()), (Some("eve@example.com"), None));
    }
}
