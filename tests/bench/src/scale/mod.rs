//! What grows with what: one thing at a time is made larger, everything else stays as it is.
//!
//! | module | what grows |
//! |---|---|
//! | `plugins` | plugins that are loaded |
//! | `tools` | tools of one plugin |
//! | `sizes` | arguments and results |
//! | `clients` | sessions, and clients that listen |

mod clients;
mod plugins;
mod sizes;
mod tools;

use std::error::Error;
use std::net::SocketAddr;

use serde::Serialize;

use crate::calls::Meter;
use crate::copies::Copies;
use crate::load::{self, Connection, Request};
use crate::options::Plan;
use crate::ratios::Figures;
use crate::report::{Record, count, per, record};
use crate::samples::Samples;
use crate::server::Server;
use crate::site::Site;

/// What was found out.
#[derive(Debug, Default)]
pub(crate) struct Scale {
    pub(crate) records: Vec<Record>,
    pub(crate) points: Vec<Point>,
    pub(crate) figures: Figures,
}

/// Memory at one point of a curve.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Point {
    /// What grows.
    pub(crate) curve: &'static str,
    /// How many there are.
    pub(crate) size: usize,
    /// The host's memory with so many, idle.
    pub(crate) rss_bytes: u64,
    /// What each of them takes, relative to the first point. None there.
    pub(crate) rss_bytes_each: Option<f64>,
}

/// Measures all curves.
pub(crate) async fn measure(
    site: &Site,
    copies: &Copies,
    plan: &Plan,
) -> Result<Scale, Box<dyn Error>> {
    let mut scale = Scale::default();
    plugins::measure(site, copies, plan, &mut scale).await?;
    tools::measure(site, plan, &mut scale).await?;
    sizes::measure(site, plan, &mut scale).await?;
    clients::measure(site, plan, &mut scale).await?;
    Ok(scale)
}

impl Scale {
    /// Adds a point; what it takes each, for a promise.
    fn point(&mut self, curve: &'static str, size: usize, rss_bytes: u64) -> Option<f64> {
        let mut points = self.points.iter();
        let first = points.find(|point| point.curve == curve);
        let each = first.map(|first| {
            let more = rss_bytes.saturating_sub(first.rss_bytes);
            let more = usize::try_from(more).unwrap_or(usize::MAX);
            per(count(more), count(size.saturating_sub(first.size)))
        });
        self.points.push(Point {
            curve,
            size,
            rss_bytes,
            rss_bytes_each: each,
        });
        each
    }
}

/// One thing that is measured at a point, in turns with the same at the other points.
struct Probe {
    /// Its name in the report.
    name: String,
    connections: usize,
    yardstick: &'static str,
    request: Request,
    /// Which of the servers.
    server: usize,
    samples: Samples,
}

impl Probe {
    fn new(name: String, connections: usize, request: Request, server: usize) -> Self {
        Self {
            name,
            connections,
            yardstick: "",
            request,
            server,
            samples: Samples::default(),
        }
    }
}

/// Takes all probes in turns.
async fn take(
    what: &str,
    servers: &[Server],
    mut probes: Vec<Probe>,
    plan: &Plan,
) -> Result<Vec<Record>, Box<dyn Error>> {
    for round in 0..plan.rounds {
        eprintln!("scale, {what}: round {} of {}", round + 1, plan.rounds);
        let count = probes.len();
        for turn in 0..count {
            // Every second round backwards, as with calls.
            let index = if round % 2 == 0 {
                turn
            } else {
                count - 1 - turn
            };
            let probe = &mut probes[index];
            let server = &servers[probe.server];
            let address = server.address()?;
            probe.samples += turn_of(address, server.id, probe, plan).await?;
        }
    }
    Ok(probes
        .into_iter()
        .map(|probe| {
            let elapsed = probe.samples.elapsed.as_secs_f64();
            let mut record = record(probe.name, probe.connections, probe.samples);
            record.yardstick = probe.yardstick;
            record.calls_per_s = Some(per(count(record.calls), elapsed));
            record
        })
        .collect())
}

async fn turn_of(
    address: SocketAddr,
    server: u32,
    probe: &Probe,
    plan: &Plan,
) -> Result<Samples, Box<dyn Error>> {
    let mut connections = Vec::new();
    for _ in 0..probe.connections {
        let mut connection = Connection::open(address, &probe.request).await?;
        load::Caller::call(&mut connection).await?;
        connections.push(connection);
    }
    let before = Meter::read(server)?;
    let seen = load::run(&mut connections, plan.turn).await;
    Ok(before.samples(seen)?)
}

/// Ends them all.
async fn stop(servers: Vec<Server>) -> std::io::Result<()> {
    for server in servers {
        server.stop().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_relative_to_the_first_point() {
        let mut scale = Scale::default();
        assert_eq!(scale.point("plugins", 1, 1_000), None);
        assert_eq!(scale.point("sessions", 0, 500), None);
        assert_eq!(scale.point("plugins", 11, 6_000), Some(500.0));
        assert_eq!(scale.point("sessions", 10, 400), Some(0.0));
    }
}
