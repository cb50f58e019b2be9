//! The first administrator, who comes by a code from the console.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use reqwest::Method;

use super::texts;
use crate::support::people::PASSWORD;
use crate::support::process::{Signal, TemporaryDirectory, program, signal};
use crate::support::{Browser, database};

const EMAIL: &str = "Ada@example.com";

/// A server whose console is read until it has said everything.
struct Console {
    child: Child,
    url: String,
    said: String,
}

impl Console {
    fn start(data_dir: &std::path::Path) -> Self {
        Self::start_with(data_dir, &[])
    }

    fn start_with(data_dir: &std::path::Path, settings: &[&str]) -> Self {
        let log = File::options().create(true).append(true).open(data_dir.with_extension("log")).unwrap();
        let mut command = program();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir).args(settings);
        let mut child = command.env_remove("RUST_LOG").stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        while !said.contains("Ctrl-C") {
            assert!(lines.read_line(&mut said).unwrap() > 0, "{said}");
        }
        std::mem::forget(lines);
        let url = said.lines().find_map(|line| line.strip_prefix("listening on ")).unwrap().to_owned();
        Self { child, url, said }
    }

    fn code(&self) -> Option<String> {
        let start = self.said.find("pvr_l_")?;
        Some(self.said[start..].split_whitespace().next().unwrap().to_owned())
    }

    fn stop(mut self) {
        signal(self.child.id(), Signal::SIGTERM);
        self.child.wait().unwrap();
    }
}

/// What is logged at the first start is read by somebody who looks for the link above it.
#[test]
fn the_console_says_little_and_names_commands_that_work() {
    let data_dir = TemporaryDirectory::new("setup");
    let console = Console::start(&data_dir);
    let log = fs::read_to_string(data_dir.with_extension("log")).unwrap();
    assert!(log.matches("migration").count() == 1 && !log.contains("actix"), "{log}");
    let commands: Vec<&str> = console.said.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    let [.., token, simulate, audit] = commands[..] else { panic!("{}", console.said) };
    let script = format!("set -e\n{token}\n{simulate} --users 2 --groups 0\n{audit}");
    let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains(" 0 deviate") && printed.contains("resource.create"), "{printed}");
    console.stop();
}

/// Others reach it: there invented people have no place, and a pasted command would not find its way.
#[test]
fn the_console_of_a_server_for_others_simulates_nobody() {
    let data_dir = TemporaryDirectory::new("setup");
    let console = Console::start_with(&data_dir, &["--public-url", "https://scim.example.com"]);
    assert!(console.said.contains("Connect an identity provider at https://scim.example.com/admin/connect"));
    assert!(!console.said.contains("simulate"), "{}", console.said);
    console.stop();
}

fn claim(browser: &mut Browser, code: &str, email: &str, password: &str) -> crate::support::browser::Page {
    let page = browser.open("/admin/setup");
    browser.post(&page.form("/admin/setup").with("code", code).with("email", email).with("password", password))
}

#[test]
fn whoever_has_the_code_of_the_console_becomes_the_first_administrator_once() {
    let data_dir = TemporaryDirectory::new("setup");
    let first = Console::start(&data_dir);
    let old = first.code().unwrap();
    // Behind the # it leaves the browser with no request.
    let link = format!("{}/admin/setup#{old}", first.url);
    assert!(first.said.contains(&link) && first.said.matches(&old).count() == 2, "{}", first.said);
    first.stop();
    let server = Console::start(&data_dir);
    let code = server.code().unwrap();
    assert_ne!(code, old);
    let mut browser = Browser::new(&server.url);
    assert!(browser.open("/").text.contains("/admin/setup"));
    assert_eq!(browser.open("/admin").heading(), "Set up the first administrator");

    let expired = "UPDATE setup_codes SET created_at = created_at - interval '61 minutes'";
    let execute = |statement: &str| database::execute(&mut database::connect(&data_dir, "provisor"), statement);
    let wrong = format!("{}x", &code[..code.len() - 1]);
    for code in ["", "x", &wrong] {
        let page = claim(&mut browser, code, EMAIL, PASSWORD);
        assert!(page.status == 403 && page.says("This code is not valid"), "{}", page.text);
    }
    // The server may clear an old code away at any moment.
    execute("CREATE TABLE kept AS TABLE setup_codes");
    execute(expired);
    assert_eq!(claim(&mut browser, &code, EMAIL, PASSWORD).status, 403);
    execute("DELETE FROM setup_codes; INSERT INTO setup_codes TABLE kept; DROP TABLE kept");
    for (email, password, sentence) in [
        ("ada", PASSWORD, "An e-mail address looks like ada@example.com."),
        (EMAIL, "short", "A password has at least 12 characters."),
        (EMAIL, "Password1234", "This password is one of the first that a guesser tries; choose another."),
        ("long.enough@example.com", "Long.Enough@example.com", "A password must not be the e-mail address."),
    ] {
        let page = claim(&mut browser, &code, email, password);
        assert!(page.status == 422 && page.says(sentence), "{}", page.text);
        assert!(!page.text.contains(&code) && !page.text.contains(password));
    }
    assert_eq!(texts(&data_dir, "SELECT email AS value FROM administrators"), [""; 0]);

    let mut late = Browser::new(&server.url);
    let open = late.open("/admin/setup");
    let page = claim(&mut browser, &format!(" {code} "), EMAIL, PASSWORD);
    assert_eq!((page.status, page.location()), (303, Some("/admin/setup/address")));
    let page = browser.follow();
    assert!(page.heading() == "The address of this server" && page.says("It is http"), "{}", page.text);
    assert!(page.text.contains("href=\"/admin/connect\"") && page.text.contains("href=\"/admin\""), "{}", page.text);
    assert_eq!(browser.open("/admin").heading(), "Overview");
    assert_eq!(texts(&data_dir, "SELECT folded_email AS value FROM administrators"), ["ada@example.com"]);
    assert_eq!(texts(&data_dir, "SELECT 'x' AS value FROM setup_codes"), [""; 0]);
    let form = open.form("/admin/setup").with("code", &code).with("email", "eve@example.com");
    let page = late.post(&form.with("password", PASSWORD));
    assert_eq!((page.status, page.heading()), (409, "This server is set up already".into()));
    assert_eq!(late.request(Method::GET, "/admin/setup").location(), Some("/admin/login"));
    assert!(!late.open("/").text.contains("/admin/setup"));
    assert!(browser.history.iter().chain(&late.history).all(|url| !url.contains("pvr_")), "{:?}", browser.history);
    server.stop();

    let server = Console::start(&data_dir);
    assert_eq!(server.code(), None);
    server.stop();
    let log = fs::read_to_string(data_dir.with_extension("log")).unwrap();
    assert!(log.contains("method=POST route=/admin/setup status=303"), "{log}");
    let [cookie, device] = ["sid", "device"].map(|name| browser.cookies[name].as_str());
    for secret in [code.as_str(), old.as_str(), cookie, device, PASSWORD, "Password1234", "ada@", "Ada@"] {
        assert!(!log.contains(secret), "{secret}");
    }
    assert!(!log.contains("pvr_"), "{log}");
}

