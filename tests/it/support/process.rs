//! The built program as a process.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
pub use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use provisor::config::Settings;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_provisor");

/// A directory of its own, which the user of Postgres can enter. The name is short because a socket will lie in it.
pub fn temporary_directory(purpose: &str) -> PathBuf {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("pvr-{}-{number}-{purpose}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    path
}

/// A temporary directory that is removed when its test ends, with the log that a [`ServerProcess`] on it wrote beside it.
pub struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    pub fn new(purpose: &str) -> Self {
        Self(temporary_directory(purpose))
    }
}

impl Deref for TemporaryDirectory {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
        let _ = fs::remove_file(self.0.with_extension("log"));
    }
}

/// The settings of a server with this data directory on any free port.
pub fn settings(data_dir: &Path) -> Settings {
    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        settings: Settings,
    }
    let data_dir = data_dir.to_str().unwrap();
    Only::parse_from(["provisor", "--listen", "127.0.0.1:0", "--data-dir", data_dir, "--rate-limit", "0"]).settings
}

/// The program with a clean environment, so that no setting of the developer's leaks in.
pub fn program() -> Command {
    let mut command = Command::new(PROGRAM);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("PROVISOR_") && name != "PROVISOR_PG_BIN_DIR"
            || name == "DATABASE_URL"
            || name == "RUST_LOG"
        {
            command.env_remove(name);
        }
    }
    // Tests send as much as they can.
    command.env("PROVISOR_RATE_LIMIT", "0");
    command
}

/// Runs a command of the program on a data directory.
pub fn run(data_dir: &Path, arguments: &[&str]) -> Output {
    program().args(arguments).arg("--data-dir").arg(data_dir).stdin(Stdio::null()).output().unwrap()
}

/// Runs a command that must succeed, with `--json`, and reads what it prints.
pub fn run_json(data_dir: &Path, arguments: &[&str]) -> serde_json::Value {
    let output = run(data_dir, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Makes the private Postgres of a data directory, which commands do not make by themselves.
pub fn install(data_dir: &Path) {
    let output = run(data_dir, &["migrate"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Starts a server that a shell stops as soon as this process is gone, and returns its URL.
pub fn start_watched(data_dir: &Path) -> String {
    start_watched_with(data_dir, &[])
}

/// The same with more arguments.
pub fn start_watched_with(data_dir: &Path, arguments: &[&str]) -> String {
    const WATCH: &str = r#"program=$1 data=$2; shift 2
        "$program" serve --listen 127.0.0.1:0 --data-dir "$data" "$@" 2>"$data.log" & server=$!
        read -r _; kill -TERM $server; wait $server; rm -rf "$data" "$data.log""#;
    let mut watcher = Command::new("sh");
    watcher
        .env("PROVISOR_RATE_LIMIT", "0")
        .args(["-c", WATCH, "sh", PROGRAM])
        .arg(data_dir)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    watcher.env("RUST_LOG", "warn");
    let mut watcher = watcher.spawn().unwrap();
    let url = read_url(watcher.stdout.take().unwrap());
    // Its standard input stays open until this process ends.
    std::mem::forget(watcher);
    url
}

/// Reads what a server prints until it says where it listens. The rest is read and dropped, so that the server never waits for it.
fn read_url(stdout: ChildStdout) -> String {
    let mut lines = BufReader::new(stdout);
    let mut line = String::new();
    loop {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the server ended before it listened");
        if let Some(url) = line.trim().strip_prefix("listening on ") {
            let url = url.to_owned();
            std::thread::spawn(move || {
                let _ = lines.read_to_end(&mut Vec::new());
            });
            return url;
        }
    }
}

/// A server of its own, for tests that stop or kill it.
pub struct ServerProcess {
    child: Child,
    pub url: String,
    pub data_dir: PathBuf,
}

impl ServerProcess {
    /// Starts a server on a data directory and waits until it listens.
    pub fn start(data_dir: &Path) -> Self {
        Self::start_with(data_dir, &[])
    }

    /// The same with more arguments.
    pub fn start_with(data_dir: &Path, arguments: &[&str]) -> Self {
        let mut command = program();
        command.args(arguments);
        Self::spawn(command, data_dir)
    }

    /// Starts a server by a command that is complete but for `serve` and its data directory. It logs warnings, unless the command says more.
    pub fn spawn(mut command: Command, data_dir: &Path) -> Self {
        let log = File::options().create(true).append(true).open(data_dir.with_extension("log")).unwrap();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir);
        if !command.get_envs().any(|(name, value)| name == "RUST_LOG" && value.is_some()) {
            command.env("RUST_LOG", "warn");
        }
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let url = read_url(child.stdout.take().unwrap());
        Self { child, url, data_dir: data_dir.to_owned() }
    }

    /// `kill -9`.
    pub fn kill(mut self) -> PathBuf {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.data_dir.clone()
    }

    /// SIGTERM, and waits for the end. Returns whether the exit code was 0.
    pub fn stop(self) -> bool {
        signal(self.child.id(), Signal::SIGTERM);
        self.wait().success()
    }

    /// Waits for the end of a server that was told to end.
    pub fn wait(mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(40);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process id of its private Postgres.
    pub fn postgres_pid(&self) -> u32 {
        self.postgres().unwrap()
    }

    /// The same, while Postgres may be dead or starting.
    pub fn postgres(&self) -> Option<u32> {
        let text = fs::read_to_string(self.data_dir.join("postgres").join("postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            signal(self.child.id(), Signal::SIGTERM);
            let _ = self.child.wait();
        }
    }
}

/// Whether there is a process of this id.
pub fn lives(pid: u32) -> bool {
    kill(Pid::from_raw(pid.cast_signed()), None).is_ok()
}

/// Sends a signal to a process by its id.
pub fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
}
