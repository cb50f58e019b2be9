//! The fields of a form, as its template takes them.

use serde_json::{Value, json};

use super::{Placed, Problems, ROWS, Values, is_secret, placed};
use crate::scim::limits;
use crate::scim::resource_type::ResourceType;
use crate::scim::schema::{Attribute, Mutability, Type, Uniqueness};
use crate::scim::validate;

/// Attributes that most people look for, which stand before the others.
const FIRST: [&str; 6] = ["name", "displayName", "active", "emails", "externalId", "password"];
/// Attributes of a type that are few enough to stand together.
const FEW: usize = 8;
/// A text that is longer stands in a field of several lines.
const LONG: usize = 200;
/// Names that do not become words by themselves.
const LABELS: [(&str, &str); 9] = [
    ("$ref", "Reference"),
    ("emails", "E-mail addresses"),
    ("externalId", "External ID"),
    ("id", "ID"),
    ("ims", "Instant messaging"),
    ("profileUrl", "Profile URL"),
    ("timezone", "Time zone"),
    ("userName", "Username"),
    ("x509Certificates", "X.509 certificates"),
];

/// What a form shows besides values.
pub(in super::super) struct Shown<'a> {
    /// What is wrong with what was sent.
    pub problems: &'a Problems,
    /// The list that is to have one more row.
    pub extended: &'a str,
    /// Whether there is no resource yet, so that what can be written once has a field.
    pub is_new: bool,
    /// Whether the tenant keeps passwords.
    pub keeps_passwords: bool,
}

/// The name of an attribute for people: its words, the first with a capital.
pub(in super::super) fn label(name: &str) -> String {
    if let Some((_, label)) = LABELS.iter().find(|(known, _)| *known == name) {
        return (*label).to_owned();
    }
    let mut label = String::new();
    let mut after_capital = true;
    for character in name.chars() {
        if label.is_empty() {
            label.extend(character.to_uppercase());
        } else if character.is_uppercase() && !after_capital {
            label.push(' ');
            label.extend(character.to_lowercase());
        } else {
            let spoken = if character == '_' || character == '-' { ' ' } else { character };
            label.extend(spoken.to_lowercase());
        }
        after_capital = character.is_uppercase();
    }
    label
}

/// The sections of the form: what comes first, the rest, and each extension.
pub(in super::super) fn fields(resource_type: &ResourceType, values: &Values, shown: &Shown<'_>) -> Vec<Value> {
    let all: Vec<Placed<'_>> = placed(resource_type, shown.keeps_passwords).collect();
    let own = || all.iter().copied().filter(|placed| placed.extension.is_none());
    let is_first = |placed: &Placed<'_>| {
        let attribute = placed.attribute;
        let sought = attribute.required || attribute.uniqueness != Uniqueness::None;
        sought || own().count() <= FEW || FIRST.contains(&attribute.name.as_str())
    };
    let section = |title: &str, about: Option<&str>, placed: Vec<Placed<'_>>| {
        let used = placed.iter().any(|placed| {
            let field = placed.field();
            let below =
                |name: &str| name.strip_prefix(&field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            values.any_below(&field) || below(shown.extended) || shown.problems.keys().any(|name| below(name))
        });
        let attributes: Vec<Value> = placed.into_iter().map(|placed| attribute(placed, values, shown)).collect();
        (!attributes.is_empty())
            .then(|| json!({"title": title, "about": about, "used": used, "attributes": attributes}))
    };
    let extensions = resource_type.extensions.iter().map(|extension| {
        let schema = extension.schema.as_ref();
        let of = |placed: &Placed<'_>| placed.extension.is_some_and(|own| own.id == schema.id);
        section(&schema.name, Some(&schema.id), all.iter().copied().filter(of).collect())
    });
    [
        section("", None, own().filter(is_first).collect()),
        section("More attributes", None, own().filter(|placed| !is_first(placed)).collect()),
    ]
    .into_iter()
    .chain(extensions)
    .flatten()
    .collect()
}

