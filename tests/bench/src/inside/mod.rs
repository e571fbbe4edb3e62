//! Parts of the host without its transports: this binary with the host's library in it, in a process of its own.
//!
//! | module | what it is for |
//! |---|---|
//! | `child` | that process: measures the sandbox, a backend request and the cache of tokens |
//! | `host` | the whole host in this binary, for tools that count what a process does |
//!
//! What is measured here is what remains when HTTP and MCP are left out: an instance made, called and ended; a request of
//! a guest to its backend beside the same request made directly; a token from the cache.

mod child;
mod host;

use std::borrow::Cow;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::calls::{backend_files, backend_tables};
use crate::options::{Inside, Plan};
use crate::ratios::{BACKEND_ADDED, Figures, SANDBOX, TOKEN_CACHE_HIT};
use crate::report::{Record, record};
use crate::samples::Samples;
use crate::server::Server;
use crate::site::Site;
use crate::subject::{Program, Setup, Transport};

pub(crate) use host::serve;

/// One thing that the child measured.
#[derive(Debug, Deserialize, Serialize)]
struct Taken {
    name: Cow<'static, str>,
    /// Of each call; for what is over too soon, the mean of many.
    nanoseconds: Vec<u64>,
    /// Of the whole process meanwhile, for each call.
    cpu_nanoseconds_per_call: f64,
    errors: usize,
}

/// What was found out.
#[derive(Debug, Default)]
pub(crate) struct Insides {
    pub(crate) records: Vec<Record>,
    pub(crate) figures: Figures,
}

/// Names in the report.
const ECHO: &str = "inside-sandbox";
const ASK: &str = "inside-backend";
const DIRECT: &str = "inside-direct";
const TOKEN: &str = "inside-token";

/// The child: measures, and prints what it saw.
pub(crate) fn run(options: &Inside) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let taken = runtime.block_on(child::measure(options));
    // What compiles cannot be joined.
    runtime.shutdown_background();
    println(&serde_json::to_string(&taken?)?)
}

fn println(text: &str) -> Result<(), Box<dyn Error>> {
    use std::io::Write as _;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

/// Measures all of it.
pub(crate) async fn measure(site: &Site, plan: &Plan) -> Result<Insides, Box<dyn Error>> {
    eprintln!("inside: the sandbox, a backend request, the cache of tokens");
    let command = site.command(Program::Backend, Transport::Http);
    let backend = Server::spawn("the backend", command, Transport::Http).await?;
    let address = backend.address()?;
    let certificate = site.certificate()?;
    let folder = site.with(
        &backend_tables(site, address)?,
        &backend_files(&certificate),
    )?;
    // The host itself compiles what the child loads.
    let command = site.command_in(
        folder.path(),
        Program::Ours(Setup::Backend),
        Transport::Http,
    );
    let warm = Server::start("warming up", command, Transport::Http).await?;
    warm.stop().await?;

    let calls = if plan.quick { 50 } else { 2_000 };
    let mut child = tokio::process::Command::new(site.this());
    child
        .args(["inside", "--calls", &calls.to_string()])
        .arg("--config")
        .arg(folder.path().join("toolward.toml"))
        .arg("--compiler")
        .arg(site.host_path())
        .arg("--backend")
        .arg(address.to_string())
        .arg("--certificate")
        .arg(folder.path().join("backend.pem"))
        .kill_on_drop(true);
    let output = child.output().await?;
    backend.stop().await?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("the host's library cannot be measured: {said}").into());
    }
    let taken: Vec<Taken> = serde_json::from_slice(&output.stdout)?;
    Ok(found(taken))
}

fn found(taken: Vec<Taken>) -> Insides {
    let records: Vec<Record> = taken.into_iter().map(of_child).collect();
    let mut figures = Figures::new();
    let named = |name: &str| records.iter().find(|record| record.name == name);
    if let Some(echo) = named(ECHO) {
        figures.insert(SANDBOX, echo.cpu_us_per_call);
    }
    if let (Some(ask), Some(direct)) = (named(ASK), named(DIRECT)) {
        figures.insert(BACKEND_ADDED, ask.p50_us - direct.p50_us);
    }
    if let Some(token) = named(TOKEN) {
        figures.insert(TOKEN_CACHE_HIT, token.p50_us);
    }
    Insides { records, figures }
}

fn of_child(taken: Taken) -> Record {
    let Taken {
        name,
        nanoseconds,
        cpu_nanoseconds_per_call,
        errors,
    } = taken;
    let latencies: Vec<Duration> = nanoseconds.into_iter().map(Duration::from_nanos).collect();
    let elapsed = latencies.iter().sum();
    let mut record = record(
        name,
        1,
        Samples {
            latencies,
            errors,
            elapsed,
            ..Samples::default()
        },
    );
    record.cpu_us_per_call = cpu_nanoseconds_per_call / 1000.0;
    if record.name == ASK {
        record.yardstick = DIRECT;
    }
    record
}

/// The configuration of a host that is a part of this process, with another program to compile components.
fn configuration(
    config: &PathBuf,
    compiler: &PathBuf,
) -> Result<toolward::config::Config, Box<dyn Error>> {
    let location = toolward::config::Location {
        path: config.clone(),
        env: |_| None,
        overrides: toolward::config::Overrides::default(),
        compile_with: Some(compiler.clone()),
    };
    location
        .load()
        .map_err(|diagnostics| diagnostics.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_adds_is_a_difference() {
        let taken = |name: &'static str, nanoseconds| Taken {
            name: name.into(),
            nanoseconds: vec![nanoseconds; 3],
            cpu_nanoseconds_per_call: 12_000.0,
            errors: 0,
        };
        let Insides { figures, records } = found(vec![
            taken(ECHO, 30_000),
            taken(ASK, 250_000),
            taken(DIRECT, 170_000),
            taken(TOKEN, 400),
        ]);
        let close = |key: &str, expected: f64| (figures[key] - expected).abs() < 1e-6;
        assert!(close(SANDBOX, 12.0), "{figures:?}");
        assert!(close(BACKEND_ADDED, 80.0), "{figures:?}");
        assert!(close(TOKEN_CACHE_HIT, 0.4), "{figures:?}");
        assert_eq!(records.len(), 4);
    }
}
