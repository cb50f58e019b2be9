//! Who runs the private Postgres: one process at a time, which holds a lock on a file in the data directory. The kernel gives the
//! lock back when the process dies, however it dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::Error;

/// For what a process uses the private Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The server, for as long as it runs.
    Server,
    /// A command, for a moment.
    Command,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Command => "command",
        }
    }
}

/// What became of the attempt to own the data directory.
pub(super) enum Attempt {
    /// We own it while this lives.
    Owned(Owner),
    /// The process `pid` owns it.
    Held { by: Role, pid: String },
    /// It is changing hands.
    Unclear,
}

/// The right to start and stop Postgres.
#[derive(Debug)]
pub(super) struct Owner {
    _locked: File,
}

impl Owner {
    /// Tries to become the owner.
    pub(super) fn attempt(root: &Path, role: Role) -> Result<Attempt, Error> {
        let path = root.join("owner.lock");
        let failed = |source| Error::file(&path, source);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0).map_err(failed)?;
                file.rewind().map_err(failed)?;
                writeln!(file, "{} {}", role.name(), std::process::id()).map_err(failed)?;
                Ok(Attempt::Owned(Self { _locked: file }))
            }
            Err(TryLockError::Error(source)) => Err(failed(source)),
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text).map_err(failed)?;
                let holder = text.trim().split_once(' ').and_then(|(name, pid)| {
                    let by = [Role::Server, Role::Command].into_iter().find(|role| role.name() == name)?;
                    Some(Attempt::Held { by, pid: pid.to_owned() })
                });
                Ok(holder.unwrap_or(Attempt::Unclear))
            }
        }
    }
}
