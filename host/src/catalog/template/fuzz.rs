//! Fuzzing: a URI against a template, held against a matcher that tries everything.
//!
//! The first line of the input is the template, the others are URIs.

use super::Matcher;

/// Beyond that, trying everything takes too long.
const LONGEST: usize = 200;
/// Compiling is most of the work, and done once.
const MOST: usize = 8;

/// Matches every URI.
pub(crate) fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.split('\n');
    let template = lines.next().unwrap_or_default();
    let Ok(matcher) = Matcher::new(template) else {
        return;
    };
    for uri in lines.take(MOST) {
        let fits = matcher.fits(uri);
        if template.len() + uri.len() <= LONGEST {
            let expected = ends(template, uri);
            assert_eq!(fits, expected, "{template:?} {uri:?}");
        }
    }
}

/// Whether what is left of the template stands for what is left of the URI: all places where an expression could end are
/// followed at once.
fn ends(template: &str, uri: &str) -> bool {
    let mut places = vec![0];
    let mut rest = template;
    while let Some(c) = rest.chars().next() {
        let step: Box<dyn Fn(usize) -> Vec<usize>> = if c == '{' {
            let (expression, after) = rest[1..].split_once('}').expect("it was compiled");
            rest = after;
            let first = expression.chars().next();
            Box::new(move |from| expression_ends(first, uri, from))
        } else {
            rest = &rest[c.len_utf8()..];
            Box::new(move |from| {
                let fits = uri[from..].starts_with(c);
                fits.then(|| from + c.len_utf8()).into_iter().collect()
            })
        };
        let mut next: Vec<usize> = places.into_iter().flat_map(step).collect();
        next.sort_unstable();
        next.dedup();
        places = next;
    }
    places.contains(&uri.len())
}

fn expression_ends(first: Option<char>, uri: &str, from: usize) -> Vec<usize> {
    let (allowed, mut ends): (fn(char) -> bool, Vec<usize>) = match first {
        Some('+') => (|c| c != '\n', Vec::new()),
        Some('?') => match uri[from..].strip_prefix('?') {
            None => return vec![from],
            Some(_) => (|c| c != '#', vec![from, from + 1]),
        },
        _ => (|c| !matches!(c, '/' | '?' | '#'), Vec::new()),
    };
    let begin = if first == Some('?') { from + 1 } else { from };
    let mut end = begin;
    for c in uri[begin..].chars().take_while(|c| allowed(*c)) {
        end += c.len_utf8();
        ends.push(end);
    }
    ends
}
