//! What went wrong, and what to do about it.
//!
//! One type for all commands, not an enum for each: nobody branches on these, a person reads them.
//! The text has the form of the host's own: what was being done, the chain of causes, the hint last.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::Path;

/// A command could not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    details: Option<String>,
    hint: Option<String>,
}

impl Failure {
    /// `what` says what was being done and to what, in lower case, without a full stop.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            details: None,
            hint: None,
        }
    }

    /// An operation on a file or folder that failed.
    pub(crate) fn file(doing: &str, path: &Path, source: &io::Error) -> Self {
        Self::new(format!("cannot {doing} `{}`", path.display())).because(source)
    }

    /// Adds the cause and its own causes.
    pub(crate) fn because(self, source: &dyn Error) -> Self {
        let mut text = source.to_string();
        let mut next = source.source();
        while let Some(source) = next {
            text.push_str(": ");
            text.push_str(&source.to_string());
            next = source.source();
        }
        self.with_details(text)
    }

    /// Adds what a program said when it failed, or what else helps to understand.
    pub(crate) fn with_details(mut self, details: impl Into<String>) -> Self {
        let details = details.into();
        let all = match self.details.take() {
            Some(before) => format!("{before}\n{details}"),
            None => details,
        };
        self.details = Some(all).filter(|text| !text.trim().is_empty());
        self
    }

    /// Says what to do by hand. A later hint replaces an earlier one: the caller knows more.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The failure in one line, for when there is another way to go on: with the error that a program named,
    /// else with the last thing it said.
    pub(crate) fn summary(&self) -> String {
        let details = self.details.as_deref().unwrap_or_default();
        let mut lines = details.lines().map(str::trim);
        let line = lines
            .clone()
            .find(|line| line.starts_with("error") || line.starts_with("E: "))
            .or_else(|| lines.rfind(|line| !line.is_empty()));
        match line {
            Some(line) => format!("{} ({line})", self.what),
            None => self.what.clone(),
        }
    }
}

impl Display for Failure {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "error: {}", self.what)?;
        if let Some(details) = &self.details {
            for line in details.trim_end().lines() {
                write!(formatter, "\n  {line}")?;
            }
        }
        if let Some(hint) = &self.hint {
            write!(formatter, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl Error for Failure {}

#[cfg(test)]
mod tests {
    use super::Failure;

    #[test]
    fn the_text_ends_with_the_hint() {
        let failure = Failure::new("cannot do it")
            .with_details("one\ntwo\n")
            .with_hint("first")
            .with_hint("run `this`");
        assert_eq!(
            failure.to_string(),
            "error: cannot do it\n  one\n  two\nhint: run `this`"
        );
        assert_eq!(failure.summary(), "cannot do it (two)");
        let failure =
            Failure::new("cannot do it").with_details("error: no way\nfor more, see there");
        assert_eq!(failure.summary(), "cannot do it (error: no way)");
    }
}
