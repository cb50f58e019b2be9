//! Reading a request body: JSON with a bound on depth and members, without duplicate names and without U+0000, which Postgres
//! text cannot hold.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::error::{ErrorKind, ScimError, excerpt};
use super::limits;

/// Reads one JSON document of ordinary size.
///
/// # Errors
/// As [`parse_within`].
pub fn parse(bytes: &[u8]) -> Result<Value, ScimError> {
    parse_within(bytes, limits::JSON_NODES)
}

/// Reads one JSON document of at most so many object members and array elements.
///
/// # Errors
/// `invalidSyntax` when the text is not JSON, is nested or populated beyond [`limits`], or repeats a name (RFC 7643 section 2.1:
/// names are case-insensitive, so `userName` and `USERNAME` repeat). `invalidValue` when a text holds U+0000.
pub fn parse_within(bytes: &[u8], nodes: usize) -> Result<Value, ScimError> {
    let mut budget = Budget { nodes, left: nodes, nul: false };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Node { budget: &mut budget, depth: 0 }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| ScimError::invalid_syntax(format!("the body is not acceptable JSON: {error}")))?;
    if budget.nul {
        return Err(ScimError::new(ErrorKind::InvalidValue, "text must not contain the character U+0000"));
    }
    Ok(value)
}

struct Budget {
    nodes: usize,
    left: usize,
    nul: bool,
}

struct Node<'b> {
    budget: &'b mut Budget,
    depth: usize,
}

impl Node<'_> {
    fn child(&mut self) -> Node<'_> {
        Node { budget: self.budget, depth: self.depth + 1 }
    }

    fn count<E: serde::de::Error>(&mut self) -> Result<(), E> {
        let nodes = self.budget.nodes;
        let left = self.budget.left.checked_sub(1);
        self.budget.left =
            left.ok_or_else(|| E::custom(format_args!("more than {nodes} members and elements in all")))?;
        Ok(())
    }

    fn check_depth<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.depth < limits::JSON_DEPTH {
            return Ok(());
        }
        Err(E::custom(format_args!("nested deeper than {} levels", limits::JSON_DEPTH)))
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Value, E> {
        self.budget.nul |= text.contains('\0');
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(self.child())? {
            self.count()?;
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        let mut object = Map::<String, Value>::new();
        while let Some(name) = members.next_key::<String>()? {
            self.count()?;
            self.budget.nul |= name.contains('\0');
            let value = members.next_value_seed(self.child())?;
            if let Some((name, _)) = object.get_key_value(&name) {
                return Err(repeated(name));
            }
            object.insert(name, value);
        }
        match repeated_in_another_case(&object) {
            Some(name) => Err(repeated(name)),
            None => Ok(Value::Object(object)),
        }
    }
}

fn repeated<E: serde::de::Error>(name: &str) -> E {
    E::custom(format_args!("the name '{}' occurs twice in one object", excerpt(name)))
}

fn lower_case(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().map(|byte| byte.to_ascii_lowercase())
}

/// A name that occurs twice but for its case. Sorting keeps the cost of a hostile body near that of an honest one.
fn repeated_in_another_case(object: &Map<String, Value>) -> Option<&str> {
    let mut names: Vec<&str> = object.keys().map(String::as_str).collect();
    names.sort_unstable_by(|left, right| lower_case(left).cmp(lower_case(right)));
    names.windows(2).find(|pair| pair[0].eq_ignore_ascii_case(pair[1])).map(|pair| pair[0])
}

/// The member of this name, in any case (RFC 7643 section 2.1).
#[must_use]
pub fn member<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// Takes the member of this name, in any case, out of an object. `None` for `null` too.
#[must_use]
pub fn take(object: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let known = object.keys().find(|known| known.eq_ignore_ascii_case(name))?.clone();
    object.remove(&known).filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_repeated_in_another_case_is_refused() {
        let error = parse(br#"{"userName":"a","USERNAME":"b"}"#).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidSyntax);
    }

    #[test]
    fn depth_and_member_count_are_bounded() {
        let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
        assert_eq!(parse(deep.as_bytes()).unwrap_err().kind(), ErrorKind::InvalidSyntax);
        let wide: Vec<String> = (0..=limits::JSON_NODES / 2).map(|n| format!("{{\"k{n}\":1}}")).collect();
        let wide = format!("[{}]", wide.join(","));
        assert_eq!(parse(wide.as_bytes()).unwrap_err().kind(), ErrorKind::InvalidSyntax);
    }

    #[test]
    fn nul_is_an_invalid_value() {
        assert_eq!(parse(br#"{"a":"\u0000"}"#).unwrap_err().kind(), ErrorKind::InvalidValue);
    }
}
