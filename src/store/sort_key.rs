//! What a list is sorted by, as SQL over `resources`. `scim::sort::key` says what it must be; a property test holds the two together.

use super::columns::{Column, ENTITY_TAG};
use super::condition::Form;
use super::predicate::Predicate;
use crate::scim::path::AttributeRef;
use crate::scim::resource_type::ResourceType;
use crate::scim::{limits, sort};

/// The sort key of resources of one type.
pub(super) struct SortKey {
    /// The expression.
    pub expression: Predicate,
    /// What makes a bound text comparable with it.
    pub cast: &'static str,
    /// Whether there may be resources without one.
    pub nullable: bool,
    /// Whether an index has the resources in this order.
    pub indexed: bool,
}

impl SortKey {
    /// The key by this attribute of resources whose URIs start with `location_prefix`.
    pub(super) fn new(attribute: AttributeRef<'_>, resource_type: &ResourceType, location_prefix: &str) -> Self {
        let mut expression = Predicate::default();
        let (cast, nullable, indexed) = match Column::of(attribute, resource_type) {
            Some(Column::Id) => {
                expression.sql("id");
                ("::uuid", false, true)
            }
            // Bare columns, so that their indexes serve. Their collation is "C", and their length is bounded.
            Some(Column::Text(column)) => {
                expression.sql(column);
                ("", !attribute.attribute.required, true)
            }
            Some(Column::Time(column)) => {
                expression.sql(column);
                ("::timestamptz", false, true)
            }
            Some(Column::Version) => {
                expression.sql(ENTITY_TAG).sql(" COLLATE \"C\"");
                ("", false, false)
            }
            Some(Column::ResourceType) => {
                expression.sql("resource_type COLLATE \"C\"");
                ("", false, false)
            }
            Some(Column::Location) => {
                expression.sql("(").text(location_prefix).sql(" || id::text) COLLATE \"C\"");
                ("", false, false)
            }
            None if sort::is_number(attribute) => {
                // A value of another type, written under another definition of the attribute, is none.
                expression.sql("CASE WHEN jsonb_typeof(");
                push_value(&mut expression, attribute, Form::Json);
                expression.sql(") = 'number' THEN (");
                push_value(&mut expression, attribute, Form::Text);
                expression.sql(")::numeric END");
                ("::numeric", true, false)
            }
            // Instants have a fixed width, and of booleans 'false' is before 'true': as text they are in order too.
            None => {
                expression.sql("left(");
                push_value(&mut expression, attribute, Form::Text);
                expression.sql(", ").sql(CHARACTERS).sql(") COLLATE \"C\"");
                ("", true, false)
            }
        };
        Self { expression, cast, nullable, indexed }
    }
}

/// [`limits::SORT_CHARACTERS`] in SQL.
const CHARACTERS: &str = "1024";
const _: () = assert!(limits::SORT_CHARACTERS == 1_024);

/// Appends the value: of several elements that of the primary one, else of the first.
fn push_value(sql: &mut Predicate, attribute: AttributeRef<'_>, form: Form) {
    if attribute.attribute.multi_valued && sort::has_primary(attribute) {
        sql.sql("coalesce(jsonb_path_query_first(");
        push_json(sql, attribute);
        sql.sql(", '$[*] ? (@.primary == true)'), ");
        push_json(sql, attribute);
        sql.sql(" -> 0)");
    } else {
        push_json(sql, attribute);
        if attribute.attribute.multi_valued {
            sql.sql(" -> 0");
        }
    }
    match (attribute.sub_attribute, form) {
        (Some(part), Form::Json) => sql.sql(" -> ").text(part.name.as_str()),
        (Some(part), Form::Text) => sql.sql(" ->> ").text(part.name.as_str()),
        (None, Form::Json) => sql,
        (None, Form::Text) => sql.sql(" #>> '{}'"),
    };
}

/// Appends the attribute as `jsonb`.
fn push_json(sql: &mut Predicate, attribute: AttributeRef<'_>) {
    sql.sql("comparable");
    if let Some(schema) = attribute.extension {
        sql.sql(" -> ").text(schema.id.as_str());
    }
    sql.sql(" -> ").text(attribute.attribute.name.as_str());
}
