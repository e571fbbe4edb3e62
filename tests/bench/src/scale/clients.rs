//! Clients of the old era: sessions that nobody uses, and clients that are connected and listen.

use std::error::Error;
use std::net::SocketAddr;

use super::{Probe, Scale, take};
use crate::load::{Connection, Request, Road};
use crate::options::Plan;
use crate::process;
use crate::ratios::MEMORY_PER_SESSION;
use crate::server::Server;
use crate::site::{ECHO_TOOLS, Keys, Site};
use crate::subject::{Program, Setup, Transport};

/// What a host needs for so many of one principal.
const SERVER: &str = "max-connections = 8192\n";
const SESSIONS: &str = "
[server.sessions]
max = 20000
max-per-principal = 20000
";

pub(super) async fn measure(
    site: &Site,
    plan: &Plan,
    scale: &mut Scale,
) -> Result<(), Box<dyn Error>> {
    let sizes: &[usize] = if plan.quick {
        &[1, 100]
    } else {
        &[1, 100, 1_000, 5_000]
    };
    let keys = Keys {
        server: SERVER,
        tables: SESSIONS,
        ..Keys::default()
    };
    let folder = site.with_keys(&keys)?;
    let ours = || site.command_in(folder.path(), Program::Ours(Setup::Plain), Transport::Http);
    let server = Server::start("a host with sessions", ours(), Transport::Http).await?;
    idle(&server, sizes, scale).await?;
    server.stop().await?;
    let server = Server::start("a host with listeners", ours(), Transport::Http).await?;
    let server = listening(server, sizes, plan, scale).await?;
    server.stop().await?;
    Ok(())
}

/// Sessions without a connection of their own.
async fn idle(server: &Server, sizes: &[usize], scale: &mut Scale) -> Result<(), Box<dyn Error>> {
    let address = server.address()?;
    let mut connection = Connection::open(address, &session()).await?;
    let mut open = 1;
    for &size in sizes {
        eprintln!("scale, sessions: {size}");
        while open < size {
            connection.initialize().await?;
            open += 1;
        }
        server.ready(ECHO_TOOLS, size).await?;
        if let Some(each) = scale.point("sessions", size, process::resident(server.id)?) {
            scale.figures.insert(MEMORY_PER_SESSION, each);
        }
    }
    Ok(())
}

/// Sessions whose clients listen, each over a connection of its own, while somebody else calls.
async fn listening(
    server: Server,
    sizes: &[usize],
    plan: &Plan,
    scale: &mut Scale,
) -> Result<Server, Box<dyn Error>> {
    let address = server.address()?;
    let mut listeners = Vec::new();
    let mut servers = vec![server];
    for &size in sizes {
        while listeners.len() < size {
            listeners.push(listener(address).await?);
        }
        servers[0].ready(ECHO_TOOLS, size).await?;
        scale.point("clients", size, process::resident(servers[0].id)?);
        let name = format!("clients-{size}");
        let probe = Probe::new(name, 1, Request::echo(None), 0);
        let what = format!("{size} clients");
        let records = take(&what, &servers, vec![probe], plan).await?;
        scale.records.extend(records);
    }
    drop(listeners);
    servers.pop().ok_or_else(|| "there is a server".into())
}

async fn listener(
    address: SocketAddr,
) -> Result<(Connection, hyper::body::Incoming), Box<dyn Error>> {
    let mut connection = Connection::open(address, &session()).await?;
    let stream = connection.listen().await?;
    Ok((connection, stream))
}

fn session() -> Request {
    Request::echo(None).by(Road::Session)
}
