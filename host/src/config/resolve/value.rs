//! Single values: numbers, quantities, names, and keys that must be there.

use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use super::Cx;
use crate::config::at::At;
use crate::config::inline;
use crate::config::quantity::{self, BadQuantity};
use crate::config::raw;

/// A key of a table, for messages and origins.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    /// `bindings.vbr01`.
    pub(super) table: &'a str,
    /// `timeout`.
    pub(super) name: &'static str,
}

impl Key<'_> {
    pub(super) fn path(self) -> String {
        inline::join(self.table, self.name)
    }
}

impl Cx<'_> {
    /// The value of a key that must be there; `example` is the line to paste.
    pub(super) fn required<'r, T>(
        &mut self,
        field: Option<&'r At<T>>,
        table_span: &Range<usize>,
        key: Key<'_>,
        example: &str,
    ) -> Option<&'r At<T>> {
        if field.is_none() && !self.findings.is_spoiled(&key.path()) {
            self.findings
                .error(table_span, format!("[{}] needs `{}`", key.table, key.name))
                .hint(format!("{} = {example}", key.name));
        }
        field
    }

    /// A name of ours.
    pub(super) fn name<N: FromStr<Err: Display>>(&mut self, name: &At<String>) -> Option<N> {
        match name.value.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                self.findings
                    .error(&name.span, error.to_string())
                    .hint(suggested_name(&name.value));
                None
            }
        }
    }

    /// Bytes, `default` where the file says nothing.
    pub(super) fn size(
        &mut self,
        key: Key<'_>,
        field: Option<&At<raw::Size>>,
        default: &'static str,
        most: u64,
    ) -> u64 {
        self.origins.default(&key.path(), inline::string(default));
        let default = quantity::size(default, u64::MAX).expect("a default is a size");
        self.size_or(key, field, default, most)
    }

    pub(super) fn size_or(
        &mut self,
        key: Key<'_>,
        field: Option<&At<raw::Size>>,
        default: u64,
        most: u64,
    ) -> u64 {
        let Some(field) = field else { return default };
        quantity::size(&field.value.0, most).unwrap_or_else(|bad| {
            self.bad_quantity(
                key,
                &field.span,
                "size",
                bad,
                &["64 MiB", "512 KiB", "1 GiB"],
            );
            default
        })
    }

    /// Time, `default` where the file says nothing.
    pub(super) fn duration(
        &mut self,
        key: Key<'_>,
        field: Option<&At<raw::Duration>>,
        default: &'static str,
    ) -> Duration {
        self.origins.default(&key.path(), inline::string(default));
        let default = quantity::duration(default).expect("a default is a duration");
        self.duration_or(key, field, default)
    }

    pub(super) fn duration_or(
        &mut self,
        key: Key<'_>,
        field: Option<&At<raw::Duration>>,
        default: Duration,
    ) -> Duration {
        let Some(field) = field else { return default };
        quantity::duration(&field.value.0).unwrap_or_else(|bad| {
            self.bad_quantity(
                key,
                &field.span,
                "duration",
                bad,
                &["5 s", "500 ms", "2 min", "1 h"],
            );
            default
        })
    }

    fn bad_quantity(
        &mut self,
        key: Key<'_>,
        span: &Range<usize>,
        what: &str,
        bad: BadQuantity,
        examples: &[&str],
    ) {
        let first = examples[0];
        let others: Vec<_> = examples[1..]
            .iter()
            .map(|example| inline::string(example))
            .collect();
        self.findings
            .error(span, format!("`{}` is not a {what}: {bad}", key.path()))
            .hint(format!(
                "{} = {} (or {})",
                key.name,
                inline::string(first),
                others.join(", ")
            ));
    }

    /// A number of things: 1 to `most`.
    pub(super) fn count_or(
        &mut self,
        key: Key<'_>,
        field: Option<&At<i64>>,
        default: u32,
        most: u32,
    ) -> u32 {
        let Some(field) = field else { return default };
        match u32::try_from(field.value) {
            Ok(count) if (1..=most).contains(&count) => count,
            _ => {
                self.findings
                    .error(
                        &field.span,
                        format!("`{}` must be between 1 and {most}", key.path()),
                    )
                    .hint(format!("{} = {default}", key.name));
                default
            }
        }
    }
}

/// The nearest thing to `text` that is a name.
fn suggested_name(text: &str) -> String {
    let lower = text.to_lowercase();
    let words: Vec<_> = lower
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let name: String = words
        .join("-")
        .trim_start_matches(|c: char| !c.is_ascii_lowercase())
        .chars()
        .take(48)
        .collect();
    let name = name.trim_end_matches('-');
    if name.is_empty() {
        "a name such as vbr01".to_owned()
    } else {
        format!("write {name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PluginName;

    #[test]
    fn suggested_names_are_names() {
        for text in [
            "Backup_Jobs",
            "1password",
            "a--b",
            "-x-",
            &"long name ".repeat(20),
        ] {
            let suggestion = suggested_name(text);
            let name = suggestion.strip_prefix("write ").unwrap();
            assert!(name.parse::<PluginName>().is_ok(), "{text}: {name}");
        }
        assert_eq!(suggested_name("ä!"), "a name such as vbr01");
    }
}
