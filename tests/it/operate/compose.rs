//! The database of `docker-compose.yml`, as `deploy/postgres-init.sh` sets it up: the server's role in it is no superuser, and can do
//! all that is needed, copies included.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use nix::unistd::User;
use serde_json::Value;

use super::{Postgres, postgres_program};
use crate::support::process::program;
use crate::support::{TemporaryDirectory, eventually};

const PASSWORD: &str = "it's \"one\" of $many \\ `words`";

/// A cluster that was set up as the image does it, and a server's files beside it.
struct Deployment {
    directory: TemporaryDirectory,
    postgres: Postgres,
}

/// A command that the user of Postgres runs.
fn as_postgres(program: &Path) -> Command {
    let mut command = Command::new(program);
    if nix::unistd::geteuid().is_root() {
        let user = User::from_name("postgres").unwrap().unwrap();
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command.current_dir("/");
    command
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

impl Deployment {
    fn new(purpose: &str) -> Self {
        let directory = TemporaryDirectory::new(purpose);
        let (data, sockets) = (directory.join("postgres"), directory.join("run"));
        for place in [&data, &sockets] {
            fs::create_dir_all(place).unwrap();
            if let Some(user) = User::from_name("postgres").unwrap().filter(|_| nix::unistd::geteuid().is_root()) {
                chown(place, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
            }
        }
        let made = as_postgres(&postgres_program().with_file_name("initdb"))
            .args(["-U", "postgres", "--auth-local=trust", "--no-sync", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", said(&made));
        let setting_up = Postgres::spawn(&directory, &[], &[]);
        let psql = postgres_program().with_file_name("psql");
        let superuser = |command: &mut Command| command.env("PGHOST", &sockets).output().unwrap();
        eventually("Postgres", || {
            let asked = superuser(as_postgres(&psql).args(["-U", "postgres", "-c", "SELECT 1"]));
            asked.status.success().then_some(())
        });
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/postgres-init.sh");
        let script = fs::read_to_string(script).unwrap();
        let mut command = as_postgres(Path::new("/bin/sh"));
        command.args(["-c", &script]).env("PGDATA", &data);
        let set_up = superuser(command.env("POSTGRES_USER", "postgres").env("POSTGRES_PASSWORD", PASSWORD));
        assert!(set_up.status.success(), "{}", said(&set_up));
        drop(setting_up);

        let postgres = Postgres::spawn(&directory, &[], &[]);
        fs::write(directory.join("database-password"), format!("{PASSWORD}\n")).unwrap();
        fs::set_permissions(directory.join("database-password"), Permissions::from_mode(0o600)).unwrap();
        let deployment = Self { directory, postgres };
        eventually("Postgres", || deployment.comes_in("provisor", PASSWORD).then_some(()));
        deployment
    }

    /// Whether whoever runs this test comes in as a role, by a password.
    fn comes_in(&self, role: &str, password: &str) -> bool {
        let mut command = Command::new(postgres_program().with_file_name("psql"));
        command.arg("-w").args(["-U", role, "-d", "provisor", "-c", "SELECT 1", "-h"]).arg(self.directory.join("run"));
        command.env("PGPASSWORD", password).output().unwrap().status.success()
    }

    /// Runs a command with the settings of the compose file.
    fn run(&self, arguments: &[&str]) -> Output {
        let file = |name: &str| self.directory.join(name);
        let url = format!("postgres://provisor@/provisor?host={}", file("run").display());
        let mut command = program();
        command.args(arguments).env("DATABASE_URL", url).env("PROVISOR_MASTER_KEY_FILE", file("master.key"));
        command.env("PROVISOR_DATABASE_PASSWORD_FILE", file("database-password")).output().unwrap()
    }

    /// The same of one that must succeed.
    fn must(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        output
    }
}

#[test]
fn the_role_of_the_server_is_no_superuser_and_nobody_else_comes_in() {
    let first = Deployment::new("composed");
    first.must(&["master-key", "create"]);
    first.must(&["token", "create", "okta"]);
    let examined = first.run(&["doctor", "--json"]);
    let examined: Value = serde_json::from_slice(&examined.stdout).unwrap();
    let findings = examined["findings"].as_array().unwrap();
    let of_database = || findings.iter().filter(|row| row["check"].as_str().unwrap().starts_with("database"));
    assert!(of_database().any(|row| row["check"] == "database.role"), "{examined:#}");
    assert!(of_database().all(|row| row["state"] == "ok"), "{examined:#}");

    assert!(first.comes_in("provisor", PASSWORD) && !first.comes_in("provisor", "another"));
    let here = User::from_uid(nix::unistd::geteuid()).unwrap().unwrap();
    assert!(here.name == "postgres" || !first.comes_in("postgres", PASSWORD));
}

#[test]
fn a_copy_comes_back_into_a_fresh_one() {
    let first = Deployment::new("volume");
    first.must(&["master-key", "create"]);
    first.must(&["token", "create", "okta"]);
    let (key, file) = (first.directory.join("master.key"), first.directory.join("copy"));
    first.must(&["backup", file.to_str().unwrap()]);

    let second = Deployment::new("fresh-volume");
    fs::copy(key, second.directory.join("master.key")).unwrap();
    let restored = second.must(&["restore", file.to_str().unwrap()]);
    assert!(said(&restored).contains("the audit log is whole"), "{}", said(&restored));
    assert!(said(&second.must(&["token", "list"])).contains("okta"));
    drop((first.postgres, second.postgres));
}
