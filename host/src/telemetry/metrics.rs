//! What the host counts and measures, for `GET /metrics`.
//!
//! One set for the process, like the log. Every label is a name of the configuration, a name that a plugin offers, or a
//! word of ours, and no family grows beyond a bound: neither clients nor plugins can make it grow without end.

use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::outcome;
use super::process::Process;
use super::series::Series;

/// What the answer of `GET /metrics` is.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where no name is known, or it is none that may be a label.
pub const NONE: &str = "none";

/// Seconds: from a call that computes to one that waits for a backend.
const BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0, 60.0,
];

/// Bytes: from a small component to more than most may have.
const SIZES: [f64; 9] = [
    1_048_576.0,
    2_097_152.0,
    4_194_304.0,
    8_388_608.0,
    16_777_216.0,
    33_554_432.0,
    67_108_864.0,
    134_217_728.0,
    268_435_456.0,
];

/// The metrics of this process.
#[must_use]
pub fn metrics() -> &'static Metrics {
    static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);
    &METRICS
}

/// Everything that is counted and measured.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    calls: Series<3, Counter>,
    call_seconds: Series<2, Histogram>,
    runs: Series<2, Counter>,
    tenant_runs: Series<2, Counter>,
    limits: Series<2, Gauge<f64, AtomicU64>>,
    queue_seconds: Series<1, Histogram>,
    instance_bytes: Series<1, Histogram>,
    instances: Gauge,
    idle_instances: Gauge,
    waiting: Gauge,
    large_bodies: Gauge,
    backend_requests: Series<2, Counter>,
    backend_seconds: Series<1, Histogram>,
    logins: Series<2, Counter>,
    refusals: Series<1, Counter>,
    http_requests: Series<3, Counter>,
    http_seconds: Series<1, Histogram>,
    offered: Offered,
}

/// What is looked at when somebody asks.
#[derive(Debug, Default)]
struct Offered {
    plugins: Gauge,
    tools: Gauge,
    sessions: Gauge,
}

/// What the host has at the moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Now {
    /// Plugins on offer.
    pub plugins: usize,
    /// Tools on offer.
    pub tools: usize,
    /// Sessions of the old era.
    pub sessions: usize,
}

