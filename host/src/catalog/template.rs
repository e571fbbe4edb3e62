//! Which URIs a template stands for: the part of RFC 6570 that templates of resources use.
//!
//! `{name}` stands for one or more characters without `/`, `?` and `#`, `{+name}` for any, `{?a,b}` for a query or none.
//!
//! A URI belongs to one plugin, so two templates of different plugins may not stand for the same one
//! ([`Matcher::meets`]), and none for places of every scheme: it would take what others list later.

use std::collections::HashSet;

use regex::Regex;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

/// Longest template, bytes.
const MAX_BYTES: usize = 2 * 1024;

/// Most expressions in one template.
const MAX_EXPRESSIONS: usize = 32;

/// A compiled template. Matching takes time linear in the URI.
#[derive(Debug)]
pub(super) struct Matcher {
    regex: Regex,
    steps: Vec<Step>,
}

/// The same as an automaton; the end is after the last one.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// One such character.
    One(Class),
    /// Any number of them.
    Many(Class),
    /// The next so many steps, or none of them.
    Maybe(usize),
}

#[derive(Clone, Copy, Debug)]
enum Class {
    Only(char),
    Except(&'static str),
}

impl Class {
    /// Whether a character is in both.
    fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::Only(one), Self::Only(other)) => one == other,
            (Self::Only(one), Self::Except(none)) | (Self::Except(none), Self::Only(one)) => {
                !none.contains(one)
            }
            (Self::Except(_), Self::Except(_)) => true,
        }
    }
}

impl Matcher {
    /// Compiles a template. The error says what is wrong with it.
    pub(super) fn new(template: &str) -> Result<Self, String> {
        if template.len() > MAX_BYTES {
            return Err(format!("has more than {MAX_BYTES} bytes"));
        }
        if template.matches('{').count() > MAX_EXPRESSIONS {
            return Err(format!("has more than {MAX_EXPRESSIONS} expressions"));
        }
        let fixed = template.split('{').next().unwrap_or_default();
        if !fixed.contains(':') {
            return Err(
                "begins with no scheme, so that it would stand for others' URIs".to_owned(),
            );
        }
        let (mut pattern, mut steps) = (String::from("^"), Vec::new());
        let literally = |text: &str| {
            text.chars()
                .map(Class::Only)
                .map(Step::One)
                .collect::<Vec<_>>()
        };
        let mut rest = template;
        while let Some(open) = rest.find('{') {
            let (literal, after) = rest.split_at(open);
            pattern.push_str(&regex::escape(literal));
            steps.extend(literally(literal));
            let close = after.find('}').ok_or("has a `{` without its `}`")?;
            let (expression, stands_for) = expression(&after[1..close])?;
            pattern.push_str(expression);
            steps.extend(stands_for);
            rest = &after[close + 1..];
        }
        if rest.contains('}') {
            return Err("has a `}` without its `{`".to_owned());
        }
        pattern.push_str(&regex::escape(rest));
        pattern.push('$');
        steps.extend(literally(rest));
        let regex = Regex::new(&pattern).map_err(|error| format!("cannot be matched: {error}"))?;
        Ok(Self { regex, steps })
    }

    pub(super) fn fits(&self, uri: &str) -> bool {
        self.regex.is_match(uri)
    }

    /// Whether there is a URI that both stand for: both automata at once, every pair of places once.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let (mut waiting, mut seen) = (vec![(0, 0)], HashSet::new());
        while let Some((here, there)) = waiting.pop() {
            if !seen.insert((here, there)) {
                continue;
            }
            let steps = (self.steps.get(here), other.steps.get(there));
            waiting.extend(skipped(steps.0, here).map(|here| (here, there)));
            waiting.extend(skipped(steps.1, there).map(|there| (here, there)));
            match steps {
                (None, None) => return true,
                (Some(one), Some(two)) => {
                    if let (Some((own, after)), Some((others, others_after))) =
                        (taken(*one, here), taken(*two, there))
                        && own.meets(others)
                    {
                        waiting.push((after, others_after));
                    }
                }
                (Some(_), None) | (None, Some(_)) => {}
            }
        }
        false
    }
}

