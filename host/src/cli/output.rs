//! What a command says: text for people, with `--json` one JSON document for programs. Both go to standard output.
//!
//! Much of it comes from plugins and backends. On a terminal, control characters in it would move the cursor, rewrite
//! what was there or hide what was said; here they are shown instead of obeyed.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};

use serde_json::Value;

use super::failure::Failure;
use super::status::Status;
use crate::error::Exit;

/// Whom a command speaks to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Audience {
    People,
    Programs,
}

/// What a command that did its work has to say.
#[derive(Debug)]
pub(super) struct Said {
    /// For people.
    pub(super) text: String,
    /// For programs.
    pub(super) json: Value,
    /// How the program exits.
    pub(super) exit: Exit,
}

impl Said {
    pub(super) fn new(text: impl Into<String>, json: Value) -> Self {
        Self {
            text: text.into(),
            json,
            exit: Exit::Success,
        }
    }

    pub(super) fn and_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Prints it.
    pub(super) fn print(&self, audience: Audience) -> Result<Exit, Failure> {
        let text = match audience {
            Audience::People if std::io::stdout().is_terminal() => printable(self.text.trim_end()),
            Audience::People => self.text.trim_end().into(),
            Audience::Programs => json_line(&self.json).into(),
        };
        match writeln!(std::io::stdout().lock(), "{text}") {
            // A reader that went away is no error.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Failure::of(Exit::Failure, &error).because("cannot write to standard output"))
            }
            _ => Ok(self.exit),
        }
    }
}

/// Writes a line to standard error. That nobody reads it is no reason to end, as `eprintln` would.
pub(super) fn say(line: &str) {
    Status::clear();
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// One line of JSON in which nothing can act on a terminal. It parses to the same value.
pub(super) fn json_line(value: &Value) -> String {
    let text = value.to_string();
    if !text.chars().any(acts) {
        return text;
    }
    // Outside its strings JSON has none of these characters, and inside they may be written as escapes.
    text.chars().fold(String::new(), |mut line, c| {
        let mut units = [0; 2];
        if acts(c) {
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(line, "\\u{unit:04x}");
            }
        } else {
            line.push(c);
        }
        line
    })
}

/// The text with everything that acts on a terminal shown as an escape.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    let shown = |c: char| !acts(c) || matches!(c, '\n' | '\t');
    if text.chars().all(shown) {
        return Cow::Borrowed(text);
    }
    let safe = text.chars().fold(String::new(), |mut safe, c| {
        if shown(c) {
            safe.push(c);
        } else {
            let _ = write!(safe, "{}", c.escape_unicode());
        }
        safe
    });
    Cow::Owned(safe)
}

/// Control characters, and those that change the direction of what follows («Trojan source», CVE-2021-42574).
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_acts_on_a_terminal_is_shown() {
        let table = [
            ("plain, Größe 1\n\ttwo", "plain, Größe 1\n\ttwo"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("over\rwritten", "over\\u{d}written"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("no\u{202e}sey", "no\\u{202e}sey"),
        ];
        for (text, expected) in table {
            assert_eq!(printable(text), expected);
        }
    }

    #[test]
    fn a_line_of_json_is_harmless_and_means_the_same() {
        let value = json!({ "text": "\u{1b}[2J\u{9b}\u{7f}\u{202e} ü" });
        let line = json_line(&value);
        assert!(!line.chars().any(acts), "{line}");
        assert_eq!(serde_json::from_str::<Value>(&line).ok(), Some(value));
    }
}
