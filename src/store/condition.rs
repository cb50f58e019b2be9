//! From a filter's [`Condition`] to SQL over `resources`. `scim::filter::matches` says what each must mean; a property test holds
//! the two together.
//!
//! Equality is containment in `comparable`, which one GIN index answers for every attribute, and containment of one element is
//! exactly what a value path asks. Attributes with a column of their own use the column. SQL is three-valued and SCIM is not:
//! only `Not` says `IS NOT TRUE`, because leaves that said it could use no index.

use serde_json::{Map, Value};

use super::columns::{Column, ENTITY_TAG};
use super::edges::Edge;
use super::predicate::Predicate;
use crate::id::{ResourceId, TenantId};
use crate::scim::filter::{Comparison, Condition, Literal, Test, satisfies};
use crate::scim::fold;
use crate::scim::path::AttributeRef;
use crate::scim::resource_type::ResourceType;
use crate::scim::schema::{Attribute, Schema, Type};

/// What a condition is asked of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub tenant: TenantId,
    pub resource_type: &'a ResourceType,
    /// What the URIs of these resources start with.
    pub location_prefix: &'a str,
    /// What the URIs of members start with, for each of [`MEMBER_TYPES`].
    pub member_locations: &'a [String],
}

/// Compiles a condition on rows of `resources`.
pub(super) fn compile(condition: &Condition<'_>, asked: Asked<'_>) -> Predicate {
    let mut compiler = Compiler { asked, sql: Predicate::default() };
    compiler.condition(condition, Scope::Row);
    compiler.sql
}

/// Whether an index leads straight to the resources that can satisfy the condition. Any other condition may have to look at everybody.
pub(super) fn is_lookup(condition: &Condition<'_>, resource_type: &ResourceType) -> bool {
    match condition {
        Condition::Test(Test { attribute, comparison: Comparison::Equals(Literal::Text(_) | Literal::Number(_)) }) => {
            Edge::of(*attribute, resource_type).is_none()
                && matches!(Column::of(*attribute, resource_type), None | Some(Column::Id | Column::Text(_)))
        }
        Condition::Element(attribute, inner) => {
            let is_selective =
                |element: Value| element.as_object().is_some_and(|parts| !parts.values().all(Value::is_boolean));
            Edge::of(*attribute, resource_type).is_none() && equalities(inner).is_some_and(is_selective)
        }
        other => names_few(other, resource_type),
    }
}

/// Whether the condition names the few resources that can satisfy it, whatever else it asks of them.
fn names_few(condition: &Condition<'_>, resource_type: &ResourceType) -> bool {
    match condition {
        Condition::Never => true,
        Condition::And(parts) => parts.iter().any(|part| names_few(part, resource_type)),
        Condition::Or(parts) => parts.iter().all(|part| names_few(part, resource_type)),
        Condition::Test(Test { attribute, comparison: Comparison::Equals(_) }) => {
            matches!(Column::of(*attribute, resource_type), Some(Column::Id | Column::Text(_)))
        }
        _ => false,
    }
}

/// What attribute names are looked up in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// A row of `resources`.
    Row,
    /// An element of a multi-valued attribute: the column `held`.
    Element,
    /// An edge between a group and a member.
    Edge(Edge),
}

/// A condition being compiled. The part about edges stands in [`super::edges`].
pub(super) struct Compiler<'a> {
    pub(super) asked: Asked<'a>,
    pub(super) sql: Predicate,
}

