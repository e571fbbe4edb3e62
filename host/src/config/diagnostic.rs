//! What is wrong with a configuration, for people and for programs.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::source::Place;

/// Everything that was found in one configuration. As an error it prints as plain text.
#[derive(Debug)]
pub struct Diagnostics {
    file: PathBuf,
    found: Vec<Diagnostic>,
}

/// One thing that is wrong, or allowed but unwise.
#[derive(Debug)]
pub(super) struct Diagnostic {
    pub(super) severity: Severity,
    pub(super) message: String,
    pub(super) spot: Spot,
    /// Beside the underlined part of the line.
    pub(super) label: Option<String>,
    /// What to do, ready to paste.
    pub(super) hint: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Severity {
    Error,
    Warning,
}

/// What a diagnostic is about.
#[derive(Debug)]
pub(super) enum Spot {
    /// The file as a whole.
    File,
    /// A place in it.
    Place(Place),
    /// A variable of the environment, outside the file.
    Environment(&'static str),
    /// A flag of the command line.
    Flag(&'static str),
}

impl Diagnostics {
    pub(super) fn new(file: &Path, mut found: Vec<Diagnostic>) -> Self {
        // In the order of the file, so that one pass through it mends everything.
        found.sort_by_key(|diagnostic| match &diagnostic.spot {
            Spot::File | Spot::Environment(_) | Spot::Flag(_) => (0, 0),
            Spot::Place(place) => (place.line, place.column),
        });
        Self {
            file: file.to_owned(),
            found,
        }
    }

    /// The text for people: errors and warnings in the order of the file, each with its line and a hint.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let style = if colour { &COLOURED } else { &PLAIN };
        let mut text = String::new();
        for diagnostic in &self.found {
            diagnostic
                .render(&self.file, style, &mut text)
                .expect("writing to a string cannot fail");
            text.push('\n');
        }
        let errors = self.count(Severity::Error);
        let warnings = self.count(Severity::Warning);
        match (errors, warnings) {
            (0, 0) => {}
            (0, _) => text.push_str(&plural(warnings, "warning")),
            (_, 0) => text.push_str(&plural(errors, "error")),
            (_, _) => {
                text.push_str(&plural(errors, "error"));
                text.push_str(", ");
                text.push_str(&plural(warnings, "warning"));
            }
        }
        text
    }

    /// The same for programs: an array of objects with `severity`, `message`, `file`, `line`, `column`, `hint`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.found
            .iter()
            .map(|diagnostic| diagnostic.to_json(&self.file))
            .collect()
    }

    /// How many of them are errors.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    fn count(&self, severity: Severity) -> usize {
        self.found
            .iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .count()
    }

    /// Each warning on one line, for the log.
    pub(super) fn warning_lines(&self) -> Vec<String> {
        let warnings = self
            .found
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Warning);
        warnings
            .map(|diagnostic| diagnostic.line(&self.file))
            .collect()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

fn plural(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

struct Style {
    error: &'static str,
    warning: &'static str,
    bold: &'static str,
    dim: &'static str,
    reset: &'static str,
}

const PLAIN: Style = Style {
    error: "",
    warning: "",
    bold: "",
    dim: "",
    reset: "",
};
const COLOURED: Style = Style {
    error: "\u{1b}[1;31m",
    warning: "\u{1b}[1;33m",
    bold: "\u{1b}[1m",
    dim: "\u{1b}[34m",
    reset: "\u{1b}[0m",
};

impl Diagnostic {
    /// What stands beside the underlined part.
    pub(super) fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = Some(label.into());
        self
    }

    /// What to do, ready to paste.
    pub(super) fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }

    fn render(&self, file: &Path, style: &Style, out: &mut String) -> fmt::Result {
        let Style {
            bold, dim, reset, ..
        } = style;
        let colour = match self.severity {
            Severity::Error => style.error,
            Severity::Warning => style.warning,
        };
        writeln!(
            out,
            "{colour}{}{reset}{bold}: {}{reset}",
            self.severity.word(),
            self.message
        )?;
        match &self.spot {
            Spot::Place(place) => {
                let number = place.line.to_string();
                let margin = " ".repeat(number.len());
                let blank = " ".repeat(place.underline.start);
                let carets = "^".repeat(place.underline.len());
                writeln!(
                    out,
                    "{margin}{dim}-->{reset} {}:{}:{}",
                    file.display(),
                    place.line,
                    place.column
                )?;
                writeln!(out, "{margin} {dim}|{reset}")?;
                writeln!(out, "{dim}{number} |{reset} {}", place.shown)?;
                let label = self
                    .label
                    .as_deref()
                    .map(|label| format!(" {label}"))
                    .unwrap_or_default();
                writeln!(
                    out,
                    "{margin} {dim}|{reset} {blank}{colour}{carets}{label}{reset}"
                )?;
            }
            Spot::File => writeln!(out, " {dim}-->{reset} {}", file.display())?,
            Spot::Environment(name) => {
                writeln!(out, " {dim}-->{reset} environment variable {name}")?;
            }
            Spot::Flag(name) => writeln!(out, " {dim}-->{reset} flag {name}")?,
        }
        if let Some(hint) = &self.hint {
            writeln!(out, "{bold}hint:{reset} {hint}")?;
        }
        Ok(())
    }

    /// Everything on one line.
    fn line(&self, file: &Path) -> String {
        let spot = match &self.spot {
            Spot::Place(place) => format!("{}:{}:{}", file.display(), place.line, place.column),
            Spot::File => file.display().to_string(),
            Spot::Environment(name) | Spot::Flag(name) => (*name).to_owned(),
        };
        let hint = self
            .hint
            .as_deref()
            .map(|hint| format!("; hint: {hint}"))
            .unwrap_or_default();
        format!("{spot}: {}{hint}", self.message)
    }

    fn to_json(&self, file: &Path) -> Value {
        let (line, column) = match &self.spot {
            Spot::Place(place) => (Some(place.line), Some(place.column)),
            Spot::File | Spot::Environment(_) | Spot::Flag(_) => (None, None),
        };
        let source = match &self.spot {
            Spot::File | Spot::Place(_) => file.display().to_string(),
            Spot::Environment(name) | Spot::Flag(name) => (*name).to_owned(),
        };
        json!({
            "severity": self.severity.word(),
            "message": self.message,
            "file": source,
            "line": line,
            "column": column,
            "label": self.label,
            "hint": self.hint,
        })
    }
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}
