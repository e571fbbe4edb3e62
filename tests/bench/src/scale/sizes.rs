//! Arguments and results: so many bytes to the tool, and the same back.

use std::error::Error;

use super::{Probe, Scale, stop, take};
use crate::load::{Call, Request};
use crate::options::Plan;
use crate::server::Server;
use crate::site::{Keys, Site};
use crate::subject::{Program, Setup, Transport};

/// What a host needs for the largest of them.
const SERVER: &str = "max-request-size = \"32 MiB\"\n";
const LIMITS: &str = "
[limits]
memory = \"512 MiB\"
host-memory = \"512 MiB\"
result-size = \"32 MiB\"
";

pub(super) async fn measure(
    site: &Site,
    plan: &Plan,
    scale: &mut Scale,
) -> Result<(), Box<dyn Error>> {
    let sizes: &[(usize, &str, &'static str)] = &[
        (100, "size-100-B", "size-100-B-rmcp"),
        (1_000, "size-1-kB", "size-1-kB-rmcp"),
        (10_000, "size-10-kB", "size-10-kB-rmcp"),
        (100_000, "size-100-kB", "size-100-kB-rmcp"),
        (1_000_000, "size-1-MB", "size-1-MB-rmcp"),
        (10_000_000, "size-10-MB", "size-10-MB-rmcp"),
    ];
    // In a debug build the largest take seconds.
    let sizes = if plan.quick { &sizes[..5] } else { sizes };
    let keys = Keys {
        server: SERVER,
        tables: LIMITS,
        ..Keys::default()
    };
    let folder = site.with_keys(&keys)?;
    let ours = Program::Ours(Setup::Plain);
    let ours = site.command_in(folder.path(), ours, Transport::Http);
    let rmcp = site.command(Program::Rmcp, Transport::Http);
    let servers = vec![
        Server::start("a host with large limits", ours, Transport::Http).await?,
        Server::start("rmcp", rmcp, Transport::Http).await?,
    ];
    let mut probes = Vec::new();
    for &(size, name, native) in sizes {
        let request = Request::of(Call::echo_of(size), None);
        probes.push(Probe {
            yardstick: native,
            ..Probe::new(name.to_owned(), 1, request.clone(), 0)
        });
        probes.push(Probe::new(native.to_owned(), 1, request, 1));
    }
    let records = take("sizes", &servers, probes, plan).await?;
    scale.records.extend(records);
    stop(servers).await?;
    Ok(())
}
