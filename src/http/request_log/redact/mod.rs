//! What may be kept of a body: the text as it was sent, with passwords and credentials in it replaced. It is read token by token, not
//! parsed as a whole, because of a large body only the beginning is there.

mod clean;
mod secrets;
#[cfg(test)]
mod tests;
mod walk;

pub(super) use clean::{clean, clean_detail, clean_query, searches_secret};
pub(super) use secrets::Secrets;

/// What the log keeps of a body, and what it learns from it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Redacted {
    /// The text; `None` where there was no body.
    pub text: Option<String>,
    /// `id` of the resource.
    pub id: Option<String>,
    /// `userName` or `displayName` of the resource.
    pub name: Option<String>,
    /// `scimType` of an error.
    pub scim_type: Option<String>,
    /// `detail` of an error.
    pub detail: Option<String>,
    /// Whether `active` is set to false.
    pub deactivates: bool,
    /// Whether it searches by what is not kept, so that what is said of the search must not be kept either.
    pub searches_secret: bool,
}

/// Reads the beginning of a body of this length.
pub(super) fn redact(start: &[u8], length: usize, secrets: &Secrets) -> Redacted {
    if length == 0 {
        return Redacted::default();
    }
    let is_cut = length > start.len();
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // The cut may go through a character.
        Err(error) if is_cut && error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return opaque(length),
    };
    let Ok((mut kept, found)) = walk::read(text, is_cut, secrets) else {
        return opaque(length);
    };
    if is_cut {
        kept.extend(["\n… (", &start.len().to_string(), " of ", &length.to_string(), " bytes)"]);
    }
    Redacted { text: Some(kept), ..found }
}

/// Nobody knows what is secret in something that is not JSON, so nothing is kept of it.
fn opaque(length: usize) -> Redacted {
    Redacted { text: Some(format!("(not JSON: {length} bytes)")), ..Redacted::default() }
}
