//! What goes wrong on a page: one sentence, and one next step.

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use super::{see_other, show};
use crate::auth::administrators::AdministratorError;
use crate::http::blocking::Overload;
use crate::oauth::error::OAuthError;
use crate::store::{self, RETRY_AFTER_SECONDS};

/// The kinds of error pages. `Problem::row` is the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) enum Problem {
    /// Nobody is signed in; go here first.
    SignIn(String),
    /// Another page is meant for whoever asks for this one.
    Elsewhere(String),
    /// The form does not belong to this session.
    Stale,
    /// The form was sent by another site.
    Foreign,
    /// The role does not allow it.
    NotAllowed,
    /// There is no such page.
    NotFound,
    /// The page takes other methods, these.
    Method(String),
    /// It came, or would come, over a network in clear text.
    ClearText,
    /// The body is no form.
    NoForm,
    /// The body is larger than any form of ours.
    TooLarge,
    /// The body did not come.
    TooSlow,
    /// An authorization request that cannot be answered to its client.
    Authorization,
    /// What was being authorized is over.
    Expired,
    /// What is there stands against it, or somebody else changed it meanwhile.
    Conflict,
    /// The first administrator is there already.
    SetUp,
    /// No capacity, or no database.
    Unavailable,
    /// A fault of ours.
    Fault,
}

/// Status, title, sentence, and the next step with its path.
struct Row(u16, &'static str, &'static str, &'static str, &'static str);

impl Problem {
    fn row(&self) -> Row {
        match self {
            Self::Elsewhere(_) => Row(303, "Go on", "This is elsewhere.", "Go to the start", "/admin"),
            Self::SignIn(_) => Row(303, "Sign in", "You are not signed in.", "Sign in", "/admin/login"),
            Self::Stale => Row(
                403,
                "This form was open too long",
                "You have signed in or out or changed the tenant since it was opened, or your browser keeps no cookies. Nothing was \
                 changed. Go back, load the page anew, and send it again.",
                "Go to the start",
                "/admin",
            ),
            Self::Foreign => {
                Row(403, "This form came from another site", "Nothing was changed.", "Go to the start", "/admin")
            }
            Self::NotAllowed => Row(
                403,
                "Your role does not allow this",
                "Nothing was changed. An owner can give you another role.",
                "Go to the start",
                "/admin",
            ),
            Self::NotFound => {
                Row(404, "There is no such page", "The address may be mistyped.", "Go to the start", "/admin")
            }
            Self::Method(_) => {
                Row(405, "This page is used otherwise", "It takes no such request.", "Go to the start", "/admin")
            }
            Self::ClearText => Row(
                400,
                "This page is only for https",
                "Passwords do not cross a network in clear text.",
                "Go to the start",
                "/",
            ),
            Self::NoForm => {
                Row(415, "This is not a form", "The page takes what its form sends.", "Go to the start", "/admin")
            }
            Self::TooLarge => Row(413, "This form is too large", "Nothing was changed.", "Go to the start", "/admin"),
            Self::TooSlow => Row(408, "This form came too slowly", "Nothing was changed.", "Go to the start", "/admin"),
            Self::Authorization => Row(
                400,
                "This request cannot be answered",
                "The application sent you here with a request that is wrong.",
                "Go to the start",
                "/admin",
            ),
            Self::Expired => Row(
                400,
                "This request is over",
                "It was open for more than an hour, or changed on its way. Go back to the application and begin again.",
                "Go to the start",
                "/admin",
            ),
            Self::Conflict => Row(
                409,
                "This cannot be done now",
                "Somebody else has changed it meanwhile. Nothing was changed by you.",
                "Go to the start",
                "/admin",
            ),
            Self::SetUp => Row(
                409,
                "This server is set up already",
                "There is an administrator. Nothing was changed.",
                "Sign in",
                "/admin/login",
            ),
            Self::Unavailable => Row(
                503,
                "The server is busy",
                "It could not reach its database in time. Try again in a moment.",
                "Go to the start",
                "/admin",
            ),
            Self::Fault => Row(
                500,
                "Something went wrong here",
                "The fault is in the log of the server, under the id below.",
                "Go to the start",
                "/admin",
            ),
        }
    }
}

