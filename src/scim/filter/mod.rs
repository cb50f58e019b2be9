//! Filters (RFC 7644 section 3.4.2.2). Text becomes a [`Filter`] by grammar alone, a [`Filter`] becomes a
//! [`Condition`] by the schema, and a [`Condition`] is what `evaluate` and the SQL compiler both read.
//!
//! ```text
//! filter    = and *(SP "or" SP and)
//! and       = unary *(SP "and" SP unary)
//! unary     = "not" *SP "(" filter ")" / "(" filter ")" / valuePath / attrExp
//! valuePath = attrPath "[" filter "]" [ "." name SP compareOp SP compValue ]   ; the tail is Entra's
//! attrExp   = attrPath SP "pr" / attrPath SP compareOp SP compValue
//! compareOp = "eq" / "ne" / "co" / "sw" / "ew" / "gt" / "ge" / "lt" / "le"
//! compValue = false / null / true / number / string / word                     ; the bare word is a leniency
//! ```

mod condition;
mod evaluate;
mod lexer;
mod parser;
mod resolve;

pub use condition::{Comparison, Condition, Literal, Test};
pub(in crate::scim) use evaluate::compare_numbers;
pub use evaluate::{matches, matches_element, satisfies};
pub use parser::{parse, parse_path};
pub use resolve::{check, resolve, resolve_among, resolve_element};

use std::fmt;

use serde_json::Value;

/// A comparison operator other than `pr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// equal
    Eq,
    /// not equal
    Ne,
    /// contains
    Co,
    /// starts with
    Sw,
    /// ends with
    Ew,
    /// greater than
    Gt,
    /// greater than or equal
    Ge,
    /// less than
    Lt,
    /// less than or equal
    Le,
}

impl Operator {
    const TABLE: [(Self, &'static str); 9] = [
        (Self::Eq, "eq"),
        (Self::Ne, "ne"),
        (Self::Co, "co"),
        (Self::Sw, "sw"),
        (Self::Ew, "ew"),
        (Self::Gt, "gt"),
        (Self::Ge, "ge"),
        (Self::Lt, "lt"),
        (Self::Le, "le"),
    ];

    /// The operator of this name, in any case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::TABLE.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(operator, _)| *operator)
    }

    /// The operator's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::TABLE.iter().find(|(operator, _)| *operator == self).map_or("", |(_, name)| name)
    }
}

/// A filter as written. Its `Display` is again a filter that parses to the same.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All hold.
    And(Vec<Filter>),
    /// One holds.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// `path pr`
    Present(String),
    /// `path op value`
    Compare(String, Operator, Value),
    /// `path[filter]`: one element satisfies the whole filter.
    ValuePath(String, Box<Filter>),
}

impl Filter {
    /// Visits every value that something is compared with.
    ///
    /// # Errors
    /// The first of `visit`.
    pub fn each_literal<E>(&mut self, visit: &mut impl FnMut(&mut Value) -> Result<(), E>) -> Result<(), E> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter_mut().try_for_each(|part| part.each_literal(visit)),
            Self::Not(inner) | Self::ValuePath(_, inner) => inner.each_literal(visit),
            Self::Present(_) => Ok(()),
            Self::Compare(_, _, literal) => visit(literal),
        }
    }
}

/// A PATCH path as written (RFC 7644 section 3.5.2): `attrPath / valuePath [subAttr]`. Its `Display` is again such a path.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchPath {
    /// The attribute path before any bracket.
    pub attribute: String,
    /// What stands between the brackets.
    pub filter: Option<Filter>,
    /// The name behind the closing bracket.
    pub sub_attribute: Option<String>,
}

impl fmt::Display for Filter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) => join(formatter, parts, " and "),
            Self::Or(parts) => join(formatter, parts, " or "),
            Self::Not(inner) => write!(formatter, "not ({inner})"),
            Self::Present(path) => write!(formatter, "{path} pr"),
            Self::Compare(path, operator, value) => write!(formatter, "{path} {} {value}", operator.name()),
            Self::ValuePath(path, inner) => write!(formatter, "{path}[{inner}]"),
        }
    }
}

impl fmt::Display for PatchPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.attribute)?;
        if let Some(filter) = &self.filter {
            write!(formatter, "[{filter}]")?;
        }
        match &self.sub_attribute {
            Some(name) => write!(formatter, ".{name}"),
            None => Ok(()),
        }
    }
}

fn join(formatter: &mut fmt::Formatter<'_>, parts: &[Filter], operator: &str) -> fmt::Result {
    for (position, part) in parts.iter().enumerate() {
        if position > 0 {
            formatter.write_str(operator)?;
        }
        match part {
            Filter::And(_) | Filter::Or(_) => write!(formatter, "({part})")?,
            _ => write!(formatter, "{part}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
