//! SCIM errors (RFC 7644 section 3.12): one table from the kind to the HTTP status and the `scimType`.

use std::fmt;

use serde_json::{Value, json};

use super::urn;

/// What went wrong, as the client is told. [`ErrorKind::status`] and [`ErrorKind::scim_type`] are the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The filter's syntax, or an attribute and operator that do not go together.
    InvalidFilter,
    /// The query would touch more than the server is willing to.
    TooMany,
    /// A value that must be unique is taken.
    Uniqueness,
    /// The state of something else stands against it: an operation in a bulk request that this one refers to has failed.
    Conflict,
    /// A change to what is read-only, immutable or required.
    Mutability,
    /// The body's structure is wrong.
    InvalidSyntax,
    /// A PATCH path that is malformed or names nothing known.
    InvalidPath,
    /// A PATCH path that selects nothing to operate on.
    NoTarget,
    /// A required value is missing or does not fit its type.
    InvalidValue,
    /// A cursor that was not given out for this query (RFC 9865 section 2.1).
    InvalidCursor,
    /// A cursor that is too old (RFC 9865 section 2.1).
    ExpiredCursor,
    /// Another page size than the cursor was given out for (RFC 9865 section 2.1).
    InvalidCount,
    /// Personal data in a URL that is refused there.
    Sensitive,
    /// No credential, or none that is valid.
    Unauthorized,
    /// The credential does not allow this.
    Forbidden,
    /// No such resource or endpoint.
    NotFound,
    /// The endpoint does not know the method.
    MethodNotAllowed,
    /// The body took too long to arrive.
    RequestTimeout,
    /// An `If-Match` or `If-None-Match` that does not hold.
    PreconditionFailed,
    /// The body, or a list in it, is larger than the limit.
    PayloadTooLarge,
    /// A body that is not JSON.
    UnsupportedMediaType,
    /// More requests than the caller may send.
    TooManyRequests,
    /// A fault of ours.
    Internal,
    /// A part of the protocol that is switched off.
    NotImplemented,
    /// No capacity, or no database, right now.
    Unavailable,
}

impl ErrorKind {
    /// All of them, in the order above.
    pub const ALL: [Self; 25] = [
        Self::InvalidFilter,
        Self::TooMany,
        Self::Uniqueness,
        Self::Conflict,
        Self::Mutability,
        Self::InvalidSyntax,
        Self::InvalidPath,
        Self::NoTarget,
        Self::InvalidValue,
        Self::InvalidCursor,
        Self::ExpiredCursor,
        Self::InvalidCount,
        Self::Sensitive,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::PreconditionFailed,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::TooManyRequests,
        Self::Internal,
        Self::NotImplemented,
        Self::Unavailable,
    ];

    const fn row(self) -> (u16, Option<&'static str>) {
        match self {
            Self::InvalidFilter => (400, Some("invalidFilter")),
            Self::TooMany => (400, Some("tooMany")),
            Self::Uniqueness => (409, Some("uniqueness")),
            Self::Conflict => (409, None),
            Self::Mutability => (400, Some("mutability")),
            Self::InvalidSyntax => (400, Some("invalidSyntax")),
            Self::InvalidPath => (400, Some("invalidPath")),
            Self::NoTarget => (400, Some("noTarget")),
            Self::InvalidValue => (400, Some("invalidValue")),
            Self::InvalidCursor => (400, Some("invalidCursor")),
            Self::ExpiredCursor => (400, Some("expiredCursor")),
            Self::InvalidCount => (400, Some("invalidCount")),
            Self::Sensitive => (403, Some("sensitive")),
            Self::Unauthorized => (401, None),
            Self::Forbidden => (403, None),
            Self::NotFound => (404, None),
            Self::MethodNotAllowed => (405, None),
            Self::RequestTimeout => (408, None),
            Self::PreconditionFailed => (412, None),
            Self::PayloadTooLarge => (413, None),
            Self::UnsupportedMediaType => (415, None),
            Self::TooManyRequests => (429, None),
            Self::Internal => (500, None),
            Self::NotImplemented => (501, None),
            Self::Unavailable => (503, None),
        }
    }

    /// The HTTP status code.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().0
    }

    /// The `scimType` keyword, for the kinds that have one.
    #[must_use]
    pub const fn scim_type(self) -> Option<&'static str> {
        self.row().1
    }
}