/// An error that is answered with a page, or with the way to the page that comes first. The middleware `frame` renders it.
#[derive(Debug)]
pub(in crate::http) struct PageError {
    problem: Problem,
    sentence: Cow<'static, str>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl PageError {
    /// The error with the sentence of its kind.
    pub(in crate::http) fn new(problem: Problem) -> Self {
        let sentence = problem.row().2.into();
        Self { problem, sentence, source: None }
    }

    /// The same with another sentence. It never repeats what was sent.
    pub(in crate::http) fn saying(self, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self { sentence: sentence.into(), ..self }
    }

    /// A fault of ours, with the cause for the log.
    pub(in crate::http) fn fault(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..Self::new(Problem::Fault) }
    }

    pub(super) fn problem(&self) -> &Problem {
        &self.problem
    }

    pub(super) fn title(&self) -> &'static str {
        self.problem.row().1
    }

    pub(super) fn sentence(&self) -> &str {
        &self.sentence
    }

    /// The next step, and its path.
    pub(super) fn next(&self) -> (&'static str, &'static str) {
        let Row(_, _, _, label, path) = self.problem.row();
        (label, path)
    }

    pub(super) fn retry_after_seconds(&self) -> Option<u32> {
        (self.problem == Problem::Unavailable).then_some(RETRY_AFTER_SECONDS)
    }

    /// Whether it belongs in the log as an error.
    pub(super) fn is_fault(&self) -> bool {
        matches!(self.problem, Problem::Fault | Problem::Unavailable)
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "page: {}", self.title())
    }
}

impl std::error::Error for PageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.problem.row().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        match &self.problem {
            Problem::SignIn(location) | Problem::Elsewhere(location) => see_other(location),
            _ => HttpResponse::new(self.status_code()),
        }
    }
}

/// What to say of an error that whoever filled in the form can mend.
///
/// # Errors
/// The page of any other.
pub(in crate::http) fn refused(error: AdministratorError) -> Result<(StatusCode, String), PageError> {
    match error {
        AdministratorError::Store(error) => Err(error.into()),
        AdministratorError::Hash(_) | AdministratorError::Random(_) | AdministratorError::Unknown(_) => {
            Err(PageError::fault(error))
        }
        sentence => Ok((StatusCode::UNPROCESSABLE_ENTITY, show::sentence(&sentence.to_string()))),
    }
}

impl From<store::Error> for PageError {
    fn from(error: store::Error) -> Self {
        let problem = match error {
            store::Error::Closed => {
                let sentence = "The tenant is suspended, or is to be deleted: nobody new is let in. Whoever runs this server can resume it.";
                return Self::new(Problem::Conflict).saying(sentence);
            }
            store::Error::Conflict { .. } | store::Error::Database(_) => Problem::Fault,
            _ => Problem::Unavailable,
        };
        Self { source: Some(error.into()), ..Self::new(problem) }
    }
}

impl From<Overload> for PageError {
    fn from(overload: Overload) -> Self {
        let problem = match overload {
            Overload::AtCapacity | Overload::NoAnswer => Problem::Unavailable,
            Overload::CutOff => Problem::Fault,
        };
        Self { source: Some(overload.into()), ..Self::new(problem) }
    }
}

/// What is wrong with an authorization request that is not answered to its client (RFC 6749 section 4.1.2.1).
impl From<OAuthError> for PageError {
    fn from(error: OAuthError) -> Self {
        let sentence = format!("The application sent you here with a request that is wrong: {}.", error.description());
        Self::new(Problem::Authorization).saying(sentence)
    }
}
