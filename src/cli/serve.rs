//! `provisor serve`.

use std::path::{Path, PathBuf};

use super::{Error, output};
use crate::config::{PublicUrl, Settings, shell_quoted};
use crate::http::SCIM_BASE;
use crate::server::{Application, ServeError};
use crate::shutdown::Shutdown;

/// Runs the server until it is told to stop.
pub(super) fn run(settings: &Settings) -> Result<(), Error> {
    let shutdown = Shutdown::on_signal().map_err(ServeError::System)?;
    actix_web::rt::System::new().block_on(async {
        let application = Application::build(settings, shutdown)?;
        output::line(&greeting(&application, settings)).map_err(ServeError::System)?;
        application.run().await
    })?;
    Ok(())
}

/// What was started, and what to do next.
fn greeting(application: &Application, settings: &Settings) -> String {
    let program = this_program();
    let base = format!("{}{SCIM_BASE}", application.public_url());
    let same = same_database(settings);
    let pages = format!("{}/admin", application.public_url());
    let setup = application.setup_code().map_or_else(String::new, |code| {
        format!(
            "\n\
             No administrator yet. Within an hour, open this link to become the first:\n\
             \n    {setup}#{code}\n\
             \n\
             or enter this code at {setup}:\n\
             \n    {code}\n",
            setup = format_args!("{pages}/setup"),
            code = code.reveal(),
        )
    });
    // Invented people belong into a trial, not into a server that others reach.
    let next = if PublicUrl::is_here(application.public_url()) {
        format!(
            "Next, in another terminal:\n\
             \n\
             1. Make a token:\n\
             \n    TOKEN=$({program} token create okta{same})\n\
             \n\
             2. Have people arrive as from Okta:\n\
             \n    PROVISOR_SIMULATE_TOKEN=$TOKEN {program} simulate okta --base-url {base}\n\
             \n\
             3. Look at them at {pages}, or at what happened:\n\
             \n    {program} audit list{same}\n"
        )
    } else {
        format!("Connect an identity provider at {pages}/connect\n")
    };
    format!(
        "listening on {scheme}://{address}\n\
         {metrics}\
         SCIM base URL: {base}\n\
         {setup}\n\
         {next}\n\
         Ctrl-C stops the server.",
        scheme = application.scheme(),
        address = application.address(),
        metrics = application
            .metrics_address()
            .map_or_else(String::new, |address| format!("metrics on http://{address}/metrics\n")),
    )
}

/// The flags by which another command finds the database of this server. A database URL is left out, because it holds a password.
fn same_database(settings: &Settings) -> String {
    let flag = |name: &str, path: &Option<PathBuf>| {
        path.as_deref().map_or_else(String::new, |path| format!(" {name} {}", shell_quoted(path)))
    };
    format!(
        "{}{}{}",
        flag("--data-dir", &settings.data_dir),
        flag("--master-key-file", &settings.master_key_file),
        flag("--pg-bin-dir", &settings.pg_bin_dir)
    )
}

/// How this program was called, as short as it can be.
fn this_program() -> String {
    let Ok(program) = std::env::current_exe() else {
        return "provisor".into();
    };
    let on_path = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .any(|directory| directory.join("provisor") == program);
    if on_path {
        return "provisor".into();
    }
    let here = std::env::current_dir().ok();
    // A bare name would be looked for on the path.
    let from_here =
        |path: &Path| if path.components().count() == 1 { Path::new(".").join(path) } else { path.to_owned() };
    let short = here.and_then(|here| program.strip_prefix(here).ok().map(from_here));
    shell_quoted(&short.unwrap_or(program))
}
