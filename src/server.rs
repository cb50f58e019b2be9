//! The server as a whole: built once from the settings, by `main` and by the tests alike.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::middleware::{NormalizePath, from_fn};
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use zeroize::Zeroizing;

use crate::auth::administrators::NewAdministrator;
use crate::auth::keys::{KeyError, KeyRing};
use crate::auth::master_key::{self, MasterKey};
use crate::auth::seal::SealKey;
use crate::auth::secret::{Secret, TokenKey};
use crate::auth::setup::{self, SetupError};
use crate::auth::stamp::StampKey;
use crate::auth::{self, Authenticator};
use crate::chain::Sealer;
use crate::config::{PublicUrl, SettingError, Settings};
use crate::database_url::{Privacy, Target};
use crate::housekeeping::Housekeeping;
use crate::http::{self, AppState, AssetsError, Parts, Refusals, RequestLog, Watch};
use crate::metrics::Metrics;
use crate::oauth::access_token::Parties;
use crate::private_postgres::{self, PrivatePostgres, Role};
use crate::scim::registry::Registry;
use crate::shutdown::Shutdown;
use crate::store::{self, Inspection, MigrationError, Store};
use crate::tls::{self, Certificate, Renewal};

/// Seconds that requests under way may take when the server stops.
const SHUTDOWN_TIMEOUT: u64 = 25;
/// Connections that wait to be accepted. Those beyond wait for seconds until their system tries again; the standard library asks for 128.
const BACKLOG: i32 = 2_048;
/// How long an idle connection is kept open. Okta holds its connections.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a client may take to agree on the encryption, as long as for the head of a request.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Clients that may be about to at a time, for each core. With as many silent ones as this nobody else would come in until their time
/// is over.
const HANDSHAKES: usize = 10_000;
/// Connections of the commands of the command line.
const COMMAND_CONNECTIONS: u32 = 1;

