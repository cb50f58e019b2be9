//! The program: reads the command line, sets up the log, and turns the result into an exit code.

use std::env;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use clap::Parser;
use provisor::cli::{self, Cli};

/// The variable that says what is logged; set to nothing, it says nothing.
const LOG: &str = "RUST_LOG";

fn main() -> ExitCode {
    let cli = Cli::parse();
    let begun = without_foreign_variables(&cli);
    let mut logger = env_logger::Builder::from_default_env();
    if env::var_os(LOG).is_none_or(|filters| filters.to_string_lossy().trim().is_empty()) {
        logger.parse_filters(cli.default_log());
    }
    cli.log_format().apply(&mut logger);
    logger.init();
    match begun.map_err(cli::Error::from).and_then(|()| cli::run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There may be nobody left to read it.
            let _ = writeln!(io::stderr(), "provisor: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Begins anew without the variables that the command must not see, where there are some: a process cannot safely take them out of its
/// own environment.
fn without_foreign_variables(cli: &Cli) -> io::Result<()> {
    let foreign = cli.foreign_variables();
    if foreign.is_empty() {
        return Ok(());
    }
    let mut again = Command::new(env::current_exe()?);
    let mut arguments = env::args_os();
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    again.args(arguments);
    for name in foreign {
        again.env_remove(name);
    }
    Err(again.exec())
}
