//! The comparison form of a resource: what filters, uniqueness and sorting compare, never what replies show. Text is in NFC,
//! case-folded where the attribute is not `caseExact`; a `dateTime` is a fixed-width UTC text; `binary` is canonical base64. So
//! equality is equality of JSON, and order is order of code points.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Datelike, NaiveDateTime, SecondsFormat, SubsecRound, Utc};
use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;
use serde_json::{Map, Value};

use super::resource_type::ResourceType;
use super::schema::{Attribute, Type};

/// NFC and full case folding: two texts that differ only in case fold to the same.
#[must_use]
pub fn case(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let folded = CaseMapper::new().fold_string(text).into_owned();
    ComposingNormalizerBorrowed::new_nfc().normalize(&folded).into_owned()
}

/// Text of an attribute in comparison form.
#[must_use]
pub fn text(attribute: &Attribute, text: &str) -> String {
    match attribute.kind {
        Type::DateTime => date_time(text).map_or_else(|| text.to_owned(), instant),
        Type::Binary => binary(text).unwrap_or_else(|| text.to_owned()),
        _ if !attribute.case_exact => case(text),
        _ if text.is_ascii() => text.to_owned(),
        _ => ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned(),
    }
}

/// Base64 in its one canonical spelling. `None` for text that is not base64.
#[must_use]
pub fn binary(text: &str) -> Option<String> {
    STANDARD.decode(text).ok().map(|bytes| STANDARD.encode(bytes))
}

/// An instant as fixed-width text, so that order of text is order of time.
#[must_use]
pub fn instant(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Nanos, true)
}

/// Reads an `xsd:dateTime` (RFC 7643 section 2.3.5), to the microsecond that Postgres keeps. Without a zone it is UTC.
#[must_use]
pub fn date_time(text: &str) -> Option<DateTime<Utc>> {
    if !text.contains('T') {
        return None;
    }
    let time = DateTime::parse_from_rfc3339(text)
        .map(|time| time.with_timezone(&Utc))
        .ok()
        .or_else(|| text.parse::<NaiveDateTime>().ok().map(|time| time.and_utc()))?;
    // Years of more digits would not sort as text.
    (0..=9_999).contains(&time.year()).then(|| time.trunc_subsecs(6))
}

/// One value of an attribute, in canonical form, in comparison form.
#[must_use]
pub fn value(attribute: &Attribute, value: &Value) -> Value {
    match value {
        Value::Array(elements) => elements.iter().map(|element| self::value(attribute, element)).collect(),
        Value::Object(object) => Value::Object(
            object
                .iter()
                .filter_map(|(name, part)| {
                    attribute.sub_attribute(name).map(|sub| (name.clone(), self::value(sub, part)))
                })
                .collect(),
        ),
        Value::String(string) => Value::String(text(attribute, string)),
        other => other.clone(),
    }
}

/// All attributes of a resource in comparison form; `attributes` is canonical, as `validate` makes it.
#[must_use]
pub fn attributes(resource_type: &ResourceType, attributes: &Map<String, Value>) -> Map<String, Value> {
    let mut folded = Map::new();
    for (name, held) in attributes {
        if let Some(attribute) = resource_type.core_attribute(name) {
            folded.insert(name.clone(), value(attribute, held));
        } else if let (Some(extension), Some(object)) = (resource_type.extension(name), held.as_object()) {
            let inner = object
                .iter()
                .filter_map(|(name, held)| {
                    let attribute = extension.schema.attributes.find(name)?;
                    Some((name.clone(), value(attribute, held)))
                })
                .collect();
            folded.insert(name.clone(), Value::Object(inner));
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_whose_year_in_utc_has_no_four_digits_is_none() {
        for text in ["+12345-01-01T00:00:00", "9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00+01:00"] {
            assert_eq!(date_time(text), None, "{text}");
        }
        assert!(date_time("9999-12-31T23:59:59+01:00").is_some());
    }
}
