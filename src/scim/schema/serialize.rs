//! An attribute as `/Schemas` shows it (RFC 7643 section 7): every characteristic that applies to it, said or by default.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::Attribute;

impl Serialize for Attribute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("name", &self.name)?;
        members.serialize_entry("type", &self.kind)?;
        members.serialize_entry("multiValued", &self.multi_valued)?;
        if let Some(description) = &self.description {
            members.serialize_entry("description", description)?;
        }
        members.serialize_entry("required", &self.required)?;
        if !self.canonical_values.is_empty() {
            members.serialize_entry("canonicalValues", &self.canonical_values)?;
        }
        members.serialize_entry("caseExact", &self.case_exact)?;
        members.serialize_entry("mutability", &self.mutability)?;
        members.serialize_entry("returned", &self.returned)?;
        // A complex value as a whole is compared with nothing (erratum 6004).
        if !self.is_complex() {
            members.serialize_entry("uniqueness", &self.uniqueness)?;
        }
        if !self.reference_types.is_empty() {
            members.serialize_entry("referenceTypes", &self.reference_types)?;
        }
        if !self.sub_attributes.is_empty() {
            members.serialize_entry("subAttributes", &self.sub_attributes)?;
        }
        members.end()
    }
}
