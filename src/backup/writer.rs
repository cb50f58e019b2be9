//! Writing a copy: beside its place, for its owner alone, and there in one step when it is complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::manifest::{self, Manifest};
use super::{Error, MARK, PIECE};
use crate::auth::master_key::MasterKey;

/// A copy that is being written. Dropped before [`Writer::finish`] it leaves nothing.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    partial: PathBuf,
    file: File,
    digest: Sha256,
    bytes: u64,
}

impl Writer {
    /// Begins a copy that is to be at `path`.
    ///
    /// # Errors
    /// [`Error::File`] when there is something, or nothing can be.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        if path.symlink_metadata().is_ok() {
            return Err(failed(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "is there already, and is not overwritten",
            )));
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".partial-{}", std::process::id()));
        let partial = path.with_file_name(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial).map_err(failed)?;
        Ok(Self { path: path.to_owned(), partial, file, digest: Sha256::new(), bytes: 0 })
    }

    /// Takes in what `pg_dump` writes, to its end.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read or written.
    pub fn take(&mut self, mut source: impl Read) -> Result<(), Error> {
        let mut piece = vec![0; PIECE];
        loop {
            let length = match source.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failed(error)),
            };
            self.digest.update(&piece[..length]);
            self.bytes += length as u64;
            self.file.write_all(&piece[..length]).map_err(|error| self.failed(error))?;
        }
    }

    /// Ends the copy with a manifest, whose fields about the file and the key are set here. What is there then outlives a power cut.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn finish(mut self, key: &MasterKey, manifest: Manifest) -> Result<Manifest, Error> {
        let sha256 = self.digest.finalize_reset().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        let manifest = Manifest { key_check: manifest::key_check(key), bytes: self.bytes, sha256, ..manifest };
        let text = serde_json::to_string(&manifest).map_err(|error| self.failed(error.into()))?;
        let lines = format!("{text}\n{}\n", manifest::sign(key, &text));
        let written = self.file.write_all(lines.as_bytes()).and_then(|()| {
            self.file.write_all(&(lines.len() as u64).to_be_bytes())?;
            self.file.write_all(MARK)?;
            self.file.sync_all()?;
            fs::rename(&self.partial, &self.path)?;
            File::open(self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?
                .sync_all()
        });
        written.map_err(|error| self.failed(error))?;
        Ok(manifest)
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::File { path: self.path.clone(), source }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Gone already where the copy is complete.
        let _ = fs::remove_file(&self.partial);
    }
}
