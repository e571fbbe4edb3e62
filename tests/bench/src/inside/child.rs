//! The process that has the host's library in it, and measures.

use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use toolward::audit::{Audit, Trail};
use toolward::config::Config;
use toolward::credential::{Cache, Endpoint};
use toolward::host::{Host, local_principal, local_tenant};
use toolward::plugin::wit::tools::Outcome;
use toolward::plugin::wit::values::Item;
use toolward::plugin::{Abilities, Asked, CallInfo, Plugin};

use super::{ASK, DIRECT, ECHO, TOKEN, Taken, configuration};
use crate::load::message::BACKEND_TEXT;
use crate::load::{Call, Caller as _, Direct};
use crate::options::Inside;
use crate::process;

/// Hits that are measured as one: the clock itself takes as long as a hit.
const HITS: u32 = 1_000;

pub(super) async fn measure(options: &Inside) -> Result<Vec<Taken>, Box<dyn Error>> {
    let config = configuration(&options.config, &options.compiler)?;
    let host = Host::start(&config).await?;
    let certificate = fs::read_to_string(&options.certificate)?;
    let mut direct = Direct::new(options.backend, &certificate)?;
    let mut taken = vec![sandbox(&host, options.calls).await?];
    taken.extend(backend(&host, &mut direct, options.calls).await?);
    taken.push(tokens(&config, &direct, options.calls).await?);
    Ok(taken)
}

/// A fresh instance, one call, its end.
async fn sandbox(host: &Host, calls: usize) -> Result<Taken, Box<dyn Error>> {
    let call = Call::echo();
    let plugin = plugin(host, &call.tool)?;
    let expected: serde_json::Value = serde_json::from_str(call.arguments())?;
    let expected = expected["text"].as_str().unwrap_or_default();
    // Memory that the first calls touch, and code that they load.
    let mut taken = Taken::new(ECHO);
    for _ in 0..calls / 10 + 1 {
        let _warming_up = ask(&plugin, &call, expected).await;
    }
    let before = process::threads_cpu_time(std::process::id())?;
    for _ in 0..calls {
        taken.take(ask(&plugin, &call, expected)).await;
    }
    taken.used(before, calls)?;
    Ok(taken)
}

/// A request of a guest to its backend, and the same request without guest and host, in turns.
async fn backend(
    host: &Host,
    direct: &mut Direct,
    calls: usize,
) -> Result<[Taken; 2], Box<dyn Error>> {
    let call = Call::ask();
    let plugin = plugin(host, &call.tool)?;
    let (mut ours, mut theirs) = (Taken::new(ASK), Taken::new(DIRECT));
    for _ in 0..calls / 20 + 1 {
        let _warming_up = ask(&plugin, &call, BACKEND_TEXT).await;
        let _warming_up = direct.call().await;
    }
    let pieces = 20.min(calls);
    for _ in 0..pieces {
        let each = calls / pieces;
        let before = process::threads_cpu_time(std::process::id())?;
        for _ in 0..each {
            ours.take(ask(&plugin, &call, BACKEND_TEXT)).await;
        }
        ours.used(before, calls)?;
        let before = process::threads_cpu_time(std::process::id())?;
        for _ in 0..each {
            theirs.take(async { direct.call().await.is_ok() }).await;
        }
        theirs.used(before, calls)?;
    }
    Ok([ours, theirs])
}

/// The token of a binding that is logged in.
async fn tokens(config: &Config, direct: &Direct, calls: usize) -> Result<Taken, Box<dyn Error>> {
    let binding = config.bindings.values().next();
    let endpoint = Endpoint {
        binding: binding.ok_or("the configuration has a binding")?.clone(),
        client: direct.client(),
    };
    let cache = Cache::new(Audit::default());
    let tenant = local_tenant();
    // The login.
    let login = cache.token(&endpoint, &tenant).await;
    login.map_err(|failure| failure.reason.to_string())?;
    let mut taken = Taken::new(TOKEN);
    let batches = (calls / 10).max(5);
    let before = process::threads_cpu_time(std::process::id())?;
    for _ in 0..batches {
        let begun = Instant::now();
        for _ in 0..HITS {
            if cache.token(&endpoint, &tenant).await.is_err() {
                taken.errors += 1;
            }
        }
        taken.add(begun.elapsed() / HITS);
    }
    taken.used(before, batches * HITS as usize)?;
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
async fn ask(plugin: &Plugin, call: &Call, expected: &str) -> bool {
    let info = CallInfo {
        principal: local_principal(),
        cancelled: CancellationToken::new(),
        deadline: Instant::now() + Duration::from_mins(1),
        events: None,
        idempotency_key: String::new(),
        meta: Vec::new(),
        traceparent: None,
        abilities: Abilities::default(),
        asked: Asked::default(),
        trail: Trail::default(),
    };
    let (tool, arguments) = (call.tool.to_string(), call.arguments().to_owned());
    let Ok(Ok(Outcome::Done(output))) = plugin.call_tool(info, tool, arguments).await else {
        return false;
    };
    let text = output.content.first().map(|content| &content.item);
    matches!(text, Some(Item::Text(text)) if text == expected)
}

impl Taken {
    fn new(name: &'static str) -> Self {
        Self {
            name: name.into(),
            nanoseconds: Vec::new(),
            cpu_nanoseconds_per_call: 0.0,
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
    fn used(&mut self, since: Duration, calls: usize) -> Result<(), process::ProcessError> {
        let used = process::threads_cpu_time(std::process::id())?.saturating_sub(since);
        self.cpu_nanoseconds_per_call +=
            crate::report::per(used.as_secs_f64() * 1e9, crate::report::count(calls));
        Ok(())
    }
}
