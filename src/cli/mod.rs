//! The command line: `serve`, and commands that work on the same database whether the server runs or not.

mod admin;
mod audit;
mod backup;
mod client;
mod doctor;
mod duration;
mod healthcheck;
mod key;
mod master_key;
mod migrate;
mod output;
mod resource_type;
mod schema;
mod serve;
mod simulate;
mod tenant;
mod token;

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use crate::auth::administrators::AdministratorError;
use crate::auth::keys::{KeyError, KeyRing};
use crate::auth::master_key::{self as master_key_file, MasterKey};
use crate::auth::seal::SealKey;
use crate::auth::{Caller, Principal, RECENT_LIFETIME, TokenError, name};
use crate::backend::{Backend, StartError, is_next_key_in_use};
use crate::backup as backup_file;
use crate::config::Settings;
use crate::id::TenantId;
use crate::log_format::LogFormat;
use crate::oauth::clients::ClientError;
use crate::private_postgres::{self, Role};
use crate::provider::definitions::{self, ChangeError, Changed};
use crate::provider::tenants::TenantError;
use crate::scim::definitions::Definitions;
use crate::scim::{json, limits};
use crate::server::ServeError;
use crate::simulate::CannotRun;
use crate::store::{self, Inspection, MigrationError, TenantRow};

/// A SCIM 2.0 server: Okta and Microsoft Entra ID provision people into your product through it.
#[derive(Debug, Parser)]
#[command(name = "provisor", version, arg_required_else_help = false)]
pub struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

impl Cli {
    /// In which form.
    #[must_use]
    pub fn log_format(&self) -> LogFormat {
        self.settings.log_format
    }

    /// Variables of the environment without which the command is to run.
    #[must_use]
    pub fn foreign_variables(&self) -> Vec<OsString> {
        if self.settings.database_url.is_none() { private_postgres::foreign_variables() } else { Vec::new() }
    }

