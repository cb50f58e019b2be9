//! JWTs by which clients authenticate (`private_key_jwt`; RFC 7523 section 3).

use jsonwebtoken::Validation;
use serde::Deserialize;
use url::Url;

use super::access_token::LEEWAY_SECONDS;
use super::public_keys::PublicKeys;

/// Bytes of an assertion at most.
const LENGTH: usize = 8_192;
/// Bytes of its id at most; it is kept until the assertion has expired.
const ID_LENGTH: usize = 256;
/// Seconds for which an assertion may be valid.
const LONGEST_LIFE_SECONDS: i64 = 300;
/// Media types in the header: none, the common one, and the explicit one. An access token is no assertion (RFC 8725 section 3.11).
const TYPES: [&str; 2] = ["JWT", "client-authentication+jwt"];

/// The algorithms (RFC 8725 section 3.2).
pub const ALGORITHMS: [&str; 4] = ["ES256", "RS256", "PS256", "EdDSA"];

/// Why an assertion was not taken, for the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(pub &'static str);

/// What is to be remembered of an assertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// Its id.
    pub jti: String,
    /// From when on it would be refused anyway, in seconds since 1970.
    pub forgotten_at: i64,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    #[serde(default)]
    iat: Option<i64>,
    #[serde(default)]
    nbf: Option<i64>,
    jti: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Checks where a client publishes its keys. Whether the address may be asked is seen when it is.
///
/// # Errors
/// What is wrong with it.
pub fn check_uri(uri: &str) -> Result<(), &'static str> {
    let url = Url::parse(uri).map_err(|_| "must be at an absolute URL")?;
    let plain = url.has_host() && url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if matches!(url.scheme(), "https" | "http") && plain {
        Ok(())
    } else {
        Err("must be at an https URL without user name and fragment")
    }
}

/// The client that an assertion says to come from; nothing is verified.
#[must_use]
pub fn claimed_issuer(assertion: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: String,
    }
    if assertion.len() > LENGTH {
        return None;
    }
    jsonwebtoken::dangerous::insecure_decode::<Issuer>(assertion).ok().map(|data| data.claims.iss)
}

/// The id of the key that an assertion names, if any.
#[must_use]
pub fn key_id(assertion: &str) -> Option<String> {
    jsonwebtoken::decode_header(assertion).ok()?.kid
}

