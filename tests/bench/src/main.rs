//! What a call costs, beside what it costs elsewhere: `cargo xtask bench` builds this and runs it.
//!
//! Every figure of the host stands beside the same figure of a baseline, taken in the same run and interleaved with
//! it, because absolute times on a shared machine mean little. No test passes or fails by a time; `--check` does, by what
//! is promised in `ratios`.
//!
//! | module | what it is for |
//! |---|---|
//! | `baseline` | the servers that the host is compared with; this binary is them, too |
//! | `subject` | what is measured |
//! | `site` | where the programs are, and how the host is configured |
//! | `server` | a started process, and the way to talk to it |
//! | `load` | calls as bytes on the wire, over HTTP and over pipes, one after the other or many in flight |
//! | `process` | CPU time and memory, as the system counts them |
//! | `calls`, `inside`, `starts`, `reload`, `scale`, `lists`, `fairness`, `instructions` | the kinds of measurement |
//! | `copies` | many plugins of one |
//! | `samples` | what one measurement saw, over all rounds |
//! | `ratios` | what is promised, and whether it holds |
//! | `report`, `table` | all of it for programs and for people |

mod baseline;
mod calls;
mod copies;
mod fairness;
mod inside;
mod instructions;
mod lists;
mod load;
mod options;
mod process;
mod ratios;
mod reload;
mod report;
mod samples;
mod scale;
mod server;
mod site;
mod starts;
mod subject;
mod table;

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};

use copies::Copies;
use options::{Cli, Command, Options, Part, Plan, Serve};
use report::{Found, Report};
use site::Site;

fn main() -> ExitCode {
    let done = match Cli::parse() {
        Cli {
            command: Some(Command::Serve(Serve { baseline, folder })),
            ..
        } => baseline::serve(baseline, &folder).map_err(Into::into),
        Cli { options, .. } => bench(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Measures, prints and writes down.
///
/// One thread for all of the load: it can use one core at most, and its share is part of the report.
fn bench(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut site = Site::find()?;
    let plan = options.plan();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(async {
        tokio::select! {
            report = measure(&mut site, &plan) => report,
            stopped = stopped() => Err(stopped),
        }
    })?;
    let json = serde_json::to_string_pretty(&report)? + "\n";
    let output = options.output.clone().unwrap_or_else(|| site.output());
    write(&output, &json)?;
    let text = if options.json {
        json
    } else {
        table::render(&report)
    };
    std::io::stdout().write_all(text.as_bytes())?;
    eprintln!("written to {}", output.display());
    if let Some(file) = &options.markdown {
        write(file, &table::markdown(&report))?;
    }
    let failures = report.failures(&plan);
    for failure in &failures {
        eprintln!("does not hold: {failure}");
    }
    if options.check && !failures.is_empty() {
        return Err(format!("{} of the promises do not hold", failures.len()).into());
    }
    Ok(())
}

async fn measure(site: &mut Site, plan: &Plan) -> Result<Report, Box<dyn Error>> {
    let mut found = Found::default();
    site.tidy()?;
    let copies = Copies::of(site)?;
    if plan.has(Part::Starts) {
        found.starts = starts::measure(site, &copies, plan).await?;
    }
    if plan.has(Part::Calls) {
        found.calls = calls::measure(site, plan).await?;
    }
    if plan.has(Part::Inside) {
        found.inside = inside::measure(site, plan).await?;
    }
    if plan.has(Part::Lists) {
        found.lists = Some(lists::measure(site, plan).await?);
    }
    if plan.has(Part::Reload) {
        found.reloads = Some(reload::measure(site, &copies, plan).await?);
    }
    if plan.has(Part::Scale) {
        found.scale = scale::measure(site, &copies, plan).await?;
    }
    if plan.has(Part::Instructions) {
        found.instructions = Some(instructions::measure(site, plan).await?);
    }
    if plan.has(Part::Fairness) {
        found.fairness = fairness::measure(site, plan).await?;
    }
    Ok(Report::new(plan, found))
}

/// Ends with SIGINT or SIGTERM. Dying of them at once would leave the started servers behind.
async fn stopped() -> Box<dyn Error> {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => "stopped before the end".into(),
            interrupted = tokio::signal::ctrl_c() => interrupted
                .map_or_else(Into::into, |()| "stopped before the end".into()),
        },
        Err(error) => error.into(),
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