/// Why the server, or a command, cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The private Postgres.
    #[error(transparent)]
    PrivatePostgres(#[from] private_postgres::Error),
    /// The certificate of the server.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Its schema.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// The master key.
    #[error(transparent)]
    MasterKey(#[from] master_key::Error),
    /// The master key is gone, and secrets that were hashed with it are there.
    #[error(
        "master key file {0} is missing, and no token and no client secret works without it: bring it back from a copy. To give up \
         all of them instead, run 'provisor master-key create'"
    )]
    MasterKeyLost(PathBuf),
    /// Postgres would lose what it has said it keeps.
    #[error(
        "the database runs with fsync=off and loses or breaks data when the machine stops; switch it on (ALTER SYSTEM SET fsync = on; \
         SELECT pg_reload_conf()), or give --allow-unsafe-fsync where the data may be lost"
    )]
    UnsafeFsync,
    /// There is no database to look at.
    #[error("{0} holds no database yet; 'provisor serve' makes it")]
    NoDatabase(PathBuf),
    /// The keys that sign access tokens.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The code for the first administrator.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The first administrator, as the settings name the person.
    #[error("--admin-email (PROVISOR_ADMIN_EMAIL), --admin-password-file (PROVISOR_ADMIN_PASSWORD_FILE): {0}")]
    FirstAdministrator(SetupError),
    /// The assets directory.
    #[error(transparent)]
    Assets(#[from] AssetsError),
    /// The templates in it.
    #[error("templates: {0}")]
    Templates(#[from] tera::Error),
    /// The built-in schemas; a test reads them all.
    #[error("built-in schemas: {0}")]
    Schemas(#[from] serde_json::Error),
    /// The address.
    #[error("--listen (PROVISOR_LISTEN): cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The address of the metrics.
    #[error("--metrics-listen (PROVISOR_METRICS_LISTEN): cannot listen on {0}: {1}")]
    MetricsListen(SocketAddr, std::io::Error),
    /// The operating system.
    #[error(transparent)]
    System(#[from] std::io::Error),
}

/// The database that the settings name, or the private one, as it is: its schema is not looked at.
pub struct Database {
    /// Where it is. There may be a password within.
    url: Zeroizing<String>,
    privacy: Privacy,
    private_postgres: Option<PrivatePostgres>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Database").field("private_postgres", &self.private_postgres).finish_non_exhaustive()
    }
}

impl Database {
    /// Finds the database. A private one is started, and made where there is none yet.
    ///
    /// # Errors
    /// [`StartError`] that names what is missing.
    pub fn open(settings: &Settings, role: Role) -> Result<Self, StartError> {
        if let Some(Target { url, privacy }) = settings.database()? {
            return Ok(Self { url, privacy, private_postgres: None });
        }
        let directory = settings.data_dir()?;
        log::info!(
            "no DATABASE_URL: using a private Postgres in {}; fine for trying out and small installations",
            directory.display()
        );
        let postgres = PrivatePostgres::start(&directory, settings.pg_bin_dir.as_deref(), role)?;
        let url = Zeroizing::new(postgres.url().to_owned());
        Ok(Self { url, privacy: Privacy::Local, private_postgres: Some(postgres) })
    }

    /// The same for who makes none.
    ///
    /// # Errors
    /// [`StartError::NoDatabase`] where there is no private one yet.
    pub fn existing(settings: &Settings) -> Result<Self, StartError> {
        if settings.database_url.is_none() {
            let directory = settings.data_dir()?;
            if !private_postgres::exists(&directory) {
                return Err(StartError::NoDatabase(directory));
            }
        }
        Self::open(settings, Role::Command)
    }

    /// Where it is, as libpq takes it. It may hold a password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How the traffic with it is kept from others.
    #[must_use]
    pub fn privacy(&self) -> &Privacy {
        &self.privacy
    }

    /// Closes the database; a private Postgres that this process runs stops.
    ///
    /// # Errors
    /// [`private_postgres::Error`] when it cannot be stopped.
    pub fn close(self) -> Result<(), private_postgres::Error> {
        self.private_postgres.map_or(Ok(()), PrivatePostgres::stop)
    }
}

/// The database and the keys, as the server and the commands both need them.
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
    /// Opens the database that the settings name, or the private one, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StartError`] that names what is missing.
    pub fn open(settings: &Settings, role: Role) -> Result<Self, StartError> {
        settings.database()?;
        let key_file = settings.master_key_file()?;
        let database = Database::open(settings, role)?;
        if role == Role::Server {
            warn_of_listeners(&database.privacy);
        }
        let connections = match role {
            Role::Server => settings.database_connections(),
            Role::Command => COMMAND_CONNECTIONS,
        };
        let must_keep = role == Role::Server && !settings.allow_unsafe_fsync;
        let (store, master) = open(&database, &key_file, connections, must_keep)?;
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
        self.database.private_postgres.as_ref().and_then(PrivatePostgres::pid)
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

fn open(
    database: &Database,
    key_file: &std::path::Path,
    connections: u32,
    must_keep: bool,
) -> Result<(Store, MasterKey), StartError> {
    let url = database.url();
    let may_be_made = database.private_postgres.is_some() && !key_file.exists();
    let known = if may_be_made { None } else { Some(MasterKey::read(key_file)?) };
    if must_keep && !Inspection::open(url)?.facts()?.is_safe() {
        return Err(StartError::UnsafeFsync);
    }
    for migration in store::migrate(url)? {
        log::info!("applied migration {migration}");
    }
    let store = Store::open(url, connections)?;
    let master = match known {
        Some(master) => master,
        None if store.gate(|gate| gate.needs_master_key())? => {
            return Err(StartError::MasterKeyLost(key_file.to_owned()));
        }
        None => MasterKey::read_or_create(key_file)?,
    };
    Ok((store, master))
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

/// Says what is odd about the URL under which clients reach the server.
fn warn_of_public_url(public_url: &str, settings: &Settings) {
    let is_encrypted = public_url.starts_with("https:");
    let has_certificate = settings.tls_certificate.is_some();
    if PublicUrl::is_exposed(public_url) {
        log::warn!(
            "clients reach this server at {public_url}, in clear text: signing in, OAuth and the pages are refused there; use https"
        );
    }
    if is_encrypted && !has_certificate && settings.trusted_proxies.are_none() {
        log::warn!(
            "clients reach this server through a proxy, but --trusted-proxies (PROVISOR_TRUSTED_PROXIES) names none: the audit log and \
             the limits on guessing see the proxy's address in place of theirs"
        );
    }
}

/// Has connections end, that of a client which does not read as well: with its buffer full a connection is never asked whether its
/// reply has been given up, and a small reply has no time of its own. What is accepted takes the option over.
fn give_up_unread(listener: &TcpListener) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(listener).set_tcp_user_timeout(Some(http::scim::PIECE_TIMEOUT))?;
    #[cfg(not(target_os = "linux"))]
    let _ = listener;
    Ok(())
}

/// The server of the metrics, and where it listens.
fn serve_metrics(
    listener: TcpListener,
    state: &Data<AppState>,
) -> std::io::Result<(SocketAddr, actix_web::dev::Server)> {
    let address = listener.local_addr()?;
    let watch = Data::new(Watch::new(state.clone()));
    let app = move || App::new().configure(|config| http::configure_metrics(config, &watch));
    let server = HttpServer::new(app).workers(1).disable_signals().listen(listener)?.run();
    Ok((address, server))
}

/// The server, listening but not serving yet.
pub struct Application {
    backend: Backend,
    server: actix_web::dev::Server,
    metrics: Option<(SocketAddr, actix_web::dev::Server)>,
    refusals: Refusals,
    records: JoinHandle<()>,
    request_log: RequestLog,
    request_writer: JoinHandle<()>,
    housekeeping: Housekeeping,
    sealer: Sealer,
    renewal: Option<Renewal>,
    address: SocketAddr,
    public_url: String,
    setup_code: Option<Secret>,
}

impl Application {
    /// Builds the server. It listens when this returns.
    ///
    /// # Errors
    /// [`StartError`] that names the setting or the part that does not work.
    pub fn build(settings: &Settings) -> Result<Self, StartError> {
        let assets = http::find_assets(settings.assets_dir.as_deref())?;
        let templates = http::load_templates(&assets)?;
        let registry = Registry::standard()?;
        let certificate = settings.tls_files()?.map(Certificate::read).transpose()?.map(Arc::new);
        let listener =
            TcpListener::bind(settings.listen).map_err(|error| StartError::Listen(settings.listen, error))?;
        // Listening again sets the length of the queue.
        socket2::SockRef::from(&listener).listen(BACKLOG)?;
        give_up_unread(&listener)?;
        let address = listener.local_addr()?;
        let metrics_listener = settings
            .metrics_listen
            .map(|address| TcpListener::bind(address).map_err(|error| StartError::MetricsListen(address, error)));
        let metrics_listener = metrics_listener.transpose()?;
        let metrics = Arc::new(Metrics::default());
        let backend = Backend::open(settings, Role::Server)?;
        backend.keys.keys(&backend.store)?;
        let public_url = settings.public_url(address);
        warn_of_public_url(&public_url, settings);
        let parties = Parties { issuer: &public_url, audience: &format!("{public_url}{}", http::SCIM_BASE) };
        let authenticator = Arc::new(Authenticator::new(backend.token_key.clone(), Arc::clone(&backend.keys), parties));
        let (refusals, records) = Refusals::start(Arc::clone(&backend.store), Arc::clone(&authenticator))?;
        let (request_log, request_writer) = RequestLog::start(Arc::clone(&backend.store))?;
        let connections = usize::try_from(settings.database_connections()).unwrap_or(usize::MAX);
        let housekeeping =
            Housekeeping::start(Arc::clone(&backend.store), Arc::clone(&backend.keys), Arc::clone(&metrics))?;
        let sealer = Sealer::start(Arc::clone(&backend.store), backend.checkpoint_key.clone(), Arc::clone(&metrics))?;
        if let Some(first) = settings.first_administrator()?
            && setup::is_open(&backend.store)?
        {
            let password = first.password()?;
            let new = NewAdministrator { email: first.email, role: auth::role::Role::Owner, password: &password };
            let made = setup::provide(&backend.store, &backend.token_key, &new);
            if let Some(row) = made.map_err(StartError::FirstAdministrator)? {
                log::info!("created the first administrator from the settings: {}", row.id);
            }
        }
        let setup_code = setup::open(&backend.store, &backend.token_key)?;
        let state = Data::new(AppState::new(Parts {
            store: Arc::clone(&backend.store),
            authenticator,
            keys: Arc::clone(&backend.keys),
            token_key: backend.token_key.clone(),
            totp_key: backend.totp_key.clone(),
            forms: backend.form_key.clone(),
            checkpoints: backend.checkpoint_key.clone(),
            sso_key: backend.sso_key.clone(),
            trusted_proxies: settings.trusted_proxies.clone(),
            has_certificate: certificate.is_some(),
            allow_private_addresses: settings.allow_private_addresses,
            registry,
            cursors: backend.cursor_key.clone(),
            refusals: refusals.clone(),
            request_log: request_log.clone(),
            metrics,
            connections,
            rate_limit: settings.rate_limit,
            templates,
            public_url: public_url.clone(),
            data_dir: settings.database_url.is_none().then(|| settings.data_dir()).transpose()?,
            assets,
        }));
        let metrics = metrics_listener.map(|listener| serve_metrics(listener, &state)).transpose()?;
        let app = move || {
            App::new()
                .wrap(NormalizePath::trim())
                .wrap(from_fn(http::count_request))
                .configure(|config| http::configure(config, &state))
        };
        let server = HttpServer::new(app)
            .worker_max_blocking_threads(connections)
            .keep_alive(KEEP_ALIVE)
            // The short last piece of a large reply would wait for the client's delayed acknowledgement, some 40 ms.
            .tcp_nodelay(true)
            .shutdown_timeout(SHUTDOWN_TIMEOUT)
            .tls_handshake_timeout(HANDSHAKE_TIMEOUT)
            .max_connection_rate(HANDSHAKES)
            .disable_signals();
        let server = match &certificate {
            Some(certificate) => server.listen_rustls_0_23(listener, certificate.config()?)?.run(),
            None => server.listen(listener)?.run(),
        };
        let renewal = certificate.map(Renewal::start).transpose()?;
        Ok(Self {
            backend,
            server,
            metrics,
            refusals,
            records,
            request_log,
            request_writer,
            housekeeping,
            sealer,
            renewal,
            address,
            public_url,
            setup_code,
        })
    }

    /// The address listened on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is spoken there: `https` where the server has a certificate of its own, else `http`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.renewal.is_some() { "https" } else { "http" }
    }

    /// The address at which the metrics are, where they are somewhere.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|(address, _)| *address)
    }

    /// The URL under which clients reach the server.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The code by which the first administrator is set up, while there is none. It is shown on the console, once.
    #[must_use]
    pub fn setup_code(&self) -> Option<&Secret> {
        self.setup_code.as_ref()
    }

    /// The process id of the private Postgres.
    #[must_use]
    pub fn postgres_pid(&self) -> Option<u32> {
        self.backend.postgres_pid()
    }

    /// Serves until the end is asked for: requests under way are finished, refusals written, the private Postgres stopped.
    ///
    /// # Errors
    /// [`StartError::System`] when the server breaks, [`StartError::PrivatePostgres`] when Postgres does not stop.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), StartError> {
        let handle = self.server.handle();
        actix_web::rt::spawn(async move {
            shutdown.requested().await;
            handle.stop(true).await;
        });
        // The metrics are there until all requests are answered.
        let metrics = self.metrics.map(|(_, server)| {
            let handle = server.handle();
            actix_web::rt::spawn(server);
            handle
        });
        self.server.await?;
        if let Some(metrics) = metrics {
            metrics.stop(false).await;
        }
        self.housekeeping.stop();
        self.refusals.close();
        if self.records.join().is_err() {
            log::error!("the thread that records refusals failed");
        }
        self.request_log.close();
        if self.request_writer.join().is_err() {
            log::error!("the thread that writes the provisioning log failed");
        }
        self.sealer.stop();
        if let Some(renewal) = self.renewal {
            renewal.stop();
        }
        self.backend.close()?;
        Ok(())
    }
}
