//! What calls cost: all programs run at the same time and are loaded in turns, so that whatever else the machine does
//! meanwhile hits them alike.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Instant;

use serde_json::json;

use crate::baseline::{LOGIN, SECRET};
use crate::load::{self, Call, Caller as _, Connection, Direct, Request, Road, Seen};
use crate::options::Plan;
use crate::process::{self, ProcessError};
use crate::samples::Samples;
use crate::server::{Door, Server};
use crate::site::{Keys, Site, SiteError};
use crate::subject::{Kind, Program, SUBJECTS, Setup, Subject, Transport};

/// The calls of one program at one number of connections, or calls in flight.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) subject: Subject,
    pub(crate) connections: usize,
    /// The process's memory after its first call, before any load.
    pub(crate) idle: u64,
    pub(crate) samples: Samples,
}

/// The programs that run, and what is needed to call them.
struct Running {
    servers: BTreeMap<(Program, Transport), (Server, u64)>,
    token: String,
    certificate: String,
}

/// Measures all of them.
pub(crate) async fn measure(site: &mut Site, plan: &Plan) -> Result<Vec<Measured>, Box<dyn Error>> {
    let mut running = start(site).await?;
    let mut all = rows(plan, &running);
    for round in 0..plan.rounds {
        eprintln!("calls: round {} of {}", round + 1, plan.rounds);
        let count = all.len();
        for turn in 0..count {
            // Every second round backwards: whoever follows a heavy neighbour in one precedes it in the next.
            let index = if round % 2 == 0 {
                turn
            } else {
                count - 1 - turn
            };
            let measured = &mut all[index];
            measured.samples += take_turn(&mut running, measured, plan).await?;
        }
    }
    for (server, _) in running.servers.into_values() {
        server.stop().await?;
    }
    Ok(all)
}

/// Starts every program once, whatever is measured of it.
async fn start(site: &mut Site) -> Result<Running, Box<dyn Error>> {
    let mut servers = BTreeMap::new();
    let command = site.command(Program::Backend, Transport::Http);
    let backend = Server::spawn("the backend", command, Transport::Http).await?;
    let address = backend.address()?;
    let certificate = site.certificate()?;
    let idle = process::resident(backend.id)?;
    servers.insert((Program::Backend, Transport::Http), (backend, idle));

    let token = site.token("bench", "local").await?;
    prepare(site, &token.table, address, &certificate)?;
    for subject in SUBJECTS {
        let key = (subject.program, subject.transport);
        if servers.contains_key(&key) {
            continue;
        }
        let command = site.command(subject.program, subject.transport);
        let first = Request::echo(asked(subject.program).then_some(&token.secret));
        let server = Server::start_with(subject.name, command, subject.transport, &first).await?;
        let idle = process::resident(server.id)?;
        servers.insert(key, (server, idle));
    }
    Ok(Running {
        servers,
        token: token.secret,
        certificate,
    })
}

/// Whether a program asks who calls.
fn asked(program: Program) -> bool {
    matches!(program, Program::Ours(Setup::Named | Setup::PerPrincipal))
}

/// The configurations that the calls need.
fn prepare(
    site: &mut Site,
    token: &str,
    backend: SocketAddr,
    certificate: &str,
) -> Result<(), Box<dyn Error>> {
    let jobs = jobs_table(site)?;
    let tables = |tables| Keys {
        tables,
        ..Keys::default()
    };
    site.prepare(Setup::Jobs, &tables(&jobs), &[])?;
    site.prepare(Setup::Named, &tables(token), &[])?;
    let reused = Keys {
        echo: "isolation = \"per-principal\"\n",
        ..tables(token)
    };
    site.prepare(Setup::PerPrincipal, &reused, &[])?;
    let asking = backend_tables(site, backend)?;
    site.prepare(
        Setup::Backend,
        &tables(&asking),
        &backend_files(certificate),
    )?;
    Ok(())
}

/// A plugin that has jobs: the host's own tools are on offer with it.
pub(crate) fn jobs_table(site: &Site) -> Result<String, SiteError> {
    let jobs = json!(site.fixture("jobs")?);
    Ok(format!(
        "[plugins.jobs]\ncomponent = {jobs}\ngrant = [\"form\"]\n"
    ))
}

