//! TLS of the server's own: the certificate that it shows, and the next one when its files have changed.

mod renewal;
mod validity;

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};
use zeroize::Zeroizing;

pub use renewal::Renewal;
pub use validity::valid_until;

/// How long before the end of a certificate it is time to say so.
pub const ENDS_SOON: TimeDelta = TimeDelta::days(14);
/// Bytes of a file that are read: more than the longest chain has.
const LARGEST_FILE: u64 = 1 << 20;

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file with the chain.
    #[error("--tls-certificate (PROVISOR_TLS_CERTIFICATE): {file} {problem}", file = file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The file with the key.
    #[error("--tls-key (PROVISOR_TLS_KEY): {file} {problem}", file = file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The library.
    #[error("TLS: {0}")]
    Library(#[from] rustls::Error),
}

/// Where a certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The chain in PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key in PEM.
    pub key: PathBuf,
}

/// The certificate that is shown to those who connect.
#[derive(Debug)]
pub struct Certificate {
    files: Files,
    state: State,
    shown: RwLock<Arc<CertifiedKey>>,
}

/// What tells a file from what it was: where it is on the disk, and when it last changed there. Of a missing one there is nothing.
type State = [Option<(u64, u64, i64, i64)>; 2];

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// [`Error`] that names the file that cannot be used.
    pub fn read(files: Files) -> Result<Self, Error> {
        let state = files.state();
        let shown = RwLock::new(Arc::new(files.read()?));
        Ok(Self { files, state, shown })
    }

    /// What the server tells the library: TLS 1.2 and 1.3, this certificate, and tickets so that a client that comes back need not
    /// do all of the handshake again.
    ///
    /// # Errors
    /// [`Error::Library`] when it cannot be set up.
    pub fn config(self: &Arc<Self>) -> Result<ServerConfig, Error> {
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Self>::clone(self);
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.ticketer = Ticketer::new()?;
        Ok(config)
    }

    /// When the certificate ends that is shown at the moment; `None` when that cannot be read from it.
    #[must_use]
    pub fn valid_until(&self) -> Option<DateTime<Utc>> {
        valid_until(self.shown().cert.first()?)
    }

    fn shown(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes what the files hold now. What cannot be used changes nothing.
    fn renew(&self) -> Result<(), Error> {
        let next = self.files.read()?;
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        log::info!("new connections get the certificate that is now in {}", self.files.certificate.display());
        Ok(())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown())
    }
}

impl Files {
    /// Whether everybody on this machine may read the private key, or change it.
    #[must_use]
    pub fn has_open_key(&self) -> bool {
        fs::metadata(&self.key).is_ok_and(|metadata| metadata.mode() & 0o007 != 0)
    }

    fn read(&self) -> Result<CertifiedKey, Error> {
        let certificate = |problem: String| Error::Certificate { file: self.certificate.clone(), problem };
        let key = |problem: String| Error::Key { file: self.key.clone(), problem };
        let pem = content(&self.certificate).map_err(certificate)?;
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|error| certificate(format!("is no PEM: {error}")))?;
        if chain.is_empty() {
            return Err(certificate("holds no certificate in PEM".into()));
        }
        let pem = content(&self.key).map_err(key)?;
        let private = PrivateKeyDer::from_pem_slice(&pem)
            .map_err(|_| key("holds no private key in PEM, or one that is encrypted by a password".into()))?;
        let pair = CertifiedKey::from_der(chain, private, &default_provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                key(format!("is not the key of the certificate in {}", self.certificate.display()))
            }
            rustls::Error::InvalidCertificate(error) => {
                certificate(format!("holds a certificate that is none: {error}"))
            }
            error => key(format!("cannot be used: {error}")),
        })?;
        // Behind all that may fail, because that is tried again and again.
        if self.has_open_key() {
            log::warn!("others may read the private key in {}; run chmod 600 on it", self.key.display());
        }
        Ok(pair)
    }

    fn state(&self) -> State {
        [&self.certificate, &self.key].map(|file| {
            fs::metadata(file).ok().map(|about| (about.dev(), about.ino(), about.ctime(), about.ctime_nsec()))
        })
    }
}

fn content(file: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = File::open(file).and_then(|file| file.take(LARGEST_FILE).read_to_end(&mut bytes));
    read.map_err(|error| format!("cannot be read: {error}"))?;
    Ok(bytes)
}