#[test]
fn several_who_have_codes_at_the_same_moment_make_one_administrator() {
    let data_dir = TemporaryDirectory::new("setup");
    let server = Console::start(&data_dir);
    let code = server.code().unwrap();
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let (url, code) = (server.url.clone(), code.clone());
            std::thread::spawn(move || {
                let email = format!("ada{number}@example.com");
                claim(&mut Browser::new(&url), &code, &email, PASSWORD).status
            })
        })
        .collect();
    let statuses: Vec<u16> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    assert_eq!(texts(&data_dir, "SELECT email AS value FROM administrators").len(), 1);
    server.stop();
}

/// Starts a server with these settings for the first administrator, until it listens or gives up; what it logged.
fn start_with(data_dir: &std::path::Path, email: Option<&str>, file: Option<&std::path::Path>) -> (bool, String) {
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir).env("RUST_LOG", "info");
    if let Some(email) = email {
        command.env("PROVISOR_ADMIN_EMAIL", email);
    }
    if let Some(file) = file {
        command.env("PROVISOR_ADMIN_PASSWORD_FILE", file);
    }
    let log = data_dir.with_extension("log");
    let mut child = command.stdout(Stdio::piped()).stderr(File::create(&log).unwrap()).spawn().unwrap();
    let mut said = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    while !said.contains("Ctrl-C") && lines.read_line(&mut said).unwrap() > 0 {}
    let listens = said.contains("Ctrl-C");
    if listens {
        signal(child.id(), Signal::SIGTERM);
    }
    child.wait().unwrap();
    (listens, said + &fs::read_to_string(log).unwrap())
}

#[test]
fn settings_bring_the_first_administrator_once_and_the_log_holds_no_password() {
    let data_dir = TemporaryDirectory::new("unattended");
    let file = data_dir.with_extension("password");
    let emails = || texts(&data_dir, "SELECT email AS value FROM administrators");
    fs::write(&file, "short\n").unwrap();
    for (email, file, says) in [
        (Some(EMAIL), Some(file.as_path()), "a password has at least 12 characters"),
        (Some(EMAIL), Some(std::path::Path::new("/nowhere")), "/nowhere cannot be read"),
        (Some("ada"), Some(file.as_path()), "an e-mail address looks like"),
        (Some(EMAIL), None, "go together"),
        (None, Some(file.as_path()), "go together"),
    ] {
        let (listens, said) = start_with(&data_dir, email, file);
        assert!(!listens && said.contains(says) && said.contains("PROVISOR_ADMIN_PASSWORD_FILE"), "{said}");
    }
    fs::write(&file, format!("{PASSWORD}\nmore\n")).unwrap();
    let (listens, said) = start_with(&data_dir, Some(EMAIL), Some(&file));
    assert!(listens && said.contains("created the first administrator from the settings"), "{said}");
    assert!(!said.contains(PASSWORD) && !said.contains("pvr_l_") && !said.contains("/admin/setup"), "{said}");
    // The file may be gone by then, and another address makes nobody.
    fs::remove_file(&file).unwrap();
    let (listens, said) = start_with(&data_dir, Some("eve@example.com"), Some(&file));
    assert!(listens && !said.contains("created the first administrator"), "{said}");
    let server = crate::support::ServerProcess::start(&data_dir);
    assert_eq!(emails(), [EMAIL]);
    assert_eq!(Browser::new(&server.url).sign_in(EMAIL, PASSWORD).heading(), "Overview");
    let made = "SELECT actor_kind AS value FROM audit_events WHERE action = 'administrator.create'";
    assert_eq!(texts(&data_dir, made), ["system"]);
}
