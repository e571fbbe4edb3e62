//! Secrets: where a value comes from, and a value that cannot be printed.

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

/// A secret text. It has no `Display`, its `Debug` hides it, and its memory is zeroed on drop.
#[derive(Clone, PartialEq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of the text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The one door to the value. Call it where the value is used, never to store or print it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where a secret comes from. Environment variables are read when the configuration is resolved; files and
/// commands each time a login needs the value, so that a rotated secret is picked up without a restart.
#[derive(Clone, PartialEq)]
pub enum SecretSource {
    /// From `env:NAME` (already read) or a literal in the file (which is a warning).
    Value(Secret),
    /// `file:PATH`: the file's text without trailing line ends.
    File(PathBuf),
    /// `exec:COMMAND ARG…`: the standard output of the command, run without a shell.
    Exec(Vec<String>),
}

/// Hides the arguments of a command, where people put secrets too.
impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(secret) => secret.fmt(f),
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Exec(words) => {
                write!(f, "Exec({} …)", words.first().map_or("", String::as_str))
            }
        }
    }
}
