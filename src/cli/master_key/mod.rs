//! `provisor master-key`.

mod replace;

use clap::Subcommand;

use super::{Error, output};
use crate::auth::master_key::MasterKey;
use crate::backend::StartError;
use crate::config::Settings;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a new key in the file that --master-key-file names.
    Create {
        /// Keep the key that is there.
        #[arg(long)]
        if_missing: bool,
    },
    /// Put a new key in the place of one that was stolen, while no server runs. All of which only a keyed hash is kept ends: header
    /// tokens, client secrets, sessions and access tokens of all tenants. Users, groups and the audit log stay and verify. Run it again
    /// after a crash.
    Replace {
        /// Print JSON: what ended, by tenant, and what was carried over.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(command: &Command, settings: &Settings) -> Result<(), Error> {
    match command {
        Command::Create { if_missing } => create(*if_missing, settings),
        Command::Replace { json } => replace::run(*json, settings),
    }
}

fn create(if_missing: bool, settings: &Settings) -> Result<(), Error> {
    let file = settings.master_key_file().map_err(StartError::from)?;
    let made = if if_missing { MasterKey::read_or_create(&file) } else { MasterKey::create(&file) };
    made.map_err(StartError::from)?;
    output::line(&format!("master key in {}; keep a copy where secrets are kept", file.display()))?;
    Ok(())
}
