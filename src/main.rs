//! The program: reads the command line, sets up the log, and turns the result into an exit code.

use std::process::ExitCode;

use clap::Parser;
use provisor::cli::{self, Cli};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut logger = env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(cli.default_log()));
    cli.log_format().apply(&mut logger);
    logger.init();
    match cli::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("provisor: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