/// Where one may go on without a character.
fn skipped(step: Option<&Step>, at: usize) -> impl Iterator<Item = usize> + use<> {
    let (next, later) = match step {
        Some(Step::Many(_)) => (Some(at + 1), None),
        Some(Step::Maybe(steps)) => (Some(at + 1), Some(at + 1 + steps)),
        Some(Step::One(_)) | None => (None, None),
    };
    next.into_iter().chain(later)
}

/// Which characters it takes, and where one goes on after that.
fn taken(step: Step, at: usize) -> Option<(Class, usize)> {
    match step {
        Step::One(class) => Some((class, at + 1)),
        Step::Many(class) => Some((class, at)),
        Step::Maybe(_) => None,
    }
}

/// Its pattern, and the same in steps.
fn expression(text: &str) -> Result<(&'static str, Vec<Step>), String> {
    let some = |class| vec![Step::One(class), Step::Many(class)];
    let (pattern, steps, names) = match text.as_bytes().first() {
        Some(b'+') => (".+", some(Class::Except("\n")), &text[1..]),
        Some(b'?') => {
            let question = Step::One(Class::Only('?'));
            let query = vec![Step::Maybe(2), question, Step::Many(Class::Except("#"))];
            (r"(\?[^#]*)?", query, &text[1..])
        }
        _ => ("[^/?#]+", some(Class::Except("/?#")), text),
    };
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.')
    };
    if names.split(',').all(is_name) {
        Ok((pattern, steps))
    } else {
        Err(format!(
            "has the expression `{{{text}}}`, which is not one of `{{name}}`, `{{+name}}`, `{{?name}}`"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_stand_for_uris() {
        let table = [
            ("test://template/{id}/data", "test://template/7/data", true),
            (
                "test://template/{id}/data",
                "test://template/7/8/data",
                false,
            ),
            ("test://template/{id}/data", "test://template//data", false),
            ("file:///{+path}", "file:///a/b", true),
            ("vbr://jobs{?state}", "vbr://jobs", true),
            ("vbr://jobs{?state}", "vbr://jobs?state=failed", true),
            ("a.b://{x}", "aXb://1", false),
        ];
        for (template, uri, expected) in table {
            let matcher = Matcher::new(template).expect("a template");
            assert_eq!(matcher.fits(uri), expected, "{template} {uri}");
        }
        for bad in [
            "a://{",
            "a://}",
            "a://{}",
            "a://{*x}",
            "a://{x y}",
            "{+x}",
            "{x}://y",
            "a",
            &format!("a://{}", "{x}".repeat(33)),
        ] {
            assert!(Matcher::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn templates_meet_where_a_uri_is_of_both() {
        let table = [
            ("vbr://{server}/jobs", "vbr://{server}/jobs/{id}", false),
            ("vbr://{server}/jobs", "vbr://{server}/repositories", false),
            ("vbr://{server}/jobs", "vbr://{other}/jobs", true),
            ("vbr://{server}/jobs", "vbr://main/{list}", true),
            ("vbr://{+all}", "vbr://{server}/jobs/{id}", true),
            ("vbr://{+all}", "pve://{server}", false),
            ("vbr:{+all}", "vbr://jobs{?state}", true),
            ("vbr://jobs{?state}", "vbr://jobs", true),
            ("vbr://jobs{?state}", "vbr://jobs?{x}", true),
            ("vbr://jobs{?state}", "vbr://jobs/{x}", false),
            ("vbr://{a}{b}x", "vbr://xxx", true),
            ("vbr://{a}{b}x", "vbr://xx", false),
            ("vbr://{a}-{b}", "vbr://{a}.{b}", true),
        ];
        for (one, other, expected) in table {
            let of = |template| Matcher::new(template).expect("a template");
            assert_eq!(of(one).meets(&of(other)), expected, "{one} {other}");
            assert_eq!(of(other).meets(&of(one)), expected, "{other} {one}");
        }
        let long = Matcher::new(&format!("vbr://{}", "{x}".repeat(30))).expect("a template");
        let wide = Matcher::new(&format!("vbr://{{+x}}{}", "a".repeat(1900))).expect("a template");
        assert!(long.meets(&wide));
    }
}
