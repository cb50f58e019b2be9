//! What authenticator apps show (RFC 6238): six digits that change every thirty seconds. And the recovery codes that stand in for an
//! app that is lost.

use std::fmt;

use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

use super::secret::{SecretHash, TokenKey};

/// Bytes of a secret, as many as RFC 4226 section 4 recommends.
const SECRET_BYTES: usize = 20;
/// Digits of a code.
const DIGITS: u8 = 6;
/// Seconds for which a code is shown.
const STEP_SECONDS: u64 = 30;
/// Codes before and after the one of the moment that are taken, because clocks differ (RFC 6238 section 5.2).
const SKEW: u16 = 1;
/// Recovery codes that somebody has at first.
pub const RECOVERY_CODES: usize = 10;
/// Characters of a recovery code, of five bits each.
const RECOVERY_LENGTH: usize = 10;
/// Digits and letters that are not taken for one another on paper (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What an app and this server share.
pub struct TotpSecret(Zeroizing<[u8; SECRET_BYTES]>);

impl TotpSecret {
    /// Makes a new secret from the randomness of the operating system.
    ///
    /// # Errors
    /// When the operating system gives none.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        getrandom::fill(bytes.as_mut_slice())?;
        Ok(Self(bytes))
    }

    /// Reads a secret. `None` when it has another length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// The secret, to be sealed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// The secret as people type it into an app: base 32 in groups of four.
    #[must_use]
    pub fn typed(&self) -> String {
        let text = Zeroizing::new(self.totp("", "").secret().to_base32());
        let groups: Vec<&str> = text.as_bytes().chunks(4).filter_map(|group| std::str::from_utf8(group).ok()).collect();
        groups.join(" ")
    }

    /// The secret as apps read it from a QR code, with what they show it by.
    #[must_use]
    pub fn uri(&self, issuer: &str, account: &str) -> String {
        // A colon separates the two, and has no other place in either.
        let plain = |text: &str| text.replace(':', " ");
        self.totp(&plain(issuer), &plain(account)).to_url().unwrap_or_default()
    }

    /// The time step that a code belongs to, where it is one of the few that are taken at this time.
    #[must_use]
    pub fn step_of(&self, code: &str, unix_seconds: i64) -> Option<i64> {
        let step = self.totp("", "").check(code, u64::try_from(unix_seconds).ok()?)?;
        i64::try_from(step).ok()
    }

    fn totp(&self, issuer: &str, account: &str) -> Totp {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(DIGITS)
            .with_step_duration(STEP_SECONDS)
            .with_skew(SKEW)
            .with_secret(*self.0)
            .with_issuer(Some(issuer))
            .with_account_name(account)
            // All that `build` checks stands above.
            .build_noncompliant()
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TotpSecret")
    }
}

/// A code on paper. It is shown once; what is stored is its hash.
pub struct RecoveryCode(Zeroizing<String>);

impl RecoveryCode {
    /// Makes a new code from the randomness of the operating system.
    ///
    /// # Errors
    /// When the operating system gives none.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0_u8; RECOVERY_LENGTH]);
        getrandom::fill(bytes.as_mut_slice())?;
        // 256 is a multiple of 32.
        Ok(Self(Zeroizing::new(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())))
    }

    /// The code in two halves, as it is shown.
    #[must_use]
    pub fn shown(&self) -> String {
        let (first, second) = self.0.split_at(RECOVERY_LENGTH / 2);
        format!("{first}-{second}")
    }

    /// What is stored: good for this person alone, and to be reckoned with the key only.
    #[must_use]
    pub fn hash(&self, key: &TokenKey, person: uuid::Uuid) -> SecretHash {
        key.digest_for(b"recovery", &[person.as_bytes(), self.0.as_bytes()])
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RecoveryCode")
    }
}

/// What somebody enters as the second factor.
#[derive(Debug)]
pub enum Code {
    /// The six digits of an app.
    Totp(String),
    /// A code on paper.
    Recovery(RecoveryCode),
}

impl Code {
    /// Reads what was entered: with blanks and hyphens wherever people put them, in any case, and with letters that were taken for
    /// digits. `None` when it can be neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // Longer texts need not be looked at.
        let text = text.get(..text.len().min(100))?;
        let characters = text.chars().filter(|character| !character.is_whitespace() && *character != '-');
        let bare: String = characters.map(|character| character.to_ascii_lowercase()).collect();
        if bare.len() == usize::from(DIGITS) && bare.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Self::Totp(bare));
        }
        let read = |character| match character {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        };
        let code: Zeroizing<String> = Zeroizing::new(bare.chars().map(read).collect());
        let is_one = code.len() == RECOVERY_LENGTH && code.bytes().all(|byte| ALPHABET.contains(&byte));
        is_one.then_some(Self::Recovery(RecoveryCode(code)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::master_key::MasterKey;

    /// The secret and the codes of RFC 6238 appendix B, of which six digits are taken.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890").unwrap();
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret.step_of(code, seconds), Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_code_is_taken_one_step_before_and_after_its_time() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890").unwrap();
        let at = |seconds| secret.step_of("287082", seconds);
        assert_eq!([0, 29, 30, 59, 89].map(at), [Some(1), Some(1), Some(1), Some(1), Some(1)]);
        assert_eq!([90, 120, -1].map(at), [None; 3]);
        for other in ["", "28708", "2870822", "+87082", "28708\u{0}", "２８７０８２"] {
            assert_eq!(secret.step_of(other, 59), None, "{other}");
        }
    }

    #[test]
    fn an_app_reads_the_secret_with_names_that_hold_anything() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890").unwrap();
        assert_eq!(secret.typed(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        let uri = secret.uri("provisor [::1]", "a:\"<\u{e9}&@example.com");
        let url = url::Url::parse(&uri).unwrap();
        let secret = url.query_pairs().find(|(name, _)| name == "secret").unwrap().1.into_owned();
        assert_eq!(
            (url.scheme(), url.host_str(), &*secret),
            ("otpauth", Some("totp"), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
        );
        assert!(!uri.contains(['"', '<']) && uri.contains("a%20%22%3C%C3%A9%26%40example.com"), "{uri}");
    }

    #[test]
    fn a_recovery_code_is_read_as_people_write_it() {
        let key = TokenKey::derive(&MasterKey::from_bytes([1; 32]));
        let person = uuid::Uuid::now_v7();
        let code = RecoveryCode(Zeroizing::new("01abcdefgh".into()));
        assert_eq!(code.shown(), "01abc-defgh");
        for written in ["01abc-defgh", " 01ABC DEFGH ", "oiabcdefgh", "0labc\u{a0}de-fgh"] {
            let Some(Code::Recovery(read)) = Code::parse(written) else { panic!("{written}") };
            assert!(read.hash(&key, person).matches(&code.hash(&key, person)), "{written}");
        }
        assert!(!code.hash(&key, person).matches(&code.hash(&key, uuid::Uuid::now_v7())));
        for neither in
            ["", "01abc", "01abc-defgu", "12345", "\u{e9}1abc-defgh", &"1".repeat(1_000), &"\u{e9}".repeat(60)]
        {
            assert!(Code::parse(neither).is_none(), "{neither}");
        }
        assert!(matches!(Code::parse(" 123 456 "), Some(Code::Totp(code)) if code == "123456"));
        let made: std::collections::HashSet<String> =
            (0..100).map(|_| RecoveryCode::generate().unwrap().shown()).collect();
        assert_eq!(made.len(), 100);
        assert!(made.iter().all(|shown| matches!(Code::parse(shown), Some(Code::Recovery(_)))));
    }
}
