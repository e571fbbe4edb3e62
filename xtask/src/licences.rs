//! Are all dependencies under licences that go with ours? The list is in `licences.txt`.
//!
//! Known vulnerabilities are not looked for here: that needs an advisory database from the internet, and
//! this check runs offline.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::failure::Failure;
use crate::project::{Project, list};

/// One SPDX identifier per line; `#` starts a comment.
const ALLOWED: &str = include_str!("../licences.txt");

/// Checks every package in the lock file, for all platforms.
pub(crate) fn check(project: &Project) -> Result<(), Failure> {
    let allowed = allowed(ALLOWED);
    let metadata = project.metadata(&[])?;
    let packages = list(&metadata, "packages");
    let refused: Vec<String> = packages
        .iter()
        // Our own packages have no source.
        .filter(|package| !package["source"].is_null())
        .filter_map(|package| refusal(package, &allowed))
        .collect();
    if refused.is_empty() {
        eprintln!("licences: {} packages are fine", packages.len());
        return Ok(());
    }
    Err(
        Failure::new("some dependencies are not under an allowed licence")
            .with_details(refused.join("\n"))
            .with_hint(
                "use another crate; or, if the licence goes with Apache-2.0 (ask), add it to xtask/licences.txt",
            ),
    )
}

fn allowed(text: &str) -> BTreeSet<&str> {
    text.lines()
        .map(|line| {
            line.split_once('#')
                .map_or(line, |(before, _)| before)
                .trim()
        })
        .filter(|line| !line.is_empty())
        .collect()
}

/// Why the package is refused, if it is.
fn refusal(package: &Value, allowed: &BTreeSet<&str>) -> Option<String> {
    let name = package["name"].as_str().unwrap_or("?");
    let version = package["version"].as_str().unwrap_or("?");
    let Some(licence) = package["license"].as_str() else {
        return Some(format!("{name} {version}: names no licence"));
    };
    (!is_allowed(licence, allowed)).then(|| format!("{name} {version}: {licence}"))
}

/// Does the SPDX expression leave a choice that is allowed? What cannot be read is not allowed.
fn is_allowed(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    // Old manifests write `MIT/Apache-2.0`.
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest, allowed) == Some(true) && rest.is_empty()
}

fn any_of(words: &mut &[&str], allowed: &BTreeSet<&str>) -> Option<bool> {
    let mut answer = all_of(words, allowed)?;
    while words.first() == Some(&"OR") {
        *words = &words[1..];
        answer |= all_of(words, allowed)?;
    }
    Some(answer)
}

fn all_of(words: &mut &[&str], allowed: &BTreeSet<&str>) -> Option<bool> {
    let mut answer = one(words, allowed)?;
    while words.first() == Some(&"AND") {
        *words = &words[1..];
        answer &= one(words, allowed)?;
    }
    Some(answer)
}

fn one(words: &mut &[&str], allowed: &BTreeSet<&str>) -> Option<bool> {
    match **words {
        ["(", ref rest @ ..] => {
            *words = rest;
            let answer = any_of(words, allowed)?;
            let [")", rest @ ..] = *words else {
                return None;
            };
            *words = rest;
            Some(answer)
        }
        [name, "WITH", exception, ref rest @ ..] => {
            *words = rest;
            Some(allowed.contains(format!("{name} WITH {exception}").as_str()))
        }
        ["AND" | "OR" | "WITH" | ")", ..] | [] => None,
        [name, ref rest @ ..] => {
            *words = rest;
            Some(allowed.contains(name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{allowed, is_allowed};

    #[test]
    fn expressions_are_read_as_spdx_says() {
        let allowed =
            allowed("MIT\n# GPL-3.0\nApache-2.0 # ours\nApache-2.0 WITH LLVM-exception\n");
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("MIT OR GPL-3.0", true),
            ("GPL-3.0/MIT", true),
            ("MIT AND GPL-3.0", false),
            ("MIT AND (GPL-3.0 OR Apache-2.0)", true),
            ("(MIT AND GPL-3.0) OR Apache-2.0", true),
            ("GPL-3.0 OR MIT AND Apache-2.0", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("MIT WITH LLVM-exception", false),
            ("", false),
            ("MIT OR", false),
            ("(MIT", false),
            ("MIT MIT", false),
            ("MIT )", false),
        ] {
            assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
        }
    }
}
