//! The master key: 32 bytes in a file of mode 0600, from which every other key is derived. Whoever holds only the database
//! can neither use nor make a token.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
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
        let file = |source| Error::File { path: path.display().to_string(), source };
        let mode = fs::metadata(path).map_err(file)?.permissions().mode();
        if mode & 0o007 != 0 {
            return Err(Error::Permissions(path.display().to_string()));
        }
        let text = Zeroizing::new(fs::read_to_string(path).map_err(file)?);
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
        let file = |source| Error::File { path: path.display().to_string(), source };
        let text = Zeroizing::new(format!("{}\n", self.encoded().as_str()));
        let partial = path.with_extension(format!("new-{}", std::process::id()));
        let written = (|| {
            let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
            out.write_all(text.as_bytes())?;
            out.sync_all()?;
            fs::hard_link(&partial, path)?;
            sync_name(path)
        })();
        let _ = fs::remove_file(&partial);
        written.map_err(file)
    }

    /// Where a new key lies until it takes the place of the one in `path`.
    #[must_use]
    pub fn next_file(path: &Path) -> PathBuf {
        beside(path, NEXT)
    }

    /// Makes a key and writes it to [`MasterKey::next_file`], in place of one that is there. Whoever may read the file in `path` may read
    /// this one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create_next(path: &Path) -> Result<Self, Error> {
        let next = Self::next_file(path);
        let file = |source| Error::File { path: next.display().to_string(), source };
        if next.exists() {
            fs::remove_file(&next).map_err(file)?;
        }
        let key = Self::create(&next)?;
        share_alike(path, &next).map_err(file)?;
        Ok(key)
    }

    /// Puts the key in [`MasterKey::next_file`] in the place of the one in `path`, which is kept beside it. Where it was kept already, before
    /// a crash, it is not kept twice. Returns the file of the former key; `None` where there was none.
    ///
    /// # Errors
    /// When a file cannot be read or written; then it may be tried again.
    pub fn install_next(path: &Path) -> Result<Option<PathBuf>, Error> {
        let next = Self::next_file(path);
        let file = |path: &Path| {
            let path = path.display().to_string();
            move |source| Error::File { path, source }
        };
        let former = if path.exists() { Some(Self::read(path)?.keep_former(path)?) } else { None };
        fs::rename(&next, path).map_err(file(path))?;
        sync_name(path).map_err(file(path))?;
        Ok(former)
    }

    /// Keeps this key, which is the one in `path`, in a file beside it that holds no other.
    fn keep_former(&self, path: &Path) -> Result<PathBuf, Error> {
        for number in 1_u32.. {
            let former = beside(path, &if number == 1 { FORMER.to_owned() } else { format!("{FORMER}-{number}") });
            if !former.exists() {
                self.write(&former)?;
                share_alike(path, &former)
                    .map_err(|source| Error::File { path: former.display().to_string(), source })?;
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
