//! A metric by labels, whose number of label sets is bounded.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus_client::encoding::EncodeMetric;
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

/// Label sets of one family; what comes later is counted under `other`.
const MOST: usize = 2000;
const OTHER: Text = Cow::Borrowed("other");

pub(super) type Text = Cow<'static, str>;
type Labels<const N: usize> = [(&'static str, Text); N];

/// A family of metrics with these labels.
#[derive(Debug)]
pub(super) struct Series<const N: usize, M> {
    names: [&'static str; N],
    family: Family<Labels<N>, M>,
    /// Label sets so far; two that come at the same moment may count twice.
    size: AtomicUsize,
}

impl<const N: usize, M> Series<N, M>
where
    M: EncodeMetric + TypedMetric + Clone + Send + Sync + std::fmt::Debug + 'static,
{
    pub(super) fn new(names: [&'static str; N], make: fn() -> M) -> Self {
        Self {
            names,
            family: Family::new_with_constructor(make),
            size: AtomicUsize::new(0),
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

    /// The metric with these values of the labels.
    pub(super) fn at(&self, values: [Text; N]) -> M {
        let labels = self.labels(values);
        if let Some(known) = self.family.get(&labels) {
            return known.clone();
        }
        if self.size.fetch_add(1, Ordering::Relaxed) < MOST {
            return self.family.get_or_create_owned(&labels);
        }
        // So that it never wraps around.
        self.size.store(MOST, Ordering::Relaxed);
        let others = self.labels([const { OTHER }; N]);
        self.family.get_or_create_owned(&others)
    }

    fn labels(&self, values: [Text; N]) -> Labels<N> {
        let mut names = self.names.iter();
        values.map(|value| (*names.next().expect("as many names as values"), value))
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
            series.at([format!("tool-{number}").into()]).inc();
            series.at(["tool-0".into()]).inc();
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
        series.at(["a\"} 1\n# EOF\\".into()]).inc();
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert_eq!(
            text.lines().nth(2),
            Some(r#"toolward_calls_total{tool="a\"} 1\n# EOF\\"} 1"#)
        );
    }
}
