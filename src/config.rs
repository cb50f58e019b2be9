//! Settings: each is a flag and an environment variable, checked before anything starts.

use std::convert::Infallible;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use url::Url;

pub use crate::network::Networks;

/// Connections per processor core that are useful, and as many besides as wait for the disk.
const CONNECTIONS_PER_CORE: usize = 2;
/// Connections that are opened at least.
const CONNECTIONS_AT_LEAST: usize = 10;
/// Bytes of a line with a password that are read: more than the longest password has, so that a longer one is told to be.
const LONGEST_LINE: u64 = 2_048;
/// Identity providers send tens of requests a second.
const RATE_LIMIT: u32 = 200;
/// Whether this build can speak TLS to the database.
const DATABASE_TLS: bool = cfg!(all(feature = "system-libpq", not(feature = "bundled-libpq")));

/// What both the server and the commands are told.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// Address and port to listen on.
    #[arg(long, global = true, env = "PROVISOR_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080", value_parser = listen)]
    pub listen: SocketAddr,

    /// URL under which clients reach the server [default: http:// and the address listened on].
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
    #[arg(long, global = true, env = "PROVISOR_ALLOW_PRIVATE_ADDRESSES")]
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

    /// Allow a build without TLS to reach a database on another host in clear text.
    #[arg(long, global = true, env = "PROVISOR_ALLOW_PLAINTEXT_DATABASE")]
    pub allow_plaintext_database: bool,

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
    /// A database URL that is none. It may hold a password all the same, so it is not repeated.
    #[error(
        "--database-url (DATABASE_URL) wants postgres://USER:PASSWORD@HOST/DATABASE; \
         leave it unset to use a private Postgres"
    )]
    NoDatabaseUrl,
    /// Half of what the first administrator needs.
    #[error(
        "--admin-email (PROVISOR_ADMIN_EMAIL) and --admin-password-file (PROVISOR_ADMIN_PASSWORD_FILE) go together"
    )]
    HalfAnAdministrator,
    /// The file with the password of the first administrator.
    #[error("--admin-password-file (PROVISOR_ADMIN_PASSWORD_FILE): {file} {problem}", file = file.display())]
    PasswordFile {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A password or resource would cross the network in the clear.
    #[error(
        "--database-url (DATABASE_URL): this build cannot encrypt the connection to {0}; build with \
         '--no-default-features --features system-libpq', or give --allow-plaintext-database"
    )]
    Plaintext(String),
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
        match &self.public_url {
            Some(PublicUrl(url)) => url.clone(),
            None if listening.ip().is_unspecified() => format!("http://localhost:{}", listening.port()),
            None => format!("http://{listening}"),
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

    /// Checks that the database URL is one, and that the database can be reached without showing its traffic to the network.
    ///
    /// # Errors
    /// [`SettingError::NoDatabaseUrl`] for another text, [`SettingError::Plaintext`] when this build has no TLS and the database
    /// is on another host.
    pub fn check_database_url(&self) -> Result<(), SettingError> {
        let Some(url) = &self.database_url else {
            return Ok(());
        };
        if !url.is_one() {
            return Err(SettingError::NoDatabaseUrl);
        }
        match url.remote_host() {
            Some(host) if !DATABASE_TLS && !self.allow_plaintext_database => Err(SettingError::Plaintext(host)),
            _ => Ok(()),
        }
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
        let refuse = |problem| SettingError::PasswordFile { file: self.file.to_owned(), problem };
        let opened = File::open(self.file).map_err(|error| refuse(unreadable(&error)))?;
        first_line(opened).map_err(refuse)
    }
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

fn connections(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (1..=1_000).contains(number));
    number.ok_or_else(|| {
        "--database-connections (PROVISOR_DATABASE_CONNECTIONS) wants a whole number from 1 to 1000".into()
    })
}

/// An http or https URL without query, fragment and slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl FromStr for PublicUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str = "--public-url (PROVISOR_PUBLIC_URL) wants a URL like https://scim.example.com, \
                              without query and fragment";
        let url = Url::parse(text).map_err(|_| WANTED)?;
        let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !plain {
            return Err(WANTED);
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

/// A Postgres URL. It may hold a password, so it is not shown. Any text is taken at first, because clap shows what it refuses;
/// [`Settings::check_database_url`] decides.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The URL as libpq takes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_one(&self) -> bool {
        Url::parse(&self.0).is_ok_and(|url| matches!(url.scheme(), "postgres" | "postgresql"))
    }

    /// The first host that is neither this machine nor a socket.
    fn remote_host(&self) -> Option<String> {
        let url = Url::parse(&self.0).ok()?;
        let named = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let hosts = named("hostaddr").or_else(|| named("host")).or_else(|| url.host_str().map(str::to_owned));
        let is_local = |host: &str| {
            let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
            host.is_empty()
                || host.starts_with('/')
                || host.to_ascii_lowercase().starts_with("%2f")
                || host.eq_ignore_ascii_case("localhost")
                || address.is_ok_and(|address| address.is_loopback())
        };
        hosts.unwrap_or_default().split(',').find(|host| !is_local(host)).map(str::to_owned)
    }
}

impl FromStr for DatabaseUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DatabaseUrl")
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
    fn a_database_elsewhere_is_told_from_one_here() {
        let remote = |url: &str| DatabaseUrl::from_str(url).unwrap().remote_host();
        for local in [
            "postgres://u:p@localhost/d",
            "postgres://u@127.0.0.1:5433/d",
            "postgresql://u@[::1]/d",
            "postgres:///d?host=/run/postgresql",
            "postgres://%2Frun%2Fpostgresql/d",
            "postgres:///d",
        ] {
            assert_eq!(remote(local), None, "{local}");
        }
        assert_eq!(remote("postgres://u@db.example.com/d").as_deref(), Some("db.example.com"));
        assert_eq!(remote("postgres://localhost/d?host=10.0.0.1").as_deref(), Some("10.0.0.1"));
        for wrong in ["", "mysql://u@h/d", "postgres//u:p@h/d", "h"] {
            assert!(!DatabaseUrl::from_str(wrong).unwrap().is_one(), "{wrong}");
        }
    }

    #[test]
    fn a_public_url_is_a_base() {
        assert_eq!(PublicUrl::from_str("https://h.example/x/").unwrap().0, "https://h.example/x");
        for wrong in ["h.example", "ftp://h", "https://h?x=1", "https://h#x", "https://u:p@h/"] {
            assert!(PublicUrl::from_str(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_database_password_is_not_in_debug_output() {
        let url = DatabaseUrl::from_str("postgres://u:secret@h/d").unwrap();
        assert!(!format!("{url:?}").contains("secret"));
    }
}
