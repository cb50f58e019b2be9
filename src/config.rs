//! Settings: each is a flag and an environment variable, checked before anything starts.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use url::{Host, Url};
use zeroize::Zeroizing;

pub use crate::database_url::DatabaseUrl;
use crate::database_url::{self, Target, Terms};
use crate::log_format::LogFormat;
pub use crate::network::Networks;
use crate::tls;

/// Connections per processor core that are useful, and as many besides as wait for the disk.
const CONNECTIONS_PER_CORE: usize = 2;
/// Connections that are opened at least.
const CONNECTIONS_AT_LEAST: usize = 10;
/// Bytes of a line with a password that are read: more than the longest password has, so that a longer one is told to be.
const LONGEST_LINE: u64 = 2_048;
/// Identity providers send tens of requests a second.
const RATE_LIMIT: u32 = 200;
/// The longest time for which a server goes on to answer once it is told to stop.
const DRAIN_AT_MOST: u64 = 600;
/// Whether this build can speak TLS to the database.
const DATABASE_TLS: bool = cfg!(all(feature = "system-libpq", not(feature = "bundled-libpq")));

/// What both the server and the commands are told.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// Address and port to listen on.
    #[arg(long, global = true, env = "PROVISOR_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080", value_parser = listen)]
    pub listen: SocketAddr,

    /// File with the certificate that the server shows, in PEM with the chain behind it, to speak https by itself; needs --tls-key.
    /// When the files change, new connections get the new certificate.
    #[arg(long, global = true, env = "PROVISOR_TLS_CERTIFICATE", value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,

    /// File with the private key of that certificate, in PEM.
    #[arg(long, global = true, env = "PROVISOR_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Address and port on which GET /metrics answers Prometheus, and nothing else does [default: none]. Keep it from the outside.
    #[arg(long, global = true, env = "PROVISOR_METRICS_LISTEN", value_name = "ADDRESS:PORT", value_parser = metrics_listen)]
    pub metrics_listen: Option<SocketAddr>,

    /// Seconds for which a server that is told to stop goes on to take connections and requests, while /readyz already answers 503, so that a
    /// proxy which asks for /readyz sends the next ones elsewhere; 600 at most. A second signal ends the server at once.
    #[arg(long, global = true, env = "PROVISOR_DRAIN_SECONDS", value_name = "SECONDS", default_value_t = 0, value_parser = drain_seconds)]
    pub drain_seconds: u64,

    /// Form of the log on standard error: lines of words, or one JSON object a line.
    #[arg(long, global = true, env = "PROVISOR_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,

    /// URL under which clients reach the server [default: http:// or with a certificate https://, and the address listened on].
    #[arg(long, global = true, env = "PROVISOR_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<PublicUrl>,

    /// Proxies in front of the server, as addresses or networks like 10.0.0.0/8, separated by commas: only they are believed when
    /// they say for whom they pass a request on (X-Forwarded-For, X-Forwarded-Proto).
    #[arg(
        long,
        global = true,
        env = "PROVISOR_TRUSTED_PROXIES",
        value_name = "NETWORKS",
        default_value = "",
        hide_default_value = true
    )]
    pub trusted_proxies: Networks,

    /// Ask private addresses, and over plain http, for the keys of OAuth clients (--jwks-uri) and for single sign-on as well: for
    /// identity providers inside your own network.
    #[arg(long, global = true, env = "PROVISOR_ALLOW_PRIVATE_ADDRESSES", value_parser = |text: &str| switch("--allow-private-addresses (PROVISOR_ALLOW_PRIVATE_ADDRESSES)", text))]
    pub allow_private_addresses: bool,

    /// Postgres to use, as `postgres://USER:PASSWORD@HOST/DATABASE` [default: a private Postgres in the data directory].
    #[arg(long, global = true, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<DatabaseUrl>,

    /// Connections to the database at most [default: 2 for each core, at least 10].
    #[arg(long, global = true, env = "PROVISOR_DATABASE_CONNECTIONS", value_name = "NUMBER", value_parser = connections)]
    pub database_connections: Option<u32>,

    /// Requests a second that a header token or an OAuth client may send in the long run, ten times as many at once; more are answered
    /// 429. Whoever shows no valid credential may send 10 a second from an address. 0: any number, from anybody.
    #[arg(long, global = true, env = "PROVISOR_RATE_LIMIT", value_name = "NUMBER", default_value_t = RATE_LIMIT)]
    pub rate_limit: u32,

    /// File whose first line is the password for that database, where the URL holds none.
    #[arg(long, global = true, env = "PROVISOR_DATABASE_PASSWORD_FILE", value_name = "FILE")]
    pub database_password_file: Option<PathBuf>,

    /// Allow clear text between this server and a database on another host.
    #[arg(long, global = true, env = "PROVISOR_ALLOW_PLAINTEXT_DATABASE", value_parser = |text: &str| switch("--allow-plaintext-database (PROVISOR_ALLOW_PLAINTEXT_DATABASE)", text))]
    pub allow_plaintext_database: bool,

    /// Start although Postgres runs with fsync=off, and what it has said it keeps is gone when the machine stops: for tests alone.
    #[arg(long, global = true, env = "PROVISOR_ALLOW_UNSAFE_FSYNC", value_parser = |text: &str| switch("--allow-unsafe-fsync (PROVISOR_ALLOW_UNSAFE_FSYNC)", text))]
    pub allow_unsafe_fsync: bool,

    /// Where the private Postgres and the master key are kept [default: /var/lib/provisor for root, else
    /// ~/.local/state/provisor].
    #[arg(long, global = true, env = "PROVISOR_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// File that holds the master key [default: master.key in the data directory; needed with --database-url].
    #[arg(long, global = true, env = "PROVISOR_MASTER_KEY_FILE", value_name = "FILE")]
    pub master_key_file: Option<PathBuf>,

    /// E-mail address of the first administrator, who is created at the start of the server while there is none; needs
    /// --admin-password-file.
    #[arg(long, global = true, env = "PROVISOR_ADMIN_EMAIL", value_name = "EMAIL")]
    pub admin_email: Option<String>,

    /// File whose first line is the password of that administrator.
    #[arg(long, global = true, env = "PROVISOR_ADMIN_PASSWORD_FILE", value_name = "FILE")]
    pub admin_password_file: Option<PathBuf>,

    /// Directory with the programs initdb and postgres for the private Postgres [default: looked for].
    #[arg(long, global = true, env = "PROVISOR_PG_BIN_DIR", value_name = "DIR")]
    pub pg_bin_dir: Option<PathBuf>,

    /// Directory with templates/ and static/ [default: looked for].
    #[arg(long, global = true, env = "PROVISOR_ASSETS_DIR", value_name = "DIR")]
    pub assets_dir: Option<PathBuf>,
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// Nowhere to keep data.
    #[error("--data-dir (PROVISOR_DATA_DIR): there is no home directory; name a directory")]
    NoDataDir,
    /// An own database without a key.
    #[error(
        "--master-key-file (PROVISOR_MASTER_KEY_FILE): needed together with --database-url; \
         'provisor master-key create --master-key-file FILE' makes one"
    )]
    NoMasterKey,
    /// The database URL.
    #[error(transparent)]
    Database(#[from] database_url::Error),
    /// A password for no database.
    #[error("--database-password-file (PROVISOR_DATABASE_PASSWORD_FILE) goes with --database-url")]
    PasswordWithoutDatabase,
    /// Half of what TLS needs.
    #[error("--tls-certificate (PROVISOR_TLS_CERTIFICATE) and --tls-key (PROVISOR_TLS_KEY) go together")]
    HalfATlsPair,
    /// Half of what the first administrator needs.
    #[error(
        "--admin-email (PROVISOR_ADMIN_EMAIL) and --admin-password-file (PROVISOR_ADMIN_PASSWORD_FILE) go together"
    )]
    HalfAnAdministrator,
    /// A file with a password.
    #[error("{setting}: {file} {problem}", file = file.display())]
    PasswordFile {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl Settings {
    /// The data directory.
    ///
    /// # Errors
    /// [`SettingError::NoDataDir`] when none is named and there is no home directory.
    pub fn data_dir(&self) -> Result<PathBuf, SettingError> {
        if let Some(named) = &self.data_dir {
            return Ok(std::path::absolute(named).unwrap_or_else(|_| named.clone()));
        }
        if nix::unistd::geteuid().is_root() {
            return Ok(PathBuf::from("/var/lib/provisor"));
        }
        let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || std::env::home_dir().map(|home| home.join(".local").join("state"));
        state.or_else(home).map(|state| state.join("provisor")).ok_or(SettingError::NoDataDir)
    }

    /// The file of the master key.
    ///
    /// # Errors
    /// [`SettingError::NoMasterKey`] when none is named and there is no private Postgres beside which to keep it.
    pub fn master_key_file(&self) -> Result<PathBuf, SettingError> {
        match (&self.master_key_file, &self.database_url) {
            (Some(file), _) => Ok(file.clone()),
            (None, Some(_)) => Err(SettingError::NoMasterKey),
            (None, None) => Ok(self.data_dir()?.join("master.key")),
        }
    }

    /// How long a server that is told to stop goes on to answer.
    #[must_use]
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }

    /// Connections to the database, and so requests that use it at a time.
    #[must_use]
    pub fn database_connections(&self) -> u32 {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let default = (CONNECTIONS_PER_CORE * cores).max(CONNECTIONS_AT_LEAST);
        self.database_connections.unwrap_or_else(|| u32::try_from(default).unwrap_or(u32::MAX))
    }

    /// The URL under which clients reach a server that listens on this address.
    #[must_use]
    pub fn public_url(&self, listening: SocketAddr) -> String {
        let scheme = if self.tls_certificate.is_some() { "https" } else { "http" };
        match &self.public_url {
            Some(PublicUrl(url)) => url.clone(),
            None if listening.ip().is_unspecified() => format!("{scheme}://localhost:{}", listening.port()),
            None => format!("{scheme}://{listening}"),
        }
    }

    /// The files of the server's certificate, where it has one.
    ///
    /// # Errors
    /// [`SettingError::HalfATlsPair`] when only one of the two is named.
    pub fn tls_files(&self) -> Result<Option<tls::Files>, SettingError> {
        match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                Ok(Some(tls::Files { certificate: certificate.clone(), key: key.clone() }))
            }
            (None, None) => Ok(None),
            _ => Err(SettingError::HalfATlsPair),
        }
    }

    /// The first administrator, where the settings name one.
    ///
    /// # Errors
    /// [`SettingError::HalfAnAdministrator`] when only the address or only the file is named.
    pub fn first_administrator(&self) -> Result<Option<FirstAdministrator<'_>>, SettingError> {
        match (&self.admin_email, &self.admin_password_file) {
            (Some(email), Some(file)) => Ok(Some(FirstAdministrator { email, file })),
            (None, None) => Ok(None),
            _ => Err(SettingError::HalfAnAdministrator),
        }
    }

    /// The database that the settings name, unless it is the private one.
    ///
    /// # Errors
    /// [`SettingError`] when the URL is none, its password cannot be read, or others could read its traffic.
    pub fn database(&self) -> Result<Option<Target>, SettingError> {
        const SETTING: &str = "--database-password-file (PROVISOR_DATABASE_PASSWORD_FILE)";
        let Some(url) = &self.database_url else {
            let needless = self.database_password_file.is_some();
            return if needless { Err(SettingError::PasswordWithoutDatabase) } else { Ok(None) };
        };
        let password = self.database_password_file.as_deref().map(|file| password(SETTING, file)).transpose()?;
        let terms = Terms {
            can_encrypt: DATABASE_TLS,
            allow_plaintext: self.allow_plaintext_database,
            variable: &|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()),
        };
        Ok(Some(url.target(&terms, password.as_ref().map(|password| password.as_str()))?))
    }
}

