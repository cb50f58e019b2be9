//! `provisor simulate`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use url::Url;
use uuid::Uuid;

use super::{Error, duration, output};
use crate::config::{first_line, unreadable};
use crate::simulate::client::{self, Client, Credential};
use crate::simulate::oauth::{self, Consent, Tokens};
use crate::simulate::{self, CannotRun, Plan, Report, Watcher};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Be Okta: provision people that do not exist into any SCIM server, and report what it does otherwise than Okta expects.
    ///
    /// Exits with 0 when it finds nothing, with 1 when it does, with 2 when it cannot begin.
    Okta(Box<Okta>),
}

#[derive(Debug, Args)]
pub(super) struct Okta {
    /// The base URL of the SCIM API, as it would be typed into Okta.
    #[arg(long, value_name = "URL", value_parser = client::base_url)]
    base_url: String,
    #[command(flatten)]
    header: Header,
    #[command(flatten)]
    oauth: OAuth,
    /// Users to assign.
    #[arg(long, value_name = "NUMBER", default_value_t = 30, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    users: u32,
    /// Groups to push; none leaves groups out.
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    groups: u32,
    /// Requests at a time.
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    concurrency: u32,
    /// How long each answer may take. Okta waits 60 seconds.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration::parse_lifetime)]
    timeout: TimeDelta,
    /// Delete everything that was made at the end. Otherwise it stays, to be looked at.
    #[arg(long)]
    clean_up: bool,
    /// Print JSON: one object with what passed, what deviates, and how long answers took.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Header {
    /// The header token. Others on this machine see arguments: better in the environment or in a file.
    #[arg(long, env = "PROVISOR_SIMULATE_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// File whose first line is the header token.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct OAuth {
    /// Use access tokens in place of a header token: with --authorize-url those of somebody who signs in and consents, else those
    /// that the client gets for itself.
    #[arg(long, requires_all = ["client_id", "client_secret_file", "token_url"])]
    oauth: bool,
    /// The OAuth client.
    #[arg(long, value_name = "ID", requires = "oauth")]
    client_id: Option<String>,
    /// File whose first line is the client's secret.
    #[arg(long, value_name = "FILE", requires = "oauth")]
    client_secret_file: Option<PathBuf>,
    /// The token endpoint.
    #[arg(long, value_name = "URL", requires = "oauth")]
    token_url: Option<String>,
    /// The authorization endpoint. The client must have the redirect URI <http://127.0.0.1:8976/callback>.
    #[arg(long, value_name = "URL", requires = "oauth")]
    authorize_url: Option<String>,
    /// The port of that redirect URI.
    #[arg(long, value_name = "PORT", default_value_t = 8976)]
    redirect_port: u16,
    /// Use PKCE, which Okta does not.
    #[arg(long, requires = "authorize_url")]
    pkce: bool,
    /// What to ask for; may be given several times. Okta's custom apps ask for nothing.
    #[arg(long = "scope", value_name = "SCOPE", requires = "oauth")]
    scopes: Vec<String>,
}

pub(super) fn run(command: Command) -> Result<(), Error> {
    let Command::Okta(okta) = command;
    let credential = credential(&okta.header, okta.oauth, okta.timeout)?;
    let http = client::http(okta.timeout.to_std().unwrap_or_default())?;
    let client = Client::new(http, okta.base_url.clone(), credential);
    let plan = Plan {
        users: as_usize(okta.users),
        groups: as_usize(okta.groups),
        concurrency: as_usize(okta.concurrency),
        clean_up: okta.clean_up,
        run: run_id(),
    };
    let report = simulate::run(&plan, &client, &Progress::default())?;
    if okta.json {
        let mut shown = report.to_json();
        shown["baseUrl"] = okta.base_url.as_str().into();
        shown["remarks"] = client::remarks(&okta.base_url).into();
        output::json(&shown)?;
    } else {
        show(&report, &okta.base_url)?;
    }
    match report.deviations.len() {
        0 => Ok(()),
        number => Err(Error::Deviations(number)),
    }
}

fn as_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Eight characters that no other run has: the random end of a UUID.
fn run_id() -> String {
    let id = Uuid::now_v7().simple().to_string();
    id[id.len() - 8..].to_owned()
}

