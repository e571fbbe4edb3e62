//! What is promised, figure by figure, and whether this run bears it out. The figures are ratios within one run wherever
//! a baseline exists; the others are costs that a slow machine makes larger, with bounds that leave room for that.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::fairness::Fairness;
use crate::report::Record;

/// At how many connections programs are compared; where that was not measured, at the most that were.
const CONNECTIONS: usize = 64;

/// What other parts found out, by the keys of the rules.
pub(crate) type Figures = BTreeMap<&'static str, f64>;

/// A promise and what was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Ratio {
    /// Of what.
    pub(crate) figure: &'static str,
    /// `×` for a ratio of two figures.
    pub(crate) unit: &'static str,
    /// None: it was not measured in this run.
    pub(crate) value: Option<f64>,
    /// `at most` or `at least`.
    pub(crate) bound: &'static str,
    pub(crate) limit: f64,
    /// What is aimed at.
    pub(crate) goal: Option<f64>,
    /// Measured, and within the limit.
    pub(crate) holds: bool,
}

/// What is promised.
#[derive(Clone, Copy, Debug)]
struct Rule {
    key: &'static str,
    figure: &'static str,
    unit: &'static str,
    bound: Bound,
    goal: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    fn word(self) -> &'static str {
        match self {
            Self::AtMost(_) => "at most",
            Self::AtLeast(_) => "at least",
        }
    }

    fn limit(self) -> f64 {
        match self {
            Self::AtMost(limit) | Self::AtLeast(limit) => limit,
        }
    }

    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }
}

/// Everything but fairness, whose limits depend on the run.
const RULES: [Rule; 12] = [
    rule(
        "cpu-fresh",
        "CPU per call, ours-fresh ÷ rmcp",
        "×",
        Bound::AtMost(1.6),
        Some(1.0),
    ),
    rule(
        "cpu-per-principal",
        "CPU per call, ours-per-principal ÷ rmcp",
        "×",
        Bound::AtMost(1.15),
        Some(0.5),
    ),
    rule(
        "throughput-fresh",
        "calls per second, ours-fresh ÷ rmcp",
        "×",
        Bound::AtLeast(0.65),
        Some(1.0),
    ),
    rule(
        "p99-fresh",
        "p99, ours-fresh ÷ rmcp",
        "×",
        Bound::AtMost(1.8),
        None,
    ),
    rule(
        SANDBOX,
        "the sandbox alone: CPU of a fresh instance, a call and its end, on the guests' threads",
        "µs",
        Bound::AtMost(25.0),
        Some(12.0),
    ),
    rule(
        BACKEND_ADDED,
        "what sandbox and egress add to a backend request (p50)",
        "µs",
        Bound::AtMost(150.0),
        Some(80.0),
    ),
    rule(
        TOKEN_CACHE_HIT,
        "a token from the cache",
        "µs",
        Bound::AtMost(2.0),
        None,
    ),
    rule(
        WARM_START,
        "warm start to the first answered call, 10 plugins (p50)",
        "ms",
        Bound::AtMost(100.0),
        None,
    ),
    rule(
        RELOAD,
        "from writing a component to the first call of the new version (p50)",
        "ms",
        Bound::AtMost(500.0),
        None,
    ),
    rule(
        MEMORY_PER_PLUGIN,
        "memory of a loaded, idle plugin",
        "bytes",
        Bound::AtMost(2_000_000.0),
        None,
    ),
    rule(
        MEMORY_PER_SESSION,
        "memory of an idle session of the old era",
        "bytes",
        Bound::AtMost(16_384.0),
        None,
    ),
    rule(
        THROUGHPUT_PLUGINS,
        "calls per second, 1,000 plugins loaded ÷ one",
        "×",
        Bound::AtLeast(0.9),
        None,
    ),
];

pub(crate) const SANDBOX: &str = "sandbox-alone";
pub(crate) const BACKEND_ADDED: &str = "backend-added";
pub(crate) const TOKEN_CACHE_HIT: &str = "token-cache-hit";
pub(crate) const WARM_START: &str = "warm-start";
pub(crate) const RELOAD: &str = "reload";
pub(crate) const MEMORY_PER_PLUGIN: &str = "memory-per-plugin";
pub(crate) const MEMORY_PER_SESSION: &str = "memory-per-session";
pub(crate) const THROUGHPUT_PLUGINS: &str = "throughput-1000-plugins";

/// Of the kinds of flood, as `fairness` names them.
const FLOODS: [(&str, &str, &str); 5] = [
    (
        "fairness-loops",
        "loops",
        "p95 of a quiet tenant while another loops",
    ),
    (
        "fairness-calls",
        "calls",
        "p95 of a quiet tenant while another calls",
    ),
    (
        "fairness-bodies",
        "bodies",
        "p95 of a quiet tenant while another sends large bodies",
    ),
    (
        "fairness-backend",
        "backend",
        "p95 of a quiet tenant while another asks a backend",
    ),
    (
        "fairness-loops-backend",
        "loops-backend",
        "p95 of a quiet tenant that asks a backend while another loops",
    ),
];

