//! Who runs the private Postgres: one process at a time, which holds a lock on a file in the data directory. The kernel gives the
//! lock back when the process dies, however it dies.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::Error;

/// Whoever may read the file may lock it.
const MODE: u32 = 0o600;

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
    /// Another process owns it, or one that only locks the file. `pid` is that of the owner, unless it is dead or elsewhere.
    Held { by: Role, pid: Option<String> },
    /// It is changing hands.
    Unclear,
}

/// The right to start and stop Postgres.
#[derive(Debug)]
pub(super) struct Owner {
    _locked: File,
}

impl Owner {
    /// The file that is locked.
    pub(super) fn file(root: &Path) -> PathBuf {
        root.join("owner.lock")
    }

    /// Tries to become the owner.
    pub(super) fn attempt(root: &Path, role: Role) -> Result<Attempt, Error> {
        let path = Self::file(root);
        let failed = |source| Error::file(&path, source);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(MODE);
        let mut file = options.open(&path).map_err(failed)?;
        if file.metadata().map_err(failed)?.permissions().mode() & !MODE & 0o777 != 0 {
            file.set_permissions(Permissions::from_mode(MODE)).map_err(failed)?;
        }
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
                    Some(Attempt::Held { by, pid: Some(pid.to_owned()).filter(|pid| lives(pid)) })
                });
                Ok(holder.unwrap_or(Attempt::Unclear))
            }
        }
    }
}

/// Whether a process of this id can be seen. Not being allowed to signal it means that it is there.
fn lives(pid: &str) -> bool {
    pid.parse().is_ok_and(|pid| !matches!(kill(Pid::from_raw(pid), None), Err(Errno::ESRCH)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn nobody_else_can_lock_the_file_and_a_dead_owner_is_not_named() {
        let root = std::env::temp_dir().join(format!("pvr-owner-{}", std::process::id()));
        fs::create_dir(&root).unwrap();
        let path = root.join("owner.lock");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let Attempt::Owned(owner) = Owner::attempt(&root, Role::Server).unwrap() else { panic!("nobody holds it") };
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);

        let named = || match Owner::attempt(&root, Role::Server).unwrap() {
            Attempt::Held { by: Role::Server, pid } => pid,
            _ => panic!("it is held"),
        };
        assert_eq!(named(), Some(std::process::id().to_string()));
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        fs::write(&path, format!("server {}\n", ended.id())).unwrap();
        assert_eq!(named(), None);
        drop(owner);
        fs::remove_dir_all(root).unwrap();
    }
}
