//! Reading a copy: nothing of it is used before all of it was verified.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::manifest::{self, Manifest};
use super::{Error, MANIFEST, MARK, PIECE, TAIL};
use crate::auth::master_key::MasterKey;

/// A copy.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    file: File,
    manifest: Manifest,
    text: String,
    signature: String,
}

impl Reader {
    /// Opens a copy and reads its manifest, of which nothing is verified yet.
    ///
    /// # Errors
    /// [`Error::NoBackup`] when it is none, or cut off.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        let none = || Error::NoBackup(path.to_owned());
        let mut file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let lines_end = size.checked_sub(TAIL as u64).ok_or_else(none)?;
        let mut tail = [0; TAIL];
        file.seek(SeekFrom::Start(lines_end)).and_then(|_| file.read_exact(&mut tail)).map_err(failed)?;
        let (length, mark) = tail.split_first_chunk::<8>().ok_or_else(none)?;
        let length = u64::from_be_bytes(*length);
        let start = lines_end.checked_sub(length).filter(|_| mark == MARK && length <= MANIFEST).ok_or_else(none)?;
        let mut lines = String::new();
        file.seek(SeekFrom::Start(start)).map_err(failed)?;
        (&file).take(length).read_to_string(&mut lines).map_err(|_| none())?;
        let mut parts = lines.lines();
        let (Some(text), Some(signature), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(none());
        };
        let manifest: Manifest = serde_json::from_str(text).map_err(|_| none())?;
        if manifest.bytes != start {
            return Err(Error::Damaged(path.to_owned()));
        }
        Ok(Self { path: path.to_owned(), manifest, text: text.to_owned(), signature: signature.to_owned(), file })
    }

    /// What it says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The master key to be used with it: that in `file`, else the one in the copy.
    ///
    /// # Errors
    /// [`Error::NoKey`] when there is neither. What is wrong with the file comes as the inner error.
    pub fn key(&self, file: &Path) -> Result<Result<MasterKey, crate::auth::master_key::Error>, Error> {
        if file.exists() {
            return Ok(MasterKey::read(file));
        }
        let own = self.manifest.master_key.as_deref().and_then(MasterKey::decode);
        own.map(Ok).ok_or_else(|| Error::NoKey(file.to_owned()))
    }

    /// Verifies all of it: that it belongs to this master key, which is that in `file`, and is what was written.
    ///
    /// # Errors
    /// [`Error::WrongKey`], [`Error::Forged`] and [`Error::Damaged`].
    pub fn verify(&mut self, key: &MasterKey, file: &Path) -> Result<(), Error> {
        if manifest::key_check(key) != self.manifest.key_check {
            return Err(Error::WrongKey(file.to_owned()));
        }
        if !manifest::is_signed(key, &self.text, &self.signature) {
            return Err(Error::Forged(self.path.clone()));
        }
        let failed = |source| Error::File { path: self.path.clone(), source };
        self.file.rewind().map_err(failed)?;
        let mut digest = Sha256::new();
        let mut dump = (&self.file).take(self.manifest.bytes);
        let mut piece = vec![0; PIECE];
        loop {
            match dump.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => digest.update(&piece[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
        let sha256 = digest.finalize().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        if sha256 == self.manifest.sha256 { Ok(()) } else { Err(Error::Damaged(self.path.clone())) }
    }

    /// The file, at its beginning, for `pg_restore`, which does not look at what comes behind its part.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn into_file(mut self) -> Result<File, Error> {
        let rewound = self.file.rewind();
        rewound.map_err(|source| Error::File { path: self.path, source })?;
        Ok(self.file)
    }
}
