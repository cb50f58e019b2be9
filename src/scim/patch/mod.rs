//! PATCH (RFC 7644 section 3.5.2). The message becomes operations, each operation becomes edits of single attributes
//! (`compile`), and edits are applied to a copy of the resource (`apply`): all of them or none. Those on the members of a group are
//! collected instead (`members`).

mod apply;
mod compile;
mod members;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::error::{ErrorKind, ScimError, excerpt};
use super::filter::{self, PatchPath};
use super::membership::MembersChange;
use super::resource::Resource;
use super::resource_type::ResourceType;
use super::{json, limits, validate};
use compile::Edit;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Add,
    Remove,
    Replace,
}

/// One operation of the message.
#[derive(Debug, Clone, PartialEq)]
struct Operation {
    op: Op,
    path: Option<PatchPath>,
    value: Option<Value>,
}

/// A `PatchOp` message.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchRequest {
    operations: Vec<Operation>,
}

impl PatchRequest {
    /// Reads the message. Member names and `op` are taken in any case, other members are ignored, and an empty list of
    /// operations changes nothing.
    ///
    /// # Errors
    /// `invalidSyntax` for its structure, `invalidPath` or `invalidFilter` for a path, 413 for too many operations.
    pub fn from_json(body: Value) -> Result<Self, ScimError> {
        let Value::Object(body) = body else {
            return Err(ScimError::invalid_syntax("a PATCH body must be a JSON object"));
        };
        let Some(Value::Array(operations)) = json::member(&body, "Operations") else {
            return Err(ScimError::invalid_syntax("a PATCH body must have an array 'Operations'"));
        };
        if operations.len() > limits::PATCH_OPERATIONS {
            return Err(ScimError::new(
                ErrorKind::PayloadTooLarge,
                format!("more than {} operations", limits::PATCH_OPERATIONS),
            ));
        }
        let operations = operations.iter().map(operation).collect::<Result<_, _>>()?;
        Ok(Self { operations })
    }

    /// Resolves the operations against the schemas of a resource type. This does not depend on the state of any resource.
    ///
    /// # Errors
    /// `invalidPath`, `invalidFilter`, `invalidValue`, `noTarget` or `mutability` for the first operation that cannot be one.
    pub fn compile(self, resource_type: &ResourceType) -> Result<Patch<'_>, ScimError> {
        let mut patch =
            Patch { resource_type, edits: Vec::new(), members: MembersChange::default(), ignored: Vec::new() };
        for operation in self.operations {
            patch.ignored.extend(compile::ignored_path(&operation, resource_type).map(str::to_owned));
            for edit in compile::edits(operation, resource_type)? {
                if resource_type.members() == Some(edit.attribute.attribute) {
                    members::edit(edit, &mut patch.members)?;
                } else {
                    patch.edits.push(edit);
                }
            }
        }
        Ok(patch)
    }
}

/// A `PatchOp` message resolved against the schemas of a resource type.
#[derive(Debug)]
pub struct Patch<'s> {
    resource_type: &'s ResourceType,
    edits: Vec<Edit<'s>>,
    /// What the message does to the members of a group.
    pub members: MembersChange<'s>,
    /// The paths of operations that are left out because they name attributes of schemas that are not served; for the audit log.
    pub ignored: Vec<String>,
}

impl Patch<'_> {
    /// Whether the message touches anything but the members of a group.
    #[must_use]
    pub fn edits_attributes(&self) -> bool {
        !self.edits.is_empty()
    }

    /// Applies the operations in order to a copy of the resource; members are left to [`Patch::members`].
    ///
    /// # Errors
    /// `invalidValue`, `noTarget` or `mutability` for the first operation that fails.
    pub fn apply(&self, resource: &Resource) -> Result<Resource, ScimError> {
        let mut next = resource.clone();
        for edit in &self.edits {
            apply::apply(edit, &mut next)?;
        }
        validate::required(self.resource_type, &next)?;
        Ok(next)
    }
}

fn operation(given: &Value) -> Result<Operation, ScimError> {
    let Value::Object(given) = given else {
        return Err(ScimError::invalid_syntax("each operation must be a JSON object"));
    };
    Ok(Operation { op: op(given)?, path: path(given)?, value: json::member(given, "value").cloned() })
}

fn op(given: &Map<String, Value>) -> Result<Op, ScimError> {
    let name = json::member(given, "op").and_then(Value::as_str).unwrap_or_default();
    match name.to_ascii_lowercase().as_str() {
        "add" => Ok(Op::Add),
        "remove" => Ok(Op::Remove),
        "replace" => Ok(Op::Replace),
        _ => Err(ScimError::invalid_syntax(format!("op '{}' is none of add, remove, replace", excerpt(name)))),
    }
}

fn path(given: &Map<String, Value>) -> Result<Option<PatchPath>, ScimError> {
    match json::member(given, "path") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(path)) if path.trim().is_empty() => Ok(None),
        Some(Value::String(path)) => filter::parse_path(path).map(Some),
        Some(_) => Err(ScimError::invalid_syntax("'path' must be text")),
    }
}
