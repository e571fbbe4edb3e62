//! `cargo xtask bench`: builds the host, the echo plugin and the benchmark, and runs it. `docs/performance.md` says
//! what it measures.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use clap::{Args, ValueEnum};

use crate::failure::Failure;
use crate::plugins::{self, Which};
use crate::process;
use crate::project::Project;
use crate::setup;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Measure for moments only: shows that everything runs, gives no figures to rely on
    #[arg(long)]
    quick: bool,
    /// Print the report as JSON instead of a table
    #[arg(long)]
    json: bool,
    /// End with exit code 1 when a ratio does not hold or a call failed
    #[arg(long)]
    check: bool,
    /// Measure only these parts, separated by commas: calls, inside, starts, reload, scale, fairness, lists,
    /// instructions
    #[arg(long, value_name = "PARTS")]
    only: Option<String>,
    /// Where the tables go as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// How to build what is measured; figures of `dev` say nothing about `release`, and the report says so
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
    /// More options of the benchmark itself (`-- --help` lists them)
    #[arg(last = true, value_name = "OPTIONS")]
    more: Vec<OsString>,
}

/// A cargo profile.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum Profile {
    #[default]
    Release,
    Dev,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "dev",
        }
    }

    /// Where cargo puts what it builds so.
    fn folder(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "debug",
        }
    }
}

/// Builds and measures.
pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<(), Failure> {
    setup::ensure(project)?;
    plugins::build(project, Which::WithFixtures)?;
    let profile = arguments.profile;
    eprintln!("bench: building the host and the benchmark");
    // Together: both are compiled against the same dependencies with the same features.
    process::show(
        project
            .cargo()
            .args(["build", "--locked", "--quiet", "--profile", profile.name()])
            .args(["--package", "toolward", "--package", "bench"]),
    )?;
    let binary = project
        .target
        .join(profile.folder())
        .join(format!("bench{}", std::env::consts::EXE_SUFFIX));
    let mut command = Command::new(binary);
    for (flag, wanted) in [
        ("--quick", arguments.quick),
        ("--json", arguments.json),
        ("--check", arguments.check),
    ] {
        if wanted {
            command.arg(flag);
        }
    }
    if let Some(parts) = &arguments.only {
        command.arg("--only").arg(parts);
    }
    if let Some(file) = &arguments.markdown {
        command.arg("--markdown").arg(file);
    }
    process::show(command.args(&arguments.more))
}
