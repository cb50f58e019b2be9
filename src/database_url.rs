//! The URL of a Postgres, read as libpq reads it: where it leads, and whether others on the way could read along.

use std::convert::Infallible;
use std::fmt::{self, Write};
use std::net::IpAddr;
use std::str::FromStr;

use zeroize::Zeroizing;

/// What `sslmode` may be to encrypt whatever happens; the last also holds the certificate against the name of the host.
const ENCRYPTING: [&str; 3] = ["require", "verify-ca", VERIFYING];
const VERIFYING: &str = "verify-full";
/// What it may be to go on in clear text where the other side wants that, or somebody on the way.
const YIELDING: [&str; 3] = ["disable", "allow", "prefer"];

/// A Postgres URL. It may hold a password, so it is not shown. Any text is taken at first, because the command line would show what
/// it refuses; [`DatabaseUrl::target`] decides.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

/// Why a database is not connected to.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A text that is no such URL. It may hold a password all the same, so it is not repeated.
    #[error(
        "--database-url (DATABASE_URL) wants postgres://USER:PASSWORD@HOST/DATABASE, where in a name and in the password @ is written \
         as %40, / as %2F and % as %25; leave it unset to use a private Postgres"
    )]
    NotOne,
    /// A service file, which may name another host and another `sslmode` than the URL.
    #[error(
        "--database-url (DATABASE_URL): write out what the service file says; 'service' and PGSERVICE are not taken"
    )]
    Service,
    /// An `sslmode` that libpq does not know.
    #[error("--database-url (DATABASE_URL): sslmode is one of disable, allow, prefer, require, verify-ca, verify-full")]
    Mode,
    /// What goes to this host would cross the network in the clear, because this build knows no TLS.
    #[error(
        "--database-url (DATABASE_URL): this build cannot encrypt the connection to {0}; build with \
         '--no-default-features --features system-libpq', or give --allow-plaintext-database"
    )]
    Build(String),
    /// The same, because `sslmode` lets it.
    #[error(
        "--database-url (DATABASE_URL): sslmode={mode} lets the connection to {host} go in clear text; use sslmode=verify-full, or \
         give --allow-plaintext-database"
    )]
    Yields {
        /// The host.
        host: String,
        /// The `sslmode`, of the URL or of `PGSSLMODE`.
        mode: String,
    },
    /// A passphrase that cannot be kept out of the arguments of a program.
    #[error(
        "--database-url (DATABASE_URL): pg_dump and pg_restore take sslpassword by their arguments alone, which everybody on this machine can \
         see; name a copy of the key without a passphrase for this command: openssl pkey -in KEY -out COPY"
    )]
    KeyPassphrase,
    /// Two passwords.
    #[error(
        "--database-password-file (PROVISOR_DATABASE_PASSWORD_FILE): --database-url (DATABASE_URL) holds a password already"
    )]
    TwoPasswords,
}

/// How the traffic with a database is kept from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Privacy {
    /// It does not leave this machine.
    Local,
    /// It may cross the network to this host in clear text; that was allowed.
    ClearText(String),
    /// It is encrypted, with whoever answers for this host.
    Encrypted(String),
    /// It is encrypted, with the host that is meant.
    Verified,
}

/// A database to connect to.
pub struct Target {
    /// The URL for libpq. It may hold a password.
    pub url: Zeroizing<String>,
    /// How the traffic is kept from others.
    pub privacy: Privacy,
}

/// What decides besides the URL.
pub struct Terms<'e> {
    /// Whether this build knows TLS.
    pub can_encrypt: bool,
    /// Whether clear text may cross the network.
    pub allow_plaintext: bool,
    /// Variables of the environment, from which libpq takes what the URL does not say.
    pub variable: &'e dyn Fn(&str) -> Option<String>,
}

