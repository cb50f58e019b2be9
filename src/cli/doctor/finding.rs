//! What was found.

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// As it should be.
    Ok,
    /// It works, and should be otherwise.
    Warning,
    /// It does not work, or not safely.
    Error,
}

impl Severity {
    /// The word for it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One line of the answer.
#[derive(Debug)]
pub(super) struct Finding {
    /// What was looked at: a stable name, for programs.
    pub check: &'static str,
    pub severity: Severity,
    /// How it is.
    pub said: String,
    /// What to do about it; always there where it is not ok.
    pub remedy: Option<String>,
}

/// What was found so far, in the order of the checks.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn ok(&mut self, check: &'static str, said: impl Into<String>) {
        self.0.push(Finding { check, severity: Severity::Ok, said: said.into(), remedy: None });
    }

    pub(super) fn warning(&mut self, check: &'static str, said: impl Into<String>, remedy: impl Into<String>) {
        self.trouble(check, Severity::Warning, said, remedy);
    }

    pub(super) fn error(&mut self, check: &'static str, said: impl Into<String>, remedy: impl Into<String>) {
        self.trouble(check, Severity::Error, said, remedy);
    }

    /// Something that is as bad as `severity` says.
    pub(super) fn trouble(
        &mut self,
        check: &'static str,
        severity: Severity,
        said: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.0.push(Finding { check, severity, said: said.into(), remedy: Some(remedy.into()) });
    }

    pub(super) fn all(&self) -> &[Finding] {
        &self.0
    }

    /// The worst of all.
    pub(super) fn worst(&self) -> Severity {
        self.0.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Ok)
    }
}
