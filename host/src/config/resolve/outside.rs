//! Values from outside the file: flags, then the environment.

use super::Cx;
use super::value::Key;
use crate::config::diagnostic::Spot;
use crate::config::inline;

/// A value that overrides the file's.
pub(super) struct Given {
    pub(super) text: String,
    from: From,
}

#[derive(Clone, Copy)]
enum From {
    Flag(&'static str),
    Environment(&'static str),
}

impl Given {
    pub(super) fn spot(&self) -> Spot {
        match self.from {
            From::Flag(name) => Spot::Flag(name),
            From::Environment(name) => Spot::Environment(name),
        }
    }

    /// Of the flag or the variable.
    pub(super) fn name(&self) -> &'static str {
        match self.from {
            From::Flag(name) | From::Environment(name) => name,
        }
    }
}

impl Cx<'_> {
    /// What overrides `key`, if anything does. An empty variable counts as none, as it does for shells.
    pub(super) fn outside(
        &mut self,
        key: Key<'_>,
        flag: Option<String>,
        flag_name: &'static str,
        variable: &'static str,
    ) -> Option<Given> {
        if let Some(text) = flag {
            self.origins.flag(&key.path(), shown(&text), flag_name);
            return Some(Given {
                text,
                from: From::Flag(flag_name),
            });
        }
        let text = (self.env)(variable).filter(|text| !text.is_empty())?;
        let Ok(text) = text.into_string() else {
            self.findings
                .error_of(Spot::Environment(variable), "the value is not UTF-8")
                .hint(format!("unset {variable}"));
            return None;
        };
        self.origins
            .environment(&key.path(), shown(&text), variable);
        Some(Given {
            text,
            from: From::Environment(variable),
        })
    }
}

/// As TOML: numbers bare, the rest in quotes.
fn shown(text: &str) -> String {
    if text.parse::<u64>().is_ok() {
        text.to_owned()
    } else {
        inline::string(text)
    }
}
