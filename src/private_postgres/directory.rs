//! The data directory: what lies where in it, and who owns it.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, User, geteuid};

use super::Error;

/// Bytes of a socket's path at most, on the stricter of Linux (107) and macOS (103).
const SOCKET_PATH: usize = if cfg!(target_os = "macos") { 103 } else { 107 };
/// What Postgres calls its socket.
const SOCKET: &str = ".s.PGSQL.5432";

/// As whom Postgres runs: another user where we are root, because it refuses to be root.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunAs {
    pub uid: Uid,
    pub gid: Gid,
}

impl RunAs {
    fn find() -> Result<Option<Self>, Error> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let known = ["postgres", "nobody"].into_iter().find_map(|name| User::from_name(name).ok().flatten());
        known.map(|user| Some(Self { uid: user.uid, gid: user.gid })).ok_or(Error::NoUser)
    }
}

/// The data directory.
#[derive(Debug)]
pub(super) struct DataDirectory {
    pub root: PathBuf,
    pub run_as: Option<RunAs>,
}

impl DataDirectory {
    /// Makes the directory where it is missing.
    pub(super) fn open(root: &Path) -> Result<Self, Error> {
        let directory = Self { root: root.to_owned(), run_as: RunAs::find()? };
        let socket = directory.socket_directory().join(SOCKET);
        if socket.as_os_str().len() > SOCKET_PATH {
            return Err(Error::PathTooLong { path: root.to_owned(), longest: SOCKET_PATH });
        }
        let mode = if directory.run_as.is_some() { 0o755 } else { 0o700 };
        if !root.is_dir() {
            DirBuilder::new().recursive(true).mode(mode).create(root).map_err(|source| Error::file(root, source))?;
            set_mode(root, mode)?;
        }
        directory.check_reachable()?;
        directory.make_private(&directory.socket_directory())?;
        Ok(directory)
    }

    /// The cluster.
    pub(super) fn cluster(&self) -> PathBuf {
        self.root.join("postgres")
    }

    /// Where the socket is. Only its owner (and root) may enter, so the socket needs no password.
    pub(super) fn socket_directory(&self) -> PathBuf {
        self.root.join("run")
    }

    /// What Postgres says.
    pub(super) fn log(&self) -> PathBuf {
        self.root.join("postgres.log")
    }

    /// The major version of the cluster, where there is one.
    pub(super) fn cluster_major(&self) -> Option<u32> {
        fs::read_to_string(self.cluster().join("PG_VERSION")).ok()?.trim().parse().ok()
    }

    /// The URL of a database in the cluster.
    pub(super) fn url(&self, database: &str) -> String {
        let socket_directory = self.socket_directory();
        let encode = |byte: &u8| match *byte {
            plain if plain.is_ascii_alphanumeric() || b"/._-".contains(&plain) => char::from(plain).to_string(),
            other => format!("%{other:02X}"),
        };
        let host: String = socket_directory.as_os_str().as_encoded_bytes().iter().map(encode).collect();
        format!("postgres:///{database}?user=provisor&host={host}&port=5432")
    }

    /// Makes a directory that only Postgres' user may enter, or makes one so that is there.
    pub(super) fn make_private(&self, path: &Path) -> Result<(), Error> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => return Err(Error::file(path, source)),
            _ => set_mode(path, 0o700)?,
        }
        self.give(path)
    }

    /// Hands a file over to Postgres' user.
    pub(super) fn give(&self, path: &Path) -> Result<(), Error> {
        let Some(RunAs { uid, gid }) = self.run_as else {
            return Ok(());
        };
        chown(path, Some(uid.as_raw()), Some(gid.as_raw())).map_err(|source| Error::file(path, source))
    }

    /// Checks that Postgres' user can enter every directory above; else initdb fails with words that help nobody.
    fn check_reachable(&self) -> Result<(), Error> {
        let Some(RunAs { uid, gid }) = self.run_as else {
            return Ok(());
        };
        for parent in self.root.ancestors() {
            let metadata = fs::metadata(parent).map_err(|source| Error::file(parent, source))?;
            let bit = match metadata {
                ref held if held.uid() == uid.as_raw() => 0o100,
                ref held if held.gid() == gid.as_raw() => 0o010,
                _ => 0o001,
            };
            if metadata.permissions().mode() & bit == 0 {
                return Err(Error::Unreachable { parent: parent.to_owned(), root: self.root.clone() });
            }
        }
        Ok(())
    }
}

/// Sets the mode of a directory, because what is asked for at its making is cut down by the umask.
fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(|source| Error::file(path, source))
}
