//! The storm: many reloads, of good, bad and half-written versions, under a constant load of calls.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use e2e::{Session, mcp};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Served, shop};

/// Reloads, unless `TOOLWARD_STORM` says how many.
const RELOADS: u64 = 1000;
/// Clients that call one tool after the other.
const CALLERS: u64 = 4;
/// Clients that listen, of each era.
const LISTENERS: u64 = 3;
/// What everybody has to see in the end.
const FINAL: [&str; 3] = ["count", "order", "wait"];
const PATIENCE: Duration = Duration::from_mins(2);

fn reloads() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a test's own knob")]
    let asked = std::env::var("TOOLWARD_STORM");
    asked.map_or(RELOADS, |asked| asked.parse().unwrap())
}

/// Resident memory, MiB.
fn resident(process: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
    kibibytes.parse::<u64>().unwrap() / 1024
}

/// Calls until it is told to stop; every call has to succeed.
async fn calls(client: mcp::Client, caller: u64, stop: Arc<AtomicBool>, made: Arc<AtomicU64>) {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let text = format!("{caller}-{number}");
        let echo = client.call("echo", json!({ "text": text })).await;
        let echo = echo.unwrap_or_else(|error| panic!("call {text} failed: {error:?}"));
        assert_ne!(echo["isError"], true, "{echo}");
        assert_eq!(mcp::text(&echo), text, "{echo}");
        made.fetch_add(1, Ordering::Relaxed);
    }
}

fn is_final(tools: &[String]) -> bool {
    FINAL.iter().all(|tool| tools.iter().any(|one| one == tool))
}

/// Lists the tools whenever it is told that they changed, and only then, until it sees the final ones.
async fn listens(client: mcp::Client) {
    let mut listener = client.listen().await;
    loop {
        listener.wait_for("notifications/tools/list_changed").await;
        if is_final(&client.tools().await) {
            return;
        }
    }
}

/// The same in a session.
async fn listens_in_a_session(url: String) {
    let session = Session::open(&url).await;
    let mut listener = session.listener().await;
    loop {
        listener.wait_for("notifications/tools/list_changed").await;
        if is_final(&session.tools().await) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_reloads_fails_no_call_and_leaves_nothing_behind() {
    // All of them have the tool `echo`, and none is older than another.
    let good = [
        shop("echo", "2.0.0"),
        shop("interface", "2.0.0"),
        shop("echo", "2.0.0+other"),
        shop("interface", "2.0.0+other"),
    ];
    let half = &good[0].component[..good[0].component.len() / 2];
    let older = shop("echo", "1.0.0");
    let served = Served::start(&good[0], "").await;
    let process = served.host.process_id();
    let stop = Arc::new(AtomicBool::new(false));
    let made = Arc::new(AtomicU64::new(0));
    let (mut callers, mut listeners) = (JoinSet::new(), JoinSet::new());
    for caller in 0..CALLERS {
        callers.spawn(calls(
            mcp::Client::new(served.host.url()),
            caller,
            stop.clone(),
            made.clone(),
        ));
    }
    for _ in 0..LISTENERS {
        listeners.spawn(listens(mcp::Client::new(served.host.url())));
        listeners.spawn(listens_in_a_session(served.host.url().to_owned()));
    }

    let (begun, total) = (Instant::now(), reloads());
    let (mut replaced, mut refused, mut warm) = (0, 0, 0);
    for round in 0..total {
        // Some as careful programs write them, some in place; the watcher reloads meanwhile, too.
        let version = &good[usize::try_from(round % 4).unwrap()];
        match round % 8 {
            0 => served.put_bytes(b"garbage"),
            1 => fs::write(served.path("shop.wasm"), half).unwrap(),
            2 => served.put(&older),
            // Only half of the two files.
            3 => served.put_bytes(&version.component),
            4 => fs::write(served.path("shop.wasm.minisig"), "nobody's").unwrap(),
            _ => served.put(version),
        }
        let (_, told) = served.operator.reload().await;
        match told["plugins"]["shop"]["outcome"].as_str() {
            Some("replaced") => replaced += 1,
            Some("refused") => refused += 1,
            _ => {}
        }
        assert!(callers.try_join_next().is_none(), "a call failed");
        if round == total / 5 {
            warm = resident(process);
        }
    }
    let took = begun.elapsed();
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = callers.join_next().await {
        ended.unwrap();
    }
    served.put(&shop("dialogue", "5.0.0"));
    served.operator.until_serving("shop", "5.0.0").await;
    let heard = async {
        while let Some(ended) = listeners.join_next().await {
            ended.unwrap();
        }
    };
    let heard = tokio::time::timeout(PATIENCE, heard).await;
    heard.expect("every client sees the final list");
    let clean = served.operator.until("given back", |status| {
        status["draining"] == 0 && status["free_instances"] == 64
    });
    clean.await;
    let after = resident(process);
    eprintln!(
        "{total} reloads ({replaced} replaced, {refused} refused) in {took:?}, {} calls, {warm} MiB then {after} MiB",
        made.load(Ordering::Relaxed)
    );
    assert!(refused > 0 && replaced > total / 5, "it was no storm");
    assert!(made.load(Ordering::Relaxed) > total, "there was no load");
    assert!(
        after <= warm + warm / 4 + 16,
        "{warm} MiB became {after} MiB"
    );
}
