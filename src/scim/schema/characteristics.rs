//! The characteristics of an attribute (RFC 7643 section 2.2), with the RFC's keywords and defaults.

use serde::{Deserialize, Serialize};

/// Data type of a value (RFC 7643 section 2.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Type {
    /// Unicode text.
    #[default]
    String,
    /// `true` or `false`.
    Boolean,
    /// A number with a fraction.
    Decimal,
    /// A whole number.
    Integer,
    /// An `xsd:dateTime`.
    DateTime,
    /// Base64 text (RFC 4648 section 4).
    Binary,
    /// A URI.
    Reference,
    /// An object of sub-attributes.
    Complex,
}

/// Who may write a value, and when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mutability {
    /// The server only.
    ReadOnly,
    /// The client, at any time.
    #[default]
    ReadWrite,
    /// The client, once.
    Immutable,
    /// The client, and nobody ever reads it.
    WriteOnly,
}

/// When a reply contains the attribute (RFC 7643 section 2.2, RFC 7644 section 3.9).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Returned {
    /// In every reply, whatever the client excludes.
    Always,
    /// In none.
    Never,
    /// Unless the client's selection leaves it out.
    #[default]
    Default,
    /// Only when the client asks for it or has just written it.
    Request,
}

/// Over which set a value is unique.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Uniqueness {
    /// Values may repeat.
    #[default]
    None,
    /// Unique in the tenant.
    Server,
    /// Unique everywhere.
    Global,
}
