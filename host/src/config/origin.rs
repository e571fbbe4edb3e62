//! Where each effective value came from, for `toolward config show --origin`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::mask::Leaf;

/// Every effective value, by path, as safe text.
#[derive(Debug, Default)]
pub(super) struct Origins(BTreeMap<String, (String, Origin)>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Origin {
    Default,
    File {
        line: usize,
    },
    Environment(&'static str),
    Flag(&'static str),
    /// The value of the same key in `[limits]`.
    Limits(Box<Origin>),
}

impl Origins {
    /// What the file sets; defaults fill the gaps.
    pub(super) fn of_file(leaves: Vec<Leaf>) -> Self {
        let entry = |leaf: Leaf| (leaf.path, (leaf.shown, Origin::File { line: leaf.line }));
        Self(leaves.into_iter().map(entry).collect())
    }

    /// The value of a key that the file leaves out; nothing happens where it does not.
    pub(super) fn default(&mut self, path: &str, shown: impl Into<String>) {
        self.0
            .entry(path.to_owned())
            .or_insert_with(|| (shown.into(), Origin::Default));
    }

    /// The value of a key that a plugin leaves to `[limits]`.
    pub(super) fn inherit(&mut self, path: &str, from: &str) {
        if let Some((shown, origin)) = self.0.get(from).cloned() {
            self.0
                .entry(path.to_owned())
                .or_insert((shown, Origin::Limits(Box::new(origin))));
        }
    }

    pub(super) fn environment(&mut self, path: &str, shown: String, variable: &'static str) {
        self.0
            .insert(path.to_owned(), (shown, Origin::Environment(variable)));
    }

    pub(super) fn flag(&mut self, path: &str, shown: String, flag: &'static str) {
        self.0.insert(path.to_owned(), (shown, Origin::Flag(flag)));
    }

    /// The lines of what the file sets below `table`.
    pub(super) fn lines_below(&self, table: &str) -> BTreeMap<String, usize> {
        let below = format!("{table}.");
        self.0
            .iter()
            .filter(|(path, _)| path.starts_with(&below))
            .filter_map(|(path, (_, origin))| match origin {
                Origin::File { line } => Some((path.clone(), *line)),
                Origin::Default | Origin::Environment(_) | Origin::Flag(_) | Origin::Limits(_) => {
                    None
                }
            })
            .collect()
    }

    /// One line for each value, TOML with a comment.
    pub(super) fn render(&self, file: &Path) -> String {
        let mut text = String::new();
        let width = self
            .0
            .iter()
            .map(|(path, (shown, _))| path.len() + shown.chars().count())
            .max()
            .unwrap_or(0);
        // Beyond this the comments move too far to the right to be read.
        let width = width.min(64);
        for (path, (shown, origin)) in &self.0 {
            let gap = width.saturating_sub(path.len() + shown.chars().count());
            writeln!(text, "{path} = {shown}{:gap$}  # {}", "", origin.text(file))
                .expect("writing to a string cannot fail");
        }
        text
    }

    /// The same for programs: an array of objects with `key`, `value` and `from`.
    pub(super) fn to_json(&self, file: &Path) -> Value {
        let entries = self.0.iter().map(|(path, (shown, origin))| {
            json!({ "key": path, "value": value(shown), "from": origin.text(file) })
        });
        entries.collect()
    }
}

/// A value that is shown as TOML. What stands for a secret need not be any.
fn value(shown: &str) -> Value {
    let parsed: Option<toml::Table> = toml::from_str(&format!("value = {shown}")).ok();
    parsed
        .and_then(|mut table| table.remove("value"))
        .and_then(|value| serde_json::to_value(value).ok())
        .unwrap_or_else(|| Value::String(shown.to_owned()))
}

impl Origin {
    fn text(&self, file: &Path) -> String {
        match self {
            Self::Default => "default".to_owned(),
            Self::File { line } => format!("{}:{line}", file.display()),
            Self::Environment(variable) => format!("environment {variable}"),
            Self::Flag(flag) => format!("flag {flag}"),
            Self::Limits(origin) => format!("[limits], {}", origin.text(file)),
        }
    }
}
