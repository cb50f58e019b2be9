//! The audit log proves itself: the entries of each tenant are the links of a hash chain, sealed a moment after they are committed
//! by one server of the cluster. Whoever changes, removes or slips in an entry breaks the chain there, and whoever makes the chain
//! anew from there on contradicts the next checkpoint, which is signed under a key that is not in the database.
//!
//! It does not show what was never written, nor entries that somebody who may write to the database adds at the end as the server
//! does, nor what happened to the entries behind the last checkpoint. Heads that were noted elsewhere, from an export or the log of the
//! server, show also that checkpoints were removed.

mod checkpoint;
mod link;
mod sealer;
mod verify;

pub use checkpoint::{checkpoint, key_name, sign_anew};
pub use link::{link, to_hex};
pub use sealer::Sealer;
pub use verify::{Break, Fault, Report, Verification};
