//! How lines of the log are written: as text for people, or as JSON for programs, one object a line.

use std::fmt::Display;
use std::io::{self, Write};

use chrono::{SecondsFormat, Utc};
use env_logger::Builder;
use env_logger::fmt::Formatter;
use log::Record;
use log::kv::{Error, Key, Value, VisitSource};
use serde_json::{Map, Value as Json};

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// A line of words.
    #[default]
    Text,
    /// A line of JSON.
    Json,
}

impl LogFormat {
    /// Has a logger write in this form.
    pub fn apply(self, logger: &mut Builder) {
        match self {
            Self::Text => logger.format(write_text),
            Self::Json => logger.format(write_json),
        };
    }
}

/// Fields of a record in their order, as JSON: numbers and truth values stay such.
struct Fields(Vec<(String, Json)>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let json = match (value.to_bool(), value.to_u64(), value.to_i64(), value.to_f64()) {
            (Some(truth), ..) => truth.into(),
            (_, Some(number), ..) => number.into(),
            (_, _, Some(number), _) => number.into(),
            (_, _, _, Some(number)) => number.into(),
            _ => value.to_string().into(),
        };
        self.0.push((key.to_string(), json));
        Ok(())
    }
}

fn fields(record: &Record<'_>) -> Vec<(String, Json)> {
    let mut fields = Fields(Vec::new());
    // None of ours fails.
    let _ = record.key_values().visit(&mut fields);
    fields.0
}

fn now() -> impl Display {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn write_json(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    writeln!(out, "{}", json(record, &now().to_string()))
}

/// The object of a record. What every line has cannot be said otherwise by a field.
fn json(record: &Record<'_>, time: &str) -> Json {
    let mut object: Map<String, Json> = fields(record).into_iter().collect();
    for (name, text) in [
        ("time", time),
        ("level", record.level().as_str()),
        ("target", record.target()),
        ("message", &record.args().to_string()),
    ] {
        object.insert(name.to_owned(), text.into());
    }
    Json::Object(object)
}

fn write_text(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let style = out.default_level_style(record.level());
    let level = record.level();
    write!(out, "{} {style}{level:<5}{style:#} {} {}", now(), record.target(), one_line(&record.args().to_string()))?;
    for (name, value) in fields(record) {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        write!(out, " {name}={}", one_line(&value))?;
    }
    writeln!(out)
}

/// A text without what would begin another line, or move the cursor.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(message: &str, fields: &[(&str, Value<'_>)]) -> String {
        let mut record = Record::builder();
        let record = record.level(log::Level::Warn).target("provisor::request").key_values(&fields);
        json(&record.args(format_args!("{message}")).build(), "2026-11-26T08:00:00.000Z").to_string()
    }

    #[test]
    fn a_record_is_one_object_in_one_line() {
        let fields = [
            ("route", Value::from("/a\n\"b\"")),
            ("status", Value::from(200_u16)),
            ("milliseconds", Value::from(1.5)),
            ("whole", Value::from(true)),
            ("time", Value::from("forged")),
        ];
        let line = shown("two\nlines", &fields);
        assert!(!line.contains('\n'), "{line}");
        let object: Json = serde_json::from_str(&line).unwrap();
        let wanted = serde_json::json!({
            "time": "2026-11-26T08:00:00.000Z", "level": "WARN", "target": "provisor::request", "message": "two\nlines",
            "route": "/a\n\"b\"", "status": 200, "milliseconds": 1.5, "whole": true,
        });
        assert_eq!(object, wanted);
        assert_eq!(one_line("a\r\nb\u{1b}[31m"), "a  b [31m");
    }
}
