//! A metric by labels, whose number of label sets is bounded.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use prometheus_client::encoding::EncodeMetric;
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

/// Label sets of one family; what comes later is counted under `other`.
const MOST: usize = 2000;
const OTHER: &str = "other";

type Labels<const N: usize> = [(&'static str, String); N];

/// A family of metrics with these labels.
///
/// Metrics are asked for several times with each call. Those that are known are found in an index that only ever grows,
/// by labels that nobody has to own, without a lock.
#[derive(Debug)]
pub(super) struct Series<const N: usize, M> {
    names: [&'static str; N],
    family: Family<Labels<N>, M>,
    /// Label sets so far; two that come at the same moment may count twice.
    size: AtomicUsize,
    index: ArcSwap<Index<N, M>>,
    hasher: RandomState,
}

/// What is known, by the hash of the values.
type Index<const N: usize, M> = HashMap<u64, Vec<([Box<str>; N], M)>>;

impl<const N: usize, M> Series<N, M>
where
    M: EncodeMetric + TypedMetric + Clone + Send + Sync + std::fmt::Debug + 'static,
{
    pub(super) fn new(names: [&'static str; N], make: fn() -> M) -> Self {
        Self {
            names,
            family: Family::new_with_constructor(make),
            size: AtomicUsize::new(0),
            index: ArcSwap::default(),
            hasher: RandomState::new(),
        }
    }

    pub(super) fn register(
        &self,
        registry: &mut Registry,
        name: &str,
        help: &str,
        unit: Option<Unit>,
    ) {
        let name = format!("toolward_{name}");
        match unit {
            Some(unit) => registry.register_with_unit(name, help, unit, self.family.clone()),
            None => registry.register(name, help, self.family.clone()),
        }
    }

    /// Uses the metric with these values of the labels.
    pub(super) fn at(&self, values: [&str; N], measure: impl FnOnce(&M)) {
        let hash = self.hasher.hash_one(values);
        let index = self.index.load();
        let known = index.get(&hash).into_iter().flatten();
        let is_it = |known: &[Box<str>; N]| known.iter().map(AsRef::as_ref).eq(values);
        if let Some((_, metric)) = known.into_iter().find(|(known, _)| is_it(known)) {
            return measure(metric);
        }
        drop(index);
        measure(&self.take_up(hash, values));
    }

    /// The metric with labels that were not known a moment ago.
    fn take_up(&self, hash: u64, values: [&str; N]) -> M {
        if self.size.fetch_add(1, Ordering::Relaxed) >= MOST {
            // So that it never wraps around.
            self.size.store(MOST, Ordering::Relaxed);
            return self.family.get_or_create_owned(&self.labels([OTHER; N]));
        }
        let metric = self.family.get_or_create_owned(&self.labels(values));
        self.index.rcu(|index| {
            let mut index = Index::clone(index);
            let own = values.map(Box::from);
            let known = index.entry(hash).or_default();
            if known.iter().all(|(known, _)| *known != own) {
                known.push((own, metric.clone()));
            }
            index
        });
        metric
    }

    fn labels(&self, values: [&str; N]) -> Labels<N> {
        let mut names = self.names.iter();
        let owned = |value: &str| {
            (
                *names.next().expect("as many names as values"),
                value.to_owned(),
            )
        };
        values.map(owned)
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn a_family_does_not_grow_without_end() {
        let series = Series::new(["tool"], <Counter>::default);
        let mut registry = Registry::default();
        series.register(&mut registry, "calls", "Calls", None);
        for number in 0..3 * MOST {
            series.at([&format!("tool-{number}")], |tool| {
                tool.inc();
            });
            series.at(["tool-0"], |tool| {
                tool.inc();
            });
        }
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let lines: Vec<_> = text.lines().filter(|line| line.contains('{')).collect();
        assert_eq!(lines.len(), MOST + 1);
        let known = format!("toolward_calls_total{{tool=\"tool-0\"}} {}", 3 * MOST + 1);
        let others = format!("toolward_calls_total{{tool=\"other\"}} {}", 2 * MOST);
        assert!(text.contains(&known) && text.contains(&others));
    }

    #[test]
    fn names_cannot_break_out_of_their_label() {
        let series = Series::new(["tool"], <Counter>::default);
        let mut registry = Registry::default();
        series.register(&mut registry, "calls", "Calls", None);
        series.at(["a\"} 1\n# EOF\\"], |tool| {
            tool.inc();
        });
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert_eq!(
            text.lines().nth(2),
            Some(r#"toolward_calls_total{tool="a\"} 1\n# EOF\\"} 1"#)
        );
    }
}
