//! What a start costs: from the creation of the process to its first answered call.

use std::error::Error;
use std::time::Instant;

use tokio::process::Command;

use crate::copies::Copies;
use crate::options::Plan;
use crate::process;
use crate::samples::Samples;
use crate::server::Server;
use crate::site::{ECHO_TOOLS, Keys, Site};
use crate::subject::{Program, Setup, Transport};

/// What the host finds in its cache of compiled components.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Cache {
    /// The native server has none.
    Without,
    Warm,
    Empty,
}

/// One of the starts that are measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// Its name in the report.
    pub(crate) name: &'static str,
    pub(crate) transport: Transport,
    program: Program,
    cache: Cache,
}

/// The native start that a start over this transport is divided by.
pub(crate) const fn yardstick(transport: Transport) -> &'static str {
    match transport {
        Transport::Http => "start-rmcp",
        Transport::Stdio => "start-rmcp-stdio",
    }
}

/// With ten plugins of the SDK, all of them compiled before.
pub(crate) const TEN: &str = "start-ours-10-plugins";

const STARTS: [Start; 7] = [
    start(Transport::Http, Cache::Without, yardstick(Transport::Http)),
    start(Transport::Http, Cache::Warm, "start-ours-warm"),
    Start {
        program: Program::Ours(Setup::Ten),
        ..start(Transport::Http, Cache::Warm, TEN)
    },
    start(Transport::Http, Cache::Empty, "start-ours-cold"),
    start(
        Transport::Stdio,
        Cache::Without,
        yardstick(Transport::Stdio),
    ),
    start(Transport::Stdio, Cache::Warm, "start-ours-warm-stdio"),
    start(Transport::Stdio, Cache::Empty, "start-ours-cold-stdio"),
];

const fn start(transport: Transport, cache: Cache, name: &'static str) -> Start {
    let program = match cache {
        Cache::Without => Program::Rmcp,
        Cache::Warm | Cache::Empty => Program::Ours(Setup::Plain),
    };
    Start {
        name,
        transport,
        program,
        cache,
    }
}

/// Measures all of them, in turns.
pub(crate) async fn measure(
    site: &mut Site,
    copies: &Copies,
    plan: &Plan,
) -> Result<Vec<(Start, Samples)>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let tables = &copies.tables(site, folder.path(), 10).await?;
    let keys = Keys {
        tables,
        keep: true,
        ..Keys::default()
    };
    site.prepare(Setup::Ten, &keys, &[])?;
    // Fills the cache, and reads every program from the disk once.
    for (program, transport) in [
        (Program::Ours(Setup::Plain), Transport::Http),
        (Program::Ours(Setup::Ten), Transport::Http),
        (Program::Rmcp, Transport::Http),
    ] {
        let command = site.command(program, transport);
        let server = Server::start("warming up", command, transport).await?;
        match program {
            Program::Ours(Setup::Ten) => server.ready(ECHO_TOOLS + 10, 0).await?,
            Program::Ours(_) => server.ready(ECHO_TOOLS, 0).await?,
            Program::Bare | Program::Rmcp | Program::RmcpHalfThreads | Program::Backend => {}
        }
        server.stop().await?;
    }
    let mut all = STARTS.map(|start| (start, Samples::default()));
    for round in 0..plan.starts {
        eprintln!("starts: round {} of {}", round + 1, plan.starts);
        for (start, samples) in &mut all {
            *samples += take_start(site, *start).await?;
        }
    }
    Ok(all.into())
}

async fn take_start(site: &Site, start: Start) -> Result<Samples, Box<dyn Error>> {
    let Start {
        transport, program, ..
    } = start;
    if start.cache == Cache::Empty {
        let folder = site.cold()?;
        let command = site.command_in(folder.path(), program, transport);
        return take(command, transport, start.name).await;
    }
    take(site.command(program, transport), transport, start.name).await
}

async fn take(
    command: Command,
    transport: Transport,
    name: &str,
) -> Result<Samples, Box<dyn Error>> {
    let generator_cpu = process::cpu_time(std::process::id())?;
    let begun = Instant::now();
    let server = Server::start(name, command, transport).await?;
    let elapsed = begun.elapsed();
    let samples = Samples {
        latencies: vec![elapsed],
        errors: 0,
        elapsed,
        cpu: process::threads_cpu_time(server.id)?,
        generator_cpu: process::cpu_time(std::process::id())?.saturating_sub(generator_cpu),
        resident: process::resident(server.id)?,
    };
    server.stop().await?;
    Ok(samples)
}
