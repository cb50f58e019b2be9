//! What is not kept, by its name.

use std::collections::BTreeSet;
use std::sync::Arc;

/// What the name of a password has in it, in lower case.
const PASSWORDS: [&str; 5] = ["password", "passwd", "passphrase", "pwd", "secret"];
/// What begins like one of them and is none: a secretary.
const NO_SECRET: &str = "secretar";

/// What names something that is not kept, besides passwords.
#[derive(Debug)]
pub(in crate::http::request_log) enum Secrets {
    /// The attributes of these names, in lower case: those that the tenant's schemas never return.
    Named(Arc<BTreeSet<String>>),
    /// Nobody knows whose schemas count, so that no filter is kept.
    Unknown,
}

impl Default for Secrets {
    fn default() -> Self {
        Self::Named(Arc::default())
    }
}

impl Secrets {
    /// Whether text, such as a filter, names something secret anywhere.
    pub(super) fn are_in(&self, text: &str) -> bool {
        let lower = text.to_lowercase();
        is_password(&lower) || self.has_word(&lower)
    }

    /// Whether the name of a member or an attribute path leads to something secret: by its names, not by those in the URI of its
    /// schema or in the filter in its brackets.
    pub(super) fn are_at(&self, path: &str) -> bool {
        let lower = path.to_lowercase();
        let (head, rest) = lower.split_once('[').unwrap_or((&lower, ""));
        let head = head.rsplit(':').next().unwrap_or_default();
        is_password(&lower) || self.has_word(head) || self.has_word(rest.rsplit(']').next().unwrap_or_default())
    }

    fn has_word(&self, lower: &str) -> bool {
        match self {
            Self::Named(names) => lower.split(|c| !is_of_name(c)).any(|word| names.contains(word)),
            Self::Unknown => false,
        }
    }
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '$')
}

/// Whether this, in lower case, names or holds a password.
fn is_password(lower: &str) -> bool {
    let holds = |part: &str| lower.match_indices(part).any(|(at, _)| !lower[at..].starts_with(NO_SECRET));
    PASSWORDS.into_iter().any(holds)
}

/// What stands in an attribute path besides names: the filter in its brackets, or all of what is no path.
pub(super) fn condition(path: &str) -> &str {
    let is_plain = |c: char| is_of_name(c) || matches!(c, ':' | '.');
    let rest = path.trim_start_matches(is_plain);
    match rest.strip_prefix('[').and_then(|rest| rest.rsplit_once(']')) {
        _ if rest.is_empty() => "",
        Some((filter, tail)) if tail.chars().all(is_plain) => filter,
        _ => path,
    }
}
