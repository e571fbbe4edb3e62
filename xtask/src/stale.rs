//! Has anything that is made by a program, and kept in the repository, gone stale?
//!
//! Tests compare most generated files with what they would generate now. This catches the rest: a build or
//! test that writes to a file in the repository (a lock file, say) shows that it was not up to date.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::failure::Failure;
use crate::process;
use crate::project::Project;

/// The state of the repository's files at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// `None` where there is no git to ask.
    differences: Option<BTreeSet<String>>,
}

impl Snapshot {
    pub(crate) fn take(project: &Project) -> Self {
        let git = |arguments: &[&str]| {
            process::read(
                Command::new("git")
                    .args(arguments)
                    .current_dir(&project.root),
            )
            .ok()
        };
        // The status names new files; the raw difference from the last commit has a hash of each changed one.
        let differences = git(&["status", "--porcelain", "--untracked-files=all"])
            .zip(git(&["diff", "HEAD"]))
            .map(|(status, diff)| {
                let mut all: BTreeSet<String> = status.lines().map(str::to_owned).collect();
                all.extend(changed_parts(&diff));
                all
            });
        Self { differences }
    }
}

/// The parts of a diff, one for each file.
fn changed_parts(diff: &str) -> impl Iterator<Item = String> {
    diff.split("diff --git ").skip(1).map(str::to_owned)
}

/// Checks that nothing changed since the snapshot, and that the lock file of the test tools names no registry.
pub(crate) fn check(project: &Project, before: &Snapshot) -> Result<(), Failure> {
    check_addresses(project)?;
    let after = Snapshot::take(project);
    let (Some(before), Some(after)) = (&before.differences, &after.differences) else {
        eprintln!("stale: skipped: this is not a git checkout");
        return Ok(());
    };
    let changed: Vec<&str> = after
        .difference(before)
        .filter_map(|text| text.lines().next())
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    Err(
        Failure::new("building and testing changed files of the repository")
            .with_details(changed.join("\n"))
            .with_hint(
                "look at them with `git status` and `git diff`, and commit them if they are right",
            ),
    )
}

/// A `resolved` in package-lock.json sends everybody to the registry of whoever wrote the file.
fn check_addresses(project: &Project) -> Result<(), Failure> {
    let path = project.root.join("tests/tools/package-lock.json");
    let text = fs::read_to_string(&path).map_err(|source| Failure::file("read", &path, &source))?;
    if text.contains("\"resolved\"") {
        return Err(Failure::new(format!("`{}` names a registry", path.display())).with_hint(
            "make it again with `npm install --package-lock-only --omit-lockfile-registry-resolved`",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::changed_parts;

    #[test]
    fn a_diff_falls_into_files() {
        let diff = "diff --git a/x b/x\n-1\n+2\ndiff --git a/y b/y\n+3\n";
        let parts: Vec<String> = changed_parts(diff).collect();
        assert_eq!(parts, ["a/x b/x\n-1\n+2\n", "a/y b/y\n+3\n"]);
    }
}
