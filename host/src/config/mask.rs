//! Which values are secret, and what is shown instead of them.
//!
//! Errs on the side of hiding: a password under a misspelt key is a password still.

use serde_json::Value;
use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::inline;
use super::placeholder::{is_name, placeholders};
use super::schema;
use super::source::Source;

/// A value of the file that is not a table.
#[derive(Debug)]
pub(super) struct Leaf {
    /// `bindings.vbr01.url`.
    pub(super) path: String,
    /// The value as TOML, safe to show.
    pub(super) shown: String,
    /// The line it begins on.
    pub(super) line: usize,
}

/// Masks every secret in `source`, and lists what the file sets.
pub(super) fn survey(source: &mut Source<'_>, root: &DeTable<'_>) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    table(
        source,
        &mut leaves,
        root,
        Some(schema::shared()),
        &mut Vec::new(),
    );
    leaves
}

fn table(
    source: &mut Source<'_>,
    leaves: &mut Vec<Leaf>,
    table: &DeTable<'_>,
    known: Option<&'static Value>,
    path: &mut Vec<String>,
) {
    for (key, value) in table {
        let below = known.and_then(|schema| schema::child(schema, key.get_ref()));
        path.push(key.get_ref().to_string());
        if let DeValue::Table(inner) = value.get_ref() {
            self::table(source, leaves, inner, below, path);
        } else {
            let shown = show(source, value, below.is_some(), path);
            let path = path
                .iter()
                .fold(String::new(), |path, name| inline::join(&path, name));
            leaves.push(Leaf {
                path,
                shown,
                line: source.line(value.span().start),
            });
        }
        path.pop();
    }
}

