//! The grammar, by recursive descent with bounds on length, depth and nodes.

use serde_json::Value;

use super::lexer::{Spanned, Token, problem, tokens};
use super::{Filter, Operator, PatchPath};
use crate::scim::error::{ErrorKind, ScimError};
use crate::scim::limits;
use crate::scim::path::is_name;

/// Reads a filter.
///
/// # Errors
/// `invalidFilter` that says at which character what was expected.
pub fn parse(text: &str) -> Result<Filter, ScimError> {
    Parser::new(text)?.whole()
}

/// Reads a filter, and at which byte each of its expressions begins: comparisons, `pr` and value paths, in the order of the text.
///
/// # Errors
/// As [`parse`].
pub(super) fn parse_with_places(text: &str) -> Result<(Filter, Vec<usize>), ScimError> {
    let mut parser = Parser::new(text)?;
    let filter = parser.whole()?;
    Ok((filter, parser.places))
}

/// Reads a PATCH path.
///
/// # Errors
/// `invalidPath` for the path, `invalidFilter` for what stands between its brackets.
pub fn parse_path(text: &str) -> Result<PatchPath, ScimError> {
    let malformed = || ScimError::invalid_path(text, "is not attrPath or attrPath[filter].subAttribute");
    let kind = if text.contains('[') { ErrorKind::InvalidFilter } else { ErrorKind::InvalidPath };
    let mut parser = Parser::new(text).map_err(|error| error.into_kind(kind))?;
    let Some(Token::Word(attribute)) = parser.next() else {
        return Err(malformed());
    };
    let mut path = PatchPath { attribute: attribute.to_owned(), filter: None, sub_attribute: None };
    if parser.take(&Token::OpenBracket) {
        path.filter = Some(parser.bracketed()?);
        if let Some(&Token::Word(word)) = parser.peek() {
            path.sub_attribute = Some(word.strip_prefix('.').ok_or_else(malformed)?.to_owned());
            parser.next();
        }
    }
    match parser.peek() {
        None => Ok(path),
        Some(_) => Err(malformed()),
    }
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Spanned<'t>>,
    position: usize,
    depth: usize,
    nodes: usize,
    /// Where expressions begin.
    places: Vec<usize>,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Result<Self, ScimError> {
        if text.len() > limits::FILTER_BYTES {
            return Err(ScimError::invalid_filter(format!("longer than {} bytes", limits::FILTER_BYTES)));
        }
        let tokens = tokens(text)?;
        if let Some(at) = text.find('\0') {
            return Err(problem(text, at, "the character U+0000 is not allowed"));
        }
        Ok(Self { text, tokens, position: 0, depth: 0, nodes: 0, places: Vec::new() })
    }

    fn peek(&self) -> Option<&Token<'t>> {
        self.tokens.get(self.position).map(|(_, token)| token)
    }

    fn next(&mut self) -> Option<Token<'t>> {
        let token = self.peek().cloned();
        self.position += usize::from(token.is_some());
        token
    }

    fn take(&mut self, expected: &Token<'_>) -> bool {
        let found = self.peek() == Some(expected);
        self.position += usize::from(found);
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(next)) if next.eq_ignore_ascii_case(word));
        self.position += usize::from(found);
        found
    }

    /// The error at the next token.
    fn unexpected(&self, expected: &str) -> ScimError {
        let (at, found) = match self.tokens.get(self.position) {
            Some((at, token)) => (*at, token.describe()),
            None => (self.text.len(), "the end".into()),
        };
        problem(self.text, at, format_args!("expected {expected}, found {found}"))
    }

    fn count_node(&mut self) -> Result<(), ScimError> {
        self.nodes += 1;
        if self.nodes > limits::FILTER_NODES {
            return Err(ScimError::invalid_filter(format!("more than {} expressions", limits::FILTER_NODES)));
        }
        Ok(())
    }

    fn whole(&mut self) -> Result<Filter, ScimError> {
        let filter = self.filter()?;
        match self.peek() {
            None => Ok(filter),
            Some(_) => Err(self.unexpected("'and', 'or' or the end")),
        }
    }

    /// `filter = and *("or" and)`
    fn filter(&mut self) -> Result<Filter, ScimError> {
        self.depth += 1;
        if self.depth > limits::FILTER_DEPTH {
            return Err(ScimError::invalid_filter(format!("nested deeper than {} levels", limits::FILTER_DEPTH)));
        }
        let filter = self.chain("or", Filter::Or, |parser| parser.chain("and", Filter::And, Self::unary))?;
        self.depth -= 1;
        Ok(filter)
    }

    fn chain(
        &mut self,
        operator: &str,
        join: fn(Vec<Filter>) -> Filter,
        part: impl Fn(&mut Self) -> Result<Filter, ScimError>,
    ) -> Result<Filter, ScimError> {
        let first = part(self)?;
        let mut parts = vec![first];
        while self.take_word(operator) {
            self.count_node()?;
            parts.push(part(self)?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { join(parts) })
    }

    /// `unary = "not" "(" filter ")" / "(" filter ")" / valuePath / attrExp`
    fn unary(&mut self) -> Result<Filter, ScimError> {
        if self.take(&Token::Open) {
            return self.group();
        }
        if self.take_word("not") {
            if !self.take(&Token::Open) {
                return Err(self.unexpected("'(' after 'not'"));
            }
            self.count_node()?;
            return Ok(Filter::Not(Box::new(self.group()?)));
        }
        let Some(&Token::Word(path)) = self.peek() else {
            return Err(self.unexpected("an attribute, 'not' or '('"));
        };
        self.places.extend(self.tokens.get(self.position).map(|(at, _)| *at));
        self.position += 1;
        self.count_node()?;
        if self.take(&Token::OpenBracket) { self.value_path(path) } else { self.expression(path) }
    }

    fn group(&mut self) -> Result<Filter, ScimError> {
        let filter = self.filter()?;
        if self.take(&Token::Close) { Ok(filter) } else { Err(self.unexpected("')'")) }
    }

    fn bracketed(&mut self) -> Result<Filter, ScimError> {
        let filter = self.filter()?;
        if self.take(&Token::CloseBracket) { Ok(filter) } else { Err(self.unexpected("']'")) }
    }

    /// `attrPath "[" filter "]"`, and Entra's tail `.value eq "x"`, which asks one thing more of the same element.
    fn value_path(&mut self, path: &str) -> Result<Filter, ScimError> {
        let inner = self.bracketed()?;
        let tail = match self.peek() {
            Some(&Token::Word(word)) => word.strip_prefix('.'),
            _ => None,
        };
        let inner = match tail {
            None => inner,
            // Only what can also stand first in an expression, or the filter could not be written down.
            Some(sub_attribute) if !is_name(sub_attribute) || sub_attribute.eq_ignore_ascii_case("not") => {
                return Err(self.unexpected("a sub-attribute"));
            }
            Some(sub_attribute) => {
                self.places.extend(self.tokens.get(self.position).map(|(at, _)| *at));
                self.position += 1;
                self.count_node()?;
                Filter::And(vec![inner, self.expression(sub_attribute)?])
            }
        };
        Ok(Filter::ValuePath(path.to_owned(), Box::new(inner)))
    }

    /// `attrPath "pr" / attrPath compareOp compValue`
    fn expression(&mut self, path: &str) -> Result<Filter, ScimError> {
        if self.take_word("pr") {
            return Ok(Filter::Present(path.to_owned()));
        }
        let operator = match self.peek() {
            Some(Token::Word(word)) => Operator::parse(word),
            _ => None,
        };
        let Some(operator) = operator else {
            return Err(self.unexpected("one of eq, ne, co, sw, ew, gt, ge, lt, le, pr"));
        };
        self.position += 1;
        let value = match self.peek() {
            Some(Token::Quoted(text)) => Value::String(text.clone()),
            Some(Token::Word(word)) => literal(word),
            _ => return Err(self.unexpected("a value")),
        };
        self.position += 1;
        Ok(Filter::Compare(path.to_owned(), operator, value))
    }
}

/// An unquoted value: a JSON literal, or else text that somebody forgot to quote. A number that would be written otherwise stays
/// text, because it may be the `externalId` 12e45.
fn literal(word: &str) -> Value {
    if word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false") {
        return Value::Bool(word.eq_ignore_ascii_case("true"));
    }
    match serde_json::from_str(word) {
        Ok(Value::Null) => Value::Null,
        Ok(Value::Number(number)) if number.to_string() == word => Value::Number(number),
        _ => Value::String(word.to_owned()),
    }
}
