//! The report for programs. Other tools read it: its members may become more, and none goes away.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::calls::Measured;
use crate::fairness::Fairness;
use crate::inside::Insides;
use crate::instructions::Instructions;
use crate::lists::{self, Lists};
use crate::options::Plan;
use crate::process;
use crate::ratios::{self, Figures, RELOAD, Ratio, WARM_START};
use crate::samples::{Samples, Sorted, microseconds};
use crate::scale::{Point, Scale};
use crate::starts::{self, Start};

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
    /// Memory along the curves.
    pub(crate) scale: Vec<Point>,
    /// What one tenant feels of another.
    pub(crate) fairness: Vec<Fairness>,
    /// Calls of plugins that read long lists of a large backup server. None: not measured.
    pub(crate) lists: Option<Lists>,
    /// Instructions of one call. None: not asked for.
    pub(crate) instructions: Option<Instructions>,
    /// What is promised, and whether it holds.
    pub(crate) ratios: BTreeMap<&'static str, Ratio>,
    /// By `RECORD/FIGURE/CONNECTIONS`: the figure divided by that of the native server of the official SDK; for lists
    /// and for what asks a backend, by that of a program that sends the same requests itself.
    pub(crate) comparisons: BTreeMap<String, Comparison>,
}

/// What the parts found out.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) calls: Vec<Measured>,
    pub(crate) starts: Vec<(Start, Samples)>,
    pub(crate) fairness: Vec<Fairness>,
    pub(crate) inside: Insides,
    pub(crate) reloads: Option<Samples>,
    pub(crate) scale: Scale,
    pub(crate) lists: Option<Lists>,
    pub(crate) instructions: Option<Instructions>,
    pub(crate) figures: Figures,
}

/// One measurement. A start is a call, too: the first one, counted from the creation of the process.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Record {
    pub(crate) name: Cow<'static, str>,
    pub(crate) connections: usize,
    /// Answered as they should be.
    pub(crate) calls: usize,
    /// None for starts and reloads, and for what is measured without transports: these are taken one by one.
    pub(crate) calls_per_s: Option<f64>,
    pub(crate) p50_us: f64,
    pub(crate) p95_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    /// Of the measured process, in user space and in the kernel.
    pub(crate) cpu_us_per_call: f64,
    /// At the end. None for what is only a part of a process.
    pub(crate) rss_bytes: Option<u64>,
    /// After the first call, before any load. None where there is no load.
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
pub(crate) struct Comparison {
    pub(crate) value: f64,
}

impl Report {
    pub(crate) fn new(plan: &Plan, found: Found) -> Self {
        let Found {
            calls,
            starts,
            fairness,
            inside,
            reloads,
            scale,
            lists,
            instructions,
            mut figures,
        } = found;
        let calls = calls.into_iter().map(of_calls);
        let mut records: Vec<Record> = calls.chain(starts.into_iter().map(of_starts)).collect();
        let mut milliseconds = |key, record: Option<&Record>| {
            figures.extend(record.map(|record| (key, record.p50_us / 1000.0)));
        };
        let ten = records.iter().find(|record| record.name == starts::TEN);
        milliseconds(WARM_START, ten);
        let reload = reloads.map(|samples| record("reload", 1, samples));
        milliseconds(RELOAD, reload.as_ref());
        records.extend(reload);
        records.extend(inside.records);
        figures.extend(inside.figures);
        records.extend(scale.records);
        figures.extend(scale.figures);
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
            ratios: ratios::judge(&records, &fairness, &figures),
            comparisons: comparisons(&records, lists.as_ref()),
            records,
            instructions,
            scale: scale.points,
            lists,
            fairness,
        }
    }

    /// What does not hold, and calls that failed. Where only parts were measured, the others are not missed.
    pub(crate) fn failures(&self, plan: &Plan) -> Vec<String> {
        let mut failures = Vec::new();
        for (key, ratio) in &self.ratios {
            let Ratio {
                figure,
                unit,
                bound,
                limit,
                ..
            } = ratio;
            match ratio.value {
                Some(value) if !ratio.holds => failures.push(format!(
                    "{key}: {figure} is {value:.2} {unit}, {bound} {limit:.2} is promised"
                )),
                None if plan.is_whole() => {
                    failures.push(format!("{key}: {figure} was not measured"));
                }
                Some(_) | None => {}
            }
        }
        let records = self.records.iter();
        let records = records.map(|it| (it.name.as_ref(), it.connections, it.errors));
        let fairness = self.fairness.iter();
        let fairness = fairness.map(|it| (it.flood, it.connections, it.errors));
        let lists = self.lists.iter().flat_map(|lists| &lists.records);
        let lists = lists.map(|it| (it.name, 1, it.errors));
        for (name, connections, errors) in records.chain(fairness).chain(lists) {
            if errors > 0 {
                failures.push(format!(
                    "{name} at {connections} connections: {errors} calls failed"
                ));
            }
        }
        failures
    }

    /// One of the comparisons.
    pub(crate) fn ratio(&self, record: &Record, figure: &str) -> Option<f64> {
        self.value(&record.name, figure, record.connections)
    }

    /// One of those of lists, which are called one after the other.
    pub(crate) fn ratio_of_list(&self, list: &lists::Record, figure: &str) -> Option<f64> {
        self.value(list.name, figure, 1)
    }

    fn value(&self, name: &str, figure: &str, connections: usize) -> Option<f64> {
        let ratio = self.comparisons.get(&key(name, figure, connections));
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
    record.yardstick = subject.yardstick;
    record.calls_per_s = Some(per(count(record.calls), elapsed));
    record.idle_rss_bytes = Some(idle);
    record
}

