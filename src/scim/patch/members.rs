//! Operations on the members of a group. The parts of a member are immutable, so members only join and leave, and what an operation
//! means does not depend on who is there.

use super::Op;
use super::compile::{Edit, Selection};
use crate::scim::error::ScimError;
use crate::scim::filter::{Comparison, Condition, Literal, Test};
use crate::scim::membership::{self, MembersChange};
use crate::scim::schema::VALUE;

/// Adds an edit on `members` to the change.
pub(super) fn edit<'s>(edit: Edit<'s>, change: &mut MembersChange<'s>) -> Result<(), ScimError> {
    let attribute = edit.attribute.attribute;
    let part = edit.attribute.sub_attribute;
    let whole = part.is_none();
    match (edit.op, edit.selection, edit.value) {
        (Op::Add, None, Some(given)) if whole => {
            for member in membership::read(attribute, given)? {
                change.add(member);
            }
        }
        (Op::Replace, None, Some(given)) if whole => *change = MembersChange::to(membership::read(attribute, given)?),
        (Op::Remove, None, None) if whole => change.remove_all(),
        // Entra: the listed ones only.
        (Op::Remove, None, Some(listed)) if whole => {
            for member in membership::read(attribute, listed)? {
                change.remove(member.value);
            }
        }
        // A member without its `value` is no member.
        (Op::Remove, Some(selection), _) if part.is_none_or(|part| part.name == VALUE) => match one(&selection) {
            Some(value) => change.remove(value.to_owned()),
            None => change.remove_where(attribute, selection.condition)?,
        },
        _ => {
            return Err(ScimError::mutability(
                &edit.attribute.to_string(),
                "is immutable; remove the member and add another",
            ));
        }
    }
    Ok(())
}

/// The id that a selection names, where it is nothing but `value eq "id"`.
fn one<'c>(selection: &'c Selection<'_>) -> Option<&'c str> {
    match &selection.condition {
        Condition::Test(Test { attribute, comparison: Comparison::Equals(Literal::Text(value)) })
            if attribute.sub_attribute.is_some_and(|part| part.name == VALUE) =>
        {
            Some(value)
        }
        _ => None,
    }
}
