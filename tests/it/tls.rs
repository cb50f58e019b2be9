//! TLS of the server's own: with a certificate authority made for the test, and clients that trust no other.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use chrono::{Datelike, Days, NaiveDate, NaiveTime, Utc};
use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use reqwest::Version;
use reqwest::blocking::ClientBuilder;
use reqwest::tls::{self, TlsInfo};

use crate::support::process::{program, run, run_json};
use crate::support::{ServerProcess, TemporaryDirectory, USER, eventually};

/// What the command line answers where the set-up is to be changed.
const CONFIGURATION: Option<i32> = Some(78);

/// Somebody who certifies servers, through another whom only the chain names.
struct Authority {
    root: CertifiedIssuer<'static, KeyPair>,
    between: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let params = |name: &str| {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(DnType::CommonName, name);
            params
        };
        let root = CertifiedIssuer::self_signed(params("root"), KeyPair::generate().unwrap()).unwrap();
        let between = CertifiedIssuer::signed_by(params("between"), KeyPair::generate().unwrap(), &root).unwrap();
        Self { root, between }
    }

    /// A certificate that ends at the beginning of this day.
    fn certify(&self, until: NaiveDate) -> (Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        let [month, day] = [until.month(), until.day()].map(|number| u8::try_from(number).unwrap());
        params.not_after = rcgen::date_time_ymd(until.year(), month, day);
        (params.signed_by(&key, &self.between).unwrap(), key)
    }

    /// A client that trusts this authority alone.
    fn trusting(&self) -> ClientBuilder {
        let root = reqwest::Certificate::from_pem(self.root.pem().as_bytes()).unwrap();
        reqwest::blocking::Client::builder().tls_certs_only([root]).tls_info(true)
    }
}

/// The files of a server's certificate.
struct Pair {
    certificate: PathBuf,
    key: PathBuf,
}

impl Pair {
    fn new(directory: &Path) -> Self {
        fs::create_dir_all(directory).unwrap();
        Self { certificate: directory.join("certificate.pem"), key: directory.join("key.pem") }
    }

    /// Puts a new certificate there, and returns it as it goes over the wire.
    fn renew(&self, authority: &Authority) -> Vec<u8> {
        self.renew_until(authority, NaiveDate::from_ymd_opt(2999, 12, 31).unwrap())
    }

    /// The same with a certificate that ends at the beginning of this day.
    fn renew_until(&self, authority: &Authority, until: NaiveDate) -> Vec<u8> {
        let (certificate, key) = authority.certify(until);
        fs::write(&self.certificate, certificate.pem() + &authority.between.pem()).unwrap();
        fs::write(&self.key, key.serialize_pem()).unwrap();
        certificate.der().to_vec()
    }

    fn arguments(&self) -> [&str; 4] {
        ["--tls-certificate", self.certificate.to_str().unwrap(), "--tls-key", self.key.to_str().unwrap()]
    }
}

fn shown(answer: &reqwest::blocking::Response) -> Vec<u8> {
    answer.extensions().get::<TlsInfo>().unwrap().peer_certificate().unwrap().to_vec()
}

#[test]
fn the_server_speaks_https_by_itself() {
    let (directory, authority) = (TemporaryDirectory::new("https"), Authority::new());
    let pair = Pair::new(&directory);
    let certificate = pair.renew(&authority);
    let server = ServerProcess::start_with(&directory.join("data"), &pair.arguments());
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    let token = run_json(&server.data_dir, &["token", "create", "okta"]);

    let client = authority.trusting().build().unwrap();
    let body = serde_json::json!({"schemas": [USER], "userName": "ada@example.com"}).to_string();
    let request = client.post(format!("{}/scim/v2/Users", server.url)).bearer_auth(token["token"].as_str().unwrap());
    let answer = request.header("Content-Type", "application/scim+json").body(body).send().unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (201, Version::HTTP_11));
    assert_eq!(shown(&answer), certificate);
    let user: serde_json::Value = answer.json().unwrap();
    let location = user["meta"]["location"].as_str().unwrap();
    assert_eq!(location, format!("{}/scim/v2/Users/{}", server.url, user["id"].as_str().unwrap()));

    let page = client.get(format!("{}/admin/login", server.url)).send().unwrap();
    assert_eq!(page.headers()["strict-transport-security"], "max-age=31536000");
    for version in [tls::Version::TLS_1_2, tls::Version::TLS_1_3] {
        let client = authority.trusting().tls_version_min(version).tls_version_max(version).build().unwrap();
        assert_eq!(client.get(format!("{}/readyz", server.url)).send().unwrap().status(), 200, "{version:?}");
    }
    let stranger = reqwest::blocking::Client::new().get(format!("{}/readyz", server.url)).send();
    assert!(stranger.is_err());

    // The doctor trusts it no more, says so as a finding, and has nothing beside its findings.
    let examined = [&["doctor", "--public-url", &server.url][..], &pair.arguments()].concat();
    let examined = run(&server.data_dir, &examined);
    let found = String::from_utf8(examined.stdout).unwrap();
    for finding in ["public-url.answer", "UnknownIssuer", "tls-key", "chmod 600 "] {
        assert!(found.contains(finding), "{finding}: {found}");
    }
    let beside = String::from_utf8(examined.stderr).unwrap();
    assert_eq!(beside, "provisor: there are errors; what is to be done stands above\n");

    // Who speaks http gets nothing.
    let mut plain = TcpStream::connect(server.url.strip_prefix("https://").unwrap()).unwrap();
    plain.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut said = Vec::new();
    let _ = plain.read_to_end(&mut said);
    assert!(!said.starts_with(b"HTTP") && said.len() < 20, "{}", String::from_utf8_lossy(&said));
    assert!(server.stop());
}