impl Metrics {
    fn new() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        let mut metrics = Self {
            registry: Registry::default(),
            calls: Series::new(["plugin", "tool", "outcome"], Counter::default),
            call_seconds: Series::new(["plugin", "tool"], histogram),
            runs: Series::new(["plugin", "ended"], Counter::default),
            tenant_runs: Series::new(["tenant", "ended"], Counter::default),
            limits: Series::new(["plugin", "limit"], Gauge::default),
            queue_seconds: Series::new(["plugin"], histogram),
            instance_bytes: Series::new(["plugin"], || Histogram::new(SIZES)),
            instances: Gauge::default(),
            idle_instances: Gauge::default(),
            waiting: Gauge::default(),
            large_bodies: Gauge::default(),
            backend_requests: Series::new(["binding", "outcome"], Counter::default),
            backend_seconds: Series::new(["binding"], histogram),
            logins: Series::new(["binding", "outcome"], Counter::default),
            refusals: Series::new(["reason"], Counter::default),
            http_requests: Series::new(["route", "method", "status"], Counter::default),
            http_seconds: Series::new(["route"], histogram),
            offered: Offered::default(),
        };
        metrics.register();
        metrics
    }

    /// Every metric there is, with its name.
    fn register(&mut self) {
        let all = &mut self.registry;
        let seconds = Some(Unit::Seconds);
        self.calls
            .register(all, "tool_calls", "Calls of tools by how they ended", None);
        self.call_seconds.register(
            all,
            "tool_call_duration",
            "Time of calls of tools, waiting included",
            seconds.clone(),
        );
        self.runs.register(
            all,
            "plugin_runs",
            "Uses of an instance by how they ended",
            None,
        );
        self.tenant_runs
            .register(all, "tenant_runs", "The same by tenant", None);
        self.limits.register(
            all,
            "plugin_limit",
            "Limits of a plugin: bytes, seconds and numbers",
            None,
        );
        self.queue_seconds.register(
            all,
            "queue_wait",
            "Time that calls waited for an instance",
            seconds.clone(),
        );
        self.instance_bytes.register(
            all,
            "instance_memory",
            "The most linear memory that an instance has had",
            Some(Unit::Bytes),
        );
        self.backend_requests.register(
            all,
            "backend_requests",
            "Requests of plugins to backends by what became of them",
            None,
        );
        self.backend_seconds.register(
            all,
            "backend_request_duration",
            "Time until the head of the answer of a backend",
            seconds.clone(),
        );
        self.logins.register(
            all,
            "backend_logins",
            "Logins and renewals at backends",
            None,
        );
        self.refusals.register(
            all,
            "refusals",
            "Requests that were refused, by reason",
            None,
        );
        self.http_requests
            .register(all, "http_requests", "Requests over HTTP", None);
        self.http_seconds.register(
            all,
            "http_request_duration",
            "Time until the head of the answer over HTTP",
            seconds,
        );
        let gauges = [
            ("instances", "Instances that are alive", &self.instances),
            (
                "idle_instances",
                "Of these, those that wait for the next call of their principal",
                &self.idle_instances,
            ),
            (
                "waiting_calls",
                "Calls that wait for an instance",
                &self.waiting,
            ),
            (
                "large_bodies",
                "Large bodies of requests that are received or read",
                &self.large_bodies,
            ),
            ("plugins", "Plugins on offer", &self.offered.plugins),
            ("tools", "Tools on offer", &self.offered.tools),
            (
                "sessions",
                "Sessions of clients of the old era",
                &self.offered.sessions,
            ),
        ];
        for (name, help, gauge) in gauges {
            all.register(format!("toolward_{name}"), help, gauge.clone());
        }
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        all.register("toolward_build", "The version of the host", version);
        all.register_collector(Box::new(Process));
    }

    /// A call of a tool begins.
    #[must_use]
    pub fn call(&self, plugin: &str, tool: &str) -> Ending<impl FnMut(&'static str, Duration)> {
        Ending::new(move |outcome, time| {
            self.calls.at([plugin, tool, outcome], increase);
            self.call_seconds.at([plugin, tool], seconds(time));
        })
    }

    /// Somebody wants an instance for a call of any kind.
    #[must_use]
    pub fn run(&self, plugin: &str, tenant: &str) -> Ending<impl FnMut(&'static str, Duration)> {
        Ending::new(move |ended, _| {
            self.runs.at([plugin, ended], increase);
            self.tenant_runs.at([tenant, ended], increase);
        })
    }

    /// A plugin has these limits from now on.
    pub fn limits(&self, plugin: &str, limits: &[(&'static str, f64)]) {
        for (name, value) in limits {
            self.limits.at([plugin, name], |limit| {
                limit.set(*value);
            });
        }
    }

    /// A plugin's request to a backend begins.
    #[must_use]
    pub fn backend_request(&self, binding: &str) -> Ending<impl FnMut(&'static str, Duration)> {
        Ending::new(move |outcome, time| {
            self.backend_requests.at([binding, outcome], increase);
            self.backend_seconds.at([binding], seconds(time));
        })
    }

    /// A call waits for an instance, until the guard is dropped.
    #[must_use]
    pub fn waiting(&self) -> Counted<'_> {
        Counted::new(&self.waiting)
    }

    /// The large body of a request is received or read, until the guard is dropped.
    #[must_use]
    pub fn large_body(&self) -> Counted<'_> {
        Counted::new(&self.large_bodies)
    }

    /// A call got its instance.
    pub fn waited(&self, plugin: &str, time: Duration) {
        self.queue_seconds.at([plugin], seconds(time));
    }

    /// An instance has done its work, and had so many bytes of linear memory.
    pub fn memory(&self, plugin: &str, bytes: usize) {
        #[expect(clippy::cast_precision_loss, reason = "no instance has 2^53 bytes")]
        let bytes = bytes as f64;
        self.instance_bytes.at([plugin], |seen| seen.observe(bytes));
    }

    /// An instance lives, until the guard is dropped.
    #[must_use]
    pub fn instance(&self) -> Counted<'_> {
        Counted::new(&self.instances)
    }

    /// An instance waits for its next call, until the guard is dropped.
    #[must_use]
    pub fn idle_instance(&self) -> Counted<'_> {
        Counted::new(&self.idle_instances)
    }

    /// A login or renewal at a backend ended.
    pub fn login(&self, binding: &str, outcome: &'static str) {
        self.logins.at([binding, outcome], increase);
    }

    /// A request was not served.
    pub fn refusal(&self, reason: &'static str) {
        self.refusals.at([reason], increase);
    }

    /// A request over HTTP was answered. The route is one of ours, with placeholders, and not the path.
    pub fn http_request(&self, route: &str, method: &str, status: &str, time: Duration) {
        self.http_requests.at([route, method, status], increase);
        self.http_seconds.at([route], seconds(time));
    }

    /// Everything, in the text format of `OpenMetrics`, which Prometheus reads.
    #[must_use]
    pub fn text(&self, now: Now) -> String {
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.offered.plugins.set(count(now.plugins));
        self.offered.tools.set(count(now.tools));
        self.offered.sessions.set(count(now.sessions));
        let mut text = String::new();
        // Writing to a text does not fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}

fn increase(counter: &Counter) {
    counter.inc();
}

fn seconds(time: Duration) -> impl FnOnce(&Histogram) {
    move |seen| seen.observe(time.as_secs_f64())
}

/// Something that is under way and is told of when it has ended. Dropped before, it was given up.
#[derive(Debug)]
pub struct Ending<F: FnMut(&'static str, Duration)> {
    begun: Instant,
    outcome: &'static str,
    tell: F,
}

impl<F: FnMut(&'static str, Duration)> Ending<F> {
    fn new(tell: F) -> Self {
        Self {
            begun: Instant::now(),
            outcome: outcome::CANCELLED,
            tell,
        }
    }

    /// It ended like this.
    pub fn ended(mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl<F: FnMut(&'static str, Duration)> Drop for Ending<F> {
    fn drop(&mut self) {
        (self.tell)(self.outcome, self.begun.elapsed());
    }
}

/// One more of something, until it is dropped.
#[derive(Debug)]
pub struct Counted<'a>(&'a Gauge);

impl<'a> Counted<'a> {
    fn new(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
