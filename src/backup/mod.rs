//! A copy of the database in one file. It begins with what `pg_dump` writes, so that `pg_restore` reads it without us, and ends with a
//! manifest: what it is a copy of, how long and which the part before is, and a signature under a key that is derived from the master
//! key. The master key itself is in it only where somebody asked for that.
//!
//! ```text
//! what pg_dump writes | manifest, a line of JSON | signature, a line | bytes of both lines, in eight | PVRBKUP1
//! ```

mod manifest;
mod reader;
mod writer;

use std::io;
use std::path::PathBuf;

pub use manifest::Manifest;
pub use reader::Reader;
pub use writer::Writer;

/// How such a file ends.
const MARK: &[u8; 8] = b"PVRBKUP1";
/// Bytes behind the manifest and its signature: their length and the mark.
const TAIL: usize = 8 + MARK.len();
/// Bytes of the manifest and its signature at most.
const MANIFEST: u64 = 1 << 20;
/// Bytes that are read at a time.
const PIECE: usize = 1 << 16;

/// Why there is no copy, or none that can be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Something else, or a part of one.
    #[error("{0} is no backup, or its end is missing")]
    NoBackup(PathBuf),
    /// It is not what was written.
    #[error("{0} is damaged: it is not what 'provisor backup' wrote; use another one")]
    Damaged(PathBuf),
    /// It was made under another master key.
    #[error(
        "the backup belongs to another master key than the one in {0}: bring that one there first; without it no token and no client \
         secret in the backup works"
    )]
    WrongKey(PathBuf),
    /// Its manifest was changed.
    #[error("{0} was changed after 'provisor backup' wrote it: its manifest is not signed by this installation")]
    Forged(PathBuf),
    /// There is neither a master key here nor one in the file.
    #[error("there is no master key in {0}, and the backup holds none: bring it there from where it is kept")]
    NoKey(PathBuf),
}