fn of_starts((start, samples): (Start, Samples)) -> Record {
    let mut record = record(start.name, 1, samples);
    record.yardstick = starts::yardstick(start.transport);
    record
}

/// A measurement of any kind.
pub(crate) fn record(
    name: impl Into<Cow<'static, str>>,
    connections: usize,
    samples: Samples,
) -> Record {
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
        name: name.into(),
        connections,
        calls,
        calls_per_s: None,
        p50_us: sorted.permille(500),
        p95_us: sorted.permille(950),
        p99_us: sorted.permille(990),
        p999_us: sorted.permille(999),
        cpu_us_per_call: cpu,
        rss_bytes: Some(samples.resident),
        idle_rss_bytes: None,
        errors: samples.errors,
        generator_share: share,
        yardstick: "",
    }
}

fn comparisons(records: &[Record], lists: Option<&Lists>) -> BTreeMap<String, Comparison> {
    let mut comparisons = BTreeMap::new();
    let mut add = |name: &str, figure, connections, ours: f64, theirs: f64| {
        let value = ours / theirs;
        // Nothing measured is no figure: JSON has no infinity.
        if value.is_finite() {
            comparisons.insert(key(name, figure, connections), Comparison { value });
        }
    };
    for list in lists.iter().flat_map(|lists| &lists.records) {
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
            add(&record.name, figure, record.connections, ours, theirs);
        };
        add("cpu", record.cpu_us_per_call, native.cpu_us_per_call);
        add("p50", record.p50_us, native.p50_us);
        if let (Some(ours), Some(theirs)) = (record.calls_per_s, native.calls_per_s) {
            add("p99", record.p99_us, native.p99_us);
            add("calls_per_s", ours, theirs);
        }
    }
    comparisons
}

fn key(name: &str, figure: &str, connections: usize) -> String {
    format!("{name}/{figure}/{connections}")
}

pub(crate) fn per(amount: f64, of: f64) -> f64 {
    if of > 0.0 { amount / of } else { 0.0 }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nobody waits for 2^53 calls of a benchmark"
)]
pub(crate) fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::subject::SUBJECTS;

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
        let subject = |name| {
            let mut all = SUBJECTS.into_iter();
            all.find(|subject| subject.name == name).expect("exists")
        };
        let measured = |name, latency, cpu| Measured {
            subject: subject(name),
            connections: 16,
            idle: 1,
            samples: samples(latency, cpu),
        };
        let records = [
            of_calls(measured("rmcp", 50, 400)),
            of_calls(measured("ours-fresh", 100, 600)),
        ];
        let ratios = comparisons(&records, None);
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
