//! Writing a copy: beside its place, for its owner alone, and there in one step when it is complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use uuid::Uuid;

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
            return Err(failed(taken()));
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        // Of its own for each: in containers all processes have the same id.
        name.push(format!(".partial-{}", Uuid::now_v7().simple()));
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
            put(&self.partial, &self.path)?;
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
        // Gone already where it was renamed.
        let _ = fs::remove_file(&self.partial);
    }
}

/// Gives a complete copy its name, unless somebody else has given it to another one meanwhile.
fn put(partial: &Path, path: &Path) -> io::Result<()> {
    let told = |error: io::Error| if error.kind() == io::ErrorKind::AlreadyExists { taken() } else { error };
    match fs::hard_link(partial, path) {
        // A file system without links. Only one process can make the file whose place the copy then takes.
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported) => {
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(told)?;
            fs::rename(partial, path).inspect_err(|_| {
                let _ = fs::remove_file(path);
            })
        }
        linked => linked.map_err(told),
    }
}

fn taken() -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, "is there already, and is not overwritten")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_copies_to_one_name_one_is_there_and_the_other_is_refused() {
        let key = MasterKey::from_bytes([7; 32]);
        let directory = std::env::temp_dir().join(format!("pvr-copies-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("copy");
        let [mut first, mut second] = [(); 2].map(|()| Writer::create(&path).unwrap());
        first.take(&b"first"[..]).unwrap();
        second.take(&b"second"[..]).unwrap();
        first.finish(&key, Manifest::default()).unwrap();
        let refused = second.finish(&key, Manifest::default()).unwrap_err().to_string();
        assert!(refused.contains("is there already, and is not overwritten"), "{refused}");
        assert!(fs::read(&path).unwrap().starts_with(b"first"));
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
        fs::remove_dir_all(directory).unwrap();
    }
}
