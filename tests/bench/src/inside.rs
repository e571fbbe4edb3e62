//! What remains when HTTP and MCP are left out, as `bench-inside` measures it (`src/inside/main.rs`): the sandbox, what it
//! and egress add to a backend request, and a token from the cache.

use std::borrow::Cow;
use std::error::Error;
use std::time::Duration;

use serde::Deserialize;

use crate::baseline::SECRET;
use crate::calls::{backend_files, backend_tables};
use crate::load::message::{BACKEND_PATH, BACKEND_TEXT};
use crate::options::Plan;
use crate::ratios::{BACKEND_ADDED, Figures, SANDBOX, TOKEN_CACHE_HIT};
use crate::report::{Record, record};
use crate::samples::Samples;
use crate::server::Server;
use crate::site::Site;
use crate::subject::{Program, Setup, Transport};

/// One thing that the child measured.
#[derive(Debug, Deserialize)]
struct Taken {
    name: Cow<'static, str>,
    /// Of each call; for what is over too soon, the mean of many.
    nanoseconds: Vec<u64>,
    /// Of the whole process meanwhile, for each call.
    cpu_nanoseconds_per_call: f64,
    /// Of those of its threads that run guests.
    guests_nanoseconds_per_call: f64,
    errors: usize,
}

/// What was found out.
#[derive(Debug, Default)]
pub(crate) struct Insides {
    pub(crate) records: Vec<Record>,
    pub(crate) figures: Figures,
}

/// What the names of these records begin with.
pub(crate) const INSIDE: &str = "inside-";
const ECHO: &str = "inside-sandbox";
const ASK: &str = "inside-backend";
const DIRECT: &str = "inside-direct";
const TOKEN: &str = "inside-token";

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
    let mut child = site.inside("measure")?;
    child
        .args(["--calls", &calls.to_string()])
        .args(["--token", SECRET])
        .args(["--path", BACKEND_PATH, "--text", BACKEND_TEXT])
        .arg("--config")
        .arg(folder.path().join("toolward.toml"))
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
    let mut figures = Figures::new();
    if let Some(echo) = taken.iter().find(|taken| taken.name == ECHO) {
        figures.insert(SANDBOX, echo.guests_nanoseconds_per_call / 1000.0);
    }
    let records: Vec<Record> = taken.into_iter().map(of_child).collect();
    let named = |name: &str| records.iter().find(|record| record.name == name);
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
        ..
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
    record.rss_bytes = None;
    record.cpu_us_per_call = cpu_nanoseconds_per_call / 1000.0;
    if record.name == ASK {
        record.yardstick = DIRECT;
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_adds_is_a_difference() {
        let taken = |name: &'static str, nanoseconds| Taken {
            name: name.into(),
            nanoseconds: vec![nanoseconds; 3],
            cpu_nanoseconds_per_call: 15_000.0,
            guests_nanoseconds_per_call: 12_000.0,
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