impl Compiler<'_> {
    pub(super) fn condition(&mut self, condition: &Condition<'_>, scope: Scope) {
        match condition {
            Condition::And(parts) => self.join(parts, " AND ", scope),
            Condition::Or(parts) => self.join(parts, " OR ", scope),
            Condition::Not(inner) => {
                self.sql.sql("((");
                self.condition(inner, scope);
                self.sql.sql(") IS NOT TRUE)");
            }
            Condition::Never => {
                self.sql.sql("false");
            }
            Condition::Test(test) => match scope {
                Scope::Row => self.row_test(test),
                Scope::Element => self.element_test(test),
                Scope::Edge(edge) => self.edge_test(edge, test),
            },
            Condition::ExtensionPresent(schema) => {
                self.sql.count_test();
                self.sql.sql("(comparable -> ").text(schema.id.as_str()).sql(") IS NOT NULL");
            }
            Condition::Element(attribute, inner) => self.element(*attribute, inner),
        }
    }

    pub(super) fn join(&mut self, parts: &[Condition<'_>], operator: &'static str, scope: Scope) {
        self.sql.sql("(");
        for (position, part) in parts.iter().enumerate() {
            if position > 0 {
                self.sql.sql(operator);
            }
            self.condition(part, scope);
        }
        self.sql.sql(")");
    }

    fn element(&mut self, attribute: AttributeRef<'_>, inner: &Condition<'_>) {
        if let Some(edge) = Edge::of(attribute, self.asked.resource_type) {
            self.edges(edge, Some(inner));
            return;
        }
        if let Some(element) = equalities(inner) {
            self.sql.count_test();
            self.sql.sql("comparable @> ").json(nested(attribute, Value::Array(vec![element])));
            return;
        }
        self.elements_of(attribute);
        self.condition(inner, Scope::Element);
        self.sql.sql(")");
    }

    /// Opens a question about the elements of a list. A value that is none, because it was written under another definition of the
    /// attribute, has no elements; Postgres would refuse the whole statement.
    fn elements_of(&mut self, attribute: AttributeRef<'_>) {
        self.sql.sql("EXISTS (SELECT 1 FROM jsonb_array_elements(CASE jsonb_typeof(");
        self.json_of(attribute.extension, &attribute.attribute.name);
        self.sql.sql(") WHEN 'array' THEN ");
        self.json_of(attribute.extension, &attribute.attribute.name);
        self.sql.sql(" END) AS element(held) WHERE ");
    }

    /// The value of an attribute as `jsonb`.
    fn json_of(&mut self, extension: Option<&Schema>, name: &str) {
        self.sql.sql("comparable");
        if let Some(schema) = extension {
            self.sql.sql(" -> ").text(schema.id.as_str());
        }
        self.sql.sql(" -> ").text(name);
    }

    fn row_test(&mut self, test: &Test<'_>) {
        if let Some(edge) = Edge::of(test.attribute, self.asked.resource_type) {
            let any = test.attribute.sub_attribute.is_none() && is_present(test);
            let condition = Condition::Test(test.clone());
            self.edges(edge, (!any).then_some(&condition));
            return;
        }
        self.sql.count_test();
        if let Some(column) = Column::of(test.attribute, self.asked.resource_type) {
            return self.column_test(column, &test.comparison);
        }
        let attribute = test.attribute;
        if let Comparison::Equals(literal) = &test.comparison {
            let value = json_of(literal);
            let value = match attribute.sub_attribute {
                Some(part) => object(&part.name, value),
                None => value,
            };
            let value = if attribute.attribute.multi_valued { Value::Array(vec![value]) } else { value };
            self.sql.sql("comparable @> ").json(nested(attribute, value));
        } else if attribute.attribute.multi_valued && attribute.sub_attribute.is_none() && is_present(test) {
            self.sql.sql("(");
            self.json_of(attribute.extension, &attribute.attribute.name);
            self.sql.sql(") IS NOT NULL");
        } else if attribute.attribute.multi_valued {
            self.elements_of(attribute);
            self.compare(&|compiler, form| compiler.held(attribute.sub_attribute, form), &test.comparison);
            self.sql.sql(")");
        } else {
            self.compare(&|compiler, form| compiler.singular(attribute, form), &test.comparison);
        }
    }

    fn element_test(&mut self, test: &Test<'_>) {
        self.sql.count_test();
        let part = test.attribute.sub_attribute;
        if let Comparison::Equals(literal) = &test.comparison {
            let value = json_of(literal);
            let value = match part {
                Some(part) => object(&part.name, value),
                None => value,
            };
            self.sql.sql("held @> ").json(value);
        } else {
            self.compare(&|compiler, form| compiler.held(part, form), &test.comparison);
        }
    }

    /// The element `held`, or a part of it.
    fn held(&mut self, part: Option<&Attribute>, form: Form) {
        match (part, form) {
            (Some(part), Form::Json) => self.sql.sql("held -> ").text(part.name.as_str()),
            (Some(part), Form::Text) => self.sql.sql("held ->> ").text(part.name.as_str()),
            (None, Form::Json) => self.sql.sql("held"),
            (None, Form::Text) => self.sql.sql("held #>> '{}'"),
        };
    }

    /// The value of a singular attribute or of a part of it.
    fn singular(&mut self, attribute: AttributeRef<'_>, form: Form) {
        let arrow = match form {
            Form::Json => " -> ",
            Form::Text => " ->> ",
        };
        self.sql.sql("comparable");
        if let Some(schema) = attribute.extension {
            self.sql.sql(" -> ").text(schema.id.as_str());
        }
        match attribute.sub_attribute {
            Some(part) => {
                self.sql.sql(" -> ").text(attribute.attribute.name.as_str());
                self.sql.sql(arrow).text(part.name.as_str());
            }
            None => {
                self.sql.sql(arrow).text(attribute.attribute.name.as_str());
            }
        }
    }

    /// A comparison other than equality of what `value` appends.
    pub(super) fn compare(&mut self, value: &dyn Fn(&mut Self, Form), comparison: &Comparison) {
        match comparison {
            Comparison::Present => {
                self.sql.sql("(");
                value(self, Form::Json);
                self.sql.sql(") IS NOT NULL");
            }
            Comparison::Contains(text) => {
                self.sql.sql("strpos(");
                value(self, Form::Text);
                self.sql.sql(", ").text(text.as_str()).sql(") > 0");
            }
            Comparison::StartsWith(text) => {
                self.sql.sql("starts_with(");
                value(self, Form::Text);
                self.sql.sql(", ").text(text.as_str()).sql(")");
            }
            Comparison::EndsWith(text) => {
                self.sql.sql("right(");
                value(self, Form::Text);
                self.sql.sql(", char_length(").text(text.as_str()).sql(")) = ").text(text.as_str());
            }
            Comparison::Equals(literal) => self.order(value, " = ", literal),
            Comparison::Greater(literal) => self.order(value, " > ", literal),
            Comparison::GreaterOrEqual(literal) => self.order(value, " >= ", literal),
            Comparison::Less(literal) => self.order(value, " < ", literal),
            Comparison::LessOrEqual(literal) => self.order(value, " <= ", literal),
        }
    }

    /// A comparison of an expression that is text whatever is asked of it.
    fn compare_text(&mut self, push: &dyn Fn(&mut Predicate) -> &mut Predicate, comparison: &Comparison) {
        self.compare(
            &|compiler, _| {
                push(&mut compiler.sql);
            },
            comparison,
        );
    }

    fn order(&mut self, value: &dyn Fn(&mut Self, Form), operator: &'static str, literal: &Literal) {
        match literal {
            Literal::Text(text) => {
                self.sql.sql("(");
                value(self, Form::Text);
                self.sql.sql(") COLLATE \"C\"").sql(operator).text(text.as_str());
            }
            // A value of another type, written under another definition of the attribute, is not comparable.
            Literal::Number(number) => {
                self.sql.sql("CASE WHEN jsonb_typeof(");
                value(self, Form::Json);
                self.sql.sql(") = 'number' THEN (");
                value(self, Form::Text);
                self.sql.sql(")::numeric END").sql(operator).text(number.to_string()).sql("::numeric");
            }
            // Order does not apply to booleans, and equality is containment.
            Literal::Boolean(_) => {
                self.sql.sql("false");
            }
        }
    }

    fn column_test(&mut self, column: Column, comparison: &Comparison) {
        match (column, comparison) {
            (Column::Id, Comparison::Equals(Literal::Text(text))) => match ResourceId::parse(text) {
                Some(ResourceId(id)) => {
                    self.sql.sql("id = ").id(id);
                }
                None => {
                    self.sql.sql("false");
                }
            },
            (Column::Id, comparison) => self.compare_text(&|sql| sql.sql("id::text"), comparison),
            // The bare column, so that its index serves.
            (Column::Text(column), Comparison::Equals(Literal::Text(text))) => {
                self.sql.sql(column).sql(" = ").text(text.as_str());
            }
            (Column::Text(column), comparison) => {
                self.compare_text(&|sql| sql.sql(column), comparison);
            }
            (Column::Version, comparison) => self.compare_text(&|sql| sql.sql(ENTITY_TAG), comparison),
            // Known without a look at any row.
            (Column::ResourceType, comparison) => {
                let holds = satisfies(comparison, &Value::String(self.asked.resource_type.name.clone()));
                self.sql.sql(if holds { "true" } else { "false" });
            }
            (Column::Location, comparison) => {
                let prefix = self.asked.location_prefix.to_owned();
                self.compare_text(&|sql| sql.text(prefix.as_str()).sql(" || id::text"), comparison);
            }
            (Column::Time(column), comparison) => self.time_test(column, comparison),
        }
    }

    fn time_test(&mut self, column: &'static str, comparison: &Comparison) {
        let (operator, literal) = match comparison {
            Comparison::Equals(literal) => (" = ", literal),
            Comparison::Greater(literal) => (" > ", literal),
            Comparison::GreaterOrEqual(literal) => (" >= ", literal),
            Comparison::Less(literal) => (" < ", literal),
            Comparison::LessOrEqual(literal) => (" <= ", literal),
            // Every resource has its times; text comparisons have been refused before.
            Comparison::Present => {
                self.sql.sql("true");
                return;
            }
            Comparison::Contains(_) | Comparison::StartsWith(_) | Comparison::EndsWith(_) => {
                self.sql.sql("false");
                return;
            }
        };
        match literal {
            Literal::Text(text) => match fold::date_time(text) {
                Some(time) => self.sql.sql(column).sql(operator).time(time),
                None => self.sql.sql("false"),
            },
            _ => self.sql.sql("false"),
        };
    }
}

