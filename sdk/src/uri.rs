//! URIs with blanks, the simple part of RFC 6570: `{name}` stands for anything without a slash, `{+name}` for anything.

use percent_encoding::percent_decode_str;

/// A URI with blanks. `#[resource]` has checked how it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pattern<'p>(&'p str);

impl<'p> Pattern<'p> {
    pub(crate) const fn new(pattern: &'p str) -> Self {
        Self(pattern)
    }

    /// What stands in the blanks, escapes taken back; none if the URI is another.
    pub(crate) fn matches(self, uri: &str) -> Option<Vec<(String, String)>> {
        let mut found = Vec::new();
        fill(self.0, uri, &mut found).then_some(found)
    }
}

/// A blank takes as little as it can. Each is followed by other text, so this ends quickly: the number of blanks is
/// small, and was written by the plugin's author.
fn fill(pattern: &str, uri: &str, found: &mut Vec<(String, String)>) -> bool {
    let Some((before, rest)) = pattern.split_once('{') else {
        return pattern == uri;
    };
    let Some(uri) = uri.strip_prefix(before) else {
        return false;
    };
    let Some((name, rest)) = rest.split_once('}') else {
        return false;
    };
    let (name, whole) = match name.strip_prefix('+') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let longest = match uri.find('/') {
        Some(slash) if !whole => slash,
        Some(_) | None => uri.len(),
    };
    let ends = uri.char_indices().map(|(at, c)| at + c.len_utf8());
    for end in ends.take_while(|end| *end <= longest) {
        let Ok(value) = percent_decode_str(&uri[..end]).decode_utf8() else {
            continue;
        };
        found.push((name.to_owned(), value.into_owned()));
        if fill(rest, &uri[end..], found) {
            return true;
        }
        found.pop();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, uri: &str, expected: Option<&[(&str, &str)]>) {
        let expected = expected.map(|pairs| {
            let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
            pairs.iter().map(own).collect::<Vec<_>>()
        });
        assert_eq!(
            Pattern::new(pattern).matches(uri),
            expected,
            "{pattern} {uri}"
        );
    }

    #[test]
    fn blanks_are_found() {
        check("a://jobs/{id}/log", "a://jobs/7/log", Some(&[("id", "7")]));
        check(
            "a://jobs/{id}/log",
            "a://jobs/a%20b/log",
            Some(&[("id", "a b")]),
        );
        check("a://{x}/{y}", "a://1/2", Some(&[("x", "1"), ("y", "2")]));
        check(
            "a://{x}-{y}",
            "a://1-2-3",
            Some(&[("x", "1"), ("y", "2-3")]),
        );
        check("a://{+path}", "a://b/c", Some(&[("path", "b/c")]));
        check(
            "a://{+path}.txt",
            "a://b.txt/c.txt",
            Some(&[("path", "b.txt/c")]),
        );
        check("a://{x}", "a://ü", Some(&[("x", "ü")]));
    }

    #[test]
    fn other_uris_do_not_fit() {
        for uri in [
            "a://jobs/7",
            "a://jobs//log",
            "a://jobs/7/8/log",
            "b://jobs/7/log",
            "",
        ] {
            check("a://jobs/{id}/log", uri, None);
        }
        check("a://{x}", "a://", None);
        check("a://{x}", "a://%ff", None);
    }
}