/// Verifies an assertion of a client (RFC 7523 section 3). Whether its id was used before is not known here.
///
/// # Errors
/// [`Refused`] with the reason.
pub fn verify(
    assertion: &str,
    keys: &PublicKeys,
    client_id: &str,
    audiences: &[&str],
    now: i64,
) -> Result<Assertion, Refused> {
    let header = jsonwebtoken::decode_header(assertion).map_err(|_| Refused("malformed assertion"))?;
    if header.crit.is_some() {
        return Err(Refused("assertion with critical extensions"));
    }
    if header.typ.as_deref().is_some_and(|given| !TYPES.iter().any(|known| known.eq_ignore_ascii_case(given))) {
        return Err(Refused("assertion of another type"));
    }
    let key = keys.find(header.kid.as_deref(), header.alg).ok_or(Refused("assertion with an unknown key"))?;
    let mut validation = Validation::new(header.alg);
    // All below, against `now`.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims::<&str>(&[]);
    let claims = jsonwebtoken::decode::<Claims>(assertion, &key, &validation);
    let claims = claims.map_err(|_| Refused("assertion with a wrong signature or missing claims"))?.claims;
    if claims.iss != client_id || claims.sub != client_id {
        return Err(Refused("assertion of another client"));
    }
    let meant = match &claims.aud {
        Audience::One(one) => std::slice::from_ref(one),
        Audience::Several(several) => several,
    };
    if !meant.iter().any(|meant| audiences.contains(&meant.as_str())) {
        return Err(Refused("assertion for another audience"));
    }
    if claims.exp <= now - LEEWAY_SECONDS {
        return Err(Refused("expired assertion"));
    }
    if claims.exp > now + LONGEST_LIFE_SECONDS + LEEWAY_SECONDS {
        return Err(Refused("assertion that is valid for more than five minutes"));
    }
    if claims.iat.into_iter().chain(claims.nbf).any(|from| from > now + LEEWAY_SECONDS) {
        return Err(Refused("assertion from the future"));
    }
    if claims.jti.is_empty() || claims.jti.len() > ID_LENGTH || claims.jti.contains('\0') {
        return Err(Refused("assertion without a usable id"));
    }
    Ok(Assertion { jti: claims.jti, forgotten_at: claims.exp + LEEWAY_SECONDS })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{Algorithm, EncodingKey, Header};
    use serde_json::{Value, json};

    use super::*;

    const ISSUER: &str = "https://scim.example.com";
    const CLIENT: &str = "client_1";
    const NOW: i64 = 1_800_000_000;

    /// A signing key and its public half.
    fn pair(kid: &str) -> (EncodingKey, Value) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part));
        let public = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "alg": "ES256", "use": "sig"});
        (EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()), public)
    }

    fn claims() -> Value {
        json!({"iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "exp": NOW + 60, "iat": NOW, "jti": "1"})
    }

    fn sign(key: &EncodingKey, claims: &Value, change: impl Fn(&mut Header)) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some("one".into());
        change(&mut header);
        jsonwebtoken::encode(&header, claims, key).unwrap()
    }

    fn check(text: &str, public: &Value) -> Result<Assertion, &'static str> {
        let keys = PublicKeys::read(&json!({"keys": [public]})).unwrap();
        let audiences = [ISSUER, "https://scim.example.com/oauth/token"];
        verify(text, &keys, CLIENT, &audiences, NOW).map_err(|Refused(reason)| reason)
    }

    #[test]
    fn an_assertion_is_taken_for_what_it_says() {
        let (key, public) = pair("one");
        let taken = Assertion { jti: "1".into(), forgotten_at: NOW + 60 + LEEWAY_SECONDS };
        assert_eq!(check(&sign(&key, &claims(), |_| ()), &public), Ok(taken.clone()));
        assert_eq!(check(&sign(&key, &claims(), |header| header.kid = None), &public), Ok(taken.clone()));
        assert_eq!(claimed_issuer(&sign(&key, &claims(), |_| ())).as_deref(), Some(CLIENT));
        for aud in [json!("https://scim.example.com/oauth/token"), json!(["https://other.example.com", ISSUER])] {
            let mut claims = claims();
            claims["aud"] = aud;
            assert_eq!(check(&sign(&key, &claims, |_| ()), &public), Ok(taken.clone()));
        }
    }

    #[test]
    fn an_assertion_with_wrong_claims_is_refused() {
        let (key, public) = pair("one");
        for (name, value) in [
            ("iss", json!("client_2")),
            ("sub", json!("client_2")),
            ("sub", Value::Null),
            ("aud", json!("https://other.example.com")),
            ("aud", json!("https://scim.example.com/")),
            ("aud", json!([])),
            ("aud", Value::Null),
            ("exp", json!(NOW - 60)),
            ("exp", json!(NOW + 361)),
            ("exp", json!("soon")),
            ("exp", Value::Null),
            ("nbf", json!(NOW + 61)),
            ("iat", json!(NOW + 61)),
            ("jti", json!("")),
            ("jti", json!("a".repeat(257))),
            ("jti", Value::Null),
        ] {
            let mut claims = claims();
            claims[name] = value.clone();
            assert!(check(&sign(&key, &claims, |_| ()), &public).is_err(), "{name} {value}");
        }
    }

    #[test]
    fn an_assertion_with_another_key_algorithm_or_type_is_refused() {
        let (key, public) = pair("one");
        let (other, _) = pair("one");
        assert!(check(&sign(&other, &claims(), |_| ()), &public).is_err());
        assert!(check(&sign(&key, &claims(), |header| header.kid = Some("two".into())), &public).is_err());
        assert!(check(&sign(&key, &claims(), |header| header.typ = Some("at+jwt".into())), &public).is_err());
        assert!(check(&sign(&key, &claims(), |header| header.crit = Some(vec!["exp".into()])), &public).is_err());
        let by_secret = |alg, secret: &[u8]| {
            let mut header = Header::new(alg);
            header.kid = Some("one".into());
            jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(secret)).unwrap()
        };
        let x = public["x"].as_str().unwrap();
        assert!(check(&by_secret(Algorithm::HS256, x.as_bytes()), &public).is_err());
        assert!(check(&by_secret(Algorithm::HS256, public.to_string().as_bytes()), &public).is_err());
        let parts = sign(&key, &claims(), |_| ());
        let payload = parts.split('.').nth(1).unwrap();
        let none = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"one"}"#));
        assert!(check(&none, &public).is_err());
        for broken in ["", "x", "x.y", "x.y.z", &format!("{parts}.x"), &parts[..parts.len() - 4]] {
            assert!(check(broken, &public).is_err(), "{broken}");
        }
        assert_eq!(claimed_issuer(&"a".repeat(10_000)), None);
    }

    /// A JWT that is signed by hand.
    fn by_hand(alg: &str, signature: impl Fn(&[u8]) -> Vec<u8>) -> String {
        let [header, claims] =
            [json!({"alg": alg, "kid": "one"}), claims()].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode(signature(message.as_bytes()));
        format!("{message}.{signature}")
    }

    #[test]
    fn keys_of_all_kinds_verify() {
        use aws_lc_rs::rand::SystemRandom;
        use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
        use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding};

        let ed = Ed25519KeyPair::generate().unwrap();
        let x = URL_SAFE_NO_PAD.encode(ed.public_key().as_ref());
        let public = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "one", "alg": "EdDSA"});
        let assertion = by_hand("EdDSA", |message| ed.sign(message).as_ref().to_vec());
        assert!(check(&assertion, &public).is_ok());

        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let [n, e] = [rsa.public_key().modulus(), rsa.public_key().exponent()]
            .map(|part| URL_SAFE_NO_PAD.encode(part.big_endian_without_leading_zero()));
        let sign = |encoding: &'static dyn RsaEncoding, message: &[u8]| {
            let mut signature = vec![0; rsa.public_modulus_len()];
            rsa.sign(encoding, &SystemRandom::new(), message, &mut signature).unwrap();
            signature
        };
        let pkcs1 = by_hand("RS256", |message| sign(&RSA_PKCS1_SHA256, message));
        let pss = by_hand("PS256", |message| sign(&RSA_PSS_SHA256, message));
        let mut public = json!({"kty": "RSA", "n": n, "e": e, "kid": "one"});
        assert!(check(&pkcs1, &public).is_ok() && check(&pss, &public).is_ok());
        // A key that names its algorithm is for no other.
        public["alg"] = json!("RS256");
        assert!(check(&pkcs1, &public).is_ok() && check(&pss, &public).is_err());
    }
}