/// In which form a value is read out of `jsonb`.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Json,
    Text,
}

pub(super) fn is_present(test: &Test<'_>) -> bool {
    test.comparison == Comparison::Present
}

fn json_of(literal: &Literal) -> Value {
    match literal {
        Literal::Text(text) => Value::String(text.clone()),
        Literal::Boolean(flag) => Value::Bool(*flag),
        Literal::Number(number) => Value::Number(number.clone()),
    }
}

/// The document that contains just this value of the attribute.
fn nested(attribute: AttributeRef<'_>, value: Value) -> Value {
    let inner = object(&attribute.attribute.name, value);
    match attribute.extension {
        Some(schema) => object(&schema.id, inner),
        None => inner,
    }
}

fn object(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

/// The element that a conjunction of equalities on different sub-attributes describes: containment of it is the conjunction.
fn equalities(condition: &Condition<'_>) -> Option<Value> {
    let single = std::slice::from_ref(condition);
    let parts = match condition {
        Condition::And(parts) => parts.as_slice(),
        _ => single,
    };
    let mut element = Map::new();
    for part in parts {
        let Condition::Test(Test { attribute, comparison: Comparison::Equals(literal) }) = part else {
            return None;
        };
        let name = &attribute.sub_attribute.filter(|part| part.kind != Type::Complex)?.name;
        if element.insert(name.clone(), json_of(literal)).is_some() {
            return None;
        }
    }
    (!element.is_empty()).then_some(Value::Object(element))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::filter;
    use crate::scim::registry::Registry;

    #[test]
    fn only_what_an_index_leads_to_is_a_lookup() {
        let registry = Registry::standard().unwrap();
        for (endpoint, text, expected) in [
            ("Users", "userName eq \"ada\"", true),
            ("Users", "externalId eq \"1\"", true),
            ("Users", "id eq \"0199aabb-0000-7000-8000-000000000000\"", true),
            ("Users", "id eq \"nobody\"", true),
            ("Users", "emails.value eq \"a@example.com\"", true),
            ("Users", "emails[type eq \"work\" and value eq \"a@example.com\"]", true),
            ("Users", "userName eq \"ada\" and title co \"x\"", true),
            ("Users", "userName eq \"ada\" or externalId eq \"1\"", true),
            ("Users", "active eq true", false),
            ("Users", "emails[primary eq true]", false),
            ("Users", "emails[primary eq true and type eq \"work\"]", true),
            ("Users", "userName co \"ada\"", false),
            ("Users", "userName ne \"ada\"", false),
            ("Users", "not (userName eq \"ada\")", false),
            ("Users", "userName eq \"ada\" or title co \"x\"", false),
            ("Users", "title eq \"x\" and nickName co \"y\"", false),
            ("Users", "emails[type eq \"work\" and value co \"a\"]", false),
            ("Users", "meta.created eq \"2026-01-01T00:00:00Z\"", false),
            ("Users", "meta.version eq \"W/\\\"1\\\"\"", false),
            ("Users", "groups.value eq \"0199aabb-0000-7000-8000-000000000000\"", false),
            ("Groups", "members[value eq \"0199aabb-0000-7000-8000-000000000000\"]", false),
            ("Groups", "displayName eq \"Staff\"", true),
        ] {
            let resource_type = registry.by_endpoint(endpoint).unwrap();
            let condition = filter::resolve(&filter::parse(text).unwrap(), resource_type).unwrap();
            assert_eq!(is_lookup(&condition, resource_type), expected, "{text}");
        }
    }
}
