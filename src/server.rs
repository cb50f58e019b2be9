//! The server as a whole: built once from the settings, by `main` and by the tests alike.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_web::middleware::{NormalizePath, from_fn};
use actix_web::web::Data;
use actix_web::{App, HttpServer};

use crate::auth::administrators::NewAdministrator;
use crate::auth::secret::Secret;
use crate::auth::setup::{self, SetupError};
use crate::auth::{self, Authenticator};
use crate::backend::{Backend, StartError};
use crate::chain::Sealer;
use crate::config::{FirstAdministrator, PublicUrl, SettingError, Settings};
use crate::housekeeping::Housekeeping;
use crate::http::{self, AppState, AssetsError, Parts, Refusals, RequestLog, Watch};
use crate::metrics::Metrics;
use crate::oauth::access_token::Parties;
use crate::private_postgres::Role;
use crate::scim::registry::Registry;
use crate::shutdown::Shutdown;
use crate::tls::{self, Certificate, Renewal};

/// Seconds that requests under way may take when the server stops.
const SHUTDOWN_TIMEOUT: u64 = 25;
/// How long what requests leave behind is waited for after that, and how often it is looked at.
const LAST_WORK_TIMEOUT: Duration = Duration::from_secs(5);
const LAST_WORK_POLL: Duration = Duration::from_millis(5);
/// Blocking threads of a worker beyond those that wait for the database, so that the server can still say how it is.
const SPARE_THREADS: usize = 2;
/// Connections that wait to be accepted. Those beyond wait for seconds until their system tries again; the standard library asks for 128.
const BACKLOG: i32 = 2_048;
/// How long an idle connection is kept open. Okta holds its connections.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a client may take to agree on the encryption, as long as for the head of a request.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Clients that may be about to at a time, for each core. With as many silent ones as this nobody else would come in until their time
/// is over.
const HANDSHAKES: usize = 10_000;

