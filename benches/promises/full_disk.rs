//! P-07: the disk of the data directory is full, and then has room again. The disk is a small tmpfs, which only root can mount.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::common::driver::Client;
use super::common::server::{Launch, Server};
use super::directory::{create, user};
use super::scale::{Outcome, Scale, grouped, told};

/// Megabytes of the disk.
const SIZE: usize = 320;
/// How long the disk stays full.
const FULL: Duration = Duration::from_mins(1);
const LEAST: Duration = Duration::from_secs(15);
/// The bar: full service after there is room again.
const RECOVERY: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// A small disk, gone when the measurement ends.
struct Disk(PathBuf);

impl Disk {
    fn mount() -> Option<Self> {
        let path = Launch::new("disk").data_dir;
        fs::create_dir_all(&path).unwrap();
        let options = format!("size={SIZE}m,mode=755");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&path).status();
        let mounted = mounted.is_ok_and(|status| status.success());
        mounted.then_some(Self(path))
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Leaves no room for anything.
    fn fill(&self) {
        let zeros = vec![0_u8; 1 << 16];
        let mut file = fs::File::options().create(true).append(true).open(self.ballast()).unwrap();
        while std::io::Write::write_all(&mut file, &zeros).is_ok() {}
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = fs::remove_dir(&self.0);
    }
}

/// Statuses of requests of one kind.
#[derive(Default)]
struct Statuses {
    good: usize,
    put_off: usize,
    other: Vec<u16>,
}

impl Statuses {
    fn count(&mut self, status: u16, puts_off: bool) {
        match status {
            200 | 201 => self.good += 1,
            _ if puts_off => self.put_off += 1,
            _ => self.other.push(status),
        }
    }

    fn told(&self, what: &str) -> String {
        let Self { good, put_off, other } = self;
        let kinds: std::collections::BTreeSet<_> = other.iter().collect();
        format!("{what} {} done, {} put off, {} else {kinds:?}", grouped(*good), grouped(*put_off), other.len())
    }
}

/// A server on the disk, with what its clients know.
struct Run<'a> {
    server: &'a Server,
    client: Client,
    known: String,
    created: usize,
}

impl Run<'_> {
    fn ask(&mut self, method: &str, path: &str, body: &str) -> (u16, bool) {
        match self.client.try_send(method, path, body).map(|answer| (answer.status, answer.puts_off())) {
            Ok(answer) => answer,
            Err(_) => {
                self.client = Client::connect(self.server);
                (0, false)
            }
        }
    }

    fn write(&mut self) -> (u16, bool) {
        let answer = self.ask("POST", "/Users", &user(&format!("disk-{}", self.created)));
        // Whatever came of it, the next one has another name.
        self.created += 1;
        answer
    }

    fn read(&mut self) -> (u16, bool) {
        let path = format!("/Users/{}", self.known);
        self.ask("GET", &path, "")
    }
}

/// Measures.
pub fn run(scale: Scale) -> Outcome {
    let Some(disk) = Disk::mount() else {
        return Outcome { held: false, measured: "not run: a tmpfs cannot be mounted here".into(), size: "–".into() };
    };
    let length = scale.time(FULL, LEAST);
    let mut server = Launch::in_directory(disk.0.join("data")).start();
    server.token = server.new_token("bench");
    let mut client = Client::connect(&server);
    let known = create(&mut client, "known");
    let mut run = Run { server: &server, client, known, created: 0 };
    let (mut writes, mut reads) = (Statuses::default(), Statuses::default());
    disk.fill();
    // What is left of the write-ahead log is used up first.
    let begun = Instant::now();
    let mut since = None;
    while since.is_none_or(|since: Instant| since.elapsed() < length) && begun.elapsed() < length * 4 {
        let (status, puts_off) = run.write();
        if status != 201 && since.is_none() {
            since = Some(Instant::now());
        }
        if since.is_some() {
            writes.count(status, puts_off);
            let (status, puts_off) = run.read();
            reads.count(status, puts_off);
            disk.fill();
            thread::sleep(PAUSE);
        }
    }
    fs::remove_file(disk.ballast()).unwrap();
    let begun = Instant::now();
    let mut good_since = None;
    while begun.elapsed() < RECOVERY * 2 {
        let good = run.write().0 == 201 && run.read().0 == 200;
        good_since = if good { good_since.or(Some(begun.elapsed())) } else { None };
        thread::sleep(PAUSE);
    }
    let recovery = good_since.unwrap_or(RECOVERY * 2);
    let sound = is_sound(&server);
    let panics = server.panics();
    server.stop();
    Outcome {
        held: since.is_some()
            && writes.other.is_empty()
            && writes.good == 0
            && reads.other.is_empty()
            && reads.put_off == 0
            && recovery <= RECOVERY
            && sound
            && panics == 0,
        measured: format!(
            "{}; {}; full service after {:.1} s; audit chain and tables {}",
            writes.told("writes:"),
            reads.told("reads:"),
            recovery.as_secs_f64(),
            if sound { "sound" } else { "NOT sound" }
        ),
        #[allow(clippy::cast_possible_truncation)]
        size: told(length.as_secs() as usize, FULL.as_secs() as usize, "s"),
    }
}

/// Whether the audit log verifies, each user has the entry of its creation, and each such entry its user.
fn is_sound(server: &Server) -> bool {
    let verified = server.try_command(&["audit", "verify"]);
    let alone = server.sql(
        "SELECT count(*) FROM (SELECT id::text FROM resources WHERE resource_type = 'User') AS users
         FULL JOIN (SELECT target_id FROM audit_events WHERE action = 'resource.create' AND target_type = 'User') AS entries
         ON id = target_id WHERE id IS NULL OR target_id IS NULL",
    );
    verified.status.success() && alone == "0"
}