    /// What is logged unless `RUST_LOG` says otherwise: a server tells what it does, but not how its workers come and go; a command
    /// only what goes wrong, and the doctor nothing: it has a finding for all that it sees.
    #[must_use]
    pub fn default_log(&self) -> &'static str {
        match self.command {
            None | Some(Command::Serve) => "info,actix_server=warn",
            Some(Command::Doctor { .. }) => "off",
            Some(_) => "warn",
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (the default).
    Serve,
    /// Manage tenants: the customers whose directories are provisioned.
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// Manage header tokens: what an identity provider sends in the Authorization header.
    #[command(subcommand)]
    Token(token::Command),
    /// Manage administrators: the people who sign in with a browser.
    #[command(subcommand)]
    Admin(admin::Command),
    /// Manage schemas of a tenant's own: extensions of users and groups, and bases of resource types.
    #[command(subcommand)]
    Schema(schema::Command),
    /// Manage resource types of a tenant's own.
    #[command(subcommand)]
    ResourceType(resource_type::Command),
    /// Manage the keys that sign access tokens.
    #[command(subcommand)]
    Key(key::Command),
    /// Manage OAuth clients: what gets access tokens from this server.
    #[command(subcommand)]
    Client(client::Command),
    /// Read the audit log, and verify it.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Ask the server that these settings make whether it can serve, for those that watch over containers.
    Healthcheck {
        /// Ask the server at this URL instead.
        #[arg(long, value_name = "URL")]
        url: Option<Url>,
    },
    /// Make the key from which all others are derived, or replace it.
    #[command(subcommand)]
    MasterKey(master_key::Command),
    /// Look at the settings, the database, the data in it and the way in, and say what is to be done. Changes nothing; exits with 1
    /// when there is an error.
    Doctor {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write a copy of the whole database to a file that only its owner may read. The server may run meanwhile. Needs `pg_dump`.
    Backup {
        /// The file, which must not be there yet.
        file: PathBuf,
        /// Put the master key into it as well: whoever has the file then has all.
        #[arg(long)]
        with_master_key: bool,
        /// Print JSON: the file and its manifest.
        #[arg(long)]
        json: bool,
    },
    /// Bring a copy back into an empty database, and verify it. Needs `pg_restore`, and the master key that was in use then.
    Restore {
        /// The file.
        file: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Bring the schema of the database up to date, as a server that starts does.
    Migrate {
        /// Only print the migrations that are pending; exits with 1 when there are some.
        #[arg(long)]
        check: bool,
        /// The database is the coordinator of a cluster of Citus: bring to its workers what can be there. With --check, exit with 1 when
        /// something is not.
        #[arg(long)]
        citus: bool,
    },
    /// Simulate an identity provider against any SCIM server.
    #[command(subcommand)]
    Simulate(simulate::Command),
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something is missing to start with.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The server.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// An administrator.
    #[error(transparent)]
    Administrator(#[from] AdministratorError),
    /// A token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A signing key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// An OAuth client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A name that is not known.
    #[error("no tenant '{0}'; 'provisor tenant list' shows them")]
    UnknownTenant(String),
    /// A userName that is not known.
    #[error("no user '{0}' in this tenant")]
    UnknownUser(String),
    /// A tenant.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// A name that cannot be one.
    #[error("a name has 1 to {longest} characters and no control characters")]
    Name {
        /// The limit.
        longest: usize,
    },
    /// A definition, or what depends on it.
    #[error(transparent)]
    Definition(#[from] ChangeError),
    /// A file that cannot be read.
    #[error("{file}: {problem}", file = file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why not.
        problem: String,
    },
    /// A schema that was not imported.
    #[error("no schema '{0}' in this tenant; 'provisor schema list' shows them")]
    UnknownSchema(String),
    /// A resource type that was not imported.
    #[error("no resource type '{0}' in this tenant; 'provisor resource-type list' shows them")]
    UnknownResourceType(String),
    /// The audit log is not what was written.
    #[error("the audit log is broken; what is wrong stands above")]
    Broken,
    /// A server does otherwise than an identity provider expects.
    #[error("the server deviates in {0} of these checks; how stands above")]
    Deviations(usize),
    /// No identity provider could be simulated.
    #[error(transparent)]
    Simulation(#[from] CannotRun),
    /// The server cannot serve, or does not answer.
    #[error("{0}")]
    Unhealthy(String),
    /// Something is wrong with the installation.
    #[error("there are errors; what is to be done stands above")]
    Unwell,
    /// A copy of the database.
    #[error(transparent)]
    Backup(#[from] backup_file::Error),
    /// There is something where a copy is to go.
    #[error(
        "the database is not empty, and nothing in it is overwritten: name a fresh one by --data-dir or --database-url"
    )]
    NotEmpty,
    /// Not all came back.
    #[error("the database does not hold what the backup says; do not use it")]
    Incomplete,
    /// Somebody works with what is to be replaced.
    #[error(
        "a server, or another command, is at the database: stop all of them first; the master key and all that goes by it are as they were"
    )]
    AtWork,
    /// The database goes by a key that is not in its place.
    #[error(
        "the database goes by the new master key in {next}, but it could not be put in the place of {file} ({error}): run the command once \
         more, or keep the former key elsewhere and move the new one there by hand",
        next = next.display(),
        file = file.display()
    )]
    NotInPlace {
        /// The file in which it is.
        next: PathBuf,
        /// The file in which it should be.
        file: PathBuf,
        /// Why it is not.
        error: master_key_file::Error,
    },
    /// The schema is not up to date.
    #[error("migrations are pending; 'provisor migrate' applies them, and so does a server that starts")]
    Pending,
    /// Tables are not where they belong on a cluster.
    #[error("not everything is where it belongs on a cluster of Citus; 'provisor migrate --citus' brings it there")]
    NotDistributed,
    /// A time that cannot be read.
    #[error("'{0}' is no time; write it like 2026-11-26T08:00:00Z or 2026-11-26")]
    Time(String),
    /// The answer could not be written.
    #[error("{0}")]
    Output(#[from] std::io::Error),
}

impl Error {
    /// The exit code: 78 (`EX_CONFIG`) where the set-up is to be changed, 2 where a simulation could not begin, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        const CONFIGURATION: u8 = 78;
        match self {
            Self::Start(error) | Self::Serve(ServeError::Backend(error)) => match error {
                StartError::Migration(
                    MigrationError::Newer(_)
                    | MigrationError::NotAllowed { .. }
                    | MigrationError::NoCitus
                    | MigrationError::Astray(_),
                ) => CONFIGURATION,
                StartError::Store(_) | StartError::Migration(_) | StartError::SigningKeys(KeyError::Store(_)) => 1,
                _ => CONFIGURATION,
            },
            Self::Serve(ServeError::System(_)) => 1,
            Self::Serve(_) => CONFIGURATION,
            Self::Simulation(_) => 2,
            _ => 1,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`Error`] as a sentence for the person at the terminal.
pub fn run(cli: Cli) -> Result<(), Error> {
    let settings = cli.settings;
    match cli.command {
        None | Some(Command::Serve) => serve::run(&settings),
        Some(Command::Tenant(command)) => with_backend(&settings, |backend| tenant::run(&command, backend)),
        Some(Command::Token(command)) => with_backend(&settings, |backend| token::run(&command, backend)),
        Some(Command::Admin(command)) => with_backend(&settings, |backend| admin::run(&command, backend)),
        Some(Command::Schema(command)) => with_backend(&settings, |backend| schema::run(&command, backend)),
        Some(Command::ResourceType(command)) => {
            with_backend(&settings, |backend| resource_type::run(&command, backend))
        }
        Some(Command::Key(command)) => {
            let open = if command.gives_up_all() { Backend::open_under_any_key } else { Backend::open };
            with(open(&settings, Role::Command)?, |backend| key::run(&command, backend))
        }
        Some(Command::Client(command)) => with_backend(&settings, |backend| client::run(&command, backend, &settings)),
        Some(Command::Audit(command)) => with_backend(&settings, |backend| audit::run(&command, backend)),
        Some(Command::Healthcheck { url }) => healthcheck::run(url.as_ref(), &settings),
        Some(Command::MasterKey(command)) => master_key::run(&command, &settings),
        Some(Command::Backup { file, with_master_key, json }) => {
            backup::backup(&file, with_master_key, json, &settings)
        }
        Some(Command::Restore { file, json }) => backup::restore(&file, json, &settings),
        Some(Command::Doctor { json }) => doctor::run(json, &settings),
        Some(Command::Migrate { check, citus }) => migrate::run(check, citus, &settings),
        Some(Command::Simulate(command)) => simulate::run(command),
    }
}

fn with_backend(settings: &Settings, work: impl FnOnce(&Backend) -> Result<(), Error>) -> Result<(), Error> {
    with(Backend::open(settings, Role::Command)?, work)
}

fn with(backend: Backend, work: impl FnOnce(&Backend) -> Result<(), Error>) -> Result<(), Error> {
    let result = work(&backend);
    let closed = backend.close().map_err(|error| Error::Start(error.into()));
    result.and(closed)
}

/// Checks a name that people give.
fn check_name(text: &str) -> Result<(), Error> {
    if name::fits(text) { Ok(()) } else { Err(Error::Name { longest: name::LENGTH }) }
}

/// The tenant of this name.
fn find_tenant(backend: &Backend, name: &str) -> Result<TenantRow, Error> {
    let found = backend.store.gate(|gate| gate.tenant(name))?;
    found.ok_or_else(|| Error::UnknownTenant(name.to_owned()))
}

/// Checks that a master key is the one that the database is used with.
fn check_key(key: &MasterKey, file: &Path, inspection: &mut Inspection) -> Result<(), Error> {
    let rows = inspection.gate().signing_keys()?;
    if is_next_key_in_use(file, &rows) {
        return Err(StartError::Unfinished { file: file.to_owned(), next: MasterKey::next_file(file) }.into());
    }
    KeyRing::new(SealKey::for_signing_keys(key)).fits(&rows)?;
    Ok(())
}

/// The operator at the command line, acting for a tenant.
fn operator(tenant: TenantId) -> Caller {
    Caller {
        principal: Arc::new(Principal::operator(tenant)),
        request_id: Uuid::now_v7().to_string().into(),
        address: None,
    }
}

/// What the caller's tenant has defined.
fn own_definitions(backend: &Backend, caller: &Caller) -> Result<Definitions, Error> {
    Ok(backend.store.read(caller, |tenant| tenant.definitions())?.definitions)
}

/// Reads a JSON file that defines something.
fn read_definition(file: &Path) -> Result<Value, Error> {
    let refuse = |problem: String| Error::File { file: file.to_owned(), problem };
    let mut bytes = Vec::new();
    let limit = u64::try_from(limits::DEFINITION_BYTES).unwrap_or(u64::MAX);
    let read = File::open(file).and_then(|opened| opened.take(limit + 1).read_to_end(&mut bytes));
    read.map_err(|error| refuse(format!("cannot be read: {error}")))?;
    if bytes.len() > limits::DEFINITION_BYTES {
        return Err(refuse(format!("is larger than {} bytes", limits::DEFINITION_BYTES)));
    }
    json::parse(&bytes).map_err(|error| refuse(error.detail().to_owned()))
}

/// What requests under way may still take that were let in by the former settings.
const UNDER_WAY: Duration = Duration::from_millis(500);

/// Does what a change leaves to do, once every server goes by it.
fn settle(backend: &Backend, caller: &Caller, changed: Changed) -> Result<(), Error> {
    if changed.unique_names {
        std::thread::sleep(RECENT_LIFETIME + UNDER_WAY);
        definitions::settle_unique_names(&backend.store, caller)?;
    }
    Ok(())
}
