//! `cargo xtask fuzz`: runs the fuzz targets of `fuzz/` for a while.
//!
//! The programs are those of cargo-fuzz, built in another way: only the host's own library is instrumented, by a wrapper
//! around rustc (`fuzz/rustc`), so that the dependencies need not be built once more, and without a sanitizer, for which
//! Rust without `unsafe` has little use. So libFuzzer sees the host's branches and comparisons, and few of those of the JSON
//! parser, say; panics, failed assertions, overflows, endless loops and too much memory are found all the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Args;

use crate::failure::Failure;
use crate::process;
use crate::project::{Project, make_folder};
use crate::tools;

/// How long each target runs in CI, seconds.
const BRIEFLY: u64 = 10;
/// An input that takes that long is a finding, seconds.
const INPUT_LIMIT: u64 = 20;
/// And so is one with which a program holds that much memory, MiB.
const MEMORY_LIMIT: u32 = 2048;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Run only these (fuzz/targets has a file for each)
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// How long each runs
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// Processes at once, for each target
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: u32,
    /// Instead, run the one target on this input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["jobs", "keep"])]
    input: Option<PathBuf>,
    /// Afterwards put the inputs that reached more of the code into fuzz/corpus, smallest first
    #[arg(long)]
    keep: bool,
}

/// What CI does.
pub(crate) fn briefly(project: &Project) -> Result<(), Failure> {
    let arguments = Arguments {
        targets: Vec::new(),
        seconds: BRIEFLY,
        jobs: 1,
        input: None,
        keep: false,
    };
    run(project, &arguments)
}

/// Builds and runs.
pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<(), Failure> {
    if !cfg!(target_os = "linux") {
        eprintln!("fuzz: skipped: it is set up for Linux only");
        return Ok(());
    }
    // libFuzzer is C++.
    tools::require("c++", "--version", "g++")?;
    let all = names(&project.root.join("fuzz").join("targets"))?;
    let chosen = if arguments.targets.is_empty() {
        &all
    } else {
        &arguments.targets
    };
    if let Some(unknown) = chosen.iter().find(|name| !all.contains(name)) {
        return Err(Failure::new(format!("there is no fuzz target `{unknown}`"))
            .with_hint(format!("one of: {}", all.join(", "))));
    }
    build(project, chosen)?;
    let mut targets = chosen.iter().map(|name| Target::new(project, name));
    if let Some(input) = &arguments.input {
        let (Some(target), None) = (targets.next(), targets.next()) else {
            return Err(Failure::new("an input is for one target")
                .with_hint("cargo xtask fuzz TARGET --input FILE"));
        };
        return process::show(target.command().arg(input));
    }
    for target in targets {
        target.fuzz(arguments)?;
        if arguments.keep {
            target.keep()?;
        }
    }
    Ok(())
}

fn build(project: &Project, targets: &[String]) -> Result<(), Failure> {
    let mut cargo = project.cargo();
    cargo
        .env("CARGO_INCREMENTAL", "0")
        .env(
            "RUSTC_WORKSPACE_WRAPPER",
            project.root.join("fuzz").join("rustc"),
        )
        .args([
            "build",
            "--locked",
            "--package",
            "fuzz",
            "--features",
            "libfuzzer",
        ]);
    for name in targets {
        cargo.args(["--bin", name]);
    }
    process::show(&mut cargo)
}

/// One program, and where its inputs are.
#[derive(Debug)]
struct Target<'a> {
    name: &'a str,
    program: PathBuf,
    /// Inputs that are kept in the repository.
    corpus: PathBuf,
    /// Words of its input's language.
    dictionary: PathBuf,
    /// Inputs that were found here.
    found: PathBuf,
    /// Inputs that are findings.
    findings: PathBuf,
    log: PathBuf,
}

