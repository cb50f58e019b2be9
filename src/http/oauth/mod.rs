//! The endpoints of the authorization server.

mod response;
