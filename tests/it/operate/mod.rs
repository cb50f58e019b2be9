//! What whoever runs the server does with it: asks how it is, brings its schema up to date, keeps copies, watches, stops it.

mod backup;
mod compose;
mod doctor;
mod hung_database;
mod logs;
mod master_key;
mod metrics;
mod migrate;
mod stop;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::unistd::User;
use provisor::store;

use crate::support::process::{Signal, signal};
use crate::support::{database, eventually};

/// The Postgres of a data directory at rest, run with settings of the test's own.
struct Postgres(Child);

impl Postgres {
    fn start(data_dir: &Path, settings: &[&str]) -> Self {
        Self::start_in(data_dir, settings, &[])
    }

    /// The same with variables of the environment.
    fn start_in(data_dir: &Path, settings: &[&str], environment: &[(&str, &str)]) -> Self {
        let postgres = Self::spawn(data_dir, settings, environment);
        eventually("Postgres", || store::connect(&database::url(data_dir, "provisor")).ok());
        postgres
    }

    /// The same without waiting for it.
    fn spawn(data_dir: &Path, settings: &[&str], environment: &[(&str, &str)]) -> Self {
        use std::os::unix::fs::MetadataExt;
        use std::os::unix::process::CommandExt;
        let cluster = data_dir.join("postgres");
        let mut command = Command::new(postgres_program());
        command
            .envs(environment.iter().copied())
            .arg("-D")
            .arg(&cluster)
            .args(["-c", "listen_addresses="])
            .args(settings.iter().flat_map(|set| ["-c", set]));
        command.arg("-c").arg(format!("unix_socket_directories={}", data_dir.join("run").display()));
        let owner = std::fs::metadata(&cluster).unwrap().uid();
        let user = User::from_uid(owner.into()).unwrap().unwrap();
        if nix::unistd::geteuid().is_root() {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        Self(command.current_dir("/").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        signal(self.0.id(), Signal::SIGINT);
        let _ = self.0.wait();
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The newest `postgres` of those that the tests' private one may be.
fn postgres_program() -> std::path::PathBuf {
    let named = std::env::var_os("PROVISOR_PG_BIN_DIR").map(std::path::PathBuf::from);
    let installed = || {
        let output = Command::new("pg_config").arg("--bindir").output().ok()?;
        Some(std::path::PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
    };
    let versions = || {
        let mut found: Vec<_> =
            std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path().join("bin")).collect();
        found.sort();
        found.pop()
    };
    let places = [named, installed(), versions()];
    let program = |place: &std::path::PathBuf| place.join("postgres");
    places.iter().flatten().map(program).find(|program| program.is_file()).unwrap()
}
