//! Public keys by which others sign JWTs for us: OAuth clients, and the identity provider of the installation.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

/// Bytes of an RSA modulus: 2048 bits at least (RFC 8725 section 3.5), and no more than can be verified quickly.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1_024;
/// Keys of a set that are looked at.
const KEYS: usize = 50;

/// A set of public keys.
#[derive(Debug, Clone)]
pub struct PublicKeys(Vec<Jwk>);

impl PublicKeys {
    /// Reads a key set (RFC 7517 section 5). Keys that cannot verify signatures are passed over.
    ///
    /// # Errors
    /// When it is none, holds no key to verify with, or holds a private one.
    pub fn read(set: &Value) -> Result<Self, &'static str> {
        const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];
        let keys = set.get("keys").and_then(Value::as_array).ok_or("is no key set: {\"keys\": [...]}")?;
        if keys.iter().any(|key| PRIVATE.iter().any(|member| key.get(member).is_some())) {
            return Err("holds a private or secret key; only public ones belong here");
        }
        let keys = keys.iter().take(KEYS).filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok());
        let keys: Vec<Jwk> = keys.filter(|key| !algorithms(key).is_empty()).collect();
        if keys.is_empty() {
            return Err("holds no public key for ES256, RS256, PS256 (2048 bits or more) or EdDSA");
        }
        Ok(Self(keys))
    }

    /// Whether there is a key of this id; any will do for a JWT that names none.
    #[must_use]
    pub fn have(&self, kid: Option<&str>) -> bool {
        kid.is_none_or(|kid| self.0.iter().any(|key| key.common.key_id.as_deref() == Some(kid)))
    }

    /// The key that verifies a JWT: the one that it names, or the only one that fits.
    #[must_use]
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let named = |key: &&Jwk| kid.is_none_or(|kid| key.common.key_id.as_deref() == Some(kid));
        let mut fitting = self.0.iter().filter(named).filter(|key| algorithms(key).contains(&algorithm));
        let first = fitting.next()?;
        if kid.is_none() && fitting.next().is_some() {
            return None;
        }
        DecodingKey::from_jwk(first).ok()
    }
}

/// The algorithms for which a key may be used: those of its kind, and of them its own where it names one.
fn algorithms(key: &Jwk) -> Vec<Algorithm> {
    if key.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
        return Vec::new();
    }
    let of_kind: &[(Algorithm, KeyAlgorithm)] = match &key.algorithm {
        AlgorithmParameters::EllipticCurve(point) if point.curve == EllipticCurve::P256 => {
            &[(Algorithm::ES256, KeyAlgorithm::ES256)]
        }
        // The length of the modulus in base64url.
        AlgorithmParameters::RSA(key) if RSA_BYTES.contains(&(key.n.len() * 3 / 4)) => {
            &[(Algorithm::RS256, KeyAlgorithm::RS256), (Algorithm::PS256, KeyAlgorithm::PS256)]
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            &[(Algorithm::EdDSA, KeyAlgorithm::EdDSA)]
        }
        _ => &[],
    };
    let own = key.common.key_algorithm;
    of_kind.iter().filter(|(_, name)| own.is_none_or(|own| own == *name)).map(|(algorithm, _)| *algorithm).collect()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_is_for_its_own_algorithms_only() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part));
        let public = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": "one", "alg": "ES256", "use": "sig"});
        let with = |name: &str, value: Value| {
            let mut changed = public.clone();
            changed[name] = value;
            PublicKeys::read(&json!({"keys": [changed]}))
        };
        assert!(with("kid", Value::Null).is_ok());
        assert!(with("use", json!("enc")).is_err());
        assert!(with("alg", json!("ES384")).is_err());
        assert!(with("crv", json!("P-384")).is_err());
        assert!(with("d", json!("x")).is_err());
        let rsa = |bytes: usize| {
            let n = URL_SAFE_NO_PAD.encode(vec![0xff; bytes]);
            PublicKeys::read(&json!({"keys": [{"kty": "RSA", "n": n, "e": "AQAB"}]}))
        };
        assert!(rsa(128).is_err());
        assert_eq!(algorithms(&rsa(256).unwrap().0[0]), [Algorithm::RS256, Algorithm::PS256]);
        let ed = Ed25519KeyPair::generate().unwrap();
        let x = URL_SAFE_NO_PAD.encode(ed.public_key().as_ref());
        let ed = PublicKeys::read(&json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]})).unwrap();
        assert_eq!(algorithms(&ed.0[0]), [Algorithm::EdDSA]);
        for wrong in [json!({}), json!([]), json!({"keys": []}), json!({"keys": [{"kty": "oct", "k": "AAAA"}]})] {
            assert!(PublicKeys::read(&wrong).is_err(), "{wrong}");
        }
    }
}
