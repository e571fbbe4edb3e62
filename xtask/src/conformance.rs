//! `cargo xtask conformance`: the official conformance suite against the ordinary host, which serves the plugin in
//! `tests/fixtures/conformance`.
//!
//! Three runs: what each of the two revisions requires, and everything that the suite has, its extension and pending
//! scenarios included. Those that speak the newest revision are repeated against a host without its fast path. A failure
//! or a warning in any of them is one too many.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use crate::demo::server::{Says, Server};
use crate::failure::Failure;
use crate::plugins::{self, Which};
use crate::process;
use crate::project::{Project, list, make_folder, remove_folder, write_file};
use crate::{setup, tools};

/// What the run is called, what the suite is told, and whether the host has its fast path.
const RUNS: [(&str, [&str; 2], bool); 5] = [
    ("2026-07-28", ["--requirements", "2026-07-28"], true),
    ("2025-11-25", ["--requirements", "2025-11-25"], true),
    ("all", ["--suite", "all"], true),
    (
        "2026-07-28 without the fast path",
        ["--requirements", "2026-07-28"],
        false,
    ),
    ("all without the fast path", ["--suite", "all"], false),
];

/// A run takes a minute or two.
const LIMIT: Duration = Duration::from_mins(15);

#[derive(Args, Debug, Default)]
pub(crate) struct Arguments {
    /// Run only this scenario, and show what it says
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// More options for the suite (`-- --verbose --spec-version 2025-11-25`), with --scenario
    #[arg(last = true, value_name = "OPTIONS", requires = "scenario")]
    more: Vec<OsString>,
}

/// Builds, serves and runs.
pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<(), Failure> {
    setup::ensure(project)?;
    plugins::build(project, Which::WithFixtures)?;
    tools::install(project)?;
    let suite = Suite::find(project)?;
    let folder = project.target.join("conformance");
    make_folder(&folder)?;
    let fast = serve(project, &folder.join("fast"), true)?;
    if let Some(scenario) = &arguments.scenario {
        let mut command = suite.command(&fast.line);
        command.args(["--scenario", scenario]).args(&arguments.more);
        return process::show(&mut command);
    }
    let slow = serve(project, &folder.join("slow"), false)?;
    let mut wrong = Vec::new();
    for (name, options, is_fast) in RUNS {
        let host = if is_fast { &fast } else { &slow };
        let checks = suite.run(&host.line, name, &options, &folder)?;
        print(&format!("conformance {name}: {}", checks.summary()))?;
        wrong.extend(
            checks
                .wrong
                .into_iter()
                .map(|line| format!("{name}: {line}")),
        );
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("{} checks fail or warn", wrong.len()))
        .with_details(wrong.join("\n"))
        .with_hint("look at one with `cargo xtask conformance --scenario NAME -- --verbose`"))
}

/// The host with the plugin, at a port of the system's choice.
fn serve(project: &Project, folder: &Path, fast_path: bool) -> Result<Server, Failure> {
    make_folder(folder)?;
    let component = project.target.join("plugins").join("conformance.wasm");
    let config = folder.join("toolward.toml");
    let publisher = plugins::development_publisher(project)?;
    write_file(
        &config,
        &(configuration(&component, folder, fast_path) + &publisher),
    )?;
    let host = project
        .target
        .join("debug")
        .join(format!("toolward{}", std::env::consts::EXE_SUFFIX));
    let mut command = Command::new(host);
    command.args(["serve", "--config"]).arg(&config);
    Server::start(&mut command, Says::Endpoint)
}

/// Everything that the plugin needs is granted: what the suite asks for are questions, not backends.
fn configuration(component: &Path, folder: &Path, fast_path: bool) -> String {
    format!(
        r#"# Made by `cargo xtask conformance`.
[server]
listen = "127.0.0.1:0"
fast-path = {fast_path}

[runtime]
cache-dir = '{}'
state-dir = '{}'

[plugins.conformance]
component = '{}'
grant = ["changes", "form", "sample", "roots"]
"#,
        folder.join("cache").display(),
        folder.join("state").display(),
        component.display()
    )
}

/// The suite as it was installed.
#[derive(Debug)]
struct Suite {
    node: PathBuf,
    script: PathBuf,
}

impl Suite {
    fn find(project: &Project) -> Result<Self, Failure> {
        let file = project.target.join("tools").join("env.json");
        let text =
            fs::read_to_string(&file).map_err(|source| Failure::file("read", &file, &source))?;
        let paths: Value = serde_json::from_str(&text)
            .map_err(|source| Failure::new("cannot read env.json").because(&source))?;
        let path = |key: &str| PathBuf::from(paths[key].as_str().unwrap_or_default());
        let package = path("node_modules").join("@modelcontextprotocol/conformance");
        Ok(Self {
            node: path("node"),
            script: package.join("dist").join("index.js"),
        })
    }

