//! Where secrets come from: `env:`, `file:`, `exec:`, or a literal.

use std::ops::Range;

use super::Cx;
use crate::config::at::At;
use crate::config::raw::SecretText;
use crate::config::{Secret, SecretSource};

impl Cx<'_> {
    /// A secret. Written out in the file, it is a warning.
    pub(super) fn secret(&mut self, field: &At<SecretText>) -> Option<SecretSource> {
        let source = self.identifier(field)?;
        if !is_reference(&field.value.0) {
            self.findings
                .warning(
                    &field.span,
                    "a secret is written out in the file, where backups and colleagues see it",
                )
                .hint("\"file:PATH\" or \"env:NAME\" instead; mode 0600 for the file");
        }
        Some(source)
    }

    /// What goes along with a secret without being one: a user name, a client id. May well be written out.
    pub(super) fn identifier(&mut self, field: &At<SecretText>) -> Option<SecretSource> {
        let text = &field.value.0;
        if let Some(name) = text.strip_prefix("env:") {
            return self.variable(&field.span, name);
        }
        if let Some(path) = text.strip_prefix("file:") {
            return self.secret_file(&field.span, path);
        }
        if let Some(command) = text.strip_prefix("exec:") {
            return self.command(&field.span, command);
        }
        if text.is_empty() {
            self.findings
                .error(&field.span, "a secret cannot be empty")
                .hint("\"file:PATH\" or \"env:NAME\"");
            return None;
        }
        Some(SecretSource::Value(Secret::new(text.clone())))
    }

    fn variable(&mut self, span: &Range<usize>, name: &str) -> Option<SecretSource> {
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !starts || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            self.findings
                .error(span, "what follows `env:` is not a variable's name")
                .hint("\"env:VBR_PASSWORD\"");
            return None;
        }
        match (self.env)(name).map(std::ffi::OsString::into_string) {
            Some(Ok(value)) if !value.is_empty() => {
                return Some(SecretSource::Value(Secret::new(value)));
            }
            Some(Ok(_)) => self
                .findings
                .error(span, format!("environment variable {name} is empty")),
            Some(Err(_)) => self
                .findings
                .error(span, format!("environment variable {name} is not UTF-8")),
            None => self
                .findings
                .error(span, format!("environment variable {name} is not set")),
        }
        .hint(format!("set it where the host starts: {name}=…"));
        None
    }

    /// Read later, at each login; whether it can be read now is said now.
    fn secret_file(&mut self, span: &Range<usize>, text: &str) -> Option<SecretSource> {
        if text.is_empty() {
            self.findings
                .error(span, "what follows `file:` is empty")
                .hint("\"file:vbr-password\"");
            return None;
        }
        let path = self.path(text);
        if let Err(error) = std::fs::metadata(&path) {
            let message = format!(
                "secret file `{}` cannot be read now: {error}",
                path.display()
            );
            self.findings
                .warning(span, message)
                .hint(format!("install -m 0600 /dev/stdin {}", path.display()));
        }
        Some(SecretSource::File(path))
    }

    fn command(&mut self, span: &Range<usize>, text: &str) -> Option<SecretSource> {
        let Some(mut words) =
            words(text).filter(|words| words.first().is_some_and(|program| !program.is_empty()))
        else {
            self.findings
                .error(
                    span,
                    "what follows `exec:` is not a command and its arguments (is a quote open?)",
                )
                .hint("\"exec:pass show vbr\"");
            return None;
        };
        // `./get-secret` is a file beside the configuration; `pass` is looked up in PATH.
        if words[0].contains('/') {
            words[0] = self.path(&words[0]).to_string_lossy().into_owned();
        }
        Some(SecretSource::Exec(words))
    }
}

/// Whether a text names the place of a secret instead of being one.
fn is_reference(text: &str) -> bool {
    ["env:", "file:", "exec:"]
        .iter()
        .any(|prefix| text.starts_with(prefix))
}

/// Splits at spaces; single and double quotes keep a word together. No variables, no escapes: there is no shell.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut quote = None;
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            Some(_) | None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_at_spaces_but_not_in_quotes() {
        let rows: [(&str, Option<&[&str]>); 7] = [
            ("pass show vbr", Some(&["pass", "show", "vbr"])),
            ("  pass   x ", Some(&["pass", "x"])),
            ("a 'b c' \"d 'e\"", Some(&["a", "b c", "d 'e"])),
            ("a b'c d'e ''", Some(&["a", "bc de", ""])),
            ("", Some(&[])),
            ("a 'b", None),
            ("a $HOME;b", Some(&["a", "$HOME;b"])),
        ];
        for (text, expected) in rows {
            let expected =
                expected.map(|words| words.iter().map(ToString::to_string).collect::<Vec<_>>());
            assert_eq!(words(text), expected, "{text}");
        }
    }
}
