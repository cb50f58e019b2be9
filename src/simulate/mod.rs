//! Okta, as a server sees it: the conversation of its SCIM client, held with any server, and a report of what the server does otherwise
//! than Okta and the RFCs expect.
//!
//! ```text
//! conversation -> { users, import, groups } -> talk -> { step, people } -> check
//! ```
//!
//! - `check` is the table of what is expected, `step` the table of what is sent.
//! - `talk` holds one answer against its step, `ledger` keeps what was seen; `conversation` runs the stages.
//! - [`client`] is the HTTP, [`oauth`] how it comes to its tokens. Nothing else here knows a network.
//!
//! Nothing of the server is used here: a fault of its own would go unseen.

pub mod check;
pub mod client;
mod conversation;
mod groups;
mod import;
mod ledger;
pub mod oauth;
mod people;
mod report;
mod step;
mod talk;
mod users;

pub use conversation::run;
pub use ledger::{Deviation, Latency, Sent};
pub use report::Report;
pub use step::{Method, Sender, Step};
pub use talk::{Answer, Renewed, Request, Transport, Unanswered};

/// How much is done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Users that are assigned; two at least.
    pub users: usize,
    /// Groups that are pushed.
    pub groups: usize,
    /// Requests at a time.
    pub concurrency: usize,
    /// Whether everything that was made is deleted at the end.
    pub clean_up: bool,
    /// What tells this run from others: eight letters or digits, which stand in each userName.
    pub run: String,
}

/// Who watches the conversation.
pub trait Watcher: Sync {
    /// A stage begins, of this many steps.
    fn begin(&self, stage: &'static str, steps: usize);
    /// A step of it is done.
    fn step(&self);
    /// The stage is done.
    fn end(&self);
}

/// Why there was no conversation.
#[derive(Debug, thiserror::Error)]
pub enum CannotRun {
    /// Nothing answers.
    #[error("the server does not answer: {0}")]
    Unanswered(String),
    /// The credential is wrong.
    #[error("the server refused the credential with {0}")]
    Refused(u16),
    /// There is no access token.
    #[error("no access token: {0}")]
    NoToken(String),
    /// What was told cannot be used.
    #[error("{0}")]
    Setting(String),
}
