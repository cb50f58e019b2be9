//! From the text of a filter to tokens that know where they stand.

use crate::scim::error::ScimError;

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// `(`
    Open,
    /// `)`
    Close,
    /// `[`
    OpenBracket,
    /// `]`
    CloseBracket,
    /// A path, an operator, a keyword, a number, or an unquoted value.
    Word(&'t str),
    /// A quoted value, decoded.
    Quoted(String),
}

impl Token<'_> {
    /// The token as a message names it.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Open => "'('".into(),
            Self::Close => "')'".into(),
            Self::OpenBracket => "'['".into(),
            Self::CloseBracket => "']'".into(),
            Self::Word(word) => format!("'{}'", crate::scim::error::excerpt(word)),
            Self::Quoted(_) => "a quoted value".into(),
        }
    }
}

/// A token and the byte at which it starts.
pub(super) type Spanned<'t> = (usize, Token<'t>);

/// Splits the text.
///
/// # Errors
/// `invalidFilter` for a quote without end or an escape that JSON does not know.
pub(super) fn tokens(text: &str) -> Result<Vec<Spanned<'_>>, ScimError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let (token, length) = match first {
            space if space.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '[' => (Token::OpenBracket, 1),
            ']' => (Token::CloseBracket, 1),
            quote @ ('"' | '\'') => {
                let length =
                    quoted_length(&text[at..], quote).ok_or_else(|| problem(text, at, "the quote has no end"))?;
                let decoded = decode(&text[at..at + length], quote)
                    .ok_or_else(|| problem(text, at, "the quoted value is not a JSON string"))?;
                (Token::Quoted(decoded), length)
            }
            _ => {
                let length = word_length(&text[at..]);
                (Token::Word(&text[at..at + length]), length)
            }
        };
        tokens.push((at, token));
        at += length;
    }
    Ok(tokens)
}

/// An `invalidFilter` that says where.
pub(super) fn problem(text: &str, at: usize, what: impl std::fmt::Display) -> ScimError {
    let before = text.get(..at).map_or(0, |before| before.chars().count());
    ScimError::invalid_filter(format!("filter, character {}: {what}", before + 1)).at(before)
}

/// Bytes from the opening quote to the closing one.
fn quoted_length(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            end if end == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The value between the quotes, which is a JSON string. Single quotes, as RFC 7644's own example has them, are taken too.
fn decode(quoted: &str, quote: char) -> Option<String> {
    let decoded: String = if quote == '"' {
        serde_json::from_str(quoted).ok()?
    } else {
        let inner = &quoted[1..quoted.len() - 1];
        let json = format!("\"{}\"", inner.replace("\\'", "'").replace('"', "\\\""));
        serde_json::from_str(&json).ok()?
    };
    // Postgres text cannot hold it, so no value contains it.
    (!decoded.contains('\0')).then_some(decoded)
}

/// Bytes of an unquoted word. A double quote ends it, so that `eq"x"` reads as the author meant it; an apostrophe inside does not,
/// because names have them.
fn word_length(text: &str) -> usize {
    text.find(|end: char| end.is_ascii_whitespace() || matches!(end, '(' | ')' | '[' | ']' | '"')).unwrap_or(text.len())
}
