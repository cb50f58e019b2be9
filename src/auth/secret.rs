//! The text of a credential, and what is stored of it.
//!
//! A prefix such as `pvr_t_` + 12 characters record id + 43 characters secret + 6 characters CRC-32, all base62. The id finds the
//! row, the secret proves the right, the checksum stops typos and blind scans before any look-up.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::master_key::MasterKey;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_LENGTH: usize = 12;
const SECRET_LENGTH: usize = 43;
const CHECKSUM_LENGTH: usize = 6;
/// Domain of the key under which token secrets are hashed.
const TOKEN_KEY: &str = "token-v1";

/// The kind of a credential, visible in its prefix so that a leaked one can be told by a scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A static header token.
    HeaderToken,
    /// The secret of an OAuth client.
    ClientSecret,
    /// An OAuth authorization code.
    AuthorizationCode,
    /// An OAuth refresh token.
    RefreshToken,
    /// What the cookie of a person who is signed in holds.
    Session,
    /// What claims a fresh installation.
    SetupCode,
    /// What makes somebody an administrator, or lets one choose a new password.
    Invitation,
    /// The code of a link by which an IT contact comes to the wizard.
    SetupLink,
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::HeaderToken => "pvr_t_",
            Self::ClientSecret => "pvr_s_",
            Self::AuthorizationCode => "pvr_c_",
            Self::RefreshToken => "pvr_r_",
            Self::Session => "pvr_u_",
            Self::SetupCode => "pvr_l_",
            Self::Invitation => "pvr_i_",
            Self::SetupLink => "pvr_w_",
        }
    }
}

/// What all prefixes begin with, and the length of all.
const PREFIX: &str = "pvr_";
const PREFIX_LENGTH: usize = 6;

/// A credential's text: shown once, never stored, logged or formatted for debugging.
pub struct Secret {
    text: Zeroizing<String>,
    kind: Kind,
}

impl Secret {
    /// Characters of every credential.
    pub(super) const LENGTH: usize = PREFIX_LENGTH + ID_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH;

    /// Makes a new credential from the randomness of the operating system.
    ///
    /// # Errors
    /// When the operating system gives none.
    pub fn generate(kind: Kind) -> Result<Self, getrandom::Error> {
        let mut body = Zeroizing::new(String::with_capacity(ID_LENGTH + SECRET_LENGTH));
        while body.len() < ID_LENGTH + SECRET_LENGTH {
            let mut bytes = Zeroizing::new([0_u8; 64]);
            getrandom::fill(bytes.as_mut_slice())?;
            push_unbiased(&mut body, bytes.as_slice());
        }
        Ok(Self::of(kind, &body))
    }

    /// The credential that takes this one's place, always the same: who presents the old one twice gets it twice, and nothing of it
    /// has to be kept. It cannot be reckoned without the key.
    #[must_use]
    pub fn successor(&self, key: &TokenKey) -> Self {
        let mut body = Zeroizing::new(String::with_capacity(ID_LENGTH + SECRET_LENGTH));
        for round in 0_u8.. {
            let mut mac = key.0.clone();
            mac.update(b"successor");
            mac.update(&[round]);
            mac.update(self.text.as_bytes());
            push_unbiased(&mut body, &mac.finalize().into_bytes());
            if body.len() == ID_LENGTH + SECRET_LENGTH {
                break;
            }
        }
        Self::of(self.kind, &body)
    }

    /// Puts prefix and checksum around id and secret.
    fn of(kind: Kind, body: &str) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX_LENGTH + body.len() + CHECKSUM_LENGTH));
        text.push_str(kind.prefix());
        text.push_str(body);
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Self { text, kind }
    }

    /// Reads a credential that a caller presents. `None` when it is none of ours: wrong prefix, length or checksum.
    #[must_use]
    pub fn parse(kind: Kind, text: &str) -> Option<Self> {
        let body = text.strip_prefix(kind.prefix())?;
        if body.len() != ID_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH
            || !body.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return None;
        }
        let (head, given) = text.split_at(text.len() - CHECKSUM_LENGTH);
        (checksum(head) == given).then(|| Self { text: Zeroizing::new(text.to_owned()), kind })
    }

    /// The public id of the record.
    #[must_use]
    pub fn id(&self) -> &str {
        let start = self.kind.prefix().len();
        &self.text[start..start + ID_LENGTH]
    }

    /// The whole text, for the one moment in which it is shown.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What is stored: HMAC-SHA-256 under a key derived from the master key, so that neither a reader of the table can use the
    /// token nor a writer make one.
    #[must_use]
    pub fn hash(&self, key: &TokenKey) -> SecretHash {
        let mut mac = key.0.clone();
        mac.update(&self.text.as_bytes()[self.kind.prefix().len()..]);
        SecretHash(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secret({}{}…)", self.kind.prefix(), self.id())
    }
}

/// Text from a client with whatever looks like one of our credentials cut down to its public id, for logs.
#[must_use]
pub fn masked(text: &str) -> String {
    let mut rest = text;
    let mut shown = String::with_capacity(text.len());
    while let Some(start) = rest.find(PREFIX) {
        let prefix = rest.as_bytes().get(start + PREFIX.len()..start + PREFIX_LENGTH);
        let length = if prefix.is_some_and(|kind| kind[0].is_ascii_lowercase() && kind[1] == b'_') {
            PREFIX_LENGTH
        } else {
            PREFIX.len()
        };
        let (head, tail) = rest.split_at(start + length);
        shown.push_str(head);
        rest = tail;
        if length == PREFIX_LENGTH {
            let length = tail.find(|end: char| !end.is_ascii_alphanumeric()).unwrap_or(tail.len());
            shown.push_str(&tail[..length.min(ID_LENGTH)]);
            if length > ID_LENGTH {
                shown.push('…');
            }
            rest = &tail[length..];
        }
    }
    shown.push_str(rest);
    shown
}

