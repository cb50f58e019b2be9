//! What the master key stands behind.

use diesel::dsl::exists;
use diesel::prelude::*;

use super::Gate;
use super::error::Error;
use super::schema::{client_secrets, header_tokens, refresh_tokens};

impl Gate<'_> {
    /// Whether there is anything that somebody keeps and that is stored as a hash under the master key, of whatever tenant: a header
    /// token, a client secret or a refresh token. What lives for minutes does not count.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn has_hashed_secrets(&mut self) -> Result<bool, Error> {
        let any = exists(header_tokens::table.select(header_tokens::id))
            .or(exists(client_secrets::table.select(client_secrets::id)))
            .or(exists(refresh_tokens::table.select(refresh_tokens::id)));
        diesel::select(any).get_result(self.pg).map_err(Error::from)
    }
}
