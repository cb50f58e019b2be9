//! Proof Key for Code Exchange (RFC 7636), with the method `S256` only.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The one method: `plain` protects nobody who can read the request (RFC 9700 section 2.1.1).
pub const METHOD: &str = "S256";

/// Whether a text can be a verifier, or a challenge (RFC 7636 sections 4.1 and 4.2).
#[must_use]
pub fn is_well_formed(text: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

/// The challenge that belongs to a verifier (RFC 7636 section 4.2).
#[must_use]
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// Whether a verifier is the one behind a challenge (RFC 7636 section 4.6), in constant time.
#[must_use]
pub fn verifies(expected: &str, verifier: &str) -> bool {
    is_well_formed(verifier) && challenge(verifier).as_bytes().ct_eq(expected.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_the_rfc_holds() {
        assert_eq!(challenge(VERIFIER), CHALLENGE);
        assert!(verifies(CHALLENGE, VERIFIER));
        assert!(!verifies(CHALLENGE, CHALLENGE));
        assert!(!verifies(VERIFIER, VERIFIER));
        assert!(!verifies(&CHALLENGE.to_lowercase(), VERIFIER));
    }

    #[test]
    fn verifiers_and_challenges_have_43_to_128_unreserved_characters() {
        for (text, well_formed) in [
            ("a".repeat(42), false),
            ("a".repeat(43), true),
            ("-._~".repeat(32), true),
            ("a".repeat(129), false),
            (format!("{}+", "a".repeat(43)), false),
            (format!("{}é", "a".repeat(43)), false),
            (String::new(), false),
        ] {
            assert_eq!(is_well_formed(&text), well_formed, "{text}");
        }
        let short = "a".repeat(42);
        assert!(!verifies(&challenge(&short), &short));
    }
}