/// The key that hashes token secrets.
#[derive(Clone)]
pub struct TokenKey(Hmac<Sha256>);

impl TokenKey {
    /// Which master key it comes from; stored beside each hash.
    pub const VERSION: i16 = 1;

    /// Derives the key.
    #[must_use]
    pub fn derive(master: &MasterKey) -> Self {
        let key = master.derive(TOKEN_KEY);
        // HMAC takes keys of any length.
        match Hmac::new_from_slice(key.as_slice()) {
            Ok(mac) => Self(mac),
            Err(_) => unreachable!("HMAC takes keys of any length"),
        }
    }

    /// The digest by which an access token is known again. What it is made of begins with a character that no [`Secret`] has.
    #[must_use]
    pub fn digest(&self, access_token: &str) -> SecretHash {
        let mut mac = self.0.clone();
        mac.update(b".");
        mac.update(access_token.as_bytes());
        SecretHash(mac.finalize().into_bytes().into())
    }

    /// The digest of a short secret of another kind, such as people write down. The name of the kind comes first, behind a character
    /// that neither a [`Secret`] nor what [`TokenKey::digest`] takes begins with, and each part has its length before it.
    #[must_use]
    pub fn digest_for(&self, kind: &[u8], parts: &[&[u8]]) -> SecretHash {
        let mut mac = self.0.clone();
        mac.update(b"-");
        for part in std::iter::once(&kind).chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        SecretHash(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenKey")
    }
}

/// The stored form of a [`Secret`]. Compared in constant time.
#[derive(Debug, Clone, Copy, Hash, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// A hash that no secret has, to compare with where there is no row: both paths do the same work.
    pub const NONE: Self = Self([0; 32]);

    /// Reads the stored bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether two hashes are equal, in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Appends base62 characters, up to the length of a body, without bias: bytes beyond the last multiple of 62 are left out.
fn push_unbiased(body: &mut String, bytes: &[u8]) {
    const USABLE: u8 = 248;
    let missing = (ID_LENGTH + SECRET_LENGTH).saturating_sub(body.len());
    let usable = bytes.iter().filter(|byte| **byte < USABLE).take(missing);
    body.extend(usable.map(|byte| char::from(ALPHABET[usize::from(byte % 62)])));
}

fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_token_reads_back_and_a_typo_does_not() {
        let secret = Secret::generate(Kind::HeaderToken).unwrap();
        assert_eq!(secret.reveal().len(), 67);
        let again = Secret::parse(Kind::HeaderToken, secret.reveal()).unwrap();
        assert_eq!(again.id(), secret.id());
        for position in 6..secret.reveal().len() {
            let mut typo = secret.reveal().as_bytes().to_vec();
            typo[position] = if typo[position] == b'x' { b'y' } else { b'x' };
            assert!(Secret::parse(Kind::HeaderToken, std::str::from_utf8(&typo).unwrap()).is_none());
        }
        assert!(!format!("{secret:?}").contains(&secret.reveal()[18..]));
    }

    #[test]
    fn a_token_in_other_text_is_masked() {
        let secret = Secret::generate(Kind::HeaderToken).unwrap();
        let shown = masked(&format!("/Users/{}?x", secret.reveal()));
        assert_eq!(shown, format!("/Users/pvr_t_{}…?x", secret.id()));
        for plain in ["pvr_t_ and ada@example.com", "pvr_", "pvr_t", "pvr_é_abc", "pvr_tt_0123456789abcdef"] {
            assert_eq!(masked(plain), plain);
        }
    }

    #[test]
    fn a_successor_is_the_same_each_time_and_new_for_each_key_and_token() {
        let key = |byte| TokenKey::derive(&MasterKey::from_bytes([byte; 32]));
        let first = Secret::generate(Kind::RefreshToken).unwrap();
        let second = first.successor(&key(1));
        assert_eq!(second.reveal(), first.successor(&key(1)).reveal());
        assert_ne!(second.reveal(), first.successor(&key(2)).reveal());
        assert_ne!(second.id(), first.id());
        assert!(Secret::parse(Kind::RefreshToken, second.reveal()).is_some());
        let chain = std::iter::successors(Some(first), |token| Some(token.successor(&key(1)))).take(500);
        let ids: std::collections::HashSet<String> = chain.map(|token| token.id().to_owned()).collect();
        assert_eq!(ids.len(), 500);
    }

    #[test]
    fn the_hash_depends_on_the_secret_and_on_the_key() {
        let key = |byte| TokenKey::derive(&MasterKey::from_bytes([byte; 32]));
        let one = Secret::generate(Kind::HeaderToken).unwrap();
        let other = Secret::generate(Kind::HeaderToken).unwrap();
        assert!(one.hash(&key(1)).matches(&one.hash(&key(1))));
        assert!(!one.hash(&key(1)).matches(&one.hash(&key(2))));
        assert!(!one.hash(&key(1)).matches(&other.hash(&key(1))));
    }
}
