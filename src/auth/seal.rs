//! Secrets that must be read again, encrypted at rest (XChaCha20-Poly1305) under a key that is not in the database.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::master_key::MasterKey;

/// Domains of the keys.
const SIGNING_KEYS: &str = "jwk-v1";
const TOTP_SECRETS: &str = "totp-v1";
const SSO_SECRETS: &str = "sso-v1";
/// Bytes of the nonce, which comes first. It is long enough to be drawn at random.
const NONCE_BYTES: usize = 24;

/// A key under which such secrets are encrypted.
#[derive(Clone)]
pub struct SealKey(XChaCha20Poly1305);

impl SealKey {
    /// Which master key it comes from; stored beside what is sealed.
    pub const VERSION: i16 = 1;

    /// The key for the private halves of signing keys.
    #[must_use]
    pub fn for_signing_keys(master: &MasterKey) -> Self {
        Self::derive(master, SIGNING_KEYS)
    }

    /// The key for the secrets of authenticator apps.
    #[must_use]
    pub fn for_totp(master: &MasterKey) -> Self {
        Self::derive(master, TOTP_SECRETS)
    }

    /// The key for the secret that this installation has at the identity provider.
    #[must_use]
    pub fn for_sso(master: &MasterKey) -> Self {
        Self::derive(master, SSO_SECRETS)
    }

    fn derive(master: &MasterKey, domain: &str) -> Self {
        Self(XChaCha20Poly1305::new(
            master.derive(domain).as_slice().try_into().unwrap_or_else(|_| unreachable!("both have 32 bytes")),
        ))
    }

    /// Encrypts `secret`. It opens only together with the same `context`, so that a row cannot take another's place.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn seal(&self, context: &[u8], secret: &[u8]) -> Result<Vec<u8>, getrandom::Error> {
        let mut nonce = [0_u8; NONCE_BYTES];
        getrandom::fill(&mut nonce)?;
        let sealed = self.0.encrypt(&XNonce::from(nonce), Payload { msg: secret, aad: context });
        let Ok(sealed) = sealed else { unreachable!("only messages of 256 GiB are refused") };
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts what [`SealKey::seal`] made. `None` under another key, in another context, and when it was changed.
    #[must_use]
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        self.0.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: context }).ok().map(Zeroizing::new)
    }
}

/// A key under which secrets are encrypted, and the one that takes its place.
#[derive(Debug, Clone)]
pub struct Reseal {
    /// The key so far.
    pub former: SealKey,
    /// The key from now on.
    pub new: SealKey,
}

impl Reseal {
    /// Encrypts anew what was encrypted under the former key. `None` where it was not.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn apply(&self, context: &[u8], sealed: &[u8]) -> Result<Option<Vec<u8>>, getrandom::Error> {
        self.former.open(context, sealed).map(|secret| self.new.seal(context, &secret)).transpose()
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SealKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_under_its_key_and_in_its_context_only() {
        let key = |byte| SealKey::for_signing_keys(&MasterKey::from_bytes([byte; 32]));
        let sealed = key(1).seal(b"kid", b"private").unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"private"));
        assert_eq!(key(1).open(b"kid", &sealed).unwrap().as_slice(), b"private");
        assert_ne!(sealed, key(1).seal(b"kid", b"private").unwrap());
        assert!(key(2).open(b"kid", &sealed).is_none());
        assert!(key(1).open(b"other", &sealed).is_none());
        assert!(SealKey::for_totp(&MasterKey::from_bytes([1; 32])).open(b"kid", &sealed).is_none());
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert!(key(1).open(b"kid", &changed).is_none(), "{position}");
        }
        assert!(key(1).open(b"kid", b"short").is_none());
    }

    #[test]
    fn a_sealed_secret_is_carried_over_to_another_key_and_opens_under_that_alone() {
        let key = |byte| SealKey::for_totp(&MasterKey::from_bytes([byte; 32]));
        let reseal = Reseal { former: key(1), new: key(2) };
        let moved = reseal.apply(b"context", &key(1).seal(b"context", b"secret").unwrap()).unwrap().unwrap();
        assert_eq!(key(2).open(b"context", &moved).unwrap().as_slice(), b"secret");
        assert!(key(1).open(b"context", &moved).is_none() && key(2).open(b"other", &moved).is_none());
        assert_eq!(reseal.apply(b"other", &key(1).seal(b"context", b"secret").unwrap()).unwrap(), None);
        assert_eq!(reseal.apply(b"context", &key(3).seal(b"context", b"secret").unwrap()).unwrap(), None);
    }
}