/// Why the server cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The database or the keys.
    #[error(transparent)]
    Backend(#[from] StartError),
    /// A setting.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The certificate of the server.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// The code for the first administrator.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The first administrator, as the settings name the person.
    #[error("--admin-email (PROVISOR_ADMIN_EMAIL), --admin-password-file (PROVISOR_ADMIN_PASSWORD_FILE): {0}")]
    FirstAdministrator(SetupError),
    /// The assets directory, and the templates in it.
    #[error(transparent)]
    Assets(#[from] AssetsError),
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

/// The server, listening but not serving yet.
pub struct Application {
    backend: Backend,
    server: actix_web::dev::Server,
    metrics: Option<(SocketAddr, actix_web::dev::Server)>,
    background: Background,
    address: SocketAddr,
    public_url: String,
    setup_code: Option<Secret>,
    shutdown: Shutdown,
    drain: Duration,
}

impl Application {
    /// Builds the server, which ends when `shutdown` is asked for. It listens when this returns.
    ///
    /// # Errors
    /// [`ServeError`] that names the setting or the part that does not work.
    pub fn build(settings: &Settings, shutdown: Shutdown) -> Result<Self, ServeError> {
        let first_administrator = settings.first_administrator()?;
        let assets = http::find_assets(settings.assets_dir.as_deref())?;
        let templates = http::load_templates(&assets)?;
        let registry = Registry::standard()?;
        let certificate = settings.tls_files()?.map(Certificate::read).transpose()?.map(Arc::new);
        let listener =
            TcpListener::bind(settings.listen).map_err(|error| ServeError::Listen(settings.listen, error))?;
        // Listening again sets the length of the queue.
        socket2::SockRef::from(&listener).listen(BACKLOG)?;
        give_up_unread(&listener)?;
        let address = listener.local_addr()?;
        let metrics_listener = settings
            .metrics_listen
            .map(|address| TcpListener::bind(address).map_err(|error| ServeError::MetricsListen(address, error)));
        let metrics_listener = metrics_listener.transpose()?;
        let metrics = Arc::new(Metrics::default());
        let backend = Backend::open(settings, Role::Server)?;
        let public_url = settings.public_url(address);
        warn_of_way_in(&public_url, settings);
        let parties = Parties { issuer: &public_url, audience: &format!("{public_url}{}", http::SCIM_BASE) };
        let authenticator = Arc::new(Authenticator::new(backend.token_key.clone(), Arc::clone(&backend.keys), parties));
        let (refusals, records) = Refusals::start(Arc::clone(&backend.store), Arc::clone(&authenticator))?;
        let (request_log, request_writer) = RequestLog::start(Arc::clone(&backend.store))?;
        let connections = usize::try_from(settings.database_connections()).unwrap_or(usize::MAX);
        let housekeeping =
            Housekeeping::start(Arc::clone(&backend.store), Arc::clone(&backend.keys), Arc::clone(&metrics))?;
        let sealer = Sealer::start(
            Arc::clone(&backend.store),
            Arc::clone(&backend.keys),
            backend.checkpoint_key.clone(),
            Arc::clone(&metrics),
        )?;
        provide_first_administrator(first_administrator, &backend)?;
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
            certificate: certificate.clone(),
            allow_private_addresses: settings.allow_private_addresses,
            registry,
            cursors: backend.cursor_key.clone(),
            refusals: refusals.clone(),
            request_log: request_log.clone(),
            metrics,
            shutdown: shutdown.clone(),
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
            .worker_max_blocking_threads(connections + SPARE_THREADS)
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
            background: Background { refusals, records, request_log, request_writer, housekeeping, sealer, renewal },
            address,
            public_url,
            setup_code,
            shutdown,
            drain: settings.drain(),
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
        if self.background.renewal.is_some() { "https" } else { "http" }
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

    /// Serves until the end is asked for, and for the time to drain after that; then the listener closes, requests under way are finished,
    /// refusals written, the private Postgres stopped.
    ///
    /// # Errors
    /// [`ServeError::System`] when the server breaks, [`ServeError::Backend`] when Postgres does not stop.
    pub async fn run(self) -> Result<(), ServeError> {
        let (handle, shutdown, drain) = (self.server.handle(), self.shutdown, self.drain);
        actix_web::rt::spawn(async move {
            shutdown.requested().await;
            if !drain.is_zero() {
                log::info!("answering for {} more seconds, while /readyz says that the server stops", drain.as_secs());
                actix_web::rt::time::sleep(drain).await;
            }
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
        self.background.finish()?;
        self.backend.close().map_err(StartError::from)?;
        Ok(())
    }
}

/// The threads behind the requests.
struct Background {
    refusals: Refusals,
    records: JoinHandle<()>,
    request_log: RequestLog,
    request_writer: JoinHandle<()>,
    housekeeping: Housekeeping,
    sealer: Sealer,
    renewal: Option<Renewal>,
}

impl Background {
    /// Has them do what there is still to do when the last request is answered, and waits no longer than [`LAST_WORK_TIMEOUT`]: a database that hangs never answers.
    ///
    /// # Errors
    /// When the operating system starts no thread.
    fn finish(self) -> std::io::Result<()> {
        let begun = Instant::now();
        let work = std::thread::Builder::new().name("last-work".into()).spawn(move || self.end())?;
        while !work.is_finished() {
            if begun.elapsed() > LAST_WORK_TIMEOUT {
                log::error!("the database does not answer: what waited to be logged is lost");
                return Ok(());
            }
            std::thread::sleep(LAST_WORK_POLL);
        }
        Ok(())
    }

    fn end(self) {
        self.refusals.close();
        self.request_log.close();
        if self.records.join().is_err() {
            log::error!("the thread that records refusals failed");
        }
        if self.request_writer.join().is_err() {
            log::error!("the thread that writes the provisioning log failed");
        }
        self.sealer.stop();
        self.housekeeping.stop();
        if let Some(renewal) = self.renewal {
            renewal.stop();
        }
    }
}

/// Makes the first administrator where the settings name one and nobody is there yet.
fn provide_first_administrator(first: Option<FirstAdministrator<'_>>, backend: &Backend) -> Result<(), ServeError> {
    if let Some(first) = first
        && setup::is_open(&backend.store).map_err(StartError::from)?
    {
        let password = first.password()?;
        let new = NewAdministrator { email: first.email, role: auth::role::Role::Owner, password: &password };
        let made = setup::provide(&backend.store, &backend.token_key, &new);
        if let Some(row) = made.map_err(ServeError::FirstAdministrator)? {
            log::info!("created the first administrator from the settings: {}", row.id);
        }
    }
    Ok(())
}

/// Says what is odd about the URL under which clients reach the server, and about the proxies in front of it.
fn warn_of_way_in(public_url: &str, settings: &Settings) {
    if settings.trusted_proxies.are_all() {
        log::warn!(
            "--trusted-proxies (PROVISOR_TRUSTED_PROXIES) names everybody: whoever sends a request may say from which address it comes, which \
             the audit log and the limits on guessing believe"
        );
    }
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
