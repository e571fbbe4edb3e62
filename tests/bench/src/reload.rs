//! How long a new version of a plugin takes to be served: from its file being in place to the first answered call of it.
//! Each version is one that the host has never seen, so it is compiled meanwhile.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::copies::{self, Copies};
use crate::load::{Caller as _, Connection};
use crate::options::Plan;
use crate::process;
use crate::samples::Samples;
use crate::server::Server;
use crate::site::{ECHO_TOOLS, Site};
use crate::subject::{Program, Setup, Transport};

/// How often is looked. Looking costs the host time that it needs for the new version.
const INTERVAL: Duration = Duration::from_millis(2);
/// After this it does not come any more.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) async fn measure(
    site: &Site,
    copies: &Copies,
    plan: &Plan,
) -> Result<Samples, Box<dyn Error>> {
    let versions = tempfile::tempdir()?;
    let place = tempfile::tempdir()?;
    let component = place.path().join("copy.wasm");
    // Numbers that no other part of the benchmark has: nothing of it was compiled before.
    let number = |round: u16| 9_000 + round;
    let first = copies.version(site, versions.path(), number(0)).await?;
    put(&first, &component)?;
    let folder = site.with(&Copies::table(&component), &[])?;
    let command = site.command_in(folder.path(), Program::Ours(Setup::Plain), Transport::Http);
    let first = copies::call(number(0));
    let server =
        Server::start_with("a host that reloads", command, Transport::Http, &first).await?;
    server.ready(ECHO_TOOLS + 1, 0).await?;
    let address = server.address()?;
    eprintln!("reload: components of {} bytes", copies.size());
    let rounds: u16 = if plan.quick { 1 } else { 10 };
    let mut samples = Samples::default();
    for round in 1..=rounds {
        eprintln!("reload: round {round} of {rounds}");
        let version = copies.version(site, versions.path(), number(round)).await?;
        let mut connection = Connection::open(address, &copies::call(number(round))).await?;
        let cpu = process::cpu_time(server.id)?;
        let generator_cpu = process::cpu_time(std::process::id())?;
        let begun = Instant::now();
        put(&version, &component)?;
        // Until then it is the call of a tool that does not exist.
        while connection.call().await.is_err() {
            if begun.elapsed() > PATIENCE {
                return Err("a new version of a plugin is not taken up".into());
            }
            tokio::time::sleep(INTERVAL).await;
        }
        let elapsed = begun.elapsed();
        samples += Samples {
            latencies: vec![elapsed],
            errors: 0,
            elapsed,
            cpu: process::cpu_time(server.id)?.saturating_sub(cpu),
            generator_cpu: process::cpu_time(std::process::id())?.saturating_sub(generator_cpu),
            resident: process::resident(server.id)?,
        };
    }
    server.stop().await?;
    Ok(samples)
}

/// As careful programs do: written beside, then renamed, the signature first.
fn put(version: &Path, place: &Path) -> std::io::Result<()> {
    for ending in ["wasm.minisig", "wasm"] {
        let beside = place.with_extension("new");
        fs::copy(version.with_extension(ending), &beside)?;
        fs::rename(&beside, place.with_extension(ending))?;
    }
    Ok(())
}
