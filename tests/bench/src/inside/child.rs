//! What remains when HTTP and MCP are left out: an instance made, called and ended; a request of a guest to its backend
//! beside the same request made directly; a token from the cache.

use std::error::Error;
use std::fs;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use reqwest::{Certificate, Client, Request};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use toolward::audit::{Audit, Trail};
use toolward::config::Config;
use toolward::credential::{Cache, Endpoint};
use toolward::host::{Host, local_principal, local_tenant};
use toolward::plugin::wit::tools::Outcome;
use toolward::plugin::wit::values::Item;
use toolward::plugin::{Abilities, Asked, CallInfo, Plugin};

use super::{Measure, configuration};

/// Hits that are measured as one: the clock itself takes as long as a hit.
const HITS: u32 = 1_000;
/// Calls of the sandbox at a time.
const IN_FLIGHT: usize = 4;
/// How often they are measured: what others do on the machine is felt for less time than all of them take.
const BATCHES: u32 = 15;
/// What the echo tool is to say back.
const TEXT: &str = "The quick brown fox jumps over the lazy dog.";

/// One thing that was measured, for the process that started this one.
#[derive(Debug, Serialize)]
pub(super) struct Taken {
    name: &'static str,
    /// Of each call; for what is over too soon, the mean of many.
    nanoseconds: Vec<u64>,
    /// Of this whole process meanwhile, for each call.
    cpu_nanoseconds_per_call: f64,
    /// Of those of its threads that run guests, in the median batch.
    guests_nanoseconds_per_call: f64,
    errors: u32,
}

/// A tool, its arguments, and the text that it is to answer with.
#[derive(Debug)]
struct Call<'a> {
    tool: &'static str,
    arguments: String,
    expected: &'a str,
}

pub(super) async fn measure(options: &Measure) -> Result<Vec<Taken>, Box<dyn Error>> {
    let config = configuration(&options.files)?;
    let host = Host::start(&config).await?;
    let direct = Direct::new(options)?;
    let calls = options.calls;
    let echo = Call {
        tool: "echo",
        arguments: json!({ "text": TEXT }).to_string(),
        expected: TEXT,
    };
    let ask = Call {
        tool: "erratic_get",
        arguments: json!({ "path": options.path }).to_string(),
        expected: &options.text,
    };
    let mut taken = vec![sandbox(&host, &echo, calls).await?];
    taken.extend(backend(&host, &ask, &direct, calls).await?);
    taken.push(tokens(&config, &direct.client, calls).await?);
    Ok(taken)
}

/// The request that the plugin makes, made here: the TLS, the HTTP and the checks of the certificate are the host's, the
/// connection is kept, the token is at hand.
struct Direct {
    client: Client,
    request: Request,
    expected: String,
}

impl Direct {
    fn new(options: &Measure) -> Result<Self, Box<dyn Error>> {
        // reqwest wants one for the process.
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let certificate = Certificate::from_pem(&fs::read(&options.certificate)?)?;
        let client = Client::builder()
            .no_proxy()
            .tls_certs_only([certificate])
            .build()?;
        let url = format!("https://{}{}", options.backend, options.path);
        let request = client.get(url).bearer_auth(&options.token).build()?;
        Ok(Self {
            client,
            request,
            expected: options.text.clone(),
        })
    }

    /// Whether the backend answers with the text.
    async fn call(&self) -> bool {
        let Some(request) = self.request.try_clone() else {
            return false;
        };
        let Ok(response) = self.client.execute(request).await else {
            return false;
        };
        let body = response.text().await;
        body.is_ok_and(|body| body == self.expected)
    }
}

/// A fresh instance, one call, its end. There is always another call: what a core takes to wake up is not the sandbox's, and
/// is most of what a call takes that is alone on a machine.
async fn sandbox(host: &Host, call: &Call<'_>, calls: u32) -> Result<Taken, Box<dyn Error>> {
    let plugin = plugin(host, call.tool)?;
    // Memory that the first calls touch, and code that they load.
    for _ in 0..=calls / 10 {
        let _warming_up = ask(&plugin, call).await;
    }
    let mut taken = Taken::new("inside-sandbox");
    let mut of_guests = Vec::new();
    let before = cpu_time();
    for _ in 0..BATCHES {
        let guests_before = guests_cpu_time()?;
        let answers = stream::iter(0..calls).map(|_| async {
            let begun = Instant::now();
            (ask(&plugin, call).await, begun.elapsed())
        });
        let mut answers = pin!(answers.buffer_unordered(IN_FLIGHT));
        while let Some((is_right, latency)) = answers.next().await {
            if is_right {
                taken.add(latency);
            } else {
                taken.errors += 1;
            }
        }
        let guests = guests_cpu_time()?.saturating_sub(guests_before);
        of_guests.push(guests.as_secs_f64() * 1e9 / f64::from(calls.max(1)));
    }
    taken.used(before, calls * BATCHES);
    of_guests.sort_by(f64::total_cmp);
    taken.guests_nanoseconds_per_call = of_guests[of_guests.len() / 2];
    Ok(taken)
}

