//! Conditions on memberships: the members of a group, and the groups of a resource, directly or through other groups.

use super::condition::{Asked, Compiler, Scope};
use super::groups::EdgePredicate;
use super::predicate::Predicate;
use crate::id::{ResourceId, TenantId};
use crate::scim::filter::{Comparison, Condition, Literal, Test};
use crate::scim::path::AttributeRef;
use crate::scim::resource_type::ResourceType;
use crate::scim::schema::{Attribute, DISPLAY, REF, TYPE, VALUE};

/// Compiles conditions on members, of which one is to hold, to a condition on rows of `memberships` that are called `edge`.
/// `None` when there are no conditions.
#[must_use]
pub fn edge_predicate(
    conditions: &[Condition<'_>],
    resource_type: &ResourceType,
    member_locations: &[String],
) -> Option<EdgePredicate> {
    let asked = Asked { tenant: TenantId::NONE, resource_type, location_prefix: "", member_locations };
    let mut compiler = Compiler { asked, sql: Predicate::default() };
    compiler.join(conditions, " OR ", Scope::Edge(Edge::Member));
    (!conditions.is_empty()).then_some(EdgePredicate(compiler.sql))
}

/// From which end an edge is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// A member of the group: the row `edge`.
    Member,
    /// A group of the resource: the rows `holder` and `found`.
    Group,
}

impl Edge {
    /// The end from which an attribute looks at edges, where it is kept as such.
    pub(super) fn of(attribute: AttributeRef<'_>, resource_type: &ResourceType) -> Option<Self> {
        let known = [(resource_type.members(), Self::Member), (resource_type.groups(), Self::Group)];
        let is = |held: Option<&Attribute>| attribute.extension.is_none() && held == Some(attribute.attribute);
        known.into_iter().find(|(held, _)| is(*held)).map(|(_, edge)| edge)
    }

    /// The id at the other end.
    fn id(self) -> &'static str {
        match self {
            Self::Member => "edge.member_id",
            Self::Group => "holder.id",
        }
    }
}

impl Compiler<'_> {
    /// Some edge satisfies the condition; any, without.
    pub(super) fn edges(&mut self, edge: Edge, inner: Option<&Condition<'_>>) {
        let tenant = self.asked.tenant.0;
        let one = inner.and_then(one_value);
        match (edge, one) {
            // From the group down, which an index answers, and not from each resource up.
            (Edge::Group, Some(group)) => {
                self.sql.count_test();
                let Some(ResourceId(group)) = ResourceId::parse(group) else {
                    self.sql.sql("false");
                    return;
                };
                self.sql.sql("id IN (WITH RECURSIVE contained (member_id) AS (SELECT member_id FROM memberships WHERE tenant_id = ");
                self.sql.id(tenant).sql(" AND group_id = ").id(group);
                self.sql
                    .sql(" UNION SELECT edge.member_id FROM contained JOIN memberships AS edge ON edge.tenant_id = ");
                self.sql.id(tenant).sql(" AND edge.group_id = contained.member_id) SELECT member_id FROM contained)");
            }
            (Edge::Group, None) => {
                self.sql.sql(
                    "EXISTS (WITH RECURSIVE containing (group_id, direct) AS (SELECT edge.group_id, true FROM memberships AS edge \
                     WHERE edge.tenant_id = resources.tenant_id AND edge.member_id = resources.id \
                     UNION SELECT edge.group_id, false FROM containing JOIN memberships AS edge ON edge.tenant_id = ",
                );
                self.sql.id(tenant).sql(
                    " AND edge.member_id = containing.group_id) SELECT 1 FROM (SELECT group_id, bool_or(direct) AS direct \
                     FROM containing GROUP BY group_id) AS found JOIN resources AS holder ON holder.resource_type = 'Group' \
                     AND holder.id = found.group_id AND holder.tenant_id = ",
                );
                self.sql.id(tenant);
                self.and(edge, " WHERE ", inner);
            }
            (Edge::Member, _) => {
                self.sql.sql(
                    "EXISTS (SELECT 1 FROM memberships AS edge WHERE edge.tenant_id = resources.tenant_id \
                     AND edge.group_id = resources.id",
                );
                self.and(edge, " AND ", inner);
            }
        }
    }

    fn and(&mut self, edge: Edge, keyword: &'static str, inner: Option<&Condition<'_>>) {
        match inner {
            Some(inner) => {
                self.sql.sql(keyword);
                self.condition(inner, Scope::Edge(edge));
            }
            None => self.sql.count_test(),
        }
        self.sql.sql(")");
    }

    pub(super) fn edge_test(&mut self, edge: Edge, test: &Test<'_>) {
        self.sql.count_test();
        let part = test.attribute.sub_attribute.map_or(VALUE, |part| part.name.as_str());
        match (&test.comparison, part) {
            (Comparison::Equals(Literal::Text(text)), VALUE) => {
                match ResourceId::parse(text) {
                    Some(ResourceId(id)) => self.sql.sql(edge.id()).sql(" = ").id(id),
                    None => self.sql.sql("false"),
                };
            }
            (comparison, part) => self.compare(&|compiler, _| compiler.edge_part(edge, part), comparison),
        }
    }

    /// A part of an edge, in comparison form.
    fn edge_part(&mut self, edge: Edge, part: &str) {
        let locations = self.asked.member_locations;
        let location = |position: usize| locations.get(position).cloned().unwrap_or_default();
        match (edge, part) {
            (Edge::Member, TYPE) => self.sql.sql("lower(edge.member_type)"),
            (Edge::Member, DISPLAY) => self.sql.sql("edge.comparable_display"),
            (Edge::Member, REF) => {
                self.sql.sql("CASE edge.member_type WHEN 'Group' THEN ").text(location(1)).sql(" ELSE ");
                self.sql.text(location(0)).sql(" END || edge.member_id::text")
            }
            (Edge::Group, TYPE) => self.sql.sql("CASE WHEN found.direct THEN 'direct' ELSE 'indirect' END"),
            (Edge::Group, DISPLAY) => self.sql.sql("coalesce(holder.comparable ->> 'displayName', holder.unique_name)"),
            (Edge::Group, REF) => self.sql.text(location(1)).sql(" || holder.id::text"),
            _ => self.sql.sql(edge.id()).sql("::text"),
        };
    }
}

/// The id that a condition on edges asks for, where it asks for nothing else.
fn one_value<'c>(condition: &'c Condition<'_>) -> Option<&'c str> {
    match condition {
        Condition::Test(Test { attribute, comparison: Comparison::Equals(Literal::Text(text)) })
            if attribute.sub_attribute.is_none_or(|part| part.name == VALUE) =>
        {
            Some(text)
        }
        _ => None,
    }
}
