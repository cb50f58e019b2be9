//! `provisor key`.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Error, operator, output};
use crate::auth::keys::{KeyState, PUBLISH_AFTER};
use crate::backend::Backend;
use crate::id::TenantId;
use crate::store::SigningKeyRow;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the keys that are published: the one that signs, the next one, and those before, which still verify.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Have the next key sign, and make another next one. Tokens that the current key has signed stay valid.
    Rotate {
        /// Also when the next key was published less than five minutes ago, and others may not have it yet.
        #[arg(long)]
        now: bool,
        /// Print JSON: one object with the ids of the current and the next key.
        #[arg(long)]
        json: bool,
    },
    /// Make new keys in place of all, for when the master key is lost that the old ones were sealed under. No access token stays valid.
    Replace {
        /// Print JSON: one object with the new keys.
        #[arg(long)]
        json: bool,
    },
    /// Remove a key that does not sign any more, at once: running servers refuse what it has signed within a second.
    Remove {
        /// Its id.
        kid: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    /// Whether it wants nothing of what was made under another master key.
    pub(super) fn gives_up_all(&self) -> bool {
        matches!(self, Self::Replace { .. })
    }
}

pub(super) fn run(command: &Command, backend: &Backend) -> Result<(), Error> {
    let caller = operator(TenantId::NONE);
    match command {
        Command::List { json } => list(&keys(backend)?, *json)?,
        Command::Rotate { now, json } => {
            let (current, next) = backend.keys.rotate(&backend.store, &caller, *now)?;
            if *json {
                output::json(&json!({"current": current, "next": next}))?;
            } else {
                output::line(&format!("current {current}\nnext    {next}"))?;
            }
        }
        Command::Replace { json } => {
            backend.keys.replace(&backend.store, &caller)?;
            list(&keys(backend)?, *json)?;
            if !*json {
                output::line(
                    "\nWhat was made under another master key is void, whatever lists say of it: make header tokens, client secrets and \
                     second factors anew.",
                )?;
            }
        }
        Command::Remove { kid, json } => {
            backend.keys.remove(&backend.store, &caller, kid)?;
            if *json {
                output::json(&json!({"kid": kid, "removed": true}))?;
            } else {
                output::line(&format!("removed signing key {kid}"))?;
            }
        }
    }
    Ok(())
}

fn keys(backend: &Backend) -> Result<Vec<SigningKeyRow>, Error> {
    // Makes the first ones, so that the list is never empty.
    backend.keys.keys(&backend.store)?;
    Ok(backend.store.gate(|gate| gate.signing_keys())?)
}

fn list(keys: &[SigningKeyRow], json: bool) -> Result<(), Error> {
    if json {
        output::json(&keys.iter().map(to_json).collect())?;
        return Ok(());
    }
    let rows: Vec<[String; 5]> = keys
        .iter()
        .map(|row| {
            [
                row.kid.clone(),
                KeyState::of(row).name().into(),
                output::time(row.created_at),
                output::optional_time(row.activated_at, "not yet"),
                output::optional_time(row.retired_at.map(|at| at + PUBLISH_AFTER), "open"),
            ]
        })
        .collect();
    output::table(["KID", "STATE", "CREATED", "SIGNS SINCE", "PUBLISHED UNTIL"], &rows)?;
    Ok(())
}

fn to_json(row: &SigningKeyRow) -> Value {
    json!({
        "kid": row.kid,
        "state": KeyState::of(row).name(),
        "createdAt": row.created_at,
        "signsSince": row.activated_at,
        "retiredAt": row.retired_at,
        "publishedUntil": row.retired_at.map(|at| at + PUBLISH_AFTER),
    })
}