/// The first administrator of an installation that nobody sets up by hand.
#[derive(Debug, Clone, Copy)]
pub struct FirstAdministrator<'a> {
    /// The e-mail address.
    pub email: &'a str,
    file: &'a Path,
}

impl FirstAdministrator<'_> {
    /// Reads the password. It is done only while there is no administrator, so the file may be gone later.
    ///
    /// # Errors
    /// [`SettingError::PasswordFile`] when it cannot be read.
    pub fn password(&self) -> Result<String, SettingError> {
        password("--admin-password-file (PROVISOR_ADMIN_PASSWORD_FILE)", self.file)
            .map(|mut line| std::mem::take(&mut *line))
    }
}

/// The password in the first line of the file that a setting names.
fn password(setting: &'static str, file: &Path) -> Result<Zeroizing<String>, SettingError> {
    let refuse = |problem| SettingError::PasswordFile { setting, file: file.to_owned(), problem };
    let opened = File::open(file).map_err(|error| refuse(unreadable(&error)))?;
    let line = first_line(opened).map(Zeroizing::new).map_err(refuse)?;
    if line.is_empty() { Err(refuse("is empty".to_owned())) } else { Ok(line) }
}

/// The first line of what holds a password, without its end. More than any password has is not read.
///
/// # Errors
/// What is wrong with it, to be said behind its name.
pub fn first_line(source: impl Read) -> Result<String, String> {
    let mut line = Vec::new();
    let mut source = BufReader::new(source.take(LONGEST_LINE));
    source.read_until(b'\n', &mut line).map_err(|error| unreadable(&error))?;
    let line = String::from_utf8(line).map_err(|_| "is not UTF-8".to_owned())?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// What is wrong with a file that cannot be read.
#[must_use]
pub fn unreadable(error: &io::Error) -> String {
    format!("cannot be read: {error}")
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "--listen (PROVISOR_LISTEN) wants an address and a port, like 127.0.0.1:8080".into())
}