impl DatabaseUrl {
    /// Finds out how the traffic with this database is kept from others.
    ///
    /// # Errors
    /// [`Error`] when the text is no such URL, or others could read along and that was not allowed.
    fn privacy(&self, terms: &Terms<'_>) -> Result<Privacy, Error> {
        let parts = Parts::of(&self.0).ok_or(Error::NotOne)?;
        let variable = |name: &str| (terms.variable)(name).filter(|value| !value.is_empty());
        if parts.has("service") || parts.has("servicefile") || variable("PGSERVICE").is_some() {
            return Err(Error::Service);
        }
        let mode = parts.mode().or_else(|| variable("PGSSLMODE"));
        let known = |mode: &String| ENCRYPTING.contains(&mode.as_str()) || YIELDING.contains(&mode.as_str());
        if mode.as_ref().is_some_and(|mode| !known(mode)) {
            return Err(Error::Mode);
        }
        let Some(host) = parts.remote_host(variable) else {
            return Ok(Privacy::Local);
        };
        let yields = |mode: &String| YIELDING.contains(&mode.as_str());
        match mode {
            _ if !terms.can_encrypt && !terms.allow_plaintext => Err(Error::Build(host)),
            Some(mode) if yields(&mode) && !terms.allow_plaintext => Err(Error::Yields { host, mode }),
            _ if !terms.can_encrypt => Ok(Privacy::ClearText(host)),
            Some(mode) if mode == VERIFYING => Ok(Privacy::Verified),
            Some(mode) if !yields(&mode) => Ok(Privacy::Encrypted(host)),
            None if !terms.allow_plaintext => Ok(Privacy::Encrypted(host)),
            _ => Ok(Privacy::ClearText(host)),
        }
    }

    /// The URL for libpq, with this password, and with an `sslmode` where without one libpq would yield to clear text.
    ///
    /// # Errors
    /// [`Error`] when the text is no such URL, or others could read along and that was not allowed, or it holds a password already.
    pub fn target(&self, terms: &Terms<'_>, password: Option<&str>) -> Result<Target, Error> {
        let privacy = self.privacy(terms)?;
        let parts = Parts::of(&self.0).ok_or(Error::NotOne)?;
        let mut url = Zeroizing::new(self.0.clone());
        if let Some(password) = password {
            if parts.has_password || parts.has("password") {
                return Err(Error::TwoPasswords);
            }
            url = Zeroizing::new(with_parameters(&url, &[("password", password)]));
        }
        if matches!(privacy, Privacy::Encrypted(_)) && (terms.variable)("PGSSLMODE").is_none_or(|mode| mode.is_empty())
        {
            url = Zeroizing::new(with_parameters(&url, &[("sslmode", "require")]));
        }
        Ok(Target { url, privacy })
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

/// The URL with these parameters behind it, as far as it does not have them.
#[must_use]
pub fn with_parameters(url: &str, parameters: &[(&str, &str)]) -> String {
    let mut extended = url.to_owned();
    let Some(parts) = Parts::of(url) else {
        return extended;
    };
    for (name, value) in parameters.iter().filter(|(name, _)| !parts.has(name)) {
        let separator = match extended.split_once('?') {
            None => "?",
            Some((_, parameters)) if parameters.is_empty() || parameters.ends_with('&') => "",
            Some(_) => "&",
        };
        let _ = write!(extended, "{separator}{name}=");
        for byte in value.bytes() {
            let _ = match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    write!(extended, "{}", char::from(byte))
                }
                _ => write!(extended, "%{byte:02X}"),
            };
        }
    }
    extended
}

/// The URL without its password, for where others can see it, and the password.
#[must_use]
pub fn without_password(url: &str) -> (String, Option<Zeroizing<String>>) {
    let Some((scheme, rest)) = url.split_once("://") else {
        return (url.to_owned(), None);
    };
    let (credentials, rest) = match rest.find(['@', '/']) {
        Some(at) if rest[at..].starts_with('@') => rest.split_at(at),
        _ => ("", rest),
    };
    let (user, mut password) =
        credentials.split_once(':').map_or((credentials, None), |(user, password)| (user, Some(password)));
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let named =
        |pair: &&str| decoded(pair.split('=').next().unwrap_or_default()).is_some_and(|name| name == "password");
    let (secrets, others): (Vec<&str>, Vec<&str>) = parameters.split('&').partition(named);
    if let Some((_, value)) = secrets.last().and_then(|pair| pair.split_once('=')) {
        password = Some(value);
    }
    let separator = if others.iter().all(|pair| pair.is_empty()) { "" } else { "?" };
    let password = password.filter(|password| !password.is_empty()).and_then(decoded).map(Zeroizing::new);
    (format!("{scheme}://{user}{place}{separator}{}", others.join("&")), password)
}

/// Checks that a URL without its password may be seen by others.
///
/// # Errors
/// [`Error::KeyPassphrase`] when it holds another secret.
pub fn check_shown(url: &str) -> Result<(), Error> {
    let has_secret = Parts::of(url).is_some_and(|parts| parts.has("sslpassword"));
    if has_secret { Err(Error::KeyPassphrase) } else { Ok(()) }
}