/// A plugin that asks the backend, the way there, and a login: what the host does for each request besides passing it on.
pub(crate) fn backend_tables(site: &Site, backend: SocketAddr) -> Result<String, Box<dyn Error>> {
    let component = json!(site.fixture("erratic")?);
    Ok(format!(
        r#"
[credentials.backend]
kind = "oauth2"
grant = "password"
token-path = "{LOGIN}"
username = "file:backend-user"
password = "file:backend-password"

[bindings.backend]
kind = "control"
url = "https://{backend}"
tls = {{ ca-file = "backend.pem" }}
credential = "backend"
allow = ["GET /**"]
concurrency = 256

[plugins.erratic]
component = {component}
grant = ["http", "changes"]
backends = {{ control = "backend" }}
"#
    ))
}

/// The files that those tables name.
pub(crate) fn backend_files(certificate: &str) -> [(&'static str, &str); 3] {
    [
        ("backend.pem", certificate),
        ("backend-user", "bench"),
        ("backend-password", SECRET),
    ]
}

/// The measurements to make.
fn rows(plan: &Plan, running: &Running) -> Vec<Measured> {
    let mut rows = Vec::new();
    for transport in [Transport::Http, Transport::Stdio] {
        for &connections in &plan.connections {
            for subject in SUBJECTS {
                if subject.transport == transport {
                    let server = running.servers.get(&(subject.program, transport));
                    rows.push(Measured {
                        subject,
                        connections,
                        idle: server.map_or(0, |(_, idle)| *idle),
                        samples: Samples::default(),
                    });
                }
            }
        }
    }
    rows
}

/// Loads one program for a moment. Its connections are open and have been used before the clock starts.
async fn take_turn(
    running: &mut Running,
    measured: &Measured,
    plan: &Plan,
) -> Result<Samples, Box<dyn Error>> {
    let subject = measured.subject;
    let Running {
        servers,
        token,
        certificate,
    } = running;
    let server = servers.get_mut(&(subject.program, subject.transport));
    let (server, _) = server.ok_or("a program was not started")?;
    let address = match &mut server.door {
        Door::Http(address) => *address,
        Door::Stdio(pipe) => {
            let before = Meter::read(server.id)?;
            let seen = pipe.run(measured.connections, plan.turn).await;
            return Ok(before.samples(seen)?);
        }
    };
    if subject.kind == Kind::Direct {
        let mut clients = Vec::new();
        for _ in 0..measured.connections {
            let mut client = Direct::new(address, certificate)?;
            client.call().await?;
            clients.push(client);
        }
        // It is the generator itself that is measured.
        let before = Meter::read(std::process::id())?;
        let seen = load::run(&mut clients, plan.turn).await;
        return Ok(before.samples(seen)?);
    }
    let request = request(subject, token);
    let mut connections = Vec::new();
    for _ in 0..measured.connections {
        let mut connection = Connection::open(address, &request).await?;
        connection.call().await?;
        connections.push(connection);
    }
    let before = Meter::read(server.id)?;
    let seen = load::run(&mut connections, plan.turn).await;
    let samples = before.samples(seen)?;
    for connection in connections {
        connection.close().await?;
    }
    Ok(samples)
}

/// What is sent to a subject.
fn request(subject: Subject, token: &str) -> Request {
    let token = asked(subject.program).then_some(token);
    match subject.kind {
        Kind::Echo | Kind::Direct => Request::echo(token),
        Kind::Session => Request::echo(token).by(Road::Session),
        Kind::Rest => Request::echo(token).by(Road::Rest),
        Kind::Own => Request::of(Call::own(), token),
        Kind::Ask => Request::of(Call::ask(), token),
    }
}

/// The clocks, read at the same time.
#[derive(Debug)]
pub(crate) struct Meter {
    server: u32,
    at: Instant,
    cpu: std::time::Duration,
    generator_cpu: std::time::Duration,
}

impl Meter {
    pub(crate) fn read(server: u32) -> Result<Self, ProcessError> {
        Ok(Self {
            server,
            at: Instant::now(),
            cpu: process::cpu_time(server)?,
            generator_cpu: process::cpu_time(std::process::id())?,
        })
    }

    pub(crate) fn samples(&self, seen: Seen) -> Result<Samples, ProcessError> {
        let now = Self::read(self.server)?;
        Ok(Samples {
            latencies: seen.latencies,
            errors: seen.errors,
            elapsed: now.at - self.at,
            cpu: now.cpu.saturating_sub(self.cpu),
            generator_cpu: now.generator_cpu.saturating_sub(self.generator_cpu),
            resident: process::resident(self.server)?,
        })
    }
}