fn attribute(placed: Placed<'_>, values: &Values, shown: &Shown<'_>) -> Value {
    let (attribute, field) = (placed.attribute, placed.field());
    let extended = shown.extended == field;
    let filled = values.rows(&field);
    let rows = if attribute.multi_valued { (filled.max(1) + usize::from(extended && filled > 0)).min(ROWS) } else { 1 };
    let groups: Vec<Value> = (0..rows)
        .map(|position| {
            let name = if attribute.multi_valued { format!("{field}.{position}") } else { field.clone() };
            let mut leaves = Vec::new();
            push_leaves(&mut leaves, placed, attribute, &name, "", values, shown);
            if let Some(first) = leaves.first_mut().filter(|_| extended && position + 1 == rows) {
                first["focus"] = true.into();
            }
            json!({
                "number": position + 1,
                "name": name,
                "leaves": leaves,
                "removable": attribute.multi_valued && values.any_below(&name),
                "removed": values.is_removed(&name),
            })
        })
        .collect();
    json!({
        "field": field,
        "label": label(&attribute.name),
        "path": attribute.name,
        "help": attribute.description,
        "problem": shown.problems.get(&field),
        "required": is_required(placed, shown),
        "bare": !attribute.multi_valued && !attribute.is_complex(),
        "multi": attribute.multi_valued,
        "more": attribute.multi_valued && rows < limits::VALUES_PER_ATTRIBUTE,
        "groups": groups,
    })
}

/// An extension that nobody fills in need not have what it requires.
fn is_required(placed: Placed<'_>, shown: &Shown<'_>) -> bool {
    placed.attribute.required && placed.extension.is_none() && (shown.is_new || !is_secret(placed.attribute))
}

/// Appends the fields for a value: one, or those of its parts.
fn push_leaves(
    leaves: &mut Vec<Value>,
    placed: Placed<'_>,
    attribute: &Attribute,
    name: &str,
    path: &str,
    values: &Values,
    shown: &Shown<'_>,
) {
    if !attribute.is_complex() {
        leaves.push(leaf(placed, attribute, name, path, values, shown));
        return;
    }
    for part in attribute.sub_attributes.iter().filter(|part| validate::is_writable(part)) {
        let (part_name, part_path) = (format!("{name}.{}", part.name), part.name.as_str());
        if part.multi_valued {
            // A list within a value has an empty field behind its last.
            for position in 0..=values.rows(&part_name) {
                push_leaves(leaves, placed, part, &format!("{part_name}.{position}"), part_path, values, shown);
            }
        } else {
            push_leaves(leaves, placed, part, &part_name, part_path, values, shown);
        }
    }
}

fn leaf(
    placed: Placed<'_>,
    attribute: &Attribute,
    name: &str,
    path: &str,
    values: &Values,
    shown: &Shown<'_>,
) -> Value {
    let secret = is_secret(attribute);
    let value = if secret { "" } else { values.get(name).unwrap_or_default() };
    let control = match attribute.kind {
        _ if secret => "secret",
        Type::Boolean => "choice",
        Type::Binary => "area",
        _ if value.len() > LONG || value.contains(['\n', '\r']) => "area",
        _ => "line",
    };
    // Within a list an element is replaced as a whole.
    let fixed = attribute.mutability == Mutability::Immutable && !placed.attribute.multi_valued && !shown.is_new;
    let help = match attribute.kind {
        _ if secret => "Nobody can read it afterwards. Leave it empty to keep what is set.",
        Type::DateTime => "A date and time like 2026-01-02T03:04:05Z.",
        Type::Binary => "Base64 text.",
        _ => "",
    };
    json!({
        "name": name,
        "label": label(&attribute.name),
        "attribute": path,
        "value": value,
        "control": control,
        "numeric": matches!(attribute.kind, Type::Integer),
        "fixed": fixed && !value.is_empty(),
        "help": help,
        "options": attribute.canonical_values,
        "problem": shown.problems.get(name),
        "required": attribute.name == placed.attribute.name && path.is_empty() && is_required(placed, shown),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_words() {
        for (name, words) in [
            ("userName", "Username"),
            ("givenName", "Given name"),
            ("costCenter", "Cost center"),
            ("employee_no", "Employee no"),
            ("taxID", "Tax id"),
            ("$ref", "Reference"),
        ] {
            assert_eq!(label(name), words);
        }
    }
}
