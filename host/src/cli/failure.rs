//! Why a command did not do its work. It goes to standard error: as text for people, with `--json` as one line that
//! holds one JSON object with the key `error`.

use serde_json::{Map, Value, json};

use super::output::{Audience, json_line, printable, say};
use crate::config::Diagnostics;
use crate::error::{Exit, Report, report};
use crate::telemetry;

/// Why, and how the program exits.
#[derive(Debug)]
pub(super) enum Failure {
    /// One error.
    Told {
        exit: Exit,
        report: Report,
        /// More members of the object for programs.
        details: Map<String, Value>,
    },
    /// Everything that is wrong with the configuration.
    Config(Box<Diagnostics>),
    /// The command line, in clap's words.
    CommandLine(Box<clap::Error>),
}

impl Failure {
    /// An error with its causes.
    pub(super) fn of(exit: Exit, error: &dyn std::error::Error) -> Self {
        Self::Told {
            exit,
            report: report(error),
            details: Map::new(),
        }
    }

    /// Something that is not an error value.
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self::Told {
            exit,
            report: Report {
                chain: vec![message.into()],
                hints: Vec::new(),
            },
            details: Map::new(),
        }
    }

    /// What was being done when it happened.
    pub(super) fn because(mut self, what: impl Into<String>) -> Self {
        if let Self::Told { report, .. } = &mut self {
            report.chain.insert(0, what.into());
        }
        self
    }

    /// A remedy.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Self::Told { report, .. } = &mut self {
            report.hints.push(hint.into());
        }
        self
    }

    /// A further member of the object for programs.
    pub(super) fn detail(mut self, key: &str, value: impl Into<Value>) -> Self {
        if let Self::Told { details, .. } = &mut self {
            details.insert(key.to_owned(), value.into());
        }
        self
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Told { exit, .. } => *exit,
            Self::Config(_) => Exit::Config,
            Self::CommandLine(_) => Exit::Usage,
        }
    }

    /// Writes it to standard error.
    pub(super) fn tell(&self, audience: Audience) -> Exit {
        match audience {
            Audience::Programs => say(&json_line(&self.to_json())),
            Audience::People => self.tell_people(),
        }
        self.exit()
    }

    fn tell_people(&self) {
        match self {
            Self::Told { report, .. } => tell_report("error", "\u{1b}[1;31m", report),
            Self::Config(diagnostics) => {
                say(diagnostics.render(telemetry::colours()).trim_end());
            }
            // In colours, where the terminal has them. If even that cannot be written, nothing can.
            Self::CommandLine(error) => drop(error.print()),
        }
    }

    fn to_json(&self) -> Value {
        let exit = self.exit();
        let (report, details) = match self {
            Self::Told {
                report, details, ..
            } => (report.clone(), details.clone()),
            Self::Config(diagnostics) => {
                let message = format!("the configuration has {}", errors(diagnostics.errors()));
                let mut details = Map::new();
                details.insert("diagnostics".to_owned(), diagnostics.to_json());
                (told(message), details)
            }
            Self::CommandLine(error) => (command_line(error), Map::new()),
        };
        let mut chain = report.chain.into_iter();
        let mut object = details;
        object.insert("kind".to_owned(), exit.word().into());
        object.insert("exitCode".to_owned(), (exit as u8).into());
        object.insert("message".to_owned(), chain.next().into());
        object.insert("causes".to_owned(), chain.collect());
        object.insert("hints".to_owned(), report.hints.into());
        json!({ "error": object })
    }
}

/// Tells people of something that did not keep the command from its work.
pub(super) fn warn(report: &Report) {
    tell_report("warning", "\u{1b}[1;33m", report);
}

fn tell_report(what: &str, colour: &str, report: &Report) {
    let (colour, bold, reset) = if telemetry::colours() {
        (colour, "\u{1b}[1m", "\u{1b}[0m")
    } else {
        ("", "", "")
    };
    let message = report.chain.join(": ");
    say(&format!("{colour}{what}:{reset} {}", printable(&message)));
    for line in &report.hints {
        say(&format!("{bold}hint:{reset} {}", printable(line)));
    }
}

fn told(message: String) -> Report {
    Report {
        chain: vec![message],
        hints: Vec::new(),
    }
}

fn errors(count: usize) -> String {
    match count {
        1 => "1 error".to_owned(),
        count => format!("{count} errors"),
    }
}

/// clap's text in parts: what is wrong, and what it advises.
fn command_line(error: &clap::Error) -> Report {
    use clap::error::ErrorKind;
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand
    ) {
        let mut report = told("a command is missing".to_owned());
        report.hints.push("toolward --help".to_owned());
        return report;
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let mut report = told(String::new());
    let mut message = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(tip) = line.strip_prefix("tip: ") {
            report.hints.push(tip.to_owned());
        } else if line.starts_with("Usage: ") || line.starts_with("For more information") {
            break;
        } else if !line.is_empty() {
            message.push(line);
        }
    }
    report.chain = vec![message.join(" ")];
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_for_programs_has_its_kind_its_causes_and_its_remedies() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot open `a`\nhint: create `a`")]
        struct Outer(#[source] std::fmt::Error);
        let failure = Failure::of(Exit::Config, &Outer(std::fmt::Error)).detail("file", "a");
        assert_eq!(
            failure.to_json(),
            json!({ "error": {
                "kind": "config",
                "exitCode": 3,
                "message": "cannot open `a`",
                "causes": [std::fmt::Error.to_string()],
                "hints": ["create `a`"],
                "file": "a",
            } })
        );
    }

    #[test]
    fn claps_words_are_taken_apart() {
        let error = clap::Command::new("x")
            .subcommand(clap::Command::new("tools"))
            .try_get_matches_from(["x", "tols"])
            .expect_err("there is no such command");
        let report = command_line(&error);
        assert_eq!(report.chain, ["unrecognized subcommand 'tols'"]);
        assert_eq!(report.hints, ["a similar subcommand exists: 'tools'"]);
    }
}