/// An error in the protocol's own form. `detail` is written for the administrator at the other end: it names
/// the attribute and the reason, and never holds SQL, secrets or another resource's values.
#[derive(Debug)]
pub struct ScimError {
    kind: ErrorKind,
    detail: String,
    attribute: Option<String>,
    position: Option<usize>,
    retry_after_seconds: Option<u32>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ScimError {
    /// An error of this kind with a sentence for the client.
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), attribute: None, position: None, retry_after_seconds: None, source: None }
    }

    /// Says after how many seconds another attempt may do better.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Attaches the cause, which goes to the log and never to the client.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says which attribute it is about, for whoever shows it beside a field.
    #[must_use]
    pub fn about(mut self, attribute: &str) -> Self {
        self.attribute = Some(attribute.to_owned());
        self
    }

    /// Says at which character of a filter it is, counted from 0.
    #[must_use]
    pub fn at(mut self, position: usize) -> Self {
        self.position = Some(position);
        self
    }

    /// 400 `invalidFilter`.
    pub fn invalid_filter(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidFilter, detail)
    }

    /// 400 `invalidPath` about the path text given.
    pub fn invalid_path(path: &str, reason: impl fmt::Display) -> Self {
        Self::new(ErrorKind::InvalidPath, format!("path '{}': {reason}", excerpt(path)))
    }

    /// 400 `invalidValue` about the attribute named.
    pub fn invalid_value(attribute: &str, reason: impl fmt::Display) -> Self {
        Self::new(ErrorKind::InvalidValue, format!("attribute '{}': {reason}", excerpt(attribute))).about(attribute)
    }

    /// 400 `invalidSyntax`.
    pub fn invalid_syntax(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidSyntax, detail)
    }

    /// 400 `mutability` about the attribute named.
    pub fn mutability(attribute: &str, reason: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Mutability, format!("attribute '{}' {reason}", excerpt(attribute))).about(attribute)
    }

    /// 400 `noTarget`.
    pub fn no_target(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::NoTarget, detail)
    }

    /// 404 for an id that names no resource of this type.
    #[must_use]
    pub fn no_such_resource(resource_type: &str, id: &str) -> Self {
        Self::new(ErrorKind::NotFound, format!("{resource_type} '{}' not found", excerpt(id)))
    }

    /// 404 for a path that names no endpoint.
    #[must_use]
    pub fn no_such_endpoint() -> Self {
        Self::new(ErrorKind::NotFound, "there is no such endpoint")
    }

    /// The kind, which decides status and `scimType`.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the server is at fault, so that the log should say why.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        matches!(self.kind, ErrorKind::Internal | ErrorKind::Unavailable)
    }

    /// After how many seconds another attempt may do better, where that is known.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u32> {
        self.retry_after_seconds
    }

    /// The sentence for the client.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The attribute that it is about, as far as one is known.
    #[must_use]
    pub fn attribute(&self) -> Option<&str> {
        self.attribute.as_deref()
    }

    /// The character of the filter at which it is, counted from 0.
    #[must_use]
    pub fn position(&self) -> Option<usize> {
        self.position
    }

    /// The same error as another kind; a filter inside a PATCH path reports as the path does, for example.
    #[must_use]
    pub fn into_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// The response body (RFC 7644 section 3.12). `status` is a string there.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut body = json!({
            "schemas": [urn::ERROR],
            "status": self.kind.status().to_string(),
            "detail": self.detail,
        });
        if let (Some(keyword), Some(object)) = (self.kind.scim_type(), body.as_object_mut()) {
            object.insert("scimType".into(), keyword.into());
        }
        body
    }
}

impl fmt::Display for ScimError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.detail)
    }
}

impl std::error::Error for ScimError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// At most 80 characters of what the client sent, so that an answer never echoes a megabyte.
#[must_use]
pub fn excerpt(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_kinds_has_each_at_its_place() {
        assert_eq!(ErrorKind::ALL.map(|kind| kind as usize).to_vec(), (0..ErrorKind::ALL.len()).collect::<Vec<_>>());
        assert_eq!(ErrorKind::ALL.len(), ErrorKind::Unavailable as usize + 1);
    }
}
