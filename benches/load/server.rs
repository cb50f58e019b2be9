//! The release build on a private Postgres with fsync on.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The program under load.
const PROGRAM: &str = env!("CARGO_BIN_EXE_provisor");

pub struct Server {
    child: Child,
    pub address: String,
    pub token: String,
    pub data_dir: PathBuf,
}

impl Server {
    pub fn start() -> Self {
        let data_dir = std::env::temp_dir().join(format!("pvr-bench-{}", std::process::id()));
        let mut child = Command::new(PROGRAM)
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&data_dir)
            .args(["--rate-limit", "0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let address = first.strip_prefix("listening on http://").unwrap().to_owned();
        std::thread::spawn(move || lines.for_each(drop));
        let mut server = Self { child, address, token: String::new(), data_dir };
        let token: serde_json::Value =
            serde_json::from_str(&server.command(&["token", "create", "bench", "--json"])).unwrap();
        token["token"].as_str().unwrap().clone_into(&mut server.token);
        server
    }

    /// Runs a command of the program on the server's data.
    pub fn command(&self, arguments: &[&str]) -> String {
        let output = Command::new(PROGRAM).args(arguments).arg("--data-dir").arg(&self.data_dir).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs SQL as a maintainer would, with psql.
    pub fn sql(&self, statements: &str) -> String {
        let output =
            self.postgres_program("psql").args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-c", statements]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// How long psql takes for a query and its rows, in milliseconds, without the time for its start.
    pub fn time_sql(&self, query: &str) -> f64 {
        let output = self
            .postgres_program("psql")
            .args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-c", "\\timing on", "-c", query])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let time = text.lines().rev().find_map(|line| line.strip_prefix("Time: ")).unwrap();
        time.split(' ').next().unwrap().parse().unwrap()
    }

    /// A program of Postgres, connected to the server's database.
    pub fn postgres_program(&self, name: &str) -> Command {
        let mut command = Command::new(programs().join(name));
        command.arg("-h").arg(self.data_dir.join("run")).args(["-U", "provisor", "-d", "provisor"]);
        command
    }

    /// Resident memory of the server process in MB: now, and at most so far.
    pub fn memory(&self) -> (f64, f64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1_024.0
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    pub fn stop(mut self) {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM).unwrap();
        self.child.wait().unwrap();
        let _ = std::fs::remove_dir_all(&self.data_dir);
    }
}

/// Where psql and pgbench are.
fn programs() -> PathBuf {
    if let Some(named) = std::env::var_os("PROVISOR_PG_BIN_DIR") {
        return named.into();
    }
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed.map(|version| version.path().join("bin")).filter(|bin| bin.join("pgbench").exists()).max();
    newest.unwrap_or_else(|| "/usr/bin".into())
}
