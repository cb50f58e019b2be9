//! The program as a server, on a private Postgres with fsync on or on the database of another server.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

/// The program under load.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_provisor");

/// Arguments that every server gets.
static ARGUMENTS: OnceLock<Vec<String>> = OnceLock::new();

/// Gives all servers that are started from now on these arguments.
pub fn always_with(arguments: Vec<String>) {
    ARGUMENTS.set(arguments).unwrap();
}

/// How a server is started.
#[derive(Clone)]
pub struct Launch {
    pub program: PathBuf,
    pub data_dir: PathBuf,
    /// The data directory whose Postgres it uses.
    pub database: PathBuf,
    /// Address and port; port 0 is any free one.
    pub listen: String,
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    /// The user and group that runs it, where that is another than one's own.
    pub user: Option<u32>,
}

impl Launch {
    /// A server on a private Postgres in a directory of its own.
    pub fn new(purpose: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self::in_directory(std::env::temp_dir().join(format!("pvr-bench-{}-{number}-{purpose}", std::process::id())))
    }

    /// A server on a private Postgres in this directory.
    pub fn in_directory(data_dir: PathBuf) -> Self {
        Self {
            program: PROGRAM.into(),
            database: data_dir.clone(),
            data_dir,
            listen: "127.0.0.1:0".into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            user: None,
        }
    }

    /// A server on the database of another, with its key.
    pub fn beside(other: &Server, purpose: &str) -> Self {
        Self::on(other.data_dir(), purpose)
    }

    /// A server on the Postgres of this data directory, which others run, with its key.
    pub fn on(data_dir: &Path, purpose: &str) -> Self {
        let sockets = data_dir.join("run").to_str().unwrap().replace(' ', "%20");
        let database = format!("postgres:///provisor?user=provisor&host={sockets}&port=5432");
        let key = data_dir.join("master.key").to_str().unwrap().to_owned();
        let launch = Self { database: data_dir.to_owned(), ..Self::new(purpose) };
        launch.with(&["--database-url", &database, "--master-key-file", &key])
    }

    /// With more arguments.
    #[must_use]
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// What it wrote to its log before it ended.
    pub fn try_start(&self) -> Result<Server, String> {
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = self.command();
        command.args(["--listen", &self.listen, "--data-dir"]).arg(&self.data_dir).args(&self.arguments);
        command.args(ARGUMENTS.get().into_iter().flatten()).envs(self.environment.iter().cloned());
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening on http://").map(str::to_owned));
        let Some(address) = address else {
            child.wait().unwrap();
            return Err(fs::read_to_string(self.log()).unwrap_or_default());
        };
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Server { child, address, token: String::new(), launch: self.clone() })
    }

    /// The program, as the user that runs the server.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        // One credential sends everything that there is.
        command.env("RUST_LOG", "warn").env("PROVISOR_RATE_LIMIT", "0");
        command
    }

    /// The same as [`Launch::try_start`], where it must start.
    pub fn start(&self) -> Server {
        self.try_start().unwrap_or_else(|log| panic!("the server did not start: {log}"))
    }

    /// Removes the data and the log of a server that has ended.
    pub fn remove(&self) {
        let _ = fs::remove_dir_all(&self.data_dir);
        let _ = fs::remove_file(self.log());
    }

    /// The file that its log is appended to.
    fn log(&self) -> PathBuf {
        self.data_dir.with_extension("log")
    }
}

/// A server that runs.
pub struct Server {
    child: Child,
    pub address: String,
    /// A header token of the default tenant, once one is made.
    pub token: String,
    launch: Launch,
}

impl Server {
    /// A server on a private Postgres, with a token.
    pub fn start() -> Self {
        let mut server = Launch::new("data").start();
        server.token = server.new_token("bench");
        server
    }

    /// The data directory, which is also the name of what lies beside it.
    pub fn data_dir(&self) -> &Path {
        &self.launch.data_dir
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Makes a header token.
    pub fn new_token(&self, name: &str) -> String {
        self.json(&["token", "create", name])["token"].as_str().unwrap().to_owned()
    }

    /// Runs a command of the program on the server's data.
    pub fn command(&self, arguments: &[&str]) -> String {
        let output = self.try_command(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same with `--json`.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.command(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// Runs a command that may fail.
    pub fn try_command(&self, arguments: &[&str]) -> Output {
        let mut command = self.launch.command();
        command.args(arguments).arg("--data-dir").arg(self.data_dir()).args(&self.launch.arguments);
        command.output().unwrap()
    }

    /// Runs SQL as a maintainer would, with psql.
    pub fn sql(&self, statements: &str) -> String {
        self.try_sql(statements).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same, while the database may be away.
    ///
    /// # Errors
    /// What psql says.
    pub fn try_sql(&self, statements: &str) -> Result<String, String> {
        let output =
            self.postgres_program("psql").args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-c", statements]).output().unwrap();
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
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
        connected(name, &self.launch.database)
    }

    /// Resident memory of the server process in MB: now, and at most so far.
    pub fn memory(&self) -> (f64, f64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1_024.0
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// What it has written to its log that no server should.
    pub fn panics(&self) -> usize {
        fs::read_to_string(self.launch.log()).unwrap_or_default().matches("panicked").count()
    }

    /// The process id of its private Postgres, while that is known.
    pub fn postgres(&self) -> Option<u32> {
        let text = fs::read_to_string(self.data_dir().join("postgres/postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Waits for the end of a process that was told to end.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Ends it, and gives back how it was started; its data stay.
    pub fn end(mut self, signal: Signal) -> Launch {
        self.signal(signal);
        self.wait();
        self.launch.clone()
    }

    /// Ends it, unless it has ended, and removes its data.
    pub fn stop(self) {
        let launch = self.launch.clone();
        drop(self);
        launch.remove();
    }
}

impl Drop for Server {
    /// Ends it, unless it has ended.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::SIGTERM);
            self.wait();
        }
    }
}

/// Postgres on the data of a server that has ended, so that whichever server comes and goes, it stays.
pub struct Postgres(Child);

impl Postgres {
    /// Starts it, and waits until it answers.
    pub fn start(data_dir: &Path) -> Self {
        let cluster = data_dir.join("postgres");
        let owner = fs::metadata(&cluster).unwrap();
        let mut command = Command::new(programs().join("postgres"));
        if geteuid().is_root() {
            command.uid(owner.uid()).gid(owner.gid());
        }
        command.arg("-D").arg(&cluster).args(["-c", "listen_addresses=", "-c"]);
        command.arg(format!("unix_socket_directories=\"{}\"", data_dir.join("run").display()));
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut postgres = Self(command.spawn().unwrap());
        let answers =
            || connected("psql", data_dir).args(["-qAtX", "-c", "SELECT 1"]).output().unwrap().status.success();
        while !answers() {
            assert!(postgres.0.try_wait().unwrap().is_none(), "Postgres does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        postgres
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It stops without waiting for those who are connected.
        let _ = kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGINT);
        let _ = self.0.wait();
    }
}

/// A program of Postgres, connected to the database in this data directory.
fn connected(name: &str, data_dir: &Path) -> Command {
    let mut command = Command::new(programs().join(name));
    command.arg("-h").arg(data_dir.join("run")).args(["-U", "provisor", "-d", "provisor"]);
    command
}

/// Where psql and pgbench are.
fn programs() -> PathBuf {
    if let Some(named) = std::env::var_os("PROVISOR_PG_BIN_DIR") {
        return named.into();
    }
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed.map(|version| version.path().join("bin")).filter(|bin| bin.join("psql").exists()).max();
    newest.unwrap_or_else(|| "/usr/bin".into())
}
