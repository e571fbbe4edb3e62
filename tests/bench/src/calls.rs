//! What calls cost: all programs run at the same time and are loaded in turns, so that whatever else the machine does
//! meanwhile hits them alike.

use std::error::Error;
use std::time::Instant;

use crate::load::{self, Caller as _, Connection, Request, Seen};
use crate::options::Plan;
use crate::process::{self, ProcessError};
use crate::samples::Samples;
use crate::server::{Door, Server};
use crate::subject::{SUBJECTS, Site, Subject, Transport};

/// The calls of one program at one number of connections.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) subject: Subject,
    pub(crate) connections: usize,
    /// The process's memory after its first call, before any load.
    pub(crate) idle: u64,
    pub(crate) samples: Samples,
}

/// Measures all of them.
pub(crate) async fn measure(site: &Site, plan: &Plan) -> Result<Vec<Measured>, Box<dyn Error>> {
    let mut servers = Vec::new();
    for subject in SUBJECTS {
        let command = site.command(subject.program, subject.transport);
        let server = Server::start(subject.name, command, subject.transport).await?;
        servers.push((subject, process::resident(server.id)?, server));
    }
    let mut all = rows(plan, &servers);
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
            let (server, measured) = &mut all[index];
            let server = &mut servers[*server].2;
            measured.samples += take_turn(server, measured, plan).await?;
        }
    }
    for (_, _, server) in servers {
        server.stop().await?;
    }
    Ok(all.into_iter().map(|(_, measured)| measured).collect())
}

/// The measurements to make, each with the index of its server. Pipes have one user, who waits for each answer.
fn rows(plan: &Plan, servers: &[(Subject, u64, Server)]) -> Vec<(usize, Measured)> {
    let mut rows = Vec::new();
    for transport in [Transport::Http, Transport::Stdio] {
        let connections = match transport {
            Transport::Http => plan.connections.as_slice(),
            Transport::Stdio => &[1],
        };
        for &connections in connections {
            for (index, (subject, idle, _)) in servers.iter().enumerate() {
                if subject.transport == transport {
                    let measured = Measured {
                        subject: *subject,
                        connections,
                        idle: *idle,
                        samples: Samples::default(),
                    };
                    rows.push((index, measured));
                }
            }
        }
    }
    rows
}

/// Loads one program for a moment. Its connections are open and have been used before the clock starts.
async fn take_turn(
    server: &mut Server,
    measured: &Measured,
    plan: &Plan,
) -> Result<Samples, Box<dyn Error>> {
    let mut connections = Vec::new();
    if let Door::Http(address) = server.door {
        for _ in 0..measured.connections {
            let mut connection = Connection::open(address, &Request::echo(None)).await?;
            connection.call().await?;
            connections.push(connection);
        }
    }
    let before = Meter::read(server.id)?;
    let seen = match &mut server.door {
        Door::Http(_) => load::run(&mut connections, plan.turn).await,
        Door::Stdio(pipe) => load::run(std::slice::from_mut(pipe), plan.turn).await,
    };
    Ok(before.samples(seen)?)
}

/// The clocks, read at the same time.
struct Meter {
    server: u32,
    at: Instant,
    cpu: std::time::Duration,
    generator_cpu: std::time::Duration,
}

impl Meter {
    fn read(server: u32) -> Result<Self, ProcessError> {
        Ok(Self {
            server,
            at: Instant::now(),
            cpu: process::cpu_time(server)?,
            generator_cpu: process::cpu_time(std::process::id())?,
        })
    }

    fn samples(&self, seen: Seen) -> Result<Samples, ProcessError> {
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