fn credential(header: &Header, oauth: OAuth, timeout: TimeDelta) -> Result<Credential, Error> {
    if let OAuth {
        oauth: true,
        client_id: Some(client_id),
        client_secret_file: Some(file),
        token_url: Some(token_url),
        ..
    } = oauth
    {
        let consent = oauth.authorize_url.map(|authorize_url| Consent {
            authorize_url,
            redirect_port: oauth.redirect_port,
            pkce: oauth.pkce,
        });
        let client_secret = secret(&file)?;
        let settings = oauth::Settings { token_url, client_id, client_secret, scopes: oauth.scopes, consent };
        let show = |url: &Url| eprintln!("Open this address in a browser, sign in and allow it:\n\n  {url}\n");
        let http = client::http(timeout.to_std().unwrap_or_default())?;
        return Ok(Credential::OAuth(Box::new(Tokens::get(http, settings, &show)?)));
    }
    let token = match (&header.token_file, &header.token) {
        (Some(file), _) => secret(file)?,
        (None, Some(token)) => token.clone(),
        (None, None) => {
            let wanted = "needs --token-file, PROVISOR_SIMULATE_TOKEN, --token or --oauth";
            return Err(CannotRun::Setting(wanted.into()).into());
        }
    };
    Ok(Credential::Token(token))
}

/// The first line of a file.
fn secret(file: &Path) -> Result<String, Error> {
    let refuse = |problem: String| CannotRun::Setting(format!("{}: {problem}", file.display()));
    let opened = File::open(file).map_err(|error| refuse(unreadable(&error)))?;
    let line = first_line(opened).map_err(refuse)?;
    if line.is_empty() { Err(refuse("is empty".into()).into()) } else { Ok(line) }
}

/// How far it is.
#[derive(Default)]
struct Progress(Mutex<Option<ProgressBar>>);

impl Watcher for Progress {
    fn begin(&self, stage: &'static str, steps: usize) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = output::progress(stage, steps as u64);
    }

    fn step(&self) {
        if let Some(bar) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            bar.inc(1);
        }
    }

    fn end(&self) {
        if let Some(bar) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish();
        }
    }
}

/// Prints the report for people.
fn show(report: &Report, base_url: &str) -> io::Result<()> {
    let seconds = report.took.as_secs_f64();
    output::line(&format!("Okta and {base_url}, run {}", report.run))?;
    output::line(&format!(
        "{} users, {} groups, {} requests in {seconds:.1} s\n",
        report.users,
        report.groups,
        report.requests()
    ))?;
    let rows: Vec<[String; 4]> = report
        .latencies
        .iter()
        .map(|latency| {
            let milliseconds = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
            [latency.step.into(), latency.requests.to_string(), milliseconds(latency.p50), milliseconds(latency.p99)]
        })
        .collect();
    output::table(["STEP", "REQUESTS", "P50", "P99"], &rows)?;
    output::line(&format!("\n{} checks passed, {} deviate", report.passed.len(), report.deviations.len()))?;
    for deviation in &report.deviations {
        let check = deviation.check;
        let again = match deviation.times {
            1 => String::new(),
            times => format!(" (the first of {times})"),
        };
        output::line(&format!(
            "\n{}  {}\n  sent  {} {}{again}\n  came  {}\n  then  {}\n  see   {}",
            check.id,
            check.wants,
            deviation.sent.method.name(),
            deviation.sent.path,
            deviation.came,
            check.otherwise,
            check.source,
        ))?;
    }
    if !report.complete {
        output::line("\nThe conversation broke off there; what follows in it was not looked at.")?;
    }
    output::line(
        "\nSome calls are refused on purpose: a wrong credential, a name that is taken, ids that nobody has.",
    )?;
    for remark in client::remarks(base_url) {
        output::line(&format!("\n{remark}"))?;
    }
    match report.left {
        None => output::line(&format!(
            "\nThe users are left there, with userNames that end in @{}.example.com; --clean-up deletes them.",
            report.run
        )),
        Some(0) => output::line("\nEverything that was made is deleted."),
        Some(left) => output::line(&format!("\n{left} of what was made could not be deleted.")),
    }
}
