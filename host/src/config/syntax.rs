//! Errors of TOML itself.
//!
//! Where the syntax is broken nobody knows which text is a secret, so of each line only that is shown which cannot
//! be one.

use std::ops::Range;

use toml::de::Error;

use super::findings::Findings;
use super::schema;

/// What the parser says of a key that is there twice; the rest of the file can be read then.
const DUPLICATE: &str = "duplicate key";

/// Whether there is something to read further.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Syntax {
    Readable,
    Broken,
}

/// Reports the errors of the parser.
pub(super) fn report(findings: &mut Findings<'_>, errors: &[Error]) -> Syntax {
    let broken = errors.iter().any(|error| error.message() != DUPLICATE);
    if broken {
        hide_values(findings);
    }
    let mut lines = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let line = findings.source.line(span.start);
        // One broken line makes several errors, of which only the first helps.
        if lines.contains(&line) {
            continue;
        }
        lines.push(line);
        if error.message() == DUPLICATE {
            let key = findings
                .source
                .text()
                .get(span.clone())
                .unwrap_or_default()
                .to_owned();
            findings
                .error(&span, format!("`{key}` is here twice"))
                .hint("delete one of the two, or rename it");
        } else {
            let message = error.message().trim_end_matches(", expected nothing");
            let hint = hint(findings.source.text(), &span);
            findings
                .error(&span, format!("not TOML: {message}"))
                .hint(hint);
        }
    }
    if broken {
        Syntax::Broken
    } else {
        Syntax::Readable
    }
}

fn hint(text: &str, span: &Range<usize>) -> &'static str {
    let start = text.floor_char_boundary(span.start);
    let line = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    if text[line..start].contains('=') {
        "text stands in double quotes, on one line: listen = \"127.0.0.1:8825\""
    } else {
        "a line is a table, [server], or a key and a value: listen = \"127.0.0.1:8825\""
    }
}

/// Masks every line from where a secret could begin.
fn hide_values(findings: &mut Findings<'_>) {
    findings.source.unmask();
    let mut start = 0;
    for line in findings.source.text().split_inclusive('\n') {
        let shown = shown(line.trim_end());
        let (from, end) = (start + shown, start + line.trim_end().len());
        if from < end {
            findings
                .source
                .mask(from..end, if shown == 0 { "…" } else { " …" }.to_owned());
        }
        start += line.len();
    }
}

/// How many bytes of a line can be shown: a header of a table that we know; a key that we know, up to its `=`; the
/// whole line where the value of that key is never secret.
fn shown(line: &str) -> usize {
    const PLAIN: [&str; 3] = ["server", "runtime", "limits"];
    let top = schema::shared();
    let word =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '[' | ']' | '-' | '_' | '.' | ' ');
    if let Some(header) = line.trim_start().strip_prefix('[') {
        let name = header
            .trim_start_matches('[')
            .split(['.', ']'])
            .next()
            .unwrap_or_default()
            .trim();
        let known = schema::keys(top).any(|key| key == name) && header.chars().all(word);
        return if known { line.len() } else { 0 };
    }
    let Some((key, value)) = line.split_once('=') else {
        return 0;
    };
    let name = key.rsplit('.').next().unwrap_or(key).trim();
    let plain = |table: &&str| schema::keys(&top["properties"][*table]).any(|known| known == name);
    if PLAIN.iter().any(plain) && !value.contains(['=', '#']) {
        line.len()
    } else if schema::is_known_anywhere(name) && key.chars().all(word) {
        key.len() + 1
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_broken_file_only_harmless_text_is_shown() {
        let rows = [
            ("listen = 127.0.0.1:8825", "listen = 127.0.0.1:8825"),
            ("listen = 1 # was hunter2", "listen ="),
            ("  password = \"hunter2", "  password ="),
            (
                "credentials.vbr.password = hunter2",
                "credentials.vbr.password =",
            ),
            ("pasword = hunter2", ""),
            ("hunter2 = = x", ""),
            ("vbr = { password = \"hunter2\"", ""),
            ("hunter2", ""),
            ("[credentials.vbr", "[credentials.vbr"),
            ("[[credentials.vbr.apply]]", "[[credentials.vbr.apply]]"),
            ("[hunter2]", ""),
            ("[credentials] password = hunter2", ""),
            ("# password = hunter2", ""),
            ("hunter2\", password = x", ""),
            ("", ""),
        ];
        for (line, expected) in rows {
            assert_eq!(&line[..shown(line)], expected, "{line}");
        }
    }
}
