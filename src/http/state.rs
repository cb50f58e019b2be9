//! What every request can reach, built once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Semaphore;
use url::Url;

use super::SCIM_BASE;
use super::health::Readiness;
use super::identity_provider::IdentityProvider;
use super::outbound::Outbound;
use super::published::Published;
use super::refusals::Refusals;
use super::request_log::RequestLog;
use super::scim::{EXPORTS, LARGE_BODIES};
use super::traffic::Traffic;
use crate::auth::Authenticator;
use crate::auth::keys::KeyRing;
use crate::auth::seal::SealKey;
use crate::auth::second_factor;
use crate::auth::secret::TokenKey;
use crate::auth::stamp::StampKey;
use crate::config::Networks;
use crate::metrics::Metrics;
use crate::oauth::access_token::Parties;
use crate::oauth::public_keys::PublicKeys;
use crate::provider::{Service, Services};
use crate::scim::registry::Registry;
use crate::shutdown::Shutdown;
use crate::store::Store;
use crate::tls::Certificate;

/// The state of the application.
#[derive(Debug)]
pub struct AppState {
    pub(super) store: Arc<Store>,
    pub(super) authenticator: Arc<Authenticator>,
    pub(super) keys: Arc<KeyRing>,
    pub(super) token_key: TokenKey,
    /// Seals the secrets of authenticator apps.
    pub(super) totp_key: SealKey,
    /// Keys that clients and the identity provider publish.
    pub(super) published_keys: Published<PublicKeys>,
    /// The way to the identity provider by which people sign in.
    pub(super) identity_provider: IdentityProvider,
    /// Encrypts the secret of this installation at the identity provider.
    pub(super) sso_key: SealKey,
    /// Stamps what forms carry.
    pub(super) forms: StampKey,
    /// Signs checkpoints of the audit log.
    pub(super) checkpoints: StampKey,
    /// URL under which clients reach the server, without a slash at the end; the issuer of tokens.
    pub(super) public_url: Arc<str>,
    /// What follows from that URL for pages.
    pub(super) site: Site,
    pub(super) trusted_proxies: Networks,
    /// What the server shows where it speaks https by itself, so that there need be no proxy.
    pub(super) certificate: Option<Arc<Certificate>>,
    pub(super) services: Services,
    pub(super) cursors: StampKey,
    pub(super) refusals: Refusals,
    pub(super) request_log: RequestLog,
    pub(super) metrics: Arc<Metrics>,
    pub(super) readiness: Readiness,
    /// Whether the server was told to stop.
    pub(super) shutdown: Shutdown,
    /// How much each may ask.
    pub(super) traffic: Traffic,
    pub(super) connections: Arc<Semaphore>,
    /// The connections that verifying credentials may hold: strangers, who can send any number, leave the others to those who are known.
    pub(super) verifications: Arc<Semaphore>,
    pub(super) large_bodies: Arc<Semaphore>,
    pub(super) exports: Arc<Semaphore>,
    /// The connections that long work may hold.
    pub(super) long_work: Arc<Semaphore>,
    pub(super) templates: tera::Tera,
    /// Where the private Postgres keeps its data, if it is the database.
    pub(super) data_dir: Option<PathBuf>,
    assets: PathBuf,
}

/// Where browsers see the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Site {
    /// Scheme, host and port, as browsers name the origin of a request.
    pub origin: String,
    /// What stands before the paths of pages: the path of the public URL, without a slash at the end.
    pub base: String,
    /// Whether everything is encrypted on its way.
    pub is_encrypted: bool,
    /// The name of the cookie that holds a session.
    pub cookie: &'static str,
    /// The name of the cookie by which a browser is known.
    pub device_cookie: &'static str,
    /// The name of the cookie that a sign-in by the identity provider comes back to.
    pub sso_cookie: &'static str,
}

impl Site {
    fn of(public_url: &str) -> Self {
        let url = Url::parse(public_url).ok();
        let is_encrypted = url.as_ref().is_some_and(|url| url.scheme() == "https");
        Self {
            origin: url.as_ref().map_or_else(String::new, |url| url.origin().ascii_serialization()),
            base: url.as_ref().map_or_else(String::new, |url| url.path().trim_end_matches('/').to_owned()),
            is_encrypted,
            // Browsers take a cookie of the first name only from this host, encrypted, and for all of it.
            cookie: if is_encrypted { "__Host-sid" } else { "sid" },
            device_cookie: if is_encrypted { "__Host-device" } else { "device" },
            sso_cookie: if is_encrypted { "__Host-sso" } else { "sso" },
        }
    }
}

