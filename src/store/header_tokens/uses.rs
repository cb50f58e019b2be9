//! The uses of header tokens: how many, when last, and from where.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::upsert::excluded;

use super::super::error::Error;
use super::super::schema::{header_token_callers, header_tokens};
use super::super::time::Clamped;
use super::super::{Gate, TenantConn};
use super::TokenRow;

/// The uses of a token in some stretch of time.
#[derive(Debug, Clone)]
pub struct TokenUse {
    /// When the last one was, to the second.
    pub at: DateTime<Utc>,
    /// From where.
    pub address: Option<String>,
    /// How many.
    pub calls: i64,
    /// From where, and when last.
    pub callers: HashMap<String, DateTime<Utc>>,
}

/// An address that a token came from.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = header_token_callers)]
pub struct TokenCallerRow {
    /// The address.
    pub address: String,
    /// When it first came from there.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub first_at: DateTime<Utc>,
    /// When it last did.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub last_at: DateTime<Utc>,
}

impl Gate<'_> {
    /// Records the uses of tokens. Not audited: it changes nothing that anybody decided.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn record_token_uses(&mut self, uses: &HashMap<String, TokenUse>) -> Result<(), Error> {
        for (id, token_use) in uses {
            let changed = diesel::update(header_tokens::table.find(id))
                .set((
                    header_tokens::last_used_at.eq(token_use.at),
                    header_tokens::last_used_address.eq(&token_use.address),
                    header_tokens::calls.eq(header_tokens::calls + token_use.calls),
                ))
                .execute(self.pg)?;
            // It went with its tenant meanwhile.
            if changed == 0 {
                continue;
            }
            let callers: Vec<_> = token_use
                .callers
                .iter()
                .map(|(address, at)| {
                    (
                        header_token_callers::token_id.eq(id),
                        header_token_callers::address.eq(address),
                        header_token_callers::first_at.eq(at),
                        header_token_callers::last_at.eq(at),
                    )
                })
                .collect();
            diesel::insert_into(header_token_callers::table)
                .values(callers)
                .on_conflict((header_token_callers::token_id, header_token_callers::address))
                .do_update()
                .set(header_token_callers::last_at.eq(excluded(header_token_callers::last_at)))
                .execute(self.pg)?;
        }
        Ok(())
    }
}

impl TenantConn<'_> {
    /// The addresses that a token of the tenant came from, the last ones first.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn header_token_callers(&mut self, token: &TokenRow, limit: i64) -> Result<Vec<TokenCallerRow>, Error> {
        let query = header_token_callers::table
            .filter(header_token_callers::token_id.eq(&token.id))
            .order((header_token_callers::last_at.desc(), header_token_callers::address))
            .limit(limit)
            .select(TokenCallerRow::as_select());
        let result = query.load(self.pg);
        self.done(result)
    }
}
