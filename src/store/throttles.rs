//! Counts of failed attempts.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::Gate;
use super::error::Error;
use super::schema::throttles;
use super::time::Clamped;

/// How often attempts on a subject failed, and when last.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = throttles)]
pub struct ThrottleRow {
    /// What is counted.
    pub subject: String,
    /// Failures that are not forgotten yet.
    pub failures: i32,
    /// The last of them.
    #[diesel(deserialize_as = Clamped<DateTime<Utc>>)]
    pub last_failed_at: DateTime<Utc>,
}

impl Gate<'_> {
    /// The counts of these subjects.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn throttles(&mut self, subjects: &[&str]) -> Result<Vec<ThrottleRow>, Error> {
        let query = throttles::table.filter(throttles::subject.eq_any(subjects)).select(ThrottleRow::as_select());
        query.load(self.pg).map_err(Error::from)
    }

    /// Changes the counts of subjects, which others cannot change meanwhile. `change` gets each count, zero where there is none, and
    /// gives the new ones, in the same order; or `Err`, and nothing is changed.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn change_throttles<E>(
        &mut self,
        subjects: &[&str],
        now: DateTime<Utc>,
        change: impl Fn(&mut [ThrottleRow]) -> Result<(), E>,
    ) -> Result<Result<(), E>, Error> {
        let mut sorted: Vec<&str> = subjects.to_vec();
        // All lock in the same order.
        sorted.sort_unstable();
        sorted.dedup();
        let none = |subject: &&str| ThrottleRow { subject: (*subject).to_owned(), failures: 0, last_failed_at: now };
        let empty: Vec<ThrottleRow> = sorted.iter().map(none).collect();
        let mut refusal = None;
        let result = self.pg.transaction(|pg| {
            diesel::insert_into(throttles::table).values(&empty).on_conflict_do_nothing().execute(pg)?;
            let locked = throttles::table
                .filter(throttles::subject.eq_any(&sorted))
                .order(throttles::subject)
                .select(ThrottleRow::as_select())
                .for_update();
            let mut rows: Vec<ThrottleRow> = locked.load(pg)?;
            if let Err(refused) = change(&mut rows) {
                refusal = Some(refused);
                // Nor do the rows stay that were made above: they would be as many as somebody likes.
                return Err(diesel::result::Error::RollbackTransaction);
            }
            for row in &rows {
                diesel::update(throttles::table.find(&row.subject)).set(row).execute(pg)?;
            }
            Ok(())
        });
        match (result, refusal) {
            (Ok(()), _) => Ok(Ok(())),
            (Err(diesel::result::Error::RollbackTransaction), Some(refused)) => Ok(Err(refused)),
            (Err(error), _) => Err(error.into()),
        }
    }
}
