//! The text format, version 0.0.4.

use std::fmt::{Display, Write};

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How many were no more than each of some values.
    Histogram,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A text in the making. All values of a name come behind their [`Text::family`].
#[derive(Debug, Default)]
pub struct Text(String);

impl Text {
    /// What this text is, as a media type.
    pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

    /// Says what comes next.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        // A string takes all that is written to it.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {}", kind.name());
    }

    /// A value, told from others of its name by labels.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (position, (label, text)) in labels.iter().enumerate() {
            let before = if position == 0 { '{' } else { ',' };
            let text = text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
            let _ = write!(self.0, "{before}{label}=\"{text}\"");
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }

    /// The one value of its name.
    pub fn one(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    /// The whole.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut text = Text::default();
        text.family("a_total", Kind::Counter, "Help.");
        text.sample("a_total", &[("b", "c\"d\\e\nf"), ("g", "")], 1.5);
        text.one("h", Kind::Gauge, "More.", 0);
        let wanted = "# HELP a_total Help.\n# TYPE a_total counter\na_total{b=\"c\\\"d\\\\e\\nf\",g=\"\"} 1.5\n\
                      # HELP h More.\n# TYPE h gauge\nh 0\n";
        assert_eq!(text.into_string(), wanted);
    }
}
