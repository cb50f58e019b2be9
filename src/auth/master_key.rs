//! The master key: 32 bytes in a file of mode 0600, from which every other key is derived. Whoever holds only the database
//! can neither use nor make a token.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

const LENGTH: usize = 32;
/// What the name of a file ends with in which a new key lies until it takes the place of the one in use.
const NEXT: &str = "next";
/// The same for the key that was in use before.
const FORMER: &str = "former";
/// The same for a key that is being written, before what sets one such file apart from all others.
const PARTIAL: &str = "new-";
/// The mounts that this process sees; not every system has it.
const MOUNTS: &str = "/proc/self/mountinfo";
/// Which word of a line there says where it is mounted.
const MOUNT_POINT: usize = 4;

/// The master key.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; LENGTH]>);

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read or written.
    #[error("master key file {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("master key file {0}: expected 32 bytes in base64, as 'provisor master-key create' writes them")]
    Content(String),
    /// Others can read it.
    #[error("master key file {0}: others may read it; run chmod 600 on it")]
    Permissions(String),
    /// No other file can take its place.
    #[error(
        "master key file {0}: it is mounted by itself, so no new one can take its place, and nothing was changed; mount its directory \
         instead"
    )]
    MountPoint(String),
    /// The operating system gives no randomness.
    #[error("no randomness from the operating system: {0}")]
    Random(getrandom::Error),
}

impl MasterKey {
    /// A key from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; LENGTH]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads the key.
    ///
    /// # Errors
    /// When the file is missing, holds something else, or is open to others.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mode = fs::metadata(path).map_err(at(path))?.permissions().mode();
        if mode & 0o007 != 0 {
            return Err(Error::Permissions(path.display().to_string()));
        }
        let text = Zeroizing::new(fs::read_to_string(path).map_err(at(path))?);
        Self::decode(&text).ok_or_else(|| Error::Content(path.display().to_string()))
    }

    /// The key of a text as [`MasterKey::encoded`] makes it.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).ok()?);
        bytes.as_slice().try_into().ok().map(Self::from_bytes)
    }

    /// The key as its file holds it.
    #[must_use]
    pub fn encoded(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0.as_slice()))
    }

    /// Makes a key and writes it to a new file that only the owner may read.
    ///
    /// # Errors
    /// When there is such a file already, or it cannot be written.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0_u8; LENGTH]);
        getrandom::fill(bytes.as_mut_slice()).map_err(Error::Random)?;
        let key = Self(bytes);
        key.write(path)?;
        Ok(key)
    }

    /// Writes the key to a new file that only the owner may read. The file appears complete or not at all.
    ///
    /// # Errors
    /// When there is such a file already, or it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let text = Zeroizing::new(format!("{}\n", self.encoded().as_str()));
        let partial = partial_file(path)?;
        let written = (|| {
            let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
            out.write_all(text.as_bytes())?;
            out.sync_all()
        })();
        let written = written.map_err(at(&partial));
        let named = written.and_then(|()| {
            fs::hard_link(&partial, path).map_err(at(path))?;
            sync_name(path).map_err(at(path))
        });
        let _ = fs::remove_file(&partial);
        named
    }

    /// Where a new key lies until it takes the place of the one in `path`: beside the file itself, where `path` is a link.
    #[must_use]
    pub fn next_file(path: &Path) -> PathBuf {
        beside(&behind_links(path), NEXT)
    }

    /// Checks that another file can take the place of the one in `path`.
    ///
    /// # Errors
    /// [`Error::MountPoint`] where the file is mounted by itself: nothing can be renamed to that.
    pub fn check_replaceable(path: &Path) -> Result<(), Error> {
        // One that is missing is no mount point.
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mounts = fs::read(MOUNTS).unwrap_or_default();
        if is_mount_point(&mounts, &real) { Err(Error::MountPoint(path.display().to_string())) } else { Ok(()) }
    }

    /// Makes a key and writes it to [`MasterKey::next_file`], in place of one that is there. Whoever may read the file in `path` may read
    /// this one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create_next(path: &Path) -> Result<Self, Error> {
        let next = Self::next_file(path);
        if next.exists() {
            fs::remove_file(&next).map_err(at(&next))?;
        }
        let key = Self::create(&next)?;
        share_alike(path, &next).map_err(at(&next))?;
        Ok(key)
    }

    /// Puts the key in [`MasterKey::next_file`] in the place of the one in `path`, which is kept beside it. A link stays one. Where it was
    /// kept already, before a crash, it is not kept twice. Returns the file of the former key; `None` where there was none.
    ///
    /// # Errors
    /// When a file cannot be read or written; then it may be tried again.
    pub fn install_next(path: &Path) -> Result<Option<PathBuf>, Error> {
        let (path, next) = (&*behind_links(path), Self::next_file(path));
        let former = if path.exists() { Some(Self::read(path)?.keep_former(path)?) } else { None };
        fs::rename(&next, path).map_err(at(path))?;
        sync_name(path).map_err(at(path))?;
        Ok(former)
    }

    /// Keeps this key, which is the one in `path`, in a file beside it that holds no other.
    fn keep_former(&self, path: &Path) -> Result<PathBuf, Error> {
        for number in 1_u32.. {
            let former = beside(path, &if number == 1 { FORMER.to_owned() } else { format!("{FORMER}-{number}") });
            if !former.exists() {
                self.write(&former)?;
                share_alike(path, &former).map_err(at(&former))?;
                return Ok(former);
            }
            if Self::read(&former).is_ok_and(|kept| kept.0 == self.0) {
                return Ok(former);
            }
        }
        unreachable!("there are fewer files than numbers")
    }

    /// Reads the key, or makes it where there is none yet.
    ///
    /// # Errors
    /// As [`MasterKey::read`] and [`MasterKey::create`].
    pub fn read_or_create(path: &Path) -> Result<Self, Error> {
        if !path.exists() {
            match Self::create(path) {
                // Another process was quicker.
                Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {}
                created => return created,
            }
        }
        Self::read(path)
    }

    /// The key for one purpose (HKDF-SHA-256).
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; LENGTH]> {
        let mut key = Zeroizing::new([0_u8; LENGTH]);
        let expanded = Hkdf::<Sha256>::new(None, self.0.as_slice()).expand(purpose.as_bytes(), key.as_mut_slice());
        // 32 bytes are within what HKDF-SHA-256 gives.
        debug_assert!(expanded.is_ok());
        key
    }
}