fn metrics_listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "--metrics-listen (PROVISOR_METRICS_LISTEN) wants an address and a port, like 127.0.0.1:9464".into()
    })
}

/// A flag in the environment, where people write it in many ways.
fn switch(name: &str, text: &str) -> Result<bool, String> {
    match &*text.trim().to_ascii_lowercase() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "" | "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(format!("wants yes or no: {name}")),
    }
}

fn connections(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (1..=1_000).contains(number));
    number.ok_or_else(|| {
        "--database-connections (PROVISOR_DATABASE_CONNECTIONS) wants a whole number from 1 to 1000".into()
    })
}

fn drain_seconds(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| *number <= DRAIN_AT_MOST);
    number.ok_or_else(|| {
        format!("--drain-seconds (PROVISOR_DRAIN_SECONDS) wants a whole number from 0 to {DRAIN_AT_MOST}")
    })
}

/// An http or https URL without query, fragment and slash at the end. It may have a path, which the proxy in front then takes off
/// the paths of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl FromStr for PublicUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str = "--public-url (PROVISOR_PUBLIC_URL) wants a URL like https://scim.example.com, \
                              without query and fragment";
        const NO_HOST: &str = "--public-url (PROVISOR_PUBLIC_URL) wants the name under which clients come, \
                               not the address 0.0.0.0 or [::] on which the server listens";
        const PATH: &str = "--public-url (PROVISOR_PUBLIC_URL) has a path of letters, digits and -._~ between single slashes, if any, and \
                            no /scim/v2, which comes behind it";
        let url = Url::parse(text).map_err(|_| WANTED)?;
        let plain =
            url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !plain {
            return Err(WANTED);
        }
        let is_nowhere = match url.host() {
            Some(Host::Ipv4(address)) => address.is_unspecified(),
            Some(Host::Ipv6(address)) => address.is_unspecified(),
            _ => false,
        };
        if is_nowhere {
            return Err(NO_HOST);
        }
        let path = url.path().strip_suffix('/').unwrap_or(url.path());
        let is_segment = |segment: &str| {
            !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        };
        if !path.split('/').skip(1).all(is_segment) || path.ends_with("/scim/v2") {
            return Err(PATH);
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

impl PublicUrl {
    /// Whether only this machine reaches it.
    #[must_use]
    pub fn is_here(url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        })
    }

    /// Whether it is reached in clear text over a network.
    #[must_use]
    pub fn is_exposed(url: &str) -> bool {
        let is_https = Url::parse(url).is_ok_and(|url| url.scheme() == "https");
        !is_https && !Self::is_here(url)
    }
}

