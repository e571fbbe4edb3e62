//! Components that are replaced, damaged, removed and added.

use std::fs;
use std::io::Write as _;

use e2e::Session;
use e2e::operator::plugin;
use e2e::versions::{self, Version};
use serde_json::json;

use crate::support::{ECHO, Served, named, shop, with};

const TOOLS: &str = "notifications/tools/list_changed";

#[tokio::test(flavor = "multi_thread")]
async fn a_good_version_takes_the_place_and_everybody_hears_of_it_once() {
    let served = Served::start(&shop("echo", "1.0.0"), "").await;
    let session = Session::open(served.host.url()).await;
    let mut of_session = session.listener().await;
    let mut listener = served.client.listen().await;
    assert_eq!(served.client.tools().await, ECHO);

    served.put(&shop("dialogue", "2.0.0"));
    listener.wait_for(TOOLS).await;
    of_session.wait_for(TOOLS).await;
    let tools = served.client.tools().await;
    assert!(tools.contains(&"wait".to_owned()), "{tools:?}");
    assert_eq!(session.tools().await, tools);
    served.operator.until_serving("shop", "2.0.0").await;

    // Another change, so that whatever was told twice would have come.
    served.put(&shop("echo", "3.0.0"));
    listener.wait_for(TOOLS).await;
    of_session.wait_for(TOOLS).await;
    served.operator.until_serving("shop", "3.0.0").await;
    let changed = |heard: Vec<String>| heard.iter().filter(|one| *one == TOOLS).count();
    assert_eq!(changed(listener.so_far()), 0);
    assert_eq!(changed(of_session.so_far()), 0);
    let log = served.host.stop().await;
    assert_eq!(log.matches("reload done").count(), 2, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_stays_out_and_the_old_version_serves_on() {
    let first = shop("echo", "1.0.0");
    let other = named("other", "dialogue", "1.0.0", "");
    let tables = "[reload]\nsettle-time = \"60 ms\"\n[plugins.other]\ncomponent = \"other.wasm\"\n[plugins.shop]\ncomponent = \"shop.wasm\"\ngrant = [\"changes\"]\n";
    let served = Served::start_with(&first, tables).await;
    versions::put_version(&served.path("other.wasm"), &other);
    served.operator.until_serving("other", "1.0.0").await;
    assert_eq!(served.operator.health().await, "ok\n");
    let rows = [
        (
            named("another", "echo", "2.0.0", ""),
            "is the plugin `another`",
        ),
        // The other plugin's tools.
        (shop("dialogue", "2.0.0"), "offers already"),
        (
            with("echo", "2.0.0", "self-check = \"nothing\""),
            "is none of its tools",
        ),
        (
            with("echo", "2.0.0", "self-check = \"fail\""),
            "cannot be called without arguments",
        ),
        (
            with("interface", "2.0.0", "self-check = \"refuse\""),
            "does not say that it changes nothing",
        ),
        (
            with(
                "conformance",
                "2.0.0",
                "self-check = \"test_error_handling\"\n",
            ),
            "test_error_handling",
        ),
    ];
    let bytes = |component: &[u8]| Version {
        component: component.to_vec(),
        signature: first.signature.clone(),
    };
    let half = &first.component[..first.component.len() / 2];
    let broken = [
        (bytes(b"garbage"), "not a WebAssembly component"),
        (bytes(half), "not a WebAssembly component"),
    ];
    for (bad, words) in rows.into_iter().chain(broken) {
        served.put(&bad);
        let status = served.operator.until_problem("shop", words).await;
        let row = plugin(&status, "shop");
        assert_eq!(row["serving"], true, "{row}");
        assert_eq!(row["version"], "1.0.0", "{row}");
        let echo = served.client.call("echo", json!({ "text": "still" })).await;
        assert_eq!(e2e::mcp::text(&echo.unwrap()), "still");
        let health = served.operator.health().await;
        assert_eq!(health, "ok\nproblems: 1\n", "names nobody");
        assert!(served.host.log().contains(words), "{words}");
    }
    // The tools of the other plugin are still its own.
    let status = served.operator.status().await;
    assert_eq!(plugin(&status, "other")["problem"], json!(null), "{status}");

    // Back to the version that is served: nothing is wrong any more.
    served.put(&first);
    served.operator.until_serving("shop", "1.0.0").await;
    served.put(&with("echo", "2.0.0", "self-check = \"whoami\""));
    served.operator.until_serving("shop", "2.0.0").await;
    assert_eq!(served.operator.health().await, "ok\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_attacks_while_it_is_checked_costs_nobody_anything() {
    let tables = "[reload]\nsettle-time = \"60 ms\"\n[plugins.shop]\ncomponent = \"shop.wasm\"\ngrant = [\"http\"]\n[plugins.shop.limits]\ncpu-time = \"300 ms\"\nmemory = \"32 MiB\"\n";
    let served = Served::start_with(&shop("echo", "1.0.0"), tables).await;
    let rows = [
        ("hostile_loop", "cpu-time limit"),
        ("hostile_allocate", "memory limit"),
        ("hostile_trap", "failed inside its sandbox"),
    ];
    for (tool, words) in rows {
        let line = format!("self-check = \"{tool}\"");
        served.put(&with("hostile", "2.0.0", &line));
        let status = served.operator.until_problem("shop", words).await;
        assert_eq!(plugin(&status, "shop")["version"], "1.0.0", "{status}");
        assert_eq!(served.client.tools().await, ECHO);
        let given_back = served
            .operator
            .until("given back", |status| status["free_instances"] == 64);
        given_back.await;
    }
    served.put(&shop("echo", "1.1.0"));
    served.operator.until_serving("shop", "1.1.0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_still_being_written_is_not_taken_before_it_is_whole() {
    let served = Served::start(&shop("echo", "1.0.0"), "").await;
    let next = shop("dialogue", "2.0.0");
    let mut file = fs::File::create(served.path("shop.wasm")).unwrap();
    // In place, in pieces, with a pause longer than the time in which files settle.
    let (begin, rest) = next.component.split_at(next.component.len() / 3);
    file.write_all(begin).unwrap();
    file.flush().unwrap();
    served
        .operator
        .until_problem("shop", "cannot be used")
        .await;
    assert_eq!(served.client.tools().await, ECHO);
    versions::put(&served.path("shop.wasm.minisig"), &next.signature);
    for piece in rest.chunks(64 * 1024) {
        file.write_all(piece).unwrap();
        tokio::task::yield_now().await;
    }
    drop(file);
    served.operator.until_serving("shop", "2.0.0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_component_takes_its_tools_with_it_and_an_added_one_brings_them() {
    let component = shop("echo", "1.0.0");
    let served = Served::start(&component, "").await;
    let mut listener = served.client.listen().await;
    fs::remove_file(served.path("shop.wasm")).unwrap();
    listener.wait_for(TOOLS).await;
    assert!(served.client.tools().await.is_empty());
    let gone = served.client.call("echo", json!({ "text": "x" })).await;
    assert_eq!(gone.unwrap_err().code, -32602);
    let status = served.operator.until_problem("shop", "cannot read").await;
    assert_eq!(plugin(&status, "shop")["serving"], false, "{status}");

    served.put(&component);
    listener.wait_for(TOOLS).await;
    assert_eq!(served.client.tools().await, ECHO);
    served.operator.until_serving("shop", "1.0.0").await;
    let status = served
        .operator
        .until("drained", |status| status["draining"] == 0);
    status.await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_component_behind_links_is_followed() {
    // As a mounted folder of a cluster is changed: by another target of a link to the folder.
    let served = Served::start(&shop("echo", "1.0.0"), "").await;
    for (folder, version) in [("one", "2.0.0"), ("two", "3.0.0")] {
        fs::create_dir(served.path(folder)).unwrap();
        versions::put_version(
            &served.path(folder).join("shop.wasm"),
            &shop("echo", version),
        );
    }
    std::os::unix::fs::symlink("current/shop.wasm.minisig", served.path("signature")).unwrap();
    std::os::unix::fs::symlink("one", served.path("current")).unwrap();
    std::os::unix::fs::symlink("current/shop.wasm", served.path("link")).unwrap();
    fs::rename(served.path("signature"), served.path("shop.wasm.minisig")).unwrap();
    fs::rename(served.path("link"), served.path("shop.wasm")).unwrap();
    served.operator.until_serving("shop", "2.0.0").await;
    std::os::unix::fs::symlink("two", served.path("next")).unwrap();
    fs::rename(served.path("next"), served.path("current")).unwrap();
    served.operator.until_serving("shop", "3.0.0").await;
}
