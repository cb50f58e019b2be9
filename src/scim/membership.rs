//! Membership (RFC 7643 section 4.2): what requests do to the members of a group, and how members are shown. They are kept apart
//! from the group's other attributes: a change names who joins and who leaves, and never looks at those who stay.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::Range;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::error::{ErrorKind, ScimError};
use super::filter::{Condition, matches_element};
use super::resource_type::ResourceType;
use super::schema::{Attribute, DISPLAY, REF, TYPE, VALUE};
use super::{fold, leniency, limits};

/// The types of resource that can be members, the one of members without a `type` first.
pub const MEMBER_TYPES: [&str; 2] = ["User", "Group"];

/// A member as a client names it. Its type is not taken from the client: the id says which resource it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The id of the resource.
    pub value: String,
    /// The `type` that the client gave, which only selections among the members of the same request read.
    pub kind: Option<String>,
    /// The name for people, where the client gave one.
    pub display: Option<String>,
}

impl Member {
    /// Reads one element of `members`; text alone is an id. `None` for `null`.
    ///
    /// # Errors
    /// `invalidValue` when it has no `value`, or a part has the wrong type.
    fn read(attribute: &Attribute, input: Value) -> Result<Option<Self>, ScimError> {
        let mut input = match input {
            Value::Null => return Ok(None),
            Value::Object(input) => input,
            Value::String(text) => leniency::complex_as_text(attribute, &text).unwrap_or_default(),
            _ => return Err(ScimError::invalid_value(&attribute.name, "must be objects with a 'value'")),
        };
        let display = take_text(attribute, &mut input, DISPLAY)?;
        let display = match display {
            None => take_text(attribute, &mut input, leniency::DISPLAY_ALIAS)?,
            some => some,
        };
        let kind = take_text(attribute, &mut input, TYPE)?;
        if display.as_ref().is_some_and(|display| display.len() > limits::MEMBER_DISPLAY_BYTES) {
            let longest = limits::MEMBER_DISPLAY_BYTES;
            return Err(ScimError::invalid_value("members.display", format_args!("is longer than {longest} bytes")));
        }
        match take_text(attribute, &mut input, VALUE)? {
            Some(value) => Ok(Some(Self { value, kind, display })),
            None => Err(ScimError::invalid_value(&attribute.name, "each member needs a 'value'")),
        }
    }

    /// The member in the form that conditions read.
    fn folded(&self, attribute: &Attribute) -> Value {
        let kind = self.kind.as_deref().unwrap_or(MEMBER_TYPES[0]);
        let mut element = json!({VALUE: self.value, TYPE: kind});
        if let Some(display) = &self.display {
            element[DISPLAY] = display.as_str().into();
        }
        fold::value(attribute, &element)
    }
}

fn take_text(attribute: &Attribute, object: &mut Map<String, Value>, name: &str) -> Result<Option<String>, ScimError> {
    let found = object.remove(name).or_else(|| {
        let key = object.keys().find(|known| known.eq_ignore_ascii_case(name)).cloned()?;
        object.remove(&key)
    });
    match found {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => leniency::text_as_number(&other)
            .map(Some)
            .ok_or_else(|| ScimError::invalid_value(&format!("{}.{name}", attribute.name), "must be text")),
    }
}

/// Reads the value of `members`: an array, or one element without it.
///
/// # Errors
/// `invalidValue` for an element that names no resource.
pub fn read(attribute: &Attribute, input: Value) -> Result<Vec<Member>, ScimError> {
    leniency::elements(input).into_iter().filter_map(|element| Member::read(attribute, element).transpose()).collect()
}

/// Takes the members out of the body of a POST or PUT. `None` when the body does not mention them or the type has none.
///
/// # Errors
/// As [`read`].
pub fn take(resource_type: &ResourceType, body: &mut Value) -> Result<Option<Vec<Member>>, ScimError> {
    let (Some(attribute), Value::Object(body)) = (resource_type.members(), body) else {
        return Ok(None);
    };
    let Some(name) = body.keys().find(|name| name.eq_ignore_ascii_case(&attribute.name)).cloned() else {
        return Ok(None);
    };
    body.remove(&name).map(|input| read(attribute, input)).transpose()
}

/// What a request does to the members of a group, whoever they are when it is carried out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MembersChange<'s> {
    /// Whether all leave who are not among `added`.
    pub replaces: bool,
    /// Who joins or stays, by id.
    pub added: BTreeMap<String, Member>,
    /// The ids of those who leave.
    pub removed: BTreeSet<String>,
    /// Who matches one of these leaves, unless among `added`.
    pub removed_where: Vec<Condition<'s>>,
}

