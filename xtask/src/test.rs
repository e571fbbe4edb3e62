//! `cargo xtask test`: everything that CI runs, in order, up to the first failure.

use std::io::{BufRead as _, BufReader, IsTerminal as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Instant;

use clap::ValueEnum;

use crate::failure::Failure;
use crate::plugins::{self, Which};
use crate::process;
use crate::project::Project;
use crate::setup::{self, TARGET};
use crate::stale::{self, Snapshot};
use crate::{conformance, demo, fuzz, licences, tools};

/// One thing that is checked.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Step {
    /// Provide the WebAssembly target
    Setup,
    /// Is all code formatted?
    Fmt,
    /// Does clippy find nothing, natively and for the plugins' target?
    Clippy,
    /// Build the plugins and the fixtures
    Plugins,
    /// Install the test tools
    Tools,
    /// cargo test
    Test,
    /// Does each fuzz target find nothing in a few seconds?
    Fuzz,
    /// Does the demo of the README end well?
    Demo,
    /// The official MCP conformance suite, with and without the fast path: no failure, no warning
    Conformance,
    /// Does the documentation build without warnings?
    Doc,
    /// Are the dependencies' licences fine?
    Licences,
    /// Did the steps before change files of the repository?
    Stale,
}

/// What the tests said, added up.
#[derive(Debug, Default, Eq, PartialEq)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

/// Runs the steps in `only`, or all if there are none.
pub(crate) fn run(project: &Project, only: &[Step]) -> Result<(), Failure> {
    let before = Snapshot::take(project);
    let steps: Vec<Step> = Step::value_variants()
        .iter()
        .copied()
        .filter(|step| only.is_empty() || only.contains(step))
        .collect();
    let start = Instant::now();
    let mut counts = None;
    for (index, step) in steps.iter().enumerate() {
        let name = step.to_possible_value();
        let name = name.as_ref().map_or("", |value| value.get_name());
        eprintln!("==> {name} ({} of {})", index + 1, steps.len());
        let begun = Instant::now();
        run_step(project, *step, &before, &mut counts)?;
        eprintln!("    {name}: {:.1} s", begun.elapsed().as_secs_f64());
    }
    eprintln!("==> all is well ({:.0} s)", start.elapsed().as_secs_f64());
    // Whoever reads only the end, a person or CI, sees how many tests there were: cargo's own last line is
    // that of the last package's examples.
    counts.map_or(Ok(()), |counts| print(&counts))
}

fn run_step(
    project: &Project,
    step: Step,
    before: &Snapshot,
    counts: &mut Option<Counts>,
) -> Result<(), Failure> {
    match step {
        Step::Setup => setup::ensure(project),
        Step::Fmt => process::show(project.cargo().args(["fmt", "--all", "--check"]))
            .map_err(|failure| failure.with_hint("run `cargo fmt --all`")),
        Step::Clippy => clippy(project),
        Step::Plugins => {
            setup::ensure(project)?;
            plugins::build(project, Which::WithFixtures)
        }
        Step::Tools => tools::install(project),
        Step::Test => {
            *counts = Some(cargo_test(project)?);
            Ok(())
        }
        Step::Fuzz => fuzz::briefly(project),
        Step::Demo => {
            let options = demo::Options {
                config: None,
                once: true,
            };
            demo::run(project, options)
        }
        Step::Conformance => conformance::run(project, &conformance::Arguments::default()),
        Step::Doc => process::show(project.cargo().env("RUSTDOCFLAGS", "-D warnings").args([
            "doc",
            "--locked",
            "--workspace",
            "--no-deps",
        ]))
        .map_err(|failure| failure.with_hint("repair the doc comments that rustdoc names above")),
        Step::Licences => licences::check(project),
        Step::Stale => stale::check(project, before),
    }
}

/// Natively for everything; for the plugins' target too, where other parts of the SDK are compiled.
fn clippy(project: &Project) -> Result<(), Failure> {
    setup::ensure(project)?;
    let hint =
        "repair what clippy names above; where it is wrong, `#[expect(lint, reason = \"…\")]`";
    let mut native = project.cargo();
    native.args(["clippy", "--locked", "--workspace", "--all-targets"]);
    let mut guests = project.cargo();
    guests.args(["clippy", "--locked", "--target", TARGET]);
    for plugin in plugins::find(project, Which::WithFixtures)? {
        guests.args(["--package", &plugin.name]);
    }
    guests.args(["--package", "toolward-sdk"]);
    for command in [&mut native, &mut guests] {
        process::show(command.args(["--", "-D", "warnings"]))
            .map_err(|failure| failure.with_hint(hint))?;
    }
    Ok(())
}

/// Runs the tests and shows what they say, counting.
fn cargo_test(project: &Project) -> Result<Counts, Failure> {
    let mut command = project.cargo();
    // One failure does not hide the next.
    command.args(["test", "--locked", "--workspace", "--no-fail-fast"]);
    if std::io::stdout().is_terminal() {
        command.args(["--", "--color=always"]);
    }
    let failed = || {
        Failure::new("tests failed").with_hint(
            "the failures are listed above; run one again with `cargo test -p PACKAGE NAME`",
        )
    };
    let counts = count(&mut command).map_err(|source| failed().because(&source))?;
    counts.ok_or_else(failed)
}

/// Passes the program's output on, line by line; `None` if it failed.
fn count(command: &mut Command) -> std::io::Result<Option<Counts>> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut counts = Counts::default();
    if let Some(output) = child.stdout.take() {
        let mut shown = std::io::stdout().lock();
        for line in BufReader::new(output).split(b'\n') {
            let line = line?;
            shown.write_all(&line)?;
            shown.write_all(b"\n")?;
            counts.add(&String::from_utf8_lossy(&line));
        }
    }
    Ok(child.wait()?.success().then_some(counts))
}

impl Counts {
    /// Adds what a closing line of libtest says: `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
        if !line.starts_with("test result: ") {
            return;
        }
        for part in line.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(word)) = (words.next(), words.next()) else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

fn print(counts: &Counts) -> Result<(), Failure> {
    let Counts {
        passed,
        failed,
        skipped,
    } = counts;
    writeln!(
        std::io::stdout(),
        "{passed} passed, {failed} failed, {skipped} skipped"
    )
    .map_err(|source| Failure::new("cannot write to stdout").because(&source))
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn closing_lines_are_added_up() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 5 filtered out; finished in 0.01s",
            "test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 12.50s",
            "test result: \u{1b}[32mok\u{1b}[m. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
            "7 passed; 1 failed",
        ] {
            counts.add(line);
        }
        assert_eq!(
            counts,
            Counts {
                passed: 17,
                failed: 2,
                skipped: 1
            }
        );
    }
}