/// A request of a guest to its backend, and the same request without guest and host, in turns.
async fn backend(
    host: &Host,
    call: &Call<'_>,
    direct: &Direct,
    calls: u32,
) -> Result<[Taken; 2], Box<dyn Error>> {
    let plugin = plugin(host, call.tool)?;
    let mut ours = Taken::new("inside-backend");
    let mut theirs = Taken::new("inside-direct");
    for _ in 0..=calls / 10 {
        let _warming_up = ask(&plugin, call).await;
        let _warming_up = direct.call().await;
    }
    let turns = calls.clamp(1, 20);
    let each = calls / turns;
    for _ in 0..turns {
        let before = cpu_time();
        for _ in 0..each {
            ours.take(ask(&plugin, call)).await;
        }
        ours.used(before, each * turns);
        let before = cpu_time();
        for _ in 0..each {
            theirs.take(direct.call()).await;
        }
        theirs.used(before, each * turns);
    }
    Ok([ours, theirs])
}

/// The token of a binding that is logged in.
async fn tokens(config: &Config, client: &Client, calls: u32) -> Result<Taken, Box<dyn Error>> {
    let binding = config.bindings.values().next();
    let endpoint = Endpoint {
        binding: binding.ok_or("the configuration has no binding")?.clone(),
        client: client.clone(),
    };
    let cache = Cache::new(Audit::default());
    let tenant = local_tenant();
    // The login.
    let login = cache.token(&endpoint, &tenant).await;
    login.map_err(|failure| failure.reason.to_string())?;
    let mut taken = Taken::new("inside-token");
    let batches = (calls / 10).max(5);
    let before = cpu_time();
    for _ in 0..batches {
        let begun = Instant::now();
        for _ in 0..HITS {
            if cache.token(&endpoint, &tenant).await.is_err() {
                taken.errors += 1;
            }
        }
        taken.add(begun.elapsed() / HITS);
    }
    taken.used(before, batches * HITS);
    Ok(taken)
}

fn plugin(host: &Host, tool: &str) -> Result<Arc<Plugin>, Box<dyn Error>> {
    let catalog = host.catalog();
    let tool = catalog.tool(tool).ok_or_else(|| {
        let problems = host.problems();
        let problems: Vec<_> = problems.iter().map(|one| one.report.to_string()).collect();
        format!("no plugin offers `{tool}`: {}", problems.join("; "))
    })?;
    Ok(tool.plugin.clone())
}

/// Whether the plugin answers with this text.
async fn ask(plugin: &Plugin, call: &Call<'_>) -> bool {
    let info = CallInfo {
        principal: local_principal(),
        cancelled: CancellationToken::new(),
        deadline: Instant::now() + Duration::from_mins(1),
        events: None,
        idempotency_key: toolward::plugin::IdempotencyKey::new(),
        meta: Vec::new(),
        traceparent: None,
        abilities: Abilities::default(),
        asked: Asked::default(),
        trail: Trail::default(),
    };
    let (tool, arguments) = (call.tool.to_owned(), call.arguments.clone());
    let Ok(Ok(Outcome::Done(output))) = plugin.call_tool(info, tool, arguments).await else {
        return false;
    };
    let text = output.content.first().map(|content| &content.item);
    matches!(text, Some(Item::Text(text)) if text == call.expected)
}

impl Taken {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            nanoseconds: Vec::new(),
            cpu_nanoseconds_per_call: 0.0,
            guests_nanoseconds_per_call: 0.0,
            errors: 0,
        }
    }

    async fn take(&mut self, call: impl Future<Output = bool>) {
        let begun = Instant::now();
        if call.await {
            self.add(begun.elapsed());
        } else {
            self.errors += 1;
        }
    }

    fn add(&mut self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.push(nanoseconds);
    }

    /// Adds what this process has used since, as the share of one of so many calls.
    fn used(&mut self, since: Duration, calls: u32) {
        let used = cpu_time().saturating_sub(since).as_secs_f64() * 1e9;
        self.cpu_nanoseconds_per_call += used / f64::from(calls.max(1));
    }
}

/// Of all threads of this process, those that have ended included.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    // The clock begins with the process.
    Duration::try_from(time).unwrap_or_default()
}

/// Of the threads that run guests: an instance, its call, its end, and the way of each of these threads from one to the
/// next. `/proc` counts it to the nanosecond.
fn guests_cpu_time() -> Result<Duration, Box<dyn Error>> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let thread = thread?.path();
        if fs::read_to_string(thread.join("comm"))?.starts_with("guest-") {
            let text = fs::read_to_string(thread.join("schedstat"))?;
            let first = text.split_whitespace().next().unwrap_or_default();
            nanoseconds += first.parse::<u64>()?;
        }
    }
    Ok(Duration::from_nanos(nanoseconds))
}