impl<'s> MembersChange<'s> {
    /// The change to exactly these members.
    #[must_use]
    pub fn to(members: Vec<Member>) -> Self {
        let mut change = Self::default();
        change.remove_all();
        for member in members {
            change.add(member);
        }
        change
    }

    /// Whether nobody joins or leaves.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.replaces && self.added.is_empty() && self.removed.is_empty() && self.removed_where.is_empty()
    }

    /// Whether it names everybody whom it concerns, so that it means the same whoever is there when it is carried out.
    #[must_use]
    pub fn names_all(&self) -> bool {
        !self.replaces && self.removed_where.is_empty()
    }

    /// One joins. A name that the same request gave before stays where no new one is given.
    pub fn add(&mut self, mut member: Member) {
        self.removed.remove(&member.value);
        let before = self.added.remove(&member.value);
        member.display = member.display.or_else(|| before?.display);
        self.added.insert(member.value.clone(), member);
    }

    /// One leaves.
    pub fn remove(&mut self, value: String) {
        self.added.remove(&value);
        self.removed.insert(value);
    }

    /// All leave.
    pub fn remove_all(&mut self) {
        *self = Self { replaces: true, ..Self::default() };
    }

    /// Those who match leave, also among those who joined by the same request.
    ///
    /// # Errors
    /// 413 when too many have joined to ask each of them as often as the request wants.
    pub fn remove_where(&mut self, attribute: &Attribute, condition: Condition<'s>) -> Result<(), ScimError> {
        let asked = self.added.len().saturating_mul(self.removed_where.len() + 1);
        if asked > limits::MEMBER_SELECTIONS || self.removed_where.len() == limits::MEMBER_CONDITIONS {
            return Err(ScimError::new(
                ErrorKind::PayloadTooLarge,
                "too many selections among members in one request; send several requests",
            ));
        }
        // By the name that this request has given; as stored, a member may have another that does not match.
        let selected = |member: &Member| matches_element(&condition, &member.folded(attribute));
        self.removed.extend(self.added.extract_if(.., |_, member| selected(member)).map(|(value, _)| value));
        self.removed_where.push(condition);
        Ok(())
    }
}

/// Members as they are stored, in compact form: a hundred thousand take a few megabytes.
#[derive(Debug, Clone, Default)]
pub struct Members {
    ids: Vec<Uuid>,
    /// Positions in [`MEMBER_TYPES`].
    types: Vec<u8>,
    /// All names for people, one behind the other.
    displays: String,
    /// Where each ends in `displays`.
    ends: Vec<usize>,
}

impl Members {
    /// Appends a member.
    pub fn push(&mut self, id: Uuid, kind: &str, display: Option<&str>) {
        let position = MEMBER_TYPES.iter().position(|known| *known == kind).unwrap_or_default();
        self.ids.push(id);
        self.types.push(u8::try_from(position).unwrap_or_default());
        self.displays.push_str(display.unwrap_or_default());
        self.ends.push(self.displays.len());
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    fn display(&self, position: usize) -> &str {
        let start = position.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        self.ends.get(position).and_then(|end| self.displays.get(start..*end)).unwrap_or_default()
    }

    /// Appends the JSON text of the members at these positions, each with a comma before it but for the first of all. Those of whom
    /// the view shows nothing are left out.
    pub fn push_json(&self, positions: Range<usize>, view: &MembersView, first: &mut bool, text: &mut String) {
        let members = self.ids.iter().zip(&self.types).enumerate().skip(positions.start).take(positions.len());
        for (position, (id, kind)) in members {
            let kind = usize::from(*kind);
            let before = text.len();
            text.push_str(if *first { "{" } else { ",{" });
            let start = text.len();
            for part in &view.parts {
                match *part {
                    REF => push_part(text, start, part, format_args!("\"{}{id}\"", view.location(kind))),
                    TYPE => push_part(text, start, part, format_args!("\"{}\"", MEMBER_TYPES[kind])),
                    DISPLAY if self.display(position).is_empty() => {}
                    DISPLAY => push_part(text, start, part, format_args!("{}", Value::from(self.display(position)))),
                    _ => push_part(text, start, VALUE, format_args!("\"{id}\"")),
                }
            }
            if text.len() == start {
                text.truncate(before);
            } else {
                text.push('}');
                *first = false;
            }
        }
    }
}

/// Appends one part of a member that starts at `start`. Writing to text cannot fail.
fn push_part(text: &mut String, start: usize, name: &str, value: std::fmt::Arguments<'_>) {
    if text.len() > start {
        text.push(',');
    }
    let _ = write!(text, "\"{name}\":{value}");
}

/// How members are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MembersView {
    /// The names of the parts.
    parts: Vec<&'static str>,
    /// What the URIs of resources start with, for each of [`MEMBER_TYPES`].
    locations: Vec<String>,
}

