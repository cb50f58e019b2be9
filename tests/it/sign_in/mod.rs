//! People: how they sign in, what keeps their sessions and forms to themselves, and the pages they see.

mod commands;
mod first_run;
mod guards;
mod pages;
mod sessions;
mod throttling;

use std::path::Path;

use crate::support::{Browser, database};

/// Runs statements on the shared database.
fn execute(statements: &str) {
    database::execute(&mut database::connect(&crate::support::shared().data_dir, "provisor"), statements);
}

/// What a query on a database returns in its column `value`.
fn texts(data_dir: &Path, query: &str) -> Vec<String> {
    database::texts(&mut database::connect(data_dir, "provisor"), query)
}

/// Whether the browser's session is one.
fn is_signed_in(browser: &mut Browser) -> bool {
    browser.open("/admin").heading() == "Overview"
}
