//! What commands print: a table for people, or JSON for programs.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

/// How often the time on a bar goes on.
const TICK: Duration = Duration::from_millis(200);

/// Prints one JSON document.
pub(super) fn json(value: &Value) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{value:#}")
}

/// Prints a line.
pub(super) fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Prints rows under headings, in columns as wide as their widest text. Texts may come from clients: what would move the cursor
/// is shown as a replacement character.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> io::Result<()> {
    let mut widths = headings.map(str::len);
    let plain = |cell: &String| cell.replace(char::is_control, "\u{fffd}");
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(plain)).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = io::stdout().lock();
    for row in std::iter::once(&headings.map(str::to_owned)).chain(&rows) {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// A time as tables show it.
pub(super) fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A time that may be missing.
pub(super) fn optional_time(optional: Option<DateTime<Utc>>, without: &str) -> String {
    optional.map_or_else(|| without.to_owned(), time)
}

/// How far a stage is: a bar on a terminal, else a line when it begins. Results go to standard output, this does not.
pub(super) fn progress(stage: &'static str, steps: u64) -> Option<ProgressBar> {
    if !io::stderr().is_terminal() {
        eprintln!("{stage}");
        return None;
    }
    let style = ProgressStyle::with_template("{msg:32} {bar:30} {pos}/{len} {elapsed}");
    let bar = ProgressBar::new(steps).with_message(stage);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(TICK);
    Some(bar)
}