impl MembersView {
    const PARTS: [&'static str; 4] = [VALUE, REF, TYPE, DISPLAY];

    /// An element that has every part, by which a projection tells which it shows.
    #[must_use]
    pub fn sample() -> Value {
        let part = |name: &str| (name.to_owned(), Value::from(name));
        Value::Array(vec![Value::Object(Self::PARTS.into_iter().map(part).collect())])
    }

    /// The view that leaves of the [`sample`](Self::sample) what is given.
    #[must_use]
    pub fn of(shown: &Value, locations: Vec<String>) -> Self {
        let is_shown = |name: &&str| shown.get(0).is_some_and(|element| element.get(name).is_some());
        Self { parts: Self::PARTS.into_iter().filter(is_shown).collect(), locations }
    }

    fn location(&self, kind: usize) -> &str {
        self.locations.get(kind).map(String::as_str).unwrap_or_default()
    }
}

/// The URIs of a group's members start with these, below the base URL, given the endpoint of each of [`MEMBER_TYPES`].
#[must_use]
pub fn locations(base_url: &str, endpoint: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let location = |name: &&str| format!("{base_url}/{}/", endpoint(name).unwrap_or_default());
    MEMBER_TYPES.iter().map(location).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::registry;

    fn attribute() -> Attribute {
        registry::group().unwrap().members().unwrap().clone()
    }

    #[test]
    fn members_are_read_as_identity_providers_write_them() {
        let attribute = attribute();
        let input = json!([
            {"value": "1", "display": "Ada", "$ref": null, "type": "User"},
            {"Value": "2", "displayName": "Bob"},
            {"value": 3, "display": ""},
            "4",
            null
        ]);
        let members = read(&attribute, input).unwrap();
        let shown: Vec<_> = members.iter().map(|member| (member.value.as_str(), member.display.as_deref())).collect();
        assert_eq!(shown, [("1", Some("Ada")), ("2", Some("Bob")), ("3", None), ("4", None)]);
        assert!(read(&attribute, json!([{"display": "Ada"}])).is_err());
        assert!(read(&attribute, json!([7])).is_err());
        assert!(read(&attribute, json!([{"value": {}}])).is_err());
        assert_eq!(read(&attribute, Value::Null).unwrap(), []);
    }

    #[test]
    fn a_name_given_before_in_the_request_stays_where_none_is_given_again() {
        let member =
            |display: Option<&str>| Member { value: "1".into(), kind: None, display: display.map(str::to_owned) };
        let mut change = MembersChange::default();
        for display in [Some("Ada"), None] {
            change.add(member(display));
        }
        assert_eq!(change.added["1"].display.as_deref(), Some("Ada"));
        change.remove("1".into());
        change.add(member(None));
        assert_eq!(change.added["1"].display, None);
    }

    #[test]
    fn compact_members_are_shown_part_by_part() {
        let mut members = Members::default();
        members.push(Uuid::from_u128(1), "User", Some("Ada \"Countess\""));
        members.push(Uuid::from_u128(2), "Group", None);
        let locations = vec!["b/Users/".to_owned(), "b/Groups/".to_owned()];
        let mut text = String::from("[");
        members.push_json(0..2, &MembersView::of(&MembersView::sample(), locations.clone()), &mut true, &mut text);
        text.push(']');
        let one = "00000000-0000-0000-0000-000000000001";
        let two = "00000000-0000-0000-0000-000000000002";
        let expected = json!([
            {"value": one, "$ref": format!("b/Users/{one}"), "type": "User", "display": "Ada \"Countess\""},
            {"value": two, "$ref": format!("b/Groups/{two}"), "type": "Group"}
        ]);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
        let mut text = String::new();
        members.push_json(0..2, &MembersView::of(&json!([{"display": 1}]), locations), &mut true, &mut text);
        assert_eq!(text, "{\"display\":\"Ada \\\"Countess\\\"\"}");
    }
}
