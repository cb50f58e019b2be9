//! Content that clients carry for us: the cursors of lists (RFC 9865), an authorization request while its sender signs in, the
//! tokens of forms. Content and a MAC over it, in base64url. The MAC also covers what the content was given out for, so that it is
//! read for nothing else. It can be read by whoever holds it, and it gives no right to anything.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::master_key::MasterKey;

/// Domains of the keys.
const CURSOR_KEY: &str = "cursor-v1";
const FORM_KEY: &str = "form-v1";
const CHECKPOINT_KEY: &str = "audit-checkpoint-v1";
const BACKUP_KEY: &str = "backup-v1";
/// Bytes of the MAC, which comes first.
const MAC_BYTES: usize = 32;

/// The key under which such content is authenticated. It is the same in every instance, so that each takes what the others gave out.
#[derive(Clone)]
pub struct StampKey(Hmac<Sha256>);

impl StampKey {
    /// The key for cursors.
    #[must_use]
    pub fn for_cursors(master: &MasterKey) -> Self {
        Self::derive(master, CURSOR_KEY)
    }

    /// The key for what forms carry.
    #[must_use]
    pub fn for_forms(master: &MasterKey) -> Self {
        Self::derive(master, FORM_KEY)
    }

    /// The key for checkpoints of the audit log.
    #[must_use]
    pub fn for_checkpoints(master: &MasterKey) -> Self {
        Self::derive(master, CHECKPOINT_KEY)
    }

    /// The key for copies of the database.
    #[must_use]
    pub fn for_backups(master: &MasterKey) -> Self {
        Self::derive(master, BACKUP_KEY)
    }

    fn derive(master: &MasterKey, domain: &str) -> Self {
        let key = master.derive(domain);
        match Hmac::new_from_slice(key.as_slice()) {
            Ok(mac) => Self(mac),
            Err(_) => unreachable!("HMAC takes keys of any length"),
        }
    }

    /// The content with its stamp, for this purpose only.
    #[must_use]
    pub fn stamp(&self, purpose: &[&[u8]], content: &[u8]) -> String {
        let mut stamped = self.mac(purpose, content).finalize().into_bytes().to_vec();
        stamped.extend_from_slice(content);
        URL_SAFE_NO_PAD.encode(stamped)
    }

    /// The content of a stamped text. `None` when it was not made by [`StampKey::stamp`] under this key and for this purpose.
    #[must_use]
    pub fn read(&self, purpose: &[&[u8]], stamped: &str) -> Option<Vec<u8>> {
        let mut stamped = URL_SAFE_NO_PAD.decode(stamped).ok()?;
        let content = if stamped.len() < MAC_BYTES { return None } else { stamped.split_off(MAC_BYTES) };
        // In constant time.
        self.mac(purpose, &content).verify_slice(&stamped).ok()?;
        Some(content)
    }

    fn mac(&self, purpose: &[&[u8]], content: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in purpose {
            // With its length, so that no two purposes read the same.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.update(content);
        mac
    }
}

impl fmt::Debug for StampKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("StampKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> StampKey {
        StampKey::for_cursors(&MasterKey::from_bytes([byte; 32]))
    }

    #[test]
    fn a_stamped_text_is_read_for_what_it_was_made_for_and_nothing_else() {
        let stamped = key(1).stamp(&[b"ab", b"c"], b"content");
        assert_eq!(key(1).read(&[b"ab", b"c"], &stamped).unwrap(), b"content");
        assert_eq!(key(2).read(&[b"ab", b"c"], &stamped), None);
        assert_eq!(StampKey::for_forms(&MasterKey::from_bytes([1; 32])).read(&[b"ab", b"c"], &stamped), None);
        for other in [&[b"a".as_slice(), b"bc"][..], &[b"ab", b"d"], &[b"abc"], &[b"ab"], &[]] {
            assert_eq!(key(1).read(other, &stamped), None);
        }
        assert!(stamped.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
    }

    #[test]
    fn a_stamped_text_that_was_changed_is_not_read() {
        let stamped = key(1).stamp(&[], b"content");
        for (position, character) in stamped.char_indices() {
            let mut changed = stamped.clone();
            changed.replace_range(position..=position, if character == 'x' { "y" } else { "x" });
            assert_eq!(key(1).read(&[], &changed), None, "{position}");
        }
        for text in ["", "x", "====", "é", &stamped[..40], &format!("{stamped}A"), &format!("{stamped}=")] {
            assert_eq!(key(1).read(&[], text), None, "{text}");
        }
    }
}
