//! Cursors of lists (RFC 9865), as clients carry them: content and a MAC over it, in base64url. The MAC also covers what the cursor
//! was given out for, so that it opens for nothing else. It is no secret, and it gives no right to anything.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::master_key::MasterKey;

/// Domain of the key.
const CURSOR_KEY: &str = "cursor-v1";
/// Bytes of the MAC, which comes first.
const MAC_BYTES: usize = 32;

/// The key under which cursors are authenticated. It is the same in every instance, so that each takes the others' cursors.
#[derive(Clone)]
pub struct CursorKey(Hmac<Sha256>);

impl CursorKey {
    /// Derives the key.
    #[must_use]
    pub fn derive(master: &MasterKey) -> Self {
        let key = master.derive(CURSOR_KEY);
        match Hmac::new_from_slice(key.as_slice()) {
            Ok(mac) => Self(mac),
            Err(_) => unreachable!("HMAC takes keys of any length"),
        }
    }

    /// A cursor with this content, for this purpose only.
    #[must_use]
    pub fn seal(&self, purpose: &[&[u8]], content: &[u8]) -> String {
        let mut cursor = self.mac(purpose, content).finalize().into_bytes().to_vec();
        cursor.extend_from_slice(content);
        URL_SAFE_NO_PAD.encode(cursor)
    }

    /// The content of a cursor. `None` when it was not made by [`CursorKey::seal`] under this key and for this purpose.
    #[must_use]
    pub fn open(&self, purpose: &[&[u8]], cursor: &str) -> Option<Vec<u8>> {
        let mut cursor = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let content = if cursor.len() < MAC_BYTES { return None } else { cursor.split_off(MAC_BYTES) };
        // In constant time.
        self.mac(purpose, &content).verify_slice(&cursor).ok()?;
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

impl fmt::Debug for CursorKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CursorKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> CursorKey {
        CursorKey::derive(&MasterKey::from_bytes([byte; 32]))
    }

    #[test]
    fn a_cursor_opens_for_what_it_was_made_for_and_nothing_else() {
        let cursor = key(1).seal(&[b"ab", b"c"], b"content");
        assert_eq!(key(1).open(&[b"ab", b"c"], &cursor).unwrap(), b"content");
        assert_eq!(key(2).open(&[b"ab", b"c"], &cursor), None);
        for other in [&[b"a".as_slice(), b"bc"][..], &[b"ab", b"d"], &[b"abc"], &[b"ab"], &[]] {
            assert_eq!(key(1).open(other, &cursor), None);
        }
        assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
    }

    #[test]
    fn a_cursor_that_was_changed_does_not_open() {
        let cursor = key(1).seal(&[], b"content");
        for (position, character) in cursor.char_indices() {
            let mut changed = cursor.clone();
            changed.replace_range(position..=position, if character == 'x' { "y" } else { "x" });
            assert_eq!(key(1).open(&[], &changed), None, "{position}");
        }
        for text in ["", "x", "====", "é", &cursor[..40], &format!("{cursor}A"), &format!("{cursor}=")] {
            assert_eq!(key(1).open(&[], text), None, "{text}");
        }
    }
}