/// The value as it may be shown; masks in `source` what may not.
fn show(
    source: &mut Source<'_>,
    value: &Spanned<DeValue<'_>>,
    known: bool,
    path: &mut Vec<String>,
) -> String {
    match value.get_ref() {
        DeValue::Array(items) => {
            let items: Vec<_> = items
                .iter()
                .map(|item| show(source, item, known, path))
                .collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(table) => {
            let fields = table.iter().map(|(key, field)| {
                path.push(key.get_ref().to_string());
                let shown = show(source, field, known, path);
                path.pop();
                format!("{} = {shown}", inline::key(key.get_ref()))
            });
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        DeValue::Boolean(value) => value.to_string(),
        DeValue::String(text) => match hidden(path, text, known) {
            None => inline::string(text),
            Some(instead) => {
                let instead = inline::string(&instead);
                source.mask(value.span(), instead.clone());
                instead
            }
        },
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) => {
            let text = source
                .text()
                .get(value.span())
                .unwrap_or_default()
                .to_owned();
            let Some(instead) = hidden(path, &text, known) else {
                return text;
            };
            source.mask(value.span(), instead.clone());
            instead
        }
    }
}

/// What to show instead of `text`, if it must not be shown.
fn hidden(path: &[String], text: &str, known: bool) -> Option<String> {
    let names: Vec<_> = path.iter().map(String::as_str).collect();
    let secret = !known
        || holds_login(text)
        || match names.as_slice() {
            ["credentials", _, fields @ ..] => is_secret_field(fields, text),
            // Whoever writes the token there instead of its hash.
            ["auth", "tokens", _, "hash"] => !text.starts_with("sha256:"),
            ["auth", "tokens" | "oauth", ..]
            | ["publishers" | "trust", ..]
            | ["bindings", _, "credential", ..]
            | ["plugins", _, "backends", _] => false,
            _ => names.last().is_some_and(|name| sounds_secret(name)),
        };
    if secret { instead_of(text) } else { None }
}

/// `https://user:password@host`, `https://host/?token=…`.
fn holds_login(text: &str) -> bool {
    text.split_once("://")
        .is_some_and(|(_, rest)| rest.contains(['@', '?', '#']))
}

fn is_secret_field(fields: &[&str], text: &str) -> bool {
    match fields {
        [
            "kind" | "header" | "prefix" | "grant" | "token-path" | "client-auth" | "scope"
            | "default-lifetime" | "lifetime" | "lifetime-pointer" | "challenge-pointer",
        ]
        | ["totp", _, "prefix"]
        | ["answer", _]
        | ["request" | "renewal" | "challenge", "method" | "path"]
        | ["apply", "header" | "methods"] => false,
        ["apply", "value"] => placeholders(text).next().is_none(),
        ["headers", name]
        | [
            "request" | "renewal" | "challenge",
            "headers" | "form",
            name,
        ]
        | ["request" | "renewal" | "challenge", "json", .., name] => is_literal_secret(name, text),
        _ => true,
    }
}

/// A text under a secret's name that is not there to be filled: the secret itself.
pub(super) fn is_literal_secret(name: &str, text: &str) -> bool {
    if text.is_empty() || !sounds_secret(name) {
        return false;
    }
    if !is_password(name) {
        // `PVEAuthCookie={ticket}` is as it should be.
        return placeholders(text).next().is_none();
    }
    // A password with braces in it is no placeholder.
    let inside = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    !inside.is_some_and(is_name)
}

fn is_password(name: &str) -> bool {
    let name = plain(name);
    ["password", "passwd", "passphrase", "pwd", "secret"]
        .iter()
        .any(|word| name.contains(word))
}

fn plain(name: &str) -> String {
    name.to_lowercase().replace(['-', '_'], "")
}

fn sounds_secret(name: &str) -> bool {
    let words = ["token", "authorization", "cookie", "apikey", "key"];
    is_password(name) || words.iter().any(|word| plain(name).contains(word))
}

/// A reference is no secret, but for the arguments of a command. `None`: the text may be shown.
fn instead_of(text: &str) -> Option<String> {
    let is_variable = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if text.strip_prefix("env:").is_some_and(is_variable) || text.starts_with("file:") {
        return None;
    }
    let Some(command) = text.strip_prefix("exec:") else {
        return Some("…".to_owned());
    };
    let (program, _) = command.trim_start().split_once(char::is_whitespace)?;
    Some(format!("exec:{program} …"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(document: &str, expected: &str) {
        let parsed = DeTable::parse(document).unwrap();
        let mut source = Source::new(document);
        let leaves = survey(&mut source, parsed.get_ref());
        let shown: Vec<_> = leaves
            .iter()
            .map(|leaf| format!("{} = {}", leaf.path, leaf.shown))
            .collect();
        assert_eq!(shown.join("\n"), expected, "{document}");
    }

    #[test]
    fn secrets_are_hidden_wherever_they_are_written() {
        check(
            "[credentials.a]\npassword = \"hunter2\"",
            "credentials.a.password = \"…\"",
        );
        check(
            "[credentials.a]\nusername = \"root\"",
            "credentials.a.username = \"…\"",
        );
        check(
            "[credentials.a]\npassword = 12345",
            "credentials.a.password = …",
        );
        check(
            "[credentials.a]\npasword = \"hunter2\"",
            "credentials.a.pasword = \"…\"",
        );
        check(
            "[credential.a]\nuser = \"hunter2\"",
            "credential.a.user = \"…\"",
        );
        check(
            "[credentials.a.values]\nx = \"hunter2\"",
            "credentials.a.values.x = \"…\"",
        );
        check(
            "[bindings.a]\nheaders = { x = \"hunter2\" }",
            "bindings.a.headers.x = \"…\"",
        );
        check(
            "[bindings.a]\nurl = \"https://u:hunter2@h\"",
            "bindings.a.url = \"…\"",
        );
        check(
            "[plugins.a.settings]\napi-key = \"hunter2\"",
            "plugins.a.settings.api-key = \"…\"",
        );
        check(
            "[credentials.a.request]\nform = { user = \"root\", password = \"hunter2\" }",
            "credentials.a.request.form.password = \"…\"\ncredentials.a.request.form.user = \"root\"",
        );
        check(
            "[[credentials.a.apply]]\nheader = \"cookie\"\nvalue = \"s=hunter2\"",
            "credentials.a.apply = [{ header = \"cookie\", value = \"…\" }]",
        );
        check(
            "[auth.tokens.a]\nhash = \"hunter2\"",
            "auth.tokens.a.hash = \"…\"",
        );
        check(
            "[credentials.a]\nvalue = \"exec:vault -token=hunter2 x\"",
            "credentials.a.value = \"exec:vault …\"",
        );
    }

    #[test]
    fn a_password_with_braces_is_a_password() {
        for (name, text, expected) in [
            ("password", "{password}", false),
            ("password", "hunter{2}", true),
            ("password", "{}", true),
            ("cookie", "session={ticket}", false),
            ("cookie", "session={\"hunter2\"}", true),
            ("user", "hunter2", false),
        ] {
            assert_eq!(is_literal_secret(name, text), expected, "{name} = {text}");
        }
    }

    #[test]
    fn references_and_plain_values_are_shown() {
        for document in [
            "credentials.a.password = \"env:VBR_PASSWORD\"",
            "credentials.a.password = \"file:secret\"",
            "credentials.a.password = \"exec:pass\"",
            "credentials.a.token-path = \"/api/oauth2/token\"",
            "credentials.a.request.form.password = \"{password}\"",
            "credentials.a.headers.x-api-version = \"1.2-rev1\"",
            "bindings.a.credential = \"vbr\"",
            "auth.tokens.my-key.hash = \"sha256:00\"",
            "auth.tokens.my-key.tenant = \"team-a\"",
            "bindings.a.allow = [\"GET /**\"]",
            "server.listen = \"127.0.0.1:1\"",
            "runtime.max-instances = 64",
        ] {
            check(document, document);
        }
    }
}
