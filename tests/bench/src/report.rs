//! The report for programs. Other tools read it: records and ratios may gain members, and lose none.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::calls::Measured;
use crate::fairness::Fairness;
use crate::lists::{self, Lists};
use crate::options::Plan;
use crate::process;
use crate::samples::{Samples, Sorted, microseconds};
use crate::starts::{self, Start};
use crate::subject;

/// Everything that one run found out.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// `release` or `debug`: figures of the latter say nothing about the former.
    pub(crate) build: &'static str,
    /// Measured for moments only: says nothing at all but that it runs.
    pub(crate) quick: bool,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) rounds: u32,
    pub(crate) turn_s: f64,
    pub(crate) records: Vec<Record>,
    /// What one tenant feels of another.
    pub(crate) fairness: Vec<Fairness>,
    /// Calls of plugins that read long lists of a large backup server.
    pub(crate) lists: Lists,
    /// By `RECORD/FIGURE/CONNECTIONS`: the figure divided by that of the native server of the official SDK; for lists,
    /// by that of a program that sends the same requests itself.
    pub(crate) ratios: BTreeMap<String, Ratio>,
}

/// One measurement. A start is a call, too: the first one, counted from the creation of the process.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    pub(crate) name: &'static str,
    pub(crate) connections: usize,
    /// Answered as they should be.
    pub(crate) calls: usize,
    /// None for starts, which are taken one by one.
    pub(crate) calls_per_s: Option<f64>,
    pub(crate) p50_us: f64,
    pub(crate) p95_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    /// Of the measured process, in user space and in the kernel.
    pub(crate) cpu_us_per_call: f64,
    /// At the end.
    pub(crate) rss_bytes: u64,
    /// After the first call, before any load. None for starts, which end there.
    pub(crate) idle_rss_bytes: Option<u64>,
    pub(crate) errors: usize,
    /// CPU time of the load generator, as a share of one core, which is all it can use.
    pub(crate) generator_share: f64,
    /// What it is divided by.
    #[serde(skip)]
    pub(crate) yardstick: &'static str,
}

/// A figure of the host beside the same figure of a baseline.
#[derive(Debug, Serialize)]
pub(crate) struct Ratio {
    pub(crate) value: f64,
}

impl Report {
    pub(crate) fn new(
        plan: &Plan,
        calls: Vec<Measured>,
        starts: Vec<(Start, Samples)>,
        lists: Lists,
        fairness: Vec<Fairness>,
    ) -> Self {
        let calls = calls.into_iter().map(of_calls);
        let records: Vec<Record> = calls.chain(starts.into_iter().map(of_starts)).collect();
        let (processor, cores) = process::machine();
        Self {
            build: if cfg!(debug_assertions) {
                "debug"
            } else {
                "release"
            },
            quick: plan.quick,
            processor,
            cores,
            rounds: plan.rounds,
            turn_s: plan.turn.as_secs_f64(),
            ratios: ratios(&records, &lists.records),
            records,
            lists,
            fairness,
        }
    }

    /// One of the ratios.
    pub(crate) fn ratio(&self, record: &Record, figure: &str) -> Option<f64> {
        self.value(record.name, figure, record.connections)
    }

    /// One of those of lists, which are called one after the other.
    pub(crate) fn ratio_of_list(&self, list: &lists::Record, figure: &str) -> Option<f64> {
        self.value(list.name, figure, 1)
    }

    fn value(&self, name: &str, figure: &str, connections: usize) -> Option<f64> {
        let ratio = self.ratios.get(&key(name, figure, connections));
        ratio.map(|it| it.value)
    }
}

fn of_calls(measured: Measured) -> Record {
    let Measured {
        subject,
        connections,
        idle,
        samples,
    } = measured;
    let elapsed = samples.elapsed.as_secs_f64();
    let mut record = record(subject.name, connections, samples);
    record.yardstick = subject::yardstick(subject.transport);
    record.calls_per_s = Some(per(count(record.calls), elapsed));
    record.idle_rss_bytes = Some(idle);
    record
}

fn of_starts((start, samples): (Start, Samples)) -> Record {
    let mut record = record(start.name, 1, samples);
    record.yardstick = starts::yardstick(start.transport);
    record
}

