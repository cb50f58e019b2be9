//! Forms that make something that is shown once.

use chrono::Utc;
use diesel::prelude::*;
use uuid::Uuid;

use super::TenantConn;
use super::error::Error;
use super::schema::submitted_forms;

/// Takes note of a form in the transaction that does what it asks for; the constraint refuses it the second time.
pub(super) fn submit(pg: &mut PgConnection, form: Option<Uuid>) -> QueryResult<()> {
    let Some(id) = form else {
        return Ok(());
    };
    let row = (submitted_forms::id.eq(id), submitted_forms::submitted_at.eq(Utc::now()));
    diesel::insert_into(submitted_forms::table).values(row).execute(pg).map(drop)
}

impl TenantConn<'_> {
    /// Whether a form was sent before.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn is_submitted(&mut self, form: Uuid) -> Result<bool, Error> {
        let same = submitted_forms::table.find(form);
        let result = diesel::select(diesel::dsl::exists(same)).get_result(self.pg);
        self.done(result)
    }
}
