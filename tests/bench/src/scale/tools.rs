//! Tools of one plugin: what the list and a call cost.

use std::error::Error;

use super::{Probe, Scale, stop, take};
use crate::copies::Copies;
use crate::load::{Call, Request};
use crate::options::Plan;
use crate::process;
use crate::server::Server;
use crate::site::{ECHO_TOOLS, Site};
use crate::subject::{Program, Setup, Transport};

pub(super) async fn measure(
    site: &Site,
    plan: &Plan,
    scale: &mut Scale,
) -> Result<(), Box<dyn Error>> {
    // A plugin may have a thousand unless the operator says otherwise.
    let sizes: &[usize] = if plan.quick {
        &[1, 100]
    } else {
        &[1, 10, 100, 1_000]
    };
    let mut servers = Vec::new();
    let mut probes = Vec::new();
    for &size in sizes {
        let folder = site.with(&Copies::tools(site, size)?, &[])?;
        let command = site.command_in(folder.path(), Program::Ours(Setup::Plain), Transport::Http);
        let server = Server::start("a host with many tools", command, Transport::Http).await?;
        server.ready(ECHO_TOOLS + size, 0).await?;
        let server = server.with(folder);
        scale.point("tools", size, process::resident(server.id)?);
        let last = Request::of(Call::echo_by(format!("tool_{}", size - 1)), None);
        let at = servers.len();
        servers.push(server);
        probes.push(Probe::new(format!("tools-{size}"), 1, last, at));
        let name = format!("tools-{size}-list");
        probes.push(Probe::new(name, 1, Request::list(), at));
    }
    let records = take("tools", &servers, probes, plan).await?;
    scale.records.extend(records);
    stop(servers).await?;
    Ok(())
}