impl<'a> Target<'a> {
    fn new(project: &Project, name: &'a str) -> Self {
        let source = project.root.join("fuzz");
        let target = project.target.join("fuzz");
        Self {
            name,
            program: project.target.join("debug").join(name),
            corpus: source.join("corpus").join(name),
            dictionary: source.join("dictionaries").join(format!("{name}.dict")),
            found: target.join(name),
            findings: target.join("findings"),
            log: target.join(format!("{name}.log")),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            // The message says what broke; a backtrace would push it out of sight.
            .env("RUST_BACKTRACE", "0")
            .arg(format!("-timeout={INPUT_LIMIT}"))
            .arg(format!("-rss_limit_mb={MEMORY_LIMIT}"));
        command
    }

    fn fuzz(&self, arguments: &Arguments) -> Result<(), Failure> {
        make_folder(&self.found)?;
        make_folder(&self.findings)?;
        let prefix = format!("{}/{}-", self.findings.display(), self.name);
        let mut command = self.command();
        command
            .arg(format!("-max_total_time={}", arguments.seconds))
            .arg(format!("-artifact_prefix={prefix}"))
            .arg("-print_final_stats=1");
        if arguments.jobs > 1 {
            command.arg(format!("-fork={}", arguments.jobs));
        }
        if self.dictionary.exists() {
            command.arg(format!("-dict={}", self.dictionary.display()));
        }
        command.args([&self.found, &self.corpus]);
        // Reading the corpus and the last input may take a while beyond that.
        let limit = Duration::from_secs(arguments.seconds + 10 * INPUT_LIMIT);
        let said = process::quiet(&mut command, &self.log, limit);
        let said = said.map_err(|failure| self.explain(failure))?;
        let runs = statistic(&said, "stat::number_of_executed_units:");
        let rate = statistic(&said, "stat::average_exec_per_sec:");
        let (runs, rate) = (runs.unwrap_or("?"), rate.unwrap_or("?"));
        eprintln!("fuzz: {}: {runs} runs, {rate} a second", self.name);
        Ok(())
    }

    /// Says which input it was, and how to run it again.
    fn explain(&self, failure: Failure) -> Failure {
        let said = fs::read(&self.log).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let mark = "Test unit written to ";
        let input = said.lines().rev().find_map(|line| line.split_once(mark));
        let Some((_, input)) = input else {
            return failure.with_hint(format!("see `{}`", self.log.display()));
        };
        let begin = said
            .find("panicked at")
            .or_else(|| said.find("ERROR: libFuzzer"));
        let what: String =
            said[begin.unwrap_or(0)..]
                .lines()
                .take(12)
                .fold(String::new(), |mut text, line| {
                    text.extend(line.chars().take(1000));
                    text.push('\n');
                    text
                });
        Failure::new(format!("the fuzz target `{}` found something", self.name))
            .with_details(what)
            .with_details(format!("the input is `{input}`"))
            .with_hint(format!("cargo xtask fuzz {} --input {input}", self.name))
    }

    /// What reaches code that the corpus does not reach goes there.
    fn keep(&self) -> Result<(), Failure> {
        let mut command = self.command();
        command.arg("-merge=1").args([&self.corpus, &self.found]);
        process::quiet(&mut command, &self.log, Duration::from_hours(1)).map(drop)
    }
}

/// The targets, by their files.
fn names(folder: &Path) -> Result<Vec<String>, Failure> {
    let failed = |source| Failure::file("read", folder, &source);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if let Some(name) = path.file_stem() {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// What libFuzzer says at its end.
fn statistic<'a>(said: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = said.lines().rev();
    lines.find_map(|line| Some(line.strip_prefix(name)?.trim()))
}

#[cfg(test)]
mod tests {
    use super::statistic;

    #[test]
    fn figures_are_found_in_what_is_said() {
        let said = "Done 12 runs in 3 second(s)\nstat::number_of_executed_units: 12\nstat::average_exec_per_sec:     4\n";
        assert_eq!(statistic(said, "stat::average_exec_per_sec:"), Some("4"));
        assert_eq!(statistic(said, "stat::peak_rss_mb:"), None);
    }
}
