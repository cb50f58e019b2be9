//! `provisor master-key`.

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
}

pub(super) fn run(command: &Command, settings: &Settings) -> Result<(), Error> {
    let Command::Create { if_missing } = command;
    let file = settings.master_key_file().map_err(StartError::from)?;
    let made = if *if_missing { MasterKey::read_or_create(&file) } else { MasterKey::create(&file) };
    made.map_err(StartError::from)?;
    output::line(&format!("master key in {}; keep a copy where secrets are kept", file.display()))?;
    Ok(())
}