const fn rule(
    key: &'static str,
    figure: &'static str,
    unit: &'static str,
    bound: Bound,
    goal: Option<f64>,
) -> Rule {
    Rule {
        key,
        figure,
        unit,
        bound,
        goal,
    }
}

/// All of them, in the order of their keys.
pub(crate) fn judge(
    records: &[Record],
    fairness: &[Fairness],
    figures: &Figures,
) -> BTreeMap<&'static str, Ratio> {
    let mut all = BTreeMap::new();
    for rule in RULES {
        let value = of_calls(rule.key, records).or_else(|| figures.get(rule.key).copied());
        all.insert(rule.key, rule.judge(value));
    }
    for (key, flood, figure) in FLOODS {
        let found = fairness.iter().find(|one| one.flood == flood);
        let limit = found.map_or(0.0, |one| one.bound_us);
        let rule = rule(key, figure, "µs", Bound::AtMost(limit), None);
        all.insert(key, rule.judge(found.map(|one| one.flooded_p95_us)));
    }
    all
}

impl Rule {
    fn judge(self, value: Option<f64>) -> Ratio {
        // JSON has no infinity.
        let value = value.filter(|value| value.is_finite());
        Ratio {
            figure: self.figure,
            unit: self.unit,
            value,
            bound: self.bound.word(),
            limit: self.bound.limit(),
            goal: self.goal,
            holds: value.is_some_and(|value| self.bound.holds(value)),
        }
    }
}

/// Those that compare two programs under load.
fn of_calls(key: &str, records: &[Record]) -> Option<f64> {
    let (name, figure): (_, fn(&Record) -> f64) = match key {
        "cpu-fresh" => ("ours-fresh", |record| record.cpu_us_per_call),
        "cpu-per-principal" => ("ours-per-principal", |record| record.cpu_us_per_call),
        "throughput-fresh" => ("ours-fresh", |record| {
            record.calls_per_s.unwrap_or_default()
        }),
        "p99-fresh" => ("ours-fresh", |record| record.p99_us),
        _ => return None,
    };
    let named = |name: &str| {
        let name = name.to_owned();
        records.iter().filter(move |record| record.name == name)
    };
    let most = named(name).map(|record| record.connections).max()?;
    let at = named(name)
        .map(|record| record.connections)
        .find(|connections| *connections == CONNECTIONS)
        .unwrap_or(most);
    let of = |name| {
        let found = named(name).find(|record| record.connections == at);
        found.map(figure)
    };
    Some(of(name)? / of("rmcp")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, connections: usize, cpu: f64) -> Record {
        Record {
            name: name.to_owned().into(),
            connections,
            calls_per_s: Some(1e6 / cpu),
            cpu_us_per_call: cpu,
            p99_us: cpu,
            ..Record::default()
        }
    }

    #[test]
    fn programs_are_compared_at_64_connections() {
        let mut records = vec![
            record("rmcp", 64, 40.0),
            record("ours-fresh", 64, 60.0),
            record("rmcp", 256, 40.0),
            record("ours-fresh", 256, 80.0),
        ];
        let judged = judge(&records, &[], &Figures::new());
        assert_eq!(judged["cpu-fresh"].value, Some(1.5));
        assert!(judged["cpu-fresh"].holds);
        let throughput = judged["throughput-fresh"].value.expect("was measured");
        assert!((throughput - 2.0 / 3.0).abs() < 1e-9);
        assert!(judged["throughput-fresh"].holds);

        records.truncate(0);
        records.push(record("rmcp", 16, 40.0));
        records.push(record("ours-fresh", 16, 80.0));
        let judged = judge(&records, &[], &Figures::new());
        assert_eq!(judged["cpu-fresh"].value, Some(2.0));
        assert!(!judged["cpu-fresh"].holds);
    }

    #[test]
    fn what_was_not_measured_does_not_hold() {
        let judged = judge(&[], &[], &Figures::from([(RELOAD, 500.0)]));
        assert_eq!(judged.len(), RULES.len() + FLOODS.len());
        let holding: Vec<_> = judged.iter().filter(|(_, ratio)| ratio.holds).collect();
        assert_eq!(holding.len(), 1, "{holding:?}");
        assert!(judged[RELOAD].holds);
        assert_eq!(judged[SANDBOX].value, None);
    }

    #[test]
    fn fairness_has_the_limit_of_its_run() {
        let fairness = Fairness {
            flood: "loops",
            connections: 32,
            quiet_calls: 1,
            quiet_p95_us: 1000.0,
            flooded_calls: 1,
            flooded_p95_us: 6500.0,
            bound_us: 6000.0,
            errors: 0,
        };
        let judged = judge(&[], &[fairness], &Figures::new());
        let loops = &judged["fairness-loops"];
        assert_eq!((loops.limit, loops.holds), (6000.0, false));
        assert_eq!(judged["fairness-calls"].value, None);
    }
}
