//! An SQL expression built at run time: a condition, or what a list is sorted by. Its text can only come from the source code
//! (`&'static str`); whatever came from a client, attribute names included, can only become a bind.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::result::QueryResult;
use diesel::sql_types::{Jsonb, Text, Timestamptz};
use serde_json::Value;
use uuid::Uuid;

/// A part of the expression.
#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Sql(&'static str),
    Text(String),
    Json(Value),
    Time(DateTime<Utc>),
    Id(Uuid),
}

/// The expression.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Predicate {
    pieces: Vec<Piece>,
    tests: usize,
}

impl Predicate {
    pub(super) fn sql(&mut self, sql: &'static str) -> &mut Self {
        self.pieces.push(Piece::Sql(sql));
        self
    }

    pub(super) fn text(&mut self, text: impl Into<String>) -> &mut Self {
        self.pieces.push(Piece::Text(text.into()));
        self
    }

    pub(super) fn json(&mut self, json: Value) -> &mut Self {
        self.pieces.push(Piece::Json(json));
        self
    }

    pub(super) fn time(&mut self, time: DateTime<Utc>) -> &mut Self {
        self.pieces.push(Piece::Time(time));
        self
    }

    pub(super) fn id(&mut self, id: Uuid) -> &mut Self {
        self.pieces.push(Piece::Id(id));
        self
    }

    /// Counts a comparison, which decides whether the statement is worth keeping prepared.
    pub(super) fn count_test(&mut self) {
        self.tests += 1;
    }
}

impl QueryFragment<Pg> for Predicate {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        // The texts of single comparisons are few and common; those of combinations have no bound and would fill the
        // statement cache of the connection.
        if self.tests > 1 {
            out.unsafe_to_cache_prepared();
        }
        for piece in &self.pieces {
            match piece {
                Piece::Sql(sql) => out.push_sql(sql),
                Piece::Text(text) => out.push_bind_param::<Text, _>(text)?,
                Piece::Json(json) => out.push_bind_param::<Jsonb, _>(json)?,
                Piece::Time(time) => out.push_bind_param::<Timestamptz, _>(time)?,
                Piece::Id(id) => out.push_bind_param::<diesel::sql_types::Uuid, _>(id)?,
            }
        }
        Ok(())
    }
}