/// What a URL says. It is read as strictly as libpq does, whose messages would repeat what it does not understand.
struct Parts {
    hosts: Vec<String>,
    has_password: bool,
    parameters: Vec<(String, String)>,
}

impl Parts {
    fn of(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"))?;
        let (credentials, rest) = match rest.find(['@', '/']) {
            Some(at) if rest[at..].starts_with('@') => (&rest[..at], &rest[at + 1..]),
            _ => ("", rest),
        };
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        decoded(user)?;
        let (places, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let hosts = places.split(',').map(host).collect::<Option<_>>()?;
        let (database, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        // The part of a password behind an @ of its own. It would be told as a host or a database that is not there.
        if places.contains('@') || database.contains('@') {
            return None;
        }
        decoded(database)?;
        let pair = |pair: &str| {
            let (name, value) =
                pair.split_once('=').filter(|(name, value)| !name.is_empty() && !value.contains('='))?;
            Some((decoded(name)?, decoded(value)?))
        };
        let parameters = parameters.split('&').filter(|pair| !pair.is_empty()).map(pair).collect::<Option<_>>()?;
        Some(Self { hosts, has_password: !decoded(password)?.is_empty(), parameters })
    }

    /// The value of a parameter; the last counts.
    fn value(&self, name: &str) -> Option<&str> {
        self.parameters.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// The `sslmode`, also in the way in which Java writes it.
    fn mode(&self) -> Option<String> {
        self.parameters.iter().rev().find_map(|(name, value)| match (name.as_str(), value.as_str()) {
            ("sslmode", mode) => Some(mode.to_owned()),
            ("ssl", "true") => Some("require".to_owned()),
            _ => None,
        })
    }

    /// The first host that is neither this machine nor a socket, as far as one is connected to.
    fn remote_host(&self, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
        let list = |text: String| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let given = |name: &str| self.value(name).filter(|value| !value.is_empty()).map(str::to_owned);
        let in_front = self.hosts.iter().any(|host| !host.is_empty()).then(|| self.hosts.clone());
        let hosts = given("host").map(list).or(in_front).or_else(|| variable("PGHOST").map(list));
        let hosts = hosts.unwrap_or_default();
        // An address comes before the name at its place.
        let addresses = given("hostaddr").or_else(|| variable("PGHOSTADDR")).map(list).unwrap_or_default();
        let connected = (0..hosts.len().max(addresses.len())).map(|place| {
            let at = |list: &[String]| list.get(place).cloned().unwrap_or_default();
            Some(at(&addresses)).filter(|address| !address.is_empty()).unwrap_or_else(|| at(&hosts))
        });
        connected.into_iter().find(|host| !is_local(host))
    }
}

/// A host and perhaps a port, of which the host is what matters.
fn host(place: &str) -> Option<String> {
    let (host, port) = match place.strip_prefix('[') {
        Some(address) => {
            let (address, port) = address.split_once(']')?;
            (address, if port.is_empty() { port } else { port.strip_prefix(':')? })
        }
        None => place.split_once(':').unwrap_or((place, "")),
    };
    let is_port = port.is_empty() || port.parse::<u16>().is_ok();
    decoded(host).filter(|_| is_port)
}

/// Whether what goes to a host stays on this machine.
fn is_local(host: &str) -> bool {
    let is_socket = host.is_empty() || host.starts_with(['/', '@']);
    let is_loopback = host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    is_socket || is_loopback || host.eq_ignore_ascii_case("localhost")
}

/// A text without its percent-encoding.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        rest = others;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok())?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|byte| is_hex && *byte != 0)?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: &[(&str, &str)] = &[];

    fn privacy(url: &str, environment: &[(&str, &str)], can_encrypt: bool, allow: bool) -> Result<Privacy, Error> {
        let variable =
            |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let terms = Terms { can_encrypt, allow_plaintext: allow, variable: &variable };
        DatabaseUrl::from_str(url).unwrap().privacy(&terms)
    }

    #[test]
    fn the_password_is_taken_out_of_a_url() {
        for (url, rest, password) in [
            ("postgres://u:p%40s%25+s@h:5433/d", "postgres://u@h:5433/d", Some("p@s%+s")),
            ("postgres://u:p@a:1,b:2/d?sslmode=require", "postgres://u@a:1,b:2/d?sslmode=require", Some("p")),
            ("postgres://u@h/d", "postgres://u@h/d", None),
            ("postgres:///d?user=u&password=a%20b&host=/run", "postgres:///d?user=u&host=/run", Some("a b")),
            ("postgres:///d?pass%77ord=x", "postgres:///d", Some("x")),
            ("postgres://u:one@h/d?password=two", "postgres://u@h/d", Some("two")),
            ("postgres:///d?host=/a%20b&user=u", "postgres:///d?host=/a%20b&user=u", None),
        ] {
            let (bare, secret) = without_password(url);
            assert_eq!((bare.as_str(), secret.as_ref().map(|secret| secret.as_str())), (rest, password), "{url}");
        }
    }

    #[test]
    fn a_database_here_needs_no_encryption() {
        for (url, environment) in [
            ("postgres://u:p@localhost/d", NOTHING),
            ("postgres://u@127.0.0.1:5433/d", NOTHING),
            ("postgresql://u@[::1]/d", NOTHING),
            ("postgresql://u@[::ffff:127.0.0.1]:1/d", NOTHING),
            ("postgres:///d?host=/run/postgresql", NOTHING),
            ("postgres:///d?host=%2Frun%2Fpostgresql&sslmode=disable", NOTHING),
            ("postgres://%2Frun%2Fpostgresql/d", NOTHING),
            ("postgres://u@/d?host=@abstract", NOTHING),
            ("postgres:///d", NOTHING),
            ("postgres://", NOTHING),
            ("postgres://db.example.com/d?host=localhost", NOTHING),
            ("postgres://db.example.com/d?hostaddr=127.0.0.1", NOTHING),
            ("postgres://a,b/d?hostaddr=127.0.0.1,::1", NOTHING),
            ("postgres://localhost/d", &[("PGHOST", "db.example.com")]),
            ("postgres:///d", &[("PGHOST", "/run/postgresql")]),
            ("postgres://127.0.0.1/d?sslmode=prefer", &[("PGSSLMODE", "disable")]),
        ] {
            for can_encrypt in [true, false] {
                assert_eq!(privacy(url, environment, can_encrypt, false), Ok(Privacy::Local), "{url}");
            }
        }
    }

    #[test]
    fn a_database_elsewhere_is_found_wherever_it_is_named() {
        for (url, environment, host) in [
            ("postgres://u@db.example.com/d", NOTHING, "db.example.com"),
            ("postgres://u@db.example.com?connect_timeout=1", NOTHING, "db.example.com"),
            ("postgres://localhost/d?host=10.0.0.1", NOTHING, "10.0.0.1"),
            ("postgres:///d?host=localhost&host=10.0.0.1", NOTHING, "10.0.0.1"),
            ("postgres://localhost/d?hostaddr=10.0.0.1", NOTHING, "10.0.0.1"),
            ("postgres://localhost:1,db.example.com:2/d", NOTHING, "db.example.com"),
            ("postgres:///d?host=/run/postgresql,db.example.com", NOTHING, "db.example.com"),
            ("postgres://localhost,db.example.com/d?hostaddr=127.0.0.1,", NOTHING, "db.example.com"),
            ("postgres://u@[2001:db8::1]:5432/d", NOTHING, "2001:db8::1"),
            ("postgres://u:p%40%2F@h/d", NOTHING, "h"),
            ("postgres:///d", &[("PGHOST", "db.example.com")], "db.example.com"),
            ("postgres://localhost/d", &[("PGHOSTADDR", "10.0.0.1")], "10.0.0.1"),
        ] {
            let encrypted = Ok(Privacy::Encrypted(host.to_owned()));
            assert_eq!(privacy(url, environment, true, false), encrypted, "{url}");
            assert_eq!(privacy(url, environment, false, false), Err(Error::Build(host.to_owned())), "{url}");
        }
    }

    #[test]
    fn clear_text_crosses_a_network_only_where_that_is_allowed() {
        let host = || "h".to_owned();
        let encrypted = || Ok(Privacy::Encrypted(host()));
        let clear = || Ok(Privacy::ClearText(host()));
        let yields = |mode: &str| Err(Error::Yields { host: host(), mode: mode.to_owned() });
        for (query, environment, refused, allowed) in [
            ("", NOTHING, encrypted(), clear()),
            ("?sslmode=disable", NOTHING, yields("disable"), clear()),
            ("?sslmode=allow", NOTHING, yields("allow"), clear()),
            ("?sslmode=prefer", NOTHING, yields("prefer"), clear()),
            ("?sslmode=require", NOTHING, encrypted(), encrypted()),
            ("?ssl=true", NOTHING, encrypted(), encrypted()),
            ("?sslmode=require&sslmode=prefer", NOTHING, yields("prefer"), clear()),
            ("?sslmode=verify-ca", NOTHING, encrypted(), encrypted()),
            ("?sslmode=verify-full", NOTHING, Ok(Privacy::Verified), Ok(Privacy::Verified)),
            ("", &[("PGSSLMODE", "prefer")], yields("prefer"), clear()),
            ("", &[("PGSSLMODE", "verify-full")], Ok(Privacy::Verified), Ok(Privacy::Verified)),
            ("?sslmode=require", &[("PGSSLMODE", "disable")], encrypted(), encrypted()),
            ("?sslmode=disable", &[("PGSSLMODE", "require")], yields("disable"), clear()),
            ("?sslmode=", NOTHING, Err(Error::Mode), Err(Error::Mode)),
            ("?sslmode=none", NOTHING, Err(Error::Mode), Err(Error::Mode)),
            ("?service=x&sslmode=require", NOTHING, Err(Error::Service), Err(Error::Service)),
            ("?sslmode=require", &[("PGSERVICE", "x")], Err(Error::Service), Err(Error::Service)),
        ] {
            let url = format!("postgres://u@h/d{query}");
            assert_eq!(privacy(&url, environment, true, false), refused, "{url} {environment:?}");
            assert_eq!(privacy(&url, environment, true, true), allowed, "{url} {environment:?}");
        }
        for query in ["", "?sslmode=disable", "?sslmode=require"] {
            let url = format!("postgres://u@h/d{query}");
            assert_eq!(privacy(&url, NOTHING, false, false), Err(Error::Build(host())), "{url}");
            assert_eq!(privacy(&url, NOTHING, false, true), clear(), "{url}");
        }
    }

    #[test]
    fn what_libpq_would_repeat_in_a_message_is_refused_before() {
        for wrong in [
            "",
            "h",
            "mysql://u@h/d",
            "postgres//u:p@h/d",
            "host=h password=secret",
            "postgres://u:se/cret@h/d",
            "postgres://u:se@cret@h/d",
            "postgres://u:se@cret@h,i/d",
            "postgres://u:12/34@h",
            "postgres://u:se%cret@h/d",
            "postgres://u:p%00@h/d",
            "postgres://h:port/d",
            "postgres://[::1/d",
            "postgres://h/d?password",
            "postgres://h/d?password=a=b",
            "postgres://h/d?=x",
        ] {
            assert_eq!(privacy(wrong, NOTHING, true, true), Err(Error::NotOne), "{wrong}");
        }
    }

    #[test]
    fn the_password_and_what_encrypts_are_put_behind_the_url() {
        let target = |url: &str, password, mode: Option<&str>| {
            let variable = |name: &str| mode.filter(|_| name == "PGSSLMODE").map(str::to_owned);
            let terms = Terms { can_encrypt: true, allow_plaintext: false, variable: &variable };
            let target = DatabaseUrl::from_str(url).unwrap().target(&terms, password);
            target.map(|target| target.url.to_string())
        };
        for (url, password, mode, complete) in [
            ("postgres:///d", None, None, "postgres:///d"),
            ("postgres://u@/d", Some("a b&=%/é"), None, "postgres://u@/d?password=a%20b%26%3D%25%2F%C3%A9"),
            ("postgres://u@h/d?", Some("p"), None, "postgres://u@h/d?password=p&sslmode=require"),
            ("postgres://u@h/d", None, Some(""), "postgres://u@h/d?sslmode=require"),
            ("postgres://u@h/d", None, Some("verify-ca"), "postgres://u@h/d"),
            ("postgres://u@h/d?sslmode=verify-ca", None, None, "postgres://u@h/d?sslmode=verify-ca"),
            ("postgres://u:@h/d?ssl=true", Some("p"), None, "postgres://u:@h/d?ssl=true&password=p&sslmode=require"),
            ("postgres://h/d?sslmode=verify-full", Some("p"), None, "postgres://h/d?sslmode=verify-full&password=p"),
        ] {
            assert_eq!(target(url, password, mode).as_deref(), Ok(complete), "{url}");
        }
        for url in ["postgres://u:p@h/d", "postgres://u@h/d?password=p"] {
            assert_eq!(target(url, Some("q"), None), Err(Error::TwoPasswords), "{url}");
        }
    }

    #[test]
    fn the_password_is_not_in_debug_output() {
        let url = DatabaseUrl::from_str("postgres://u:secret@h/d").unwrap();
        assert!(!format!("{url:?}").contains("secret"));
    }
}
