//! What a tenant feels of another that floods the host within its own limits: the latency of calls one after the other,
//! quiet and flooded, in turns.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use tokio_util::task::AbortOnDropHandle;

use crate::calls::{backend_files, backend_tables};
use crate::load::{self, Call, Connection, Request};
use crate::options::Plan;
use crate::samples::{Samples, Sorted};
use crate::server::Server;
use crate::site::Site;
use crate::subject::{Program, Setup, Transport};

/// More connections than the flooding tenant may have calls at once, so that it always has all that it may.
const FLOOD: usize = 32;

/// What one tenant does meanwhile, the call that it does it with, and the call that the quiet one makes.
struct Flood {
    name: &'static str,
    flooding: fn() -> Call,
    quiet: fn() -> Call,
}

const FLOODS: [Flood; 5] = [
    flood("loops", endless, Call::echo),
    flood("calls", Call::echo, Call::echo),
    flood("bodies", || Call::echo_of(BODY), Call::echo),
    flood("backend", Call::ask, Call::echo),
    flood("loops-backend", endless, Call::ask),
];

const fn flood(name: &'static str, flooding: fn() -> Call, quiet: fn() -> Call) -> Flood {
    Flood {
        name,
        flooding,
        quiet,
    }
}

fn endless() -> Call {
    Call::any("hostile_loop")
}

/// Bytes of text in each of the calls whose bodies are large. They are most of the work, and the generator, which has the same
/// cores, only copies them: larger ones would show rather how fast it does that.
const BODY: usize = 1 << 20;

/// What the quiet tenant saw.
#[derive(Debug, Serialize)]
pub(crate) struct Fairness {
    /// What the other one did: endless loops, short calls, calls with large bodies, or requests to a backend. In
    /// `loops-backend` it is the quiet one that asks a backend.
    pub(crate) flood: &'static str,
    /// Its connections.
    pub(crate) connections: usize,
    pub(crate) quiet_calls: usize,
    pub(crate) quiet_p95_us: f64,
    pub(crate) flooded_calls: usize,
    pub(crate) flooded_p95_us: f64,
    /// What is promised: twice the quiet value, or 5 ms more.
    pub(crate) bound_us: f64,
    pub(crate) errors: usize,
}

/// Measures all floods.
pub(crate) async fn measure(site: &Site, plan: &Plan) -> Result<Vec<Fairness>, Box<dyn Error>> {
    let mut tokens = Vec::new();
    let mut tables = String::new();
    for tenant in ["quiet", "flood"] {
        let token = site.token(tenant, tenant).await?;
        tokens.push(token.secret);
        tables.push_str(&token.table);
    }
    let hostile = json!(site.fixture("hostile")?);
    let hostile = format!("[plugins.hostile]\ncomponent = {hostile}\ngrant = [\"http\"]\n");
    tables.push_str(&hostile);
    let command = site.command(Program::Backend, Transport::Http);
    let backend = Server::spawn("the backend", command, Transport::Http).await?;
    tables.push_str(&backend_tables(site, backend.address()?)?);
    let folder = site.with(&tables, &backend_files(&site.certificate()?))?;
    let command = site.command_in(folder.path(), Program::Ours(Setup::Plain), Transport::Http);
    let server = Server::start_for(
        "ours, two tenants",
        command,
        Transport::Http,
        Some(&tokens[0]),
    )
    .await?;
    let address = server.address()?;
    let mut found = Vec::new();
    for Flood {
        name: flood,
        flooding,
        quiet: call,
    } in FLOODS
    {
        let mut quiet = Samples::default();
        let mut flooded = Samples::default();
        for round in 0..plan.rounds {
            eprintln!("fairness, {flood}: round {} of {}", round + 1, plan.rounds);
            let request = Request::of(call(), Some(&tokens[0]));
            quiet += turn(address, &request, plan.turn).await?;
            let flooding = begin(address, &tokens[1], flooding()).await?;
            flooded += turn(address, &request, plan.turn).await?;
            drop(flooding);
        }
        found.push(Fairness::new(flood, quiet, flooded));
    }
    server.stop().await?;
    backend.stop().await?;
    Ok(found)
}

impl Fairness {
    fn new(flood: &'static str, quiet: Samples, flooded: Samples) -> Self {
        let errors = quiet.errors + flooded.errors;
        let (quiet, flooded) = (quiet.latencies, flooded.latencies);
        let (quiet_calls, flooded_calls) = (quiet.len(), flooded.len());
        let quiet_p95_us = Sorted::new(quiet).permille(950);
        Self {
            flood,
            connections: FLOOD,
            quiet_calls,
            quiet_p95_us,
            flooded_calls,
            flooded_p95_us: Sorted::new(flooded).permille(950),
            bound_us: (2.0 * quiet_p95_us).max(quiet_p95_us + 5000.0),
            errors,
        }
    }

    /// Whether it is as promised.
    pub(crate) fn holds(&self) -> bool {
        self.flooded_p95_us <= self.bound_us
    }
}

/// One call after the other, by one who waits for each answer.
async fn turn(
    address: SocketAddr,
    request: &Request,
    turn: Duration,
) -> Result<Samples, Box<dyn Error>> {
    let mut connection = Connection::open(address, request).await?;
    let seen = load::run(std::slice::from_mut(&mut connection), turn).await;
    Ok(Samples {
        latencies: seen.latencies,
        errors: seen.errors,
        elapsed: turn,
        ..Samples::default()
    })
}

/// Floods until it is dropped. What is answered does not matter.
async fn begin(
    address: SocketAddr,
    token: &str,
    call: Call,
) -> Result<Vec<AbortOnDropHandle<()>>, Box<dyn Error>> {
    let request = Request::of(call, Some(token));
    let mut flood = Vec::new();
    for _ in 0..FLOOD {
        let mut connection = Connection::open(address, &request).await?;
        flood.push(AbortOnDropHandle::new(tokio::spawn(async move {
            while connection.knock().await.is_ok() {}
        })));
    }
    // Until they have all that they may have.
    tokio::time::sleep(Duration::from_millis(100)).await;
    Ok(flood)
}
