//! Plugins that are loaded: what each takes of the host's memory, and what the others' calls and the list feel of it.

use std::error::Error;

use super::{Probe, Scale, stop, take, turn_of};
use crate::copies::Copies;
use crate::load::Request;
use crate::options::Plan;
use crate::process;
use crate::ratios::{MEMORY_PER_PLUGIN, THROUGHPUT_PLUGINS};
use crate::report::{count, per};
use crate::server::Server;
use crate::site::{ECHO_TOOLS, Keys, Site};
use crate::subject::{Program, Setup, Transport};

/// At how many connections their throughput is compared.
const CONNECTIONS: usize = 64;

/// How often.
const PAIRS: usize = 49;

pub(super) async fn measure(
    site: &Site,
    copies: &Copies,
    plan: &Plan,
    scale: &mut Scale,
) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let sizes: &[u16] = if plan.quick {
        &[1, 10]
    } else {
        &[1, 10, 100, 1_000]
    };
    let mut servers = Vec::new();
    let mut probes = Vec::new();
    for &size in sizes {
        eprintln!("scale, plugins: starting a host with {size}");
        // One of them is the echo plugin, which is called.
        let tables = copies.crowd(folder.path(), size - 1)?;
        let server = host(site, &tables, size - 1).await?;
        scale.point("plugins", size.into(), process::resident(server.id)?);
        let at = servers.len();
        servers.push(server);
        for connections in [1, CONNECTIONS] {
            let name = format!("plugins-{size}");
            probes.push(Probe::new(name, connections, Request::echo(None), at));
        }
        let name = format!("plugins-{size}-list");
        probes.push(Probe::new(name, 1, Request::list(), at));
    }
    let records = take("plugins", &servers, probes, plan).await?;
    scale.records.extend(records);
    // With --quick there are fewer, and no promise.
    if let (&[1, .., 1_000], [one, .., many]) = (sizes, &*servers) {
        let ratio = many_beside_one(one, many, plan).await?;
        scale.figures.insert(THROUGHPUT_PLUGINS, ratio);
    }
    stop(servers).await?;
    memory(site, copies, plan, scale).await
}

/// The throughput of one host divided by another's: the median of pairs of turns. What the machine does meanwhile changes from
/// second to second by more than what is looked for, so the turns of a pair follow each other, each in turn the first one.
async fn many_beside_one(one: &Server, many: &Server, plan: &Plan) -> Result<f64, Box<dyn Error>> {
    eprintln!("scale, plugins: a thousand beside one");
    let throughput = async |server: &Server| {
        let probe = Probe::new(String::new(), CONNECTIONS, Request::echo(None), 0);
        let samples = turn_of(server.address()?, server.id, &probe, plan).await?;
        if samples.errors > 0 {
            return Err(format!("{} calls failed", samples.errors).into());
        }
        Ok::<_, Box<dyn Error>>(per(
            count(samples.latencies.len()),
            samples.elapsed.as_secs_f64(),
        ))
    };
    let mut ratios = Vec::new();
    for pair in 0..PAIRS {
        let (with_one, with_many) = if pair % 2 == 0 {
            let with_one = throughput(one).await?;
            (with_one, throughput(many).await?)
        } else {
            let with_many = throughput(many).await?;
            (throughput(one).await?, with_many)
        };
        ratios.push(with_many / with_one);
    }
    ratios.sort_by(f64::total_cmp);
    Ok(ratios[PAIRS / 2])
}

/// Plugins made with the SDK, each of a component of its own.
async fn memory(
    site: &Site,
    copies: &Copies,
    plan: &Plan,
    scale: &mut Scale,
) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let sizes: &[u16] = if plan.quick { &[0, 10] } else { &[0, 10, 50] };
    for &size in sizes {
        eprintln!("scale, plugins of the SDK: {size}");
        let tables = copies.tables(site, folder.path(), size).await?;
        let server = host(site, &tables, size).await?;
        let resident = process::resident(server.id)?;
        if let Some(each) = scale.point("sdk-plugins", size.into(), resident) {
            scale.figures.insert(MEMORY_PER_PLUGIN, each);
        }
        server.stop().await?;
    }
    Ok(())
}

/// A host with the echo plugin and so many others, each with a tool.
///
/// It is started twice: what the first start compiles is in the cache for the second one, which is measured.
async fn host(site: &Site, tables: &str, others: u16) -> Result<Server, Box<dyn Error>> {
    let keys = Keys {
        tables,
        keep: true,
        ..Keys::default()
    };
    let folder = site.with_keys(&keys)?;
    let command = || site.command_in(folder.path(), Program::Ours(Setup::Plain), Transport::Http);
    let name = "a host with many plugins";
    let first = Server::start(name, command(), Transport::Http).await?;
    first.stop().await?;
    let server = Server::start(name, command(), Transport::Http).await?;
    server.ready(ECHO_TOOLS + usize::from(others), 0).await?;
    Ok(server.with(folder))
}
