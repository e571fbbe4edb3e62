//! What it costs to ask a large backup server for a part of a list: the tools of the Veeam plugins in the host, beside a
//! program that sends the same requests itself.
//!
//! | module | what it is for |
//! |---|---|
//! | `estate` | the backup server, and the configuration of a host with it |
//! | `ask` | calls of tools, and the requests that they led to, sent again without the host |
//!
//! The baseline's requests are those that the plugin was seen to send, to the byte of the query: it has no opinion of its
//! own about what is needed.

mod ask;
mod estate;

use std::error::Error;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use crate::options::Plan;
use crate::samples::Sorted;
use crate::server::Server;
use crate::site::Site;
use crate::subject::{Program, Setup, Transport};
use ask::{Agent, Direct, Memory};
use estate::Estate;

/// A call that is measured.
#[derive(Debug)]
struct List {
    /// Its name in the report.
    name: &'static str,
    plugin: &'static str,
    tool: &'static str,
    arguments: Value,
}

fn all() -> [List; 6] {
    let list = |name, plugin, tool, arguments| List {
        name,
        plugin,
        tool,
        arguments,
    };
    [
        list(
            "jobs-failed",
            "backup-jobs",
            "backup_jobs_list",
            json!({ "last_result": "failed" }),
        ),
        list(
            "jobs-named-200",
            "backup-jobs",
            "backup_jobs_list",
            json!({ "name": "nightly", "limit": 200 }),
        ),
        // The server's own filter knows no letters without their accents: every name is looked at.
        list(
            "job-without-accents",
            "backup-jobs",
            "backup_jobs_schedule",
            json!({ "job": "zlutoucky 060" }),
        ),
        list(
            "job-why",
            "backup-jobs",
            "backup_jobs_why",
            json!({ "job": "Бухгалтерия, ежедневно 060" }),
        ),
        list(
            "sessions-failed",
            "sessions",
            "sessions_list",
            json!({ "since": "3 days", "result": "failed" }),
        ),
        list(
            "sessions-failed-200",
            "sessions",
            "sessions_list",
            json!({ "since": "3 days", "result": "failed", "limit": 200 }),
        ),
    ]
}

/// What was found out about all of them.
#[derive(Debug, Serialize)]
pub(crate) struct Lists {
    /// Of the backup server.
    pub(crate) jobs: usize,
    /// Of the backup server.
    pub(crate) sessions: u64,
    pub(crate) records: Vec<Record>,
}

/// One measurement. Bytes and requests are of one call, on the average.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    pub(crate) name: &'static str,
    pub(crate) tool: &'static str,
    /// Answered as they should be.
    pub(crate) calls: usize,
    /// That the plugin sent to the backup server.
    pub(crate) requests: usize,
    /// Bodies of the backup server's answers to those.
    pub(crate) received_bytes: f64,
    /// The body of the answer to the client.
    pub(crate) returned_bytes: f64,
    /// The most linear memory that the instance of any of these calls had.
    pub(crate) memory_bytes: u64,
    pub(crate) p50_us: f64,
    /// Bodies that the baseline got for the same requests: what it hands on.
    pub(crate) direct_bytes: f64,
    pub(crate) direct_p50_us: f64,
    pub(crate) errors: usize,
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Tally {
    ours: Vec<Duration>,
    direct: Vec<Duration>,
    requests: usize,
    received: u64,
    returned: usize,
    handed_on: usize,
    memory: u64,
    errors: usize,
}

/// Measures all of them, in turns with the baseline.
pub(crate) async fn measure(site: &Site, plan: &Plan) -> Result<Lists, Box<dyn Error>> {
    let jobs = if plan.quick { 1_000 } else { 10_000 };
    let estate = Estate::start(jobs).await?;
    let folder = estate.configure(site)?;
    let command = site.command_in(folder.path(), Program::Ours(Setup::Plain), Transport::Http);
    let server = Server::start("the host with the Veeam plugins", command, Transport::Http).await?;
    let agent = Agent::new(server.address()?)?;
    let direct = Direct::login(&estate).await?;

    let lists = all();
    let mut tallies: [Tally; 6] = Default::default();
    for list in &lists {
        // The login, and components that are loaded for the first time.
        agent.call(list.tool, &list.arguments).await?;
    }
    for round in 0..plan.rounds {
        eprintln!("lists: round {} of {}", round + 1, plan.rounds);
        for (list, tally) in lists.iter().zip(&mut tallies) {
            take(&estate, &agent, &direct, list, tally).await?;
        }
    }
    let sessions = direct.sessions().await?;
    server.stop().await?;
    let records = lists.into_iter().zip(tallies);
    Ok(Lists {
        jobs,
        sessions,
        records: records.map(|(list, tally)| record(&list, tally)).collect(),
    })
}

/// A call, and the same requests without the host.
async fn take(
    estate: &Estate,
    agent: &Agent,
    direct: &Direct,
    list: &List,
    tally: &mut Tally,
) -> Result<(), Box<dyn Error>> {
    let before = agent.memory(list.plugin).await?;
    let (sent, received) = estate.seen();
    let begun = Instant::now();
    let answered = agent.call(list.tool, &list.arguments).await;
    let took = begun.elapsed();
    let Ok(returned) = answered else {
        tally.errors += 1;
        return Ok(());
    };
    let (sent_now, received_now) = estate.seen();
    let requests = estate.last(sent_now - sent);
    tally.ours.push(took);
    tally.requests = tally.requests.max(requests.len());
    tally.received += received_now - received;
    tally.returned += returned;
    let after = agent.memory(list.plugin).await?;
    tally.memory = tally.memory.max(Memory::of_one(&before, &after)?);

    let begun = Instant::now();
    tally.handed_on += direct.send(&requests).await?;
    tally.direct.push(begun.elapsed());
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no benchmark transfers 2^53 bytes"
)]
fn record(list: &List, tally: Tally) -> Record {
    let calls = tally.ours.len();
    let each = |bytes: u64| bytes as f64 / calls.max(1) as f64;
    Record {
        name: list.name,
        tool: list.tool,
        calls,
        requests: tally.requests,
        received_bytes: each(tally.received),
        returned_bytes: each(tally.returned as u64),
        memory_bytes: tally.memory,
        p50_us: Sorted::new(tally.ours).permille(500),
        direct_bytes: each(tally.handed_on as u64),
        direct_p50_us: Sorted::new(tally.direct).permille(500),
        errors: tally.errors,
    }
}
