//! What one measurement saw, added up over its turns.

use std::ops::AddAssign;
use std::time::Duration;

/// Latencies and what they cost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    /// One for each answered call, or start.
    pub(crate) latencies: Vec<Duration>,
    /// Calls that were not answered as they should be.
    pub(crate) errors: usize,
    /// How long all turns took.
    pub(crate) elapsed: Duration,
    /// What the measured process used meanwhile.
    pub(crate) cpu: Duration,
    /// What this process used meanwhile.
    pub(crate) generator_cpu: Duration,
    /// The measured process's memory after the last turn.
    pub(crate) resident: u64,
}

impl AddAssign for Samples {
    fn add_assign(&mut self, turn: Self) {
        self.latencies.extend(turn.latencies);
        self.errors += turn.errors;
        self.elapsed += turn.elapsed;
        self.cpu += turn.cpu;
        self.generator_cpu += turn.generator_cpu;
        self.resident = turn.resident;
    }
}

/// The latencies, in order.
#[derive(Debug)]
pub(crate) struct Sorted(Vec<Duration>);

impl Sorted {
    pub(crate) fn new(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        Self(latencies)
    }

    /// The smallest latency that this many in a thousand do not exceed, in microseconds; 0 if there is none.
    pub(crate) fn permille(&self, permille: usize) -> f64 {
        let rank = (self.0.len() * permille).div_ceil(1000).max(1);
        let latency = self.0.get(rank - 1).copied().unwrap_or_default();
        microseconds(latency)
    }
}

pub(crate) fn microseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_seen() {
        let latencies = (1..=1000).rev().map(Duration::from_micros).collect();
        let sorted = Sorted::new(latencies);
        for (permille, expected) in [(500, 500.0), (950, 950.0), (999, 999.0), (1000, 1000.0)] {
            let seen = sorted.permille(permille);
            assert!((seen - expected).abs() < 1e-6, "{permille}: {seen}");
        }
        let one = Sorted::new(vec![Duration::from_micros(7)]);
        assert!((one.permille(500) - one.permille(999)).abs() < 1e-6);
        assert!(Sorted::new(Vec::new()).permille(500) < 1e-6);
    }
}
