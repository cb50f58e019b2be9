//! The endpoints of the authorization server.

pub(super) mod discovery;
mod response;
