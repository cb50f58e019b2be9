//! What the server and the commands both work on: the database, its schema up to date, and the keys.

mod database;
mod start_error;

use std::path::Path;
use std::sync::Arc;

pub use database::Database;
pub use start_error::StartError;

use crate::auth::keys::KeyRing;
use crate::auth::master_key::MasterKey;
use crate::auth::seal::SealKey;
use crate::auth::secret::TokenKey;
use crate::auth::stamp::StampKey;
use crate::config::Settings;
use crate::database_url::Privacy;
use crate::private_postgres::{self, Role};
use crate::store::{self, Inspection, ServerFacts, SigningKeyRow, Store};

/// Connections of the commands of the command line.
const COMMAND_CONNECTIONS: u32 = 1;

/// The database and the keys.
#[derive(Debug)]
pub struct Backend {
    /// The database.
    pub store: Arc<Store>,
    /// The key that hashes tokens.
    pub token_key: TokenKey,
    /// The key that authenticates cursors.
    pub cursor_key: StampKey,
    /// The key that authenticates what forms carry.
    pub form_key: StampKey,
    /// The key that signs checkpoints of the audit log.
    pub checkpoint_key: StampKey,
    /// The key that seals the secrets of authenticator apps.
    pub totp_key: SealKey,
    /// The keys that sign access tokens.
    pub keys: Arc<KeyRing>,
    /// The key under which secrets are encrypted that must be read again.
    pub sso_key: SealKey,
    database: Database,
}

impl Backend {
    /// Opens the database that the settings name, or the private one, which only the server makes where there is none yet. Brings its
    /// schema up to date, and holds the master key against it: nothing is written under a key that no server would know. The first
    /// signing keys are made here, so that there is something to hold it against from then on.
    ///
    /// # Errors
    /// [`StartError`] that names what is missing.
    pub fn open(settings: &Settings, role: Role) -> Result<Self, StartError> {
        let backend = Self::open_under_any_key(settings, role)?;
        backend.keys.keys(&backend.store)?;
        Ok(backend)
    }

    /// The same under whatever master key, for who gives up what was made under another one.
    ///
    /// # Errors
    /// [`StartError`] that names what is missing.
    pub fn open_under_any_key(settings: &Settings, role: Role) -> Result<Self, StartError> {
        settings.database()?;
        let key_file = settings.master_key_file()?;
        let database = match role {
            Role::Server => Database::open(settings, role)?,
            Role::Command => Database::existing(settings)?,
        };
        if role == Role::Server {
            warn_of_listeners(database.privacy());
        }
        let connections = match role {
            Role::Server => settings.database_connections(),
            Role::Command => COMMAND_CONNECTIONS,
        };
        let (store, master) = open(&database, &key_file, connections, (role == Role::Server).then_some(settings))?;
        Ok(Self {
            store: Arc::new(store),
            token_key: TokenKey::derive(&master),
            cursor_key: StampKey::for_cursors(&master),
            form_key: StampKey::for_forms(&master),
            checkpoint_key: StampKey::for_checkpoints(&master),
            totp_key: SealKey::for_totp(&master),
            keys: Arc::new(KeyRing::new(SealKey::for_signing_keys(&master))),
            sso_key: SealKey::for_sso(&master),
            database,
        })
    }

    /// The process id of the private Postgres, where this process runs it.
    #[must_use]
    pub fn postgres_pid(&self) -> Option<u32> {
        self.database.postgres_pid()
    }

    /// Closes the database; a private Postgres that this process runs stops.
    ///
    /// # Errors
    /// [`private_postgres::Error`] when it cannot be stopped.
    pub fn close(self) -> Result<(), private_postgres::Error> {
        drop(self.store);
        self.database.close()
    }
}

/// Says who could read along between the server and its database.
fn warn_of_listeners(privacy: &Privacy) {
    match privacy {
        Privacy::Local | Privacy::Verified => {}
        Privacy::ClearText(host) => {
            log::warn!("what goes to the database on {host} may cross the network in clear text");
        }
        Privacy::Encrypted(host) => log::warn!(
            "what goes to the database is encrypted, but nobody checks that it is {host} which answers: add \
             'sslmode=verify-full&sslrootcert=FILE' to the database URL"
        ),
    }
}

/// Holds a database against what a server needs of one.
fn check_facts(facts: &ServerFacts, settings: &Settings) -> Result<(), StartError> {
    if !facts.is_safe() && !settings.allow_unsafe_fsync {
        return Err(StartError::UnsafeFsync);
    }
    if !facts.speaks_english() {
        let remedy = facts.english_messages();
        return Err(StartError::Language { lc_messages: facts.lc_messages.clone(), remedy });
    }
    Ok(())
}

/// Brings the schema up to date, and finds the master key, which is made for a private database where nothing needs one that is gone.
/// `serves` are the settings of a server, which asks more of a database than a command does.
fn open(
    database: &Database,
    key_file: &Path,
    connections: u32,
    serves: Option<&Settings>,
) -> Result<(Store, MasterKey), StartError> {
    let url = database.url();
    let may_be_made = database.is_private() && !key_file.exists();
    let known = if may_be_made { None } else { Some(MasterKey::read(key_file)?) };
    if let Some(settings) = serves {
        check_facts(&Inspection::open(url)?.facts()?, settings)?;
    }
    let applied = store::migrate(url)?;
    if let Some(last) = applied.last() {
        log::info!("applied {} migrations, up to {last}", applied.len());
    }
    let store = Store::open(url, connections)?;
    let unfinished = MasterKey::next_file(key_file);
    if unfinished.exists() && is_next_key_in_use(key_file, &store.gate(|gate| gate.signing_keys())?) {
        return Err(StartError::Unfinished { file: key_file.to_owned(), next: unfinished });
    }
    let master = match known {
        // It may have been replaced while the schema had to wait.
        Some(_) => MasterKey::read(key_file)?,
        None if store.gate(|gate| gate.needs_master_key())? => {
            return Err(StartError::MasterKeyLost(key_file.to_owned()));
        }
        None => MasterKey::read_or_create(key_file)?,
    };
    Ok((store, master))
}

/// Whether the database goes by the key that is to take the place of the one in `key_file`, and was kept from it by a crash.
#[must_use]
pub fn is_next_key_in_use(key_file: &Path, rows: &[SigningKeyRow]) -> bool {
    let next = MasterKey::read(&MasterKey::next_file(key_file));
    next.is_ok_and(|key| KeyRing::new(SealKey::for_signing_keys(&key)).fits(rows).is_ok_and(|fits| fits))
}
