//! What one pass over a configuration finds, in one list.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use super::diagnostic::{Diagnostic, Diagnostics, Severity, Spot};
use super::source::Source;

/// Collects diagnostics; nothing stops at the first.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    pub(super) source: Source<'a>,
    found: Vec<Diagnostic>,
    /// Paths of keys that were refused already, so that nothing says that they are missing.
    spoiled: BTreeSet<String>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(source: Source<'a>) -> Self {
        Self {
            source,
            found: Vec::new(),
            spoiled: BTreeSet::new(),
        }
    }

    /// Something wrong with a part of the file.
    pub(super) fn error(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let place = self.source.place(span);
        self.add(Severity::Error, Spot::Place(place), message.into())
    }

    /// Something allowed but unwise.
    pub(super) fn warning(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let place = self.source.place(span);
        self.add(Severity::Warning, Spot::Place(place), message.into())
    }

    /// Something wrong that is not at one place of the file.
    pub(super) fn error_of(&mut self, spot: Spot, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Severity::Error, spot, message.into())
    }

    fn add(&mut self, severity: Severity, spot: Spot, message: String) -> &mut Diagnostic {
        let diagnostic = Diagnostic {
            severity,
            message,
            spot,
            label: None,
            hint: None,
        };
        self.found.push_mut(diagnostic)
    }

    /// Do not say that this key is missing: it was there, and was refused.
    pub(super) fn spoil(&mut self, path: String) {
        self.spoiled.insert(path);
    }

    pub(super) fn is_spoiled(&self, path: &str) -> bool {
        self.spoiled.contains(path)
    }

    pub(super) fn has_errors(&self) -> bool {
        self.found
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    pub(super) fn into_diagnostics(self, file: &Path) -> Diagnostics {
        Diagnostics::new(file, self.found)
    }
}
