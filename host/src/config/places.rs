//! Where a plugin's settings stand in the file, for those who judge them after the file was read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::inline;
use super::origin::Origins;

/// Lines of the file, by key.
#[derive(Clone, Debug, Default)]
pub struct Places {
    file: PathBuf,
    /// `plugins.shop.settings`
    table: String,
    /// The line of `[plugins.shop]`, for what is not there.
    fallback: usize,
    lines: BTreeMap<String, usize>,
}

/// Where something stands is no part of what it is: a line more above it changes no plugin.
impl PartialEq for Places {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Places {
    pub(super) fn new(file: &Path, table: String, fallback: usize, origins: &Origins) -> Self {
        Self {
            lines: origins.lines_below(&table),
            file: file.to_owned(),
            table,
            fallback,
        }
    }

    /// `toolward.toml:12: plugins.shop.settings.page-size`: of the key, or of the nearest that is there.
    #[must_use]
    pub fn of(&self, keys: &[String]) -> String {
        let path = keys
            .iter()
            .fold(self.table.clone(), |path, key| inline::join(&path, key));
        let mut near = keys.len();
        let line = loop {
            let known = keys[..near]
                .iter()
                .fold(self.table.clone(), |path, key| inline::join(&path, key));
            let below = format!("{known}.");
            let found = self
                .lines
                .iter()
                .filter(|(path, _)| **path == known || path.starts_with(&below))
                .map(|(_, line)| *line)
                .min();
            match found {
                Some(line) => break line,
                None if near == 0 => break self.fallback,
                None => near -= 1,
            }
        };
        format!("{}:{line}: {path}", self.file.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_line_is_named() {
        let places = Places {
            file: "toolward.toml".into(),
            table: "plugins.shop.settings".to_owned(),
            fallback: 3,
            lines: BTreeMap::from([
                ("plugins.shop.settings.nested.on".to_owned(), 9),
                ("plugins.shop.settings.page-size".to_owned(), 7),
            ]),
        };
        let of = |keys: &[&str]| {
            let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
            places.of(&keys)
        };
        assert_eq!(
            of(&["page-size"]),
            "toolward.toml:7: plugins.shop.settings.page-size"
        );
        assert_eq!(
            of(&["page-size", "0"]),
            "toolward.toml:7: plugins.shop.settings.page-size.0"
        );
        assert_eq!(
            of(&["nested"]),
            "toolward.toml:9: plugins.shop.settings.nested"
        );
        assert_eq!(of(&[]), "toolward.toml:7: plugins.shop.settings");
        let empty = Places {
            lines: BTreeMap::new(),
            ..places
        };
        assert_eq!(empty.of(&[]), "toolward.toml:3: plugins.shop.settings");
    }
}
