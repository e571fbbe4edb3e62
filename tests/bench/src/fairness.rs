//! What a tenant feels of another that floods the host within its own limits: the latency of calls one after the other,
//! quiet and flooded, in turns.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use tokio_util::task::AbortOnDropHandle;

use crate::load::{self, Call, Connection, Request};
use crate::options::Plan;
use crate::samples::{Samples, Sorted};
use crate::server::Server;
use crate::site::Site;
use crate::subject::{Program, Setup, Transport};

/// More connections than the flooding tenant may have calls at once, so that it always has all that it may.
const FLOOD: usize = 32;

/// Its name, and the call.
type Flood = (&'static str, fn() -> Call);

/// What the other tenant does meanwhile, and the call that it does it with.
const FLOODS: [Flood; 3] = [
    ("loops", || Call::any("hostile_loop")),
    ("calls", Call::echo),
    ("bodies", || Call::echo_of(BODY)),
];

/// Bytes of text in each of the calls whose bodies are large. They are most of the work, and the generator, which has the same
/// cores, only copies them: larger ones would show rather how fast it does that.
const BODY: usize = 1 << 20;

/// What the quiet tenant saw.
#[derive(Debug, Serialize)]
pub(crate) struct Fairness {
    /// What the other one did: endless loops, short calls, or calls with large bodies.
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
    let folder = site.with(&(tables + &hostile), &[])?;
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
    for (flood, call) in FLOODS {
        let mut quiet = Samples::default();
        let mut flooded = Samples::default();
        for round in 0..plan.rounds {
            eprintln!("fairness, {flood}: round {} of {}", round + 1, plan.rounds);
            quiet += turn(address, &tokens[0], plan.turn).await?;
            let flooding = begin(address, &tokens[1], call()).await?;
            flooded += turn(address, &tokens[0], plan.turn).await?;
            drop(flooding);
        }
        found.push(Fairness::new(flood, quiet, flooded));
    }
    server.stop().await?;
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
async fn turn(address: SocketAddr, token: &str, turn: Duration) -> Result<Samples, Box<dyn Error>> {
    let mut connection = Connection::open(address, &Request::echo(Some(token))).await?;
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
