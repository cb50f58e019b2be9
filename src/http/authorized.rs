//! The right that a handler needs, in its signature.

use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use super::challenge::Challenge;
use crate::auth::{Caller, Scope, Told};
use crate::scim::error::ScimError;

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
        let caller = request.extensions().get::<Caller>().cloned();
        ready(match caller {
            None => Err(Challenge::Refused(Told::Wanted).raise(request)),
            Some(caller) if caller.principal.may(R::SCOPE) => Ok(Self { caller, right: PhantomData }),
            Some(_) => Err(Challenge::InsufficientScope(R::SCOPE).raise(request)),
        })
    }
}
