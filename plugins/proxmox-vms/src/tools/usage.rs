//! Usage over time, of guests and of nodes.

use serde_json::Value;
use toolward_sdk::prelude::*;

use crate::api;
use crate::guest::{self, Found};
use crate::loose::Loose;
use crate::path;
use crate::show::{self, Size};

/// Of what, and over which time. Either a guest or a node.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct UsageArgs {
    /// A guest: number, name, or node/name.
    guest: Option<String>,
    /// A node.
    node: Option<String>,
    /// The cluster, where several are bound.
    cluster: Option<String>,
    /// The time that is looked back on.
    #[serde(default)]
    timeframe: Timeframe,
    /// Every point as well; a summary is given in any case.
    #[serde(default)]
    full: bool,
}

/// A time that is looked back on.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Timeframe {
    /// In minutes.
    Hour,
    /// In half hours.
    #[default]
    Day,
    /// In hours.
    Week,
    /// In half days.
    Month,
    /// In weeks.
    Year,
}

impl Timeframe {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

/// Usage over time.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct Usage {
    /// The cluster.
    cluster: String,
    /// Of what.
    of: String,
    /// From when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// To when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// How many points there are.
    points: usize,
    /// Processor, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpu_percent: Option<Range>,
    /// Memory in use, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<Range>,
    /// The memory that there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory: Option<Size>,
    /// Received, in bytes each second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network_in: Option<Range>,
    /// Sent, in bytes each second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network_out: Option<Range>,
    /// With `full`: every point.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    series: Vec<Point>,
}

/// The least, the mean, the most.
#[derive(Deserialize, JsonSchema, Serialize)]
struct Range {
    /// The least.
    min: f64,
    /// The mean.
    mean: f64,
    /// The most.
    max: f64,
    /// The latest.
    last: f64,
}

/// One point in time.
#[derive(Deserialize, JsonSchema, Serialize)]
struct Point {
    /// When.
    time: String,
    /// Processor, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpu_percent: Option<f64>,
    /// Memory in use, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
}

/// Shows how much processor, memory and network a guest or a node used over the last hour, day, week, month or year:
/// least, mean, most and latest; on request every point.
#[tool(read_only, idempotent, open_world = false, title = "Usage over time")]
pub(crate) fn pve_usage(cx: &Context, args: UsageArgs) -> Result<Usage> {
    let (cluster, path, of, needs) = match (&args.guest, &args.node) {
        (Some(wanted), None) => {
            let Found { cluster, guest } = guest::find(cx, args.cluster.as_deref(), wanted)?;
            super::guest::there(&guest)?;
            (
                cluster,
                guest.path(&["rrddata"]),
                guest.shown(),
                guest.needs("VM.Audit"),
            )
        }
        (None, Some(node)) => (
            api::one(cx, args.cluster.as_deref())?,
            path!["nodes", node, "rrddata"],
            format!("node {node}"),
            format!("Sys.Audit on /nodes/{node}"),
        ),
        _ => {
            return Err(ToolError::invalid_input("hint: set either `guest` or `node`").into());
        }
    };
    let query = [("timeframe", args.timeframe.as_str()), ("cf", "AVERAGE")];
    let raw = cluster
        .get_with(path, &query)
        .map_err(|error| error.explain(&needs))?;
    let points = raw.items();
    let memory_key = if args.guest.is_some() {
        "mem"
    } else {
        "memused"
    };
    let total_key = if args.guest.is_some() {
        "maxmem"
    } else {
        "memtotal"
    };
    let time = |point: Option<&Value>| point.and_then(|point| point.whole("time")).map(show::time);
    let series = points
        .iter()
        .filter(|point| args.full && point.get("cpu").is_some());
    Ok(Usage {
        cluster: cluster.name,
        of,
        from: time(points.first()),
        to: time(points.last()),
        points: points.len(),
        cpu_percent: range(points, "cpu", 100.0),
        memory_bytes: range(points, memory_key, 1.0),
        memory: points
            .iter()
            .rev()
            .find_map(|point| point.whole(total_key))
            .map(Size::of),
        network_in: range(points, "netin", 1.0),
        network_out: range(points, "netout", 1.0),
        series: series
            .map(|point| Point {
                time: show::time(point.whole("time").unwrap_or(0)),
                cpu_percent: point.number("cpu").map(show::percent),
                memory_bytes: point.whole(memory_key),
            })
            .collect(),
    })
}

/// Points without a value are those that are still being gathered, or when nothing ran.
fn range(points: &[Value], key: &str, factor: f64) -> Option<Range> {
    let values: Vec<f64> = points
        .iter()
        .filter_map(|point| point.number(key))
        .map(|value| value * factor)
        .collect();
    let last = *values.last()?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "there are fewer than a thousand points"
    )]
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let round = |value: f64| (value * 10.0).round() / 10.0;
    Some(Range {
        min: round(values.iter().copied().fold(f64::INFINITY, f64::min)),
        mean: round(mean),
        max: round(values.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        last: round(last),
    })
}
