//! Promises that tests prove: they are run in more rounds.

use std::process::Command;

use super::scale::{Outcome, Scale};

/// What a test says that it has counted or measured.
const FIGURE: &str = "measured: ";

/// Runs the tests of these names; `full` is the scale of a full run.
pub fn run(scale: Scale, full: usize, names: &[&str]) -> Outcome {
    let rounds = scale.of(full, 1);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["test", "--locked", "--quiet", "--lib", "--test", "it", "--", "--nocapture"])
        .args(names)
        .env("PROVISOR_TEST_SCALE", rounds.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once(FIGURE)?.1)).collect();
    let passed: usize = text.lines().filter_map(passed).sum();
    if !output.status.success() {
        eprintln!("{text}{}{}", String::from_utf8_lossy(&output.stderr), output.status);
    }
    let figures = if figures.is_empty() { String::new() } else { format!(": {}", figures.join("; ")) };
    let size = if full == 1 { "in full".into() } else { format!("scale {rounds} of {full}") };
    let tests = if passed == 1 { "test" } else { "tests" };
    Outcome { held: output.status.success() && passed > 0, measured: format!("{passed} {tests} passed{figures}"), size }
}

/// How many tests a summary of the test runner says to have passed.
fn passed(line: &str) -> Option<usize> {
    line.strip_prefix("test result: ")?.split_once(". ")?.1.split(' ').next()?.parse().ok()
}