/// The file whose name has this ending more.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// A file beside it that no process ever named before: what a killed one leaves behind, and the number of a process is soon another's,
/// does not stand in the way of the next.
fn partial_file(path: &Path) -> Result<PathBuf, Error> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(beside(path, &format!("{PARTIAL}{:016x}", u64::from_ne_bytes(bytes))))
}

/// The file that a link leads to, and any other as it is named.
fn behind_links(path: &Path) -> PathBuf {
    if path.is_symlink() { fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()) } else { path.to_owned() }
}

/// Whether something is mounted at a path, by the content of [`MOUNTS`].
fn is_mount_point(mounts: &[u8], path: &Path) -> bool {
    let places =
        mounts.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(MOUNT_POINT));
    places.map(unescaped).any(|place| place == path.as_os_str().as_bytes())
}

/// A path as it is. In [`MOUNTS`] a backslash and three octal digits stand for what would break the line.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let (mut plain, mut rest) = (Vec::with_capacity(text.len()), text);
    while let [first, behind @ ..] = rest {
        let digits = behind.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        let (byte, used) = match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => (byte, 4),
            None => (*first, 1),
        };
        plain.push(byte);
        rest = &rest[used..];
    }
    plain
}

/// The error of this file.
fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::File { path, source }
}

/// Has the name of a file outlive a power cut as well as its content.
fn sync_name(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// Gives a file owner, group and mode of another: a server with a user of its own must be able to read what its operator made as root.
fn share_alike(model: &Path, path: &Path) -> io::Result<()> {
    let (model, own) = (fs::metadata(model)?, fs::metadata(path)?);
    if (model.uid(), model.gid()) != (own.uid(), own.gid()) {
        chown(path, Some(model.uid()), Some(model.gid()))?;
    }
    fs::set_permissions(path, model.permissions())
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("MasterKey")
    }
}

/// Whether the group of a file may read it as well, as an orchestrator hands out secrets.
#[must_use]
pub fn is_for_group(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o040 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_mounted_by_itself_is_told_from_one_in_a_mounted_directory() {
        let mounts = b"21 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
            36 21 8:1 /keys /run/keys rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
            37 21 8:1 /k /etc/my\\040keys/master.key ro - ext4 /dev/sda1 rw\n\
            38 21 0:5 / /a\\134b/master.key rw - tmpfs tmpfs rw\n";
        let is = |path: &str| is_mount_point(mounts, Path::new(path));
        assert!(is("/etc/my keys/master.key") && is("/a\\b/master.key") && is("/run/keys"));
        assert!(!is("/run/keys/master.key") && !is("/etc/my keys/master") && !is("/k") && !is("/ab/master.key"));
        assert!(!is_mount_point(b"", Path::new("/etc/my keys/master.key")));
    }

    #[test]
    fn what_is_mounted_here_is_found() {
        // The root always is, where the system tells.
        let root = MasterKey::check_replaceable(Path::new("/"));
        assert_eq!(matches!(root, Err(Error::MountPoint(_))), Path::new(MOUNTS).exists());
        assert!(MasterKey::check_replaceable(Path::new("/no/such/file")).is_ok());
    }

    #[test]
    fn no_two_keys_are_written_by_the_same_file_and_the_one_that_fails_is_named() {
        let path = Path::new("/no/such/directory/master.key");
        assert_ne!(partial_file(path).unwrap(), partial_file(path).unwrap());
        let error = MasterKey::create(path).unwrap_err().to_string();
        assert!(error.starts_with("master key file /no/such/directory/master.key.new-"), "{error}");
    }
}
