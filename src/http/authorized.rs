//! The right that a handler needs, in its signature.

use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use crate::auth::{Caller, Scope};
use crate::scim::error::{ErrorKind, ScimError};

/// A right that a handler asks for.
pub(super) trait Right {
    const SCOPE: Scope;
}

/// To read resources.
pub(super) struct Read;

/// To change resources.
pub(super) struct Write;

impl Right for Read {
    const SCOPE: Scope = Scope::Read;
}

impl Right for Write {
    const SCOPE: Scope = Scope::Write;
}

/// A caller who has the right `R`.
pub(super) struct Authorized<R> {
    pub caller: Caller,
    right: PhantomData<R>,
}

impl<R: Right> FromRequest for Authorized<R> {
    type Error = ScimError;
    type Future = Ready<Result<Self, ScimError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match request.extensions().get::<Caller>() {
            None => Err(ScimError::new(ErrorKind::Unauthorized, "a valid token is required")),
            Some(caller) if caller.principal.may(R::SCOPE) => Ok(Self { caller: caller.clone(), right: PhantomData }),
            Some(_) => Err(ScimError::new(ErrorKind::Forbidden, format!("the token lacks the scope {}", R::SCOPE))),
        })
    }
}
