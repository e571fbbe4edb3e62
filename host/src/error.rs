//! The edge: errors as people read them, and the exit codes of the program.

use std::error::Error;
use std::fmt;

use serde::Serialize;

/// Exit codes. They are part of the interface: [`Exit::MEANINGS`] is what the help, the manual and `docs/operators.md` say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Success = 0,
    /// Something failed that has no code of its own.
    Failure = 1,
    /// The command line is wrong (clap's code).
    Usage = 2,
    /// The configuration is wrong or missing.
    Config = 3,
    /// A plugin is configured and cannot be offered.
    Plugin = 4,
    /// The tool ran and answered with an error.
    Tool = 5,
    /// There is no such tool, or the request was refused.
    Refused = 6,
    /// Somebody has to be asked, and nobody can be.
    Nobody = 7,
    /// The audit log is not what was written.
    Tampered = 8,
    /// Ctrl-C (128 + SIGINT, as shells have it).
    Interrupted = 130,
    /// SIGTERM (128 + SIGTERM).
    Terminated = 143,
}

impl Exit {
    /// Each code with its word, for programs, and its meaning, for people.
    pub const MEANINGS: [(Self, &str, &str); 11] = [
        (Self::Success, "success", "success"),
        (
            Self::Failure,
            "failure",
            "a failure without a code of its own: the address is taken, a file cannot be read",
        ),
        (Self::Usage, "usage", "the command line is wrong"),
        (
            Self::Config,
            "config",
            "the configuration is wrong or missing",
        ),
        (
            Self::Plugin,
            "plugin",
            "`tools`, `plugin`: a plugin is configured and cannot be offered, or is not taken",
        ),
        (
            Self::Tool,
            "tool",
            "`call`: the tool ran and answered with an error",
        ),
        (
            Self::Refused,
            "refused",
            "`call`, `tools`: there is no such tool, or the request was refused",
        ),
        (
            Self::Nobody,
            "nobody",
            "`call`: the tool asks something, and nobody is there to answer",
        ),
        (
            Self::Tampered,
            "tampered",
            "`audit verify`: the log is not what was written",
        ),
        (
            Self::Interrupted,
            "interrupted",
            "Ctrl-C, after the call was cancelled",
        ),
        (
            Self::Terminated,
            "terminated",
            "SIGTERM, after the call was cancelled",
        ),
    ];

    /// Its word, for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        let mut known = Self::MEANINGS.iter();
        known
            .find(|(exit, _, _)| *exit == self)
            .map_or("failure", |(_, word, _)| word)
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error with its causes, and the remedies last, each alone on its line.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Report {
    /// What failed, then why, from the outside in.
    pub chain: Vec<String>,
    /// What to do, ready to paste.
    pub hints: Vec<String>,
}

/// Walks an error's sources. A line of a message that starts with `hint: ` is a remedy.
#[must_use]
pub fn report(error: &dyn Error) -> Report {
    let mut report = Report {
        chain: Vec::new(),
        hints: Vec::new(),
    };
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        let (hints, message): (Vec<&str>, Vec<&str>) =
            text.lines().partition(|line| line.starts_with("hint: "));
        let message = message.join("\n");
        // A transparent wrapper repeats its source; nobody wants to read it twice.
        if report
            .chain
            .last()
            .is_none_or(|last| !last.ends_with(&message))
        {
            report.chain.push(message);
        }
        for hint in hints {
            let hint = hint["hint: ".len()..].to_owned();
            // An error that repeats its source repeats its hints.
            if !report.hints.contains(&hint) {
                report.hints.push(hint);
            }
        }
        next = error.source();
    }
    report
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chain.join(": "))?;
        self.hints
            .iter()
            .try_for_each(|hint| write!(f, "\nhint: {hint}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open `a`\nhint: create `a`")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("no such file")]
    struct Inner;

    #[test]
    fn hints_come_last() {
        assert_eq!(
            report(&Outer(Inner)).to_string(),
            "cannot open `a`: no such file\nhint: create `a`"
        );
    }
}
