//! What a change of definitions would break for resources that are there. Only compatible changes pass while something is in use:
//! attributes stay with their type, number and case rule, and nothing becomes required.

use crate::scim::registry::Registry;
use crate::scim::resource_type::{ResourceType, SchemaExtension};
use crate::scim::schema::{Attribute, Attributes, Returned};

/// Something that may be done only while nothing uses what it is done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaking {
    /// The resource type.
    pub resource_type: String,
    /// The extension: only resources that have data of it count. All of the type, without.
    pub extension: Option<String>,
    /// What would be done, to be read before "…, which … use".
    pub what: String,
}

/// What a change from one registry to another would break.
#[must_use]
pub fn breaking(before: &Registry, after: &Registry) -> Vec<Breaking> {
    let mut found = Vec::new();
    for old in before.resource_types() {
        let all = |what: String| Breaking { resource_type: old.name.clone(), extension: None, what };
        let Some(new) = after.resource_types().iter().find(|new| new.name == old.name) else {
            found.push(all(format!("resource type '{}' cannot be removed", old.name)));
            continue;
        };
        if old.schema.id != new.schema.id {
            found.push(all(format!("resource type '{}' cannot have another base schema", old.name)));
            continue;
        }
        if old.endpoint != new.endpoint {
            found.push(all(format!("resource type '{}' cannot move to another endpoint", old.name)));
        }
        let broken = attributes(&old.schema.attributes, &new.schema.attributes, "");
        found.extend(broken.into_iter().map(|what| all(format!("schema '{}': {what}", old.schema.id))));
        extensions(old, new, &mut found);
    }
    found
}

fn extensions(old: &ResourceType, new: &ResourceType, found: &mut Vec<Breaking>) {
    let find = |among: &[SchemaExtension], uri: &str| among.iter().find(|other| other.schema.id == uri).cloned();
    for extension in &old.extensions {
        let uri = &extension.schema.id;
        let some = |what: String| Breaking { resource_type: old.name.clone(), extension: Some(uri.clone()), what };
        match find(&new.extensions, uri) {
            None => found.push(some(format!("extension '{uri}' of '{}' cannot be removed", old.name))),
            Some(now) => {
                let broken = attributes(&extension.schema.attributes, &now.schema.attributes, "");
                found.extend(broken.into_iter().map(|what| some(format!("schema '{uri}': {what}"))));
            }
        }
    }
    for extension in new.extensions.iter().filter(|extension| extension.required) {
        let uri = &extension.schema.id;
        if !find(&old.extensions, uri).is_some_and(|before| before.required) {
            found.push(Breaking {
                resource_type: old.name.clone(),
                extension: None,
                what: format!("extension '{uri}' of '{}' cannot become required", old.name),
            });
        }
    }
}

/// What differs so that values which are there would not fit, one sentence each.
fn attributes(before: &Attributes, after: &Attributes, inside: &str) -> Vec<String> {
    let mut found = Vec::new();
    for old in before {
        let name = format!("{inside}{}", old.name);
        match after.iter().find(|new| new.name == old.name) {
            None => found.push(format!("attribute '{name}' cannot be removed")),
            Some(new) => {
                found.extend(differences(old, new).map(|what| format!("attribute '{name}' {what}")));
                found.extend(attributes(&old.sub_attributes, &new.sub_attributes, &format!("{name}.")));
            }
        }
    }
    for new in after.iter().filter(|new| new.required) {
        if before.iter().all(|old| old.name != new.name) {
            found.push(format!("attribute '{inside}{}', which is required, cannot be added", new.name));
        }
    }
    found
}

fn differences(old: &Attribute, new: &Attribute) -> impl Iterator<Item = &'static str> {
    [
        (old.kind != new.kind, "cannot change its type"),
        (old.multi_valued != new.multi_valued, "cannot change between one value and several"),
        (old.case_exact != new.case_exact, "cannot change its case rule"),
        (!old.required && new.required, "cannot become required"),
        // What is stored would be shown, or would have to be erased.
        (
            (old.returned == Returned::Never) != (new.returned == Returned::Never),
            "cannot change between being kept and never being returned",
        ),
    ]
    .into_iter()
    .filter_map(|(differs, what)| differs.then_some(what))
}

/// The resource types whose unique attribute differs between two registries, with the name of the new one.
#[must_use]
pub fn unique_attributes(before: &Registry, after: &Registry) -> Vec<(String, Option<String>)> {
    let unique = |known: &ResourceType| known.unique_attribute().map(|attribute| attribute.name.clone());
    let of = |registry: &Registry, name: &str| {
        registry.resource_types().iter().find(|known| known.name == name).and_then(|known| unique(known))
    };
    let types = after.resource_types().iter().map(|known| (known.name.clone(), unique(known)));
    types.filter(|(name, unique)| of(before, name) != *unique).collect()
}
