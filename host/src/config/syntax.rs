//! Errors of TOML itself.
//!
//! Where the syntax is broken nobody knows which text is a secret, so the rest of a line after a `=` is shown only
//! where it cannot be one.

use std::ops::Range;

use toml::de::Error;

use super::findings::Findings;

const DUPLICATE: &str = "duplicate key";

/// Reports the errors. `false`: the file cannot be read any further.
pub(super) fn report(findings: &mut Findings<'_>, errors: &[Error]) -> bool {
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
            let hint = hint(findings.source.text(), &span);
            findings
                .error(&span, format!("not TOML: {}", error.message()))
                .hint(hint);
        }
    }
    !broken
}

fn hint(text: &str, span: &Range<usize>) -> &'static str {
    let start = text.floor_char_boundary(span.start);
    let line = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    if text[line..start].contains('=') {
        "text stands in double quotes: listen = \"127.0.0.1:8825\""
    } else {
        "a line is a table, [server], or a key and a value: listen = \"127.0.0.1:8825\""
    }
}

/// Masks every value of the file, line by line: what follows the first `=`, or the whole line where there is none
/// and it is no table's header.
fn hide_values(findings: &mut Findings<'_>) {
    let mut start = 0;
    for line in findings.source.text().split_inclusive('\n') {
        let end = start + line.trim_end().len();
        let content = line.trim();
        let from = match line.find('=') {
            Some(equals) => start + equals + 1,
            None if content.is_empty() || is_header(content) || content.starts_with('#') => end,
            None => start,
        };
        if from < end {
            findings
                .source
                .mask(from..end, if from > start { " …" } else { "…" }.to_owned());
        }
        start += line.len();
    }
}

fn is_header(line: &str) -> bool {
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '[' | ']' | '-' | '_' | '.');
    line.starts_with('[') && line.chars().all(name)
}
