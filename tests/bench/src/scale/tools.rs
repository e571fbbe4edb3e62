//! Tools of one plugin: what the list and a call cost.

use std::error::Error;

use serde_json::json;

use super::{Probe, Scale, stop, take};
use crate::load::{Call, Request};
use crate::options::Plan;
use crate::process;
use crate::server::Server;
use crate::site::Site;
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
    let component = json!(site.fixture("many")?);
    let mut servers = Vec::new();
    let mut probes = Vec::new();
    for &size in sizes {
        let tables = format!(
            "[plugins.many]\ncomponent = {component}\n\
             settings = {{ prefix = \"tool\", tools = {size} }}\n"
        );
        let folder = site.with(&tables, &[])?;
        let command = site.command_in(folder.path(), Program::Ours(Setup::Plain), Transport::Http);
        let server = Server::start("a host with many tools", command, Transport::Http).await?;
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