    fn command(&self, url: &str) -> Command {
        let mut command = Command::new(&self.node);
        command.arg(&self.script).arg("server").args(["--url", url]);
        command
    }

    /// One run. What counts is what each scenario leaves in a file, not the suite's exit code: that one forgives
    /// warnings and what it does not score.
    fn run(
        &self,
        url: &str,
        name: &str,
        options: &[&str],
        folder: &Path,
    ) -> Result<Checks, Failure> {
        eprintln!("conformance: {name}");
        let results = folder.join(name);
        remove_folder(&results)?;
        make_folder(&results)?;
        let log = folder.join(format!("{name}.log"));
        let mut command = self.command(url);
        command.args(options).arg("--output-dir").arg(&results);
        let ended = process::quiet(&mut command, &log, LIMIT);
        let checks = Checks::read(&results)?;
        match ended {
            Err(failure) if checks.wrong.is_empty() => Err(failure),
            Ok(_) if checks.total() == 0 => Err(Failure::new(format!(
                "the suite left no results in `{}`",
                results.display()
            ))),
            Ok(_) | Err(_) => Ok(checks),
        }
    }
}

/// What the scenarios of a run say.
#[derive(Debug, Default)]
struct Checks {
    scenarios: usize,
    /// How many checks have each status.
    counts: BTreeMap<String, usize>,
    /// Those that fail or warn, one line each.
    wrong: Vec<String>,
}

impl Checks {
    /// Reads `SCENARIO-TIME/checks.json` for each scenario.
    fn read(results: &Path) -> Result<Self, Failure> {
        let fail = |source| Failure::file("read", results, &source);
        let mut folders = Vec::new();
        for entry in fs::read_dir(results).map_err(fail)? {
            folders.push(entry.map_err(fail)?.path());
        }
        folders.sort();
        let mut checks = Self::default();
        for folder in folders {
            let file = folder.join("checks.json");
            let text = fs::read_to_string(&file)
                .map_err(|source| Failure::file("read", &file, &source))?;
            let value: Value = serde_json::from_str(&text).map_err(|source| {
                Failure::new(format!("cannot read `{}`", file.display())).because(&source)
            })?;
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            checks.add(&scenario(&name), &serde_json::json!({ "checks": value }));
        }
        Ok(checks)
    }

    fn add(&mut self, scenario: &str, value: &Value) {
        self.scenarios += 1;
        for check in list(value, "checks") {
            let text = |key: &str| check[key].as_str().unwrap_or_default();
            let status = text("status");
            *self.counts.entry(status.to_owned()).or_default() += 1;
            if matches!(status, "FAILURE" | "WARNING") {
                self.wrong.push(format!(
                    "{status} {scenario} / {}: {}",
                    text("id"),
                    text("errorMessage")
                ));
            }
        }
    }

    fn total(&self) -> usize {
        self.counts.values().sum()
    }

    fn summary(&self) -> String {
        let count = |status: &str| self.counts.get(status).copied().unwrap_or_default();
        format!(
            "{} scenarios, {} passed, {} failed, {} warnings, {} skipped, {} informative",
            self.scenarios,
            count("SUCCESS"),
            count("FAILURE"),
            count("WARNING"),
            count("SKIPPED"),
            count("INFO"),
        )
    }
}

/// `server-tools-list-2026-01-02T03-04-05-678Z` is `tools-list`.
fn scenario(folder: &str) -> String {
    let name = folder.strip_prefix("server-").unwrap_or(folder);
    let time = name.match_indices("-20").map(|(at, _)| at).find(|&at| {
        let rest = &name[at + 1..];
        rest.len() > 10 && rest.as_bytes()[10] == b'T'
    });
    time.map_or(name, |at| &name[..at]).to_owned()
}

#[expect(clippy::print_stdout, reason = "the counts are the result")]
fn print(line: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    println!("{line}");
    std::io::stdout()
        .flush()
        .map_err(|source| Failure::new("cannot write to standard output").because(&source))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Checks, scenario};

    #[test]
    fn failures_and_warnings_are_wrong() {
        let mut checks = Checks::default();
        checks.add(
            "tools-list",
            &json!({ "checks": [
                { "id": "a", "status": "SUCCESS" },
                { "id": "b", "status": "WARNING", "errorMessage": "hm" },
                { "id": "c", "status": "FAILURE", "errorMessage": "no" },
                { "id": "d", "status": "INFO" },
            ] }),
        );
        assert_eq!(
            checks.wrong,
            ["WARNING tools-list / b: hm", "FAILURE tools-list / c: no"]
        );
        assert_eq!(
            checks.summary(),
            "1 scenarios, 1 passed, 1 failed, 1 warnings, 0 skipped, 1 informative"
        );
    }

    #[test]
    fn a_folder_names_its_scenario() {
        let name = "server-json-schema-2020-12-2026-11-21T09-50-00-123Z";
        assert_eq!(scenario(name), "json-schema-2020-12");
        assert_eq!(scenario("other"), "other");
    }
}
