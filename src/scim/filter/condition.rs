//! A filter after the schema has been consulted: every path is an attribute, every literal has the attribute's type,
//! every operator is legal there.

use serde_json::Number;

use crate::scim::path::AttributeRef;
use crate::scim::schema::Schema;

/// A literal in the comparison form that `scim::fold` gives to stored values.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// Text: folded where the attribute is not `caseExact`, a fixed-width UTC instant for `dateTime`, canonical base64 for
    /// `binary`. Comparing the texts by code point compares the values.
    Text(String),
    /// `true` or `false`.
    Boolean(bool),
    /// An integer or decimal.
    Number(Number),
}

impl Literal {
    /// The value of a boolean.
    #[must_use]
    pub fn as_boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(flag) => Some(*flag),
            _ => None,
        }
    }
}

/// What is asked of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Comparison {
    /// There is a value.
    Present,
    /// It equals the literal.
    Equals(Literal),
    /// The text contains the literal.
    Contains(String),
    /// The text starts with the literal.
    StartsWith(String),
    /// The text ends with the literal.
    EndsWith(String),
    /// It is greater than the literal.
    Greater(Literal),
    /// It is greater than or equal to the literal.
    GreaterOrEqual(Literal),
    /// It is less than the literal.
    Less(Literal),
    /// It is less than or equal to the literal.
    LessOrEqual(Literal),
}

/// One comparison of one attribute. Within [`Condition::Element`] the attribute's `sub_attribute` is read in the element.
#[derive(Debug, Clone, PartialEq)]
pub struct Test<'s> {
    /// The attribute; a complex one has been narrowed to its `value`, except for `pr`.
    pub attribute: AttributeRef<'s>,
    /// What is asked of it.
    pub comparison: Comparison,
}

/// A resolved filter. A [`Test`] on a multi-valued attribute holds when some element satisfies it; without a value it does
/// not hold. `eq null` has become `Not(Present)`.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition<'s> {
    /// All hold.
    And(Vec<Condition<'s>>),
    /// One holds.
    Or(Vec<Condition<'s>>),
    /// It does not hold.
    Not(Box<Condition<'s>>),
    /// It holds for no resource: something is asked of an attribute that resources of this type do not have.
    Never,
    /// One comparison.
    Test(Test<'s>),
    /// Some extension attribute has a value (`urn:…:User pr`).
    ExtensionPresent(&'s Schema),
    /// Some element of the multi-valued attribute satisfies the whole condition, whose tests all name sub-attributes of it, or,
    /// for an attribute of simple values, the attribute itself.
    Element(AttributeRef<'s>, Box<Condition<'s>>),
}
