//! What the master key stands behind.

use diesel::dsl::exists;
use diesel::prelude::*;

use super::Gate;
use super::error::Error;
use super::schema::{
    audit_checkpoint_signatures, client_secrets, header_tokens, oauth_clients, refresh_tokens, sso_provider,
    totp_secrets,
};

impl Gate<'_> {
    /// Whether there is anything that depends on the master key and that somebody keeps, of whatever tenant: a header token, an OAuth
    /// client, its secret, a refresh token, somebody's authenticator app, the client secret of single sign-on, or a checkpoint that was
    /// signed anew: where the master key was replaced, the former one must not come back. What lives for minutes does not count.
    ///
    /// # Errors
    /// [`Error`] from the database.
    pub fn needs_master_key(&mut self) -> Result<bool, Error> {
        let any = exists(header_tokens::table.select(header_tokens::id))
            .or(exists(oauth_clients::table.select(oauth_clients::id)))
            .or(exists(client_secrets::table.select(client_secrets::id)))
            .or(exists(refresh_tokens::table.select(refresh_tokens::id)))
            .or(exists(totp_secrets::table.select(totp_secrets::administrator_id)))
            .or(exists(sso_provider::table.select(sso_provider::id)))
            .or(exists(audit_checkpoint_signatures::table.select(audit_checkpoint_signatures::tenant_id)));
        diesel::select(any).get_result(self.pg).map_err(Error::from)
    }
}