fn record(name: &'static str, connections: usize, samples: Samples) -> Record {
    let calls = samples.latencies.len();
    // Calls that failed cost, too: leaving them out of the number would blame the others.
    let all = count(calls + samples.errors);
    let cpu = per(microseconds(samples.cpu), all);
    let share = per(
        samples.generator_cpu.as_secs_f64(),
        samples.elapsed.as_secs_f64(),
    );
    let sorted = Sorted::new(samples.latencies);
    Record {
        name,
        connections,
        calls,
        calls_per_s: None,
        p50_us: sorted.permille(500),
        p95_us: sorted.permille(950),
        p99_us: sorted.permille(990),
        p999_us: sorted.permille(999),
        cpu_us_per_call: cpu,
        rss_bytes: samples.resident,
        idle_rss_bytes: None,
        errors: samples.errors,
        generator_share: share,
        yardstick: "",
    }
}

fn ratios(records: &[Record], lists: &[lists::Record]) -> BTreeMap<String, Ratio> {
    let mut ratios = BTreeMap::new();
    let mut add = |name: &str, figure, connections, ours: f64, theirs: f64| {
        let value = ours / theirs;
        // Nothing measured is no figure: JSON has no infinity.
        if value.is_finite() {
            ratios.insert(key(name, figure, connections), Ratio { value });
        }
    };
    for list in lists {
        let ours = list.returned_bytes;
        add(list.name, "p50", 1, list.p50_us, list.direct_p50_us);
        add(list.name, "bytes", 1, ours, list.direct_bytes);
    }
    for record in records {
        let native = records.iter().find(|native| {
            native.name == record.yardstick && native.connections == record.connections
        });
        let Some(native) = native.filter(|native| native.name != record.name) else {
            continue;
        };
        let mut add = |figure, ours, theirs| {
            add(record.name, figure, record.connections, ours, theirs);
        };
        add("cpu", record.cpu_us_per_call, native.cpu_us_per_call);
        add("p50", record.p50_us, native.p50_us);
        if let (Some(ours), Some(theirs)) = (record.calls_per_s, native.calls_per_s) {
            add("p99", record.p99_us, native.p99_us);
            add("calls_per_s", ours, theirs);
        }
    }
    ratios
}

fn key(name: &str, figure: &str, connections: usize) -> String {
    format!("{name}/{figure}/{connections}")
}

fn per(amount: f64, of: f64) -> f64 {
    if of > 0.0 { amount / of } else { 0.0 }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nobody waits for 2^53 calls of a benchmark"
)]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn samples(latency: u64, cpu: u64) -> Samples {
        Samples {
            latencies: vec![Duration::from_micros(latency); 10],
            elapsed: Duration::from_secs(1),
            cpu: Duration::from_micros(cpu),
            ..Samples::default()
        }
    }

    #[test]
    fn each_figure_is_divided_by_the_native_servers() {
        let measured = |index: usize, latency, cpu| Measured {
            subject: subject::SUBJECTS[index],
            connections: 16,
            idle: 1,
            samples: samples(latency, cpu),
        };
        let records = [
            of_calls(measured(1, 50, 400)),
            of_calls(measured(2, 100, 600)),
        ];
        let ratios = ratios(&records, &[]);
        let names: Vec<&str> = ratios.keys().map(String::as_str).collect();
        let expected = ["calls_per_s", "cpu", "p50", "p99"];
        assert_eq!(
            names,
            expected.map(|figure| format!("ours-fresh/{figure}/16"))
        );
        assert!((ratios["ours-fresh/cpu/16"].value - 1.5).abs() < 1e-6);
        assert!((ratios["ours-fresh/p50/16"].value - 2.0).abs() < 1e-6);
    }

    #[test]
    fn failed_calls_share_the_cost() {
        let failed = Samples {
            errors: 10,
            ..samples(50, 200)
        };
        let record = record("it", 1, failed);
        assert_eq!((record.calls, record.errors), (10, 10));
        assert!((record.cpu_us_per_call - 10.0).abs() < 1e-6);
        assert!((record.p999_us - 50.0).abs() < 1e-6);
    }
}