/// What [`AppState::new`] is made of.
#[derive(Debug)]
pub struct Parts {
    /// The database.
    pub store: Arc<Store>,
    /// Verifies credentials.
    pub authenticator: Arc<Authenticator>,
    /// The keys that sign access tokens.
    pub keys: Arc<KeyRing>,
    /// Hashes secrets.
    pub token_key: TokenKey,
    /// Seals the secrets of authenticator apps.
    pub totp_key: SealKey,
    /// Stamps what forms carry.
    pub forms: StampKey,
    /// Signs checkpoints of the audit log.
    pub checkpoints: StampKey,
    /// Proxies that are believed.
    pub trusted_proxies: Networks,
    /// What the server shows where it speaks https by itself.
    pub certificate: Option<Arc<Certificate>>,
    /// Encrypts what must be read again.
    pub sso_key: SealKey,
    /// Whether clients may publish their keys at private addresses, and the identity provider may have one.
    pub allow_private_addresses: bool,
    /// What is served to tenants without anything of their own.
    pub registry: Registry,
    /// Authenticates cursors.
    pub cursors: StampKey,
    /// Where refusals are recorded.
    pub refusals: Refusals,
    /// Where requests are logged.
    pub request_log: RequestLog,
    /// What is counted for whoever watches.
    pub metrics: Arc<Metrics>,
    /// Whether the server was told to stop.
    pub shutdown: Shutdown,
    /// Database connections, and so requests that use one at a time.
    pub connections: usize,
    /// Requests a second of a credential in the long run; 0 for any number, of strangers too.
    pub rate_limit: u32,
    /// The pages.
    pub templates: tera::Tera,
    /// URL under which clients reach the server, without a slash at the end.
    pub public_url: String,
    /// Where the private Postgres keeps its data, if it is the database.
    pub data_dir: Option<PathBuf>,
    /// The directory with `static`.
    pub assets: PathBuf,
}

impl AppState {
    /// Puts the state together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let outbound = Outbound::new(parts.allow_private_addresses);
        Self {
            store: parts.store,
            authenticator: parts.authenticator,
            keys: parts.keys,
            token_key: parts.token_key,
            totp_key: parts.totp_key,
            published_keys: Published::new(outbound, PublicKeys::read),
            identity_provider: IdentityProvider::new(outbound),
            sso_key: parts.sso_key,
            forms: parts.forms,
            checkpoints: parts.checkpoints,
            public_url: parts.public_url.as_str().into(),
            site: Site::of(&parts.public_url),
            trusted_proxies: parts.trusted_proxies,
            certificate: parts.certificate,
            services: Services::new(Service {
                registry: Arc::new(parts.registry),
                base_url: format!("{}{SCIM_BASE}", parts.public_url).into(),
            }),
            cursors: parts.cursors,
            refusals: parts.refusals,
            request_log: parts.request_log,
            metrics: parts.metrics,
            readiness: Readiness::default(),
            shutdown: parts.shutdown,
            traffic: Traffic::new(parts.rate_limit, parts.connections),
            connections: Arc::new(Semaphore::new(parts.connections)),
            verifications: Arc::new(Semaphore::new(parts.connections.div_ceil(2))),
            large_bodies: Arc::new(Semaphore::new(LARGE_BODIES)),
            exports: Arc::new(Semaphore::new(EXPORTS)),
            long_work: Arc::new(Semaphore::new(parts.connections.div_ceil(2))),
            templates: parts.templates,
            data_dir: parts.data_dir,
            assets: parts.assets,
        }
    }

    /// Whom access tokens come from, and whom they are for.
    pub(super) fn parties(&self) -> Parties<'_> {
        Parties { issuer: &self.public_url, audience: &self.services.standard().base_url }
    }

    /// The keys of second factors.
    pub(super) fn second_factor_keys(&self) -> second_factor::Keys<'_> {
        second_factor::Keys { seal: &self.totp_key, hash: &self.token_key }
    }

    pub(super) fn assets(&self) -> &Path {
        &self.assets
    }
}