/// A path as the shell takes it, for commands that are shown to people.
#[must_use]
pub fn shell_quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@".contains(&byte);
    if text.bytes().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_a_base() {
        for (text, base) in [
            ("https://h.example/x/", "https://h.example/x"),
            ("https://H.example:443/x/y-1.2_3~", "https://h.example/x/y-1.2_3~"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(PublicUrl::from_str(text).unwrap().0, base);
        }
        for wrong in [
            "h.example",
            "ftp://h",
            "https://h?x=1",
            "https://h#x",
            "https://u:p@h/",
            "https://:p@h/",
            "https://0.0.0.0:8080",
            "http://[::]:8080",
            "https://h//x",
            "https://h/x//",
            "https://h/a b",
            "https://h/{tenant}",
            "https://h/scim/v2",
            "https://h/x/scim/v2/",
        ] {
            assert!(PublicUrl::from_str(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn clear_text_stays_on_this_machine() {
        for (url, exposed) in [
            ("https://scim.example.com", false),
            ("http://127.0.0.1:8080", false),
            ("http://[::1]:8080", false),
            ("http://localhost:8080", false),
            ("http://scim.example.com", true),
            ("http://10.0.0.1:8080", true),
            ("http://localhost.example.com", true),
        ] {
            assert_eq!(PublicUrl::is_exposed(url), exposed, "{url}");
        }
    }
}