#[test]
fn new_connections_get_the_certificate_that_has_come_and_open_ones_go_on() {
    let (directory, authority) = (TemporaryDirectory::new("renewal"), Authority::new());
    let pair = Pair::new(&directory);
    let first = pair.renew(&authority);
    let server = ServerProcess::start_with(&directory.join("data"), &pair.arguments());
    let url = format!("{}/readyz", server.url);
    let seen_by = |client: &reqwest::blocking::Client| {
        let answer = client.get(&url).send().unwrap();
        let certificate = shown(&answer);
        assert_eq!(answer.text().unwrap(), "ready\n");
        certificate
    };
    let fresh = || authority.trusting().build().unwrap();
    let long_lived = fresh();
    assert_eq!(seen_by(&long_lived), first);

    let second = pair.renew(&authority);
    eventually("the new certificate", || (seen_by(&fresh()) == second).then_some(()));
    assert_eq!(seen_by(&long_lived), first);

    // Half of a pair is none.
    let log = || fs::read_to_string(server.data_dir.with_extension("log")).unwrap();
    fs::write(&pair.key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    eventually("the refusal", || log().contains("is not the key of the certificate").then_some(()));
    fs::remove_file(&pair.certificate).unwrap();
    eventually("the refusal", || log().contains("certificate.pem cannot be read").then_some(()));
    assert_eq!(seen_by(&fresh()), second);
    assert_eq!(log().matches("the one before is kept").count(), 2, "{}", log());
    let third = pair.renew(&authority);
    eventually("the certificate after that", || (seen_by(&fresh()) == third).then_some(()));
    assert!(server.stop());
}

#[test]
fn a_certificate_that_could_not_be_read_is_read_later() {
    let (directory, authority) = (TemporaryDirectory::new("unread"), Authority::new());
    let pair = Pair::new(&directory);
    pair.renew(&authority);
    let server = ServerProcess::start_with(&directory.join("data"), &pair.arguments());
    let log = || fs::read_to_string(server.data_dir.with_extension("log")).unwrap();
    // With no more files than it has, it sees that others came and cannot open them.
    let allow_files = |number: &str| {
        let limit = format!("--nofile={number}:");
        let status = Command::new("prlimit").args(["--pid", &server.pid().to_string(), &limit]).status().unwrap();
        assert!(status.success());
    };
    allow_files("3");
    let second = pair.renew(&authority);
    eventually("the refusal", || log().contains("the one before is kept").then_some(()));
    allow_files("1024");
    let client = || authority.trusting().build().unwrap();
    eventually("the new certificate", || {
        let answer = client().get(format!("{}/readyz", server.url)).send().ok()?;
        (shown(&answer) == second).then_some(())
    });
    assert_eq!(log().matches("the one before is kept").count(), 1, "{}", log());
    assert!(server.stop());
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused_with_the_reason() {
    let (directory, authority) = (TemporaryDirectory::new("pairs"), Authority::new());
    let pair = Pair::new(&directory);
    pair.renew(&authority);
    let (good, empty) = (pair.arguments(), directory.join("empty"));
    let (other, missing) = (directory.join("other"), directory.join("missing"));
    fs::write(&empty, "").unwrap();
    fs::write(&other, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let [certificate, key] = [good[1], good[3]];
    let [empty, other, missing] = [&empty, &other, &missing].map(|path| path.to_str().unwrap());
    for (certificate, key, says) in [
        (missing, key, "--tls-certificate (PROVISOR_TLS_CERTIFICATE): "),
        (missing, key, "missing cannot be read"),
        (empty, key, "empty holds no certificate"),
        (key, key, "key.pem holds no certificate"),
        (certificate, missing, "missing cannot be read"),
        (certificate, empty, "--tls-key (PROVISOR_TLS_KEY): "),
        (certificate, certificate, "certificate.pem holds no private key"),
        (certificate, other, "other is not the key of the certificate in "),
    ] {
        let mut command = program();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(directory.join("data"));
        let output = command.args(["--tls-certificate", certificate, "--tls-key", key]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), CONFIGURATION, "{said}");
        assert!(said.contains(says) && !said.contains("PRIVATE"), "{says}: {said}");
    }
    for half in [&good[..2], &good[2..]] {
        let output = program().args(["serve", "--listen", "127.0.0.1:0"]).args(half).output().unwrap();
        assert_eq!(output.status.code(), CONFIGURATION);
        assert!(String::from_utf8(output.stderr).unwrap().contains("go together"));
    }
    assert!(!directory.join("data").exists());
}

#[test]
fn the_end_of_the_certificate_is_told_of_in_time() {
    let (directory, authority) = (TemporaryDirectory::new("ending"), Authority::new());
    let pair = Pair::new(&directory);
    let in_days = |days: u64| Utc::now().date_naive().checked_add_days(Days::new(days)).unwrap();
    let seconds = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc().timestamp();
    // What is found of the certificate, how bad it is, and what is said.
    let examined = || {
        let arguments = [&["doctor", "--json"][..], &pair.arguments()].concat();
        let output = program().args(arguments).arg("--data-dir").arg(directory.join("none")).output().unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let rows = answer["findings"].as_array().unwrap();
        let row = rows.iter().find(|row| row["check"] == "tls-certificate").unwrap();
        (row["state"].as_str().unwrap().to_owned(), row["said"].as_str().unwrap().to_owned())
    };

    let first = in_days(13);
    pair.renew_until(&authority, first);
    // A port that was free a moment ago.
    let metrics = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let arguments = [&["--metrics-listen", &*metrics][..], &pair.arguments()].concat();
    let server = ServerProcess::start_with(&directory.join("data"), &arguments);
    let log = || fs::read_to_string(server.data_dir.with_extension("log")).unwrap();
    let told_of = |day: NaiveDate| log().matches(&format!("certificate.pem ends on {day}T00:00:00Z")).count();
    let shown_until = || {
        let text = reqwest::blocking::get(format!("http://{metrics}/metrics")).unwrap().text().unwrap();
        let line =
            text.lines().find_map(|line| line.strip_prefix("provisor_tls_certificate_expiry_timestamp_seconds "));
        line.unwrap_or_else(|| panic!("{text}")).parse::<i64>().unwrap()
    };
    eventually("the first warning", || (told_of(first) == 1).then_some(()));
    assert_eq!(shown_until(), seconds(first));
    assert_eq!(
        examined(),
        ("warning".into(), format!("it ends on {first}T00:00:00Z, and no client takes it from then on"))
    );

    let second = in_days(90);
    pair.renew_until(&authority, second);
    eventually("the second certificate", || (shown_until() == seconds(second)).then_some(()));
    assert_eq!(examined(), ("ok".into(), format!("it and its key belong together; it ends on {second}T00:00:00Z")));

    let third = in_days(2);
    pair.renew_until(&authority, third);
    eventually("the third certificate", || (told_of(third) == 1).then_some(()));
    assert_eq!(shown_until(), seconds(third));
    assert_eq!([first, second, third].map(told_of), [1, 0, 1], "{}", log());

    let past = in_days(0);
    pair.renew_until(&authority, past);
    eventually("the end", || log().contains(&format!("ended on {past}T00:00:00Z")).then_some(()));
    assert_eq!(examined(), ("error".into(), format!("it ended on {past}T00:00:00Z, and no client takes it")));
    assert!(server.stop());
}

#[test]
fn clients_that_say_nothing_are_dropped_and_keep_nobody_out() {
    /// More than there may be handshakes at a time unless the server says otherwise.
    const SILENT_PER_CORE: usize = 260;
    let (directory, authority) = (TemporaryDirectory::new("silent"), Authority::new());
    let pair = Pair::new(&directory);
    pair.renew(&authority);
    let server = ServerProcess::start_with(&directory.join("data"), &pair.arguments());
    let address = server.url.strip_prefix("https://").unwrap();
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(3);
    let began = Instant::now();
    let mut silent: Vec<_> = (0..cores * SILENT_PER_CORE).map(|_| TcpStream::connect(address).unwrap()).collect();
    let client = authority.trusting().timeout(Duration::from_secs(4)).build().unwrap();
    assert_eq!(client.get(format!("{}/readyz", server.url)).send().unwrap().status(), 200);
    let first = &mut silent[0];
    first.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(first.read(&mut [0]).unwrap(), 0);
    assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
    drop(silent);
    assert!(server.stop());
}
