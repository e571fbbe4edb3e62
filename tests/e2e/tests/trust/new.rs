//! `toolward plugin new`, in each language: what it makes builds, passes its own tests, and serves a tool.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{Host, Tools, mcp};
use serde_json::json;

use super::support::{Workshop, publisher, shop};

/// Runs a program in a project; it must succeed.
#[track_caller]
fn run(folder: &Path, command: &mut Command) -> String {
    let output = command.current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

/// A project called `shop`.
fn project(workshop: &Workshop, language: &str) -> PathBuf {
    let new = ["plugin", "new", "shop", "--language", language, "--json"];
    let made = workshop.run(&new).succeeded().json();
    assert_eq!(made["name"], "shop");
    let again = workshop.run(&new);
    assert!(
        again.code == 1 && again.stderr.contains("is there already"),
        "{again:?}"
    );
    workshop.path("shop")
}

/// Packs, signs and serves the component, and calls its tool.
async fn check(workshop: &Workshop, component: &str) {
    let manifest = "shop/plugin.toml";
    let pack = [
        "plugin",
        "pack",
        component,
        "--manifest",
        manifest,
        "--output",
    ];
    workshop
        .run(&[&pack[..], &["shop/shop.wasm"]].concat())
        .succeeded();
    // What its README says next: the recording that it came with.
    let tested = [
        "plugin",
        "test",
        "shop/shop.wasm",
        "--recordings",
        "shop/recordings",
    ];
    let tested = workshop.run(&tested).succeeded();
    assert!(tested.stdout.contains("greet: ok"), "{tested:?}");

    let key = workshop.key("ours");
    workshop.sign("shop/shop.wasm", "ours");
    let deployment = shop(&publisher(&key, "shop"));
    super::support::place(&deployment, &workshop.path("shop/shop.wasm"));
    let host = Host::start(&deployment).await;
    let client = mcp::Client::new(host.url());
    let greeted = client
        .call("shop_greet", json!({ "name": "Ada" }))
        .await
        .unwrap();
    assert_eq!(
        greeted["structuredContent"],
        json!({ "text": "Hello, Ada!" }),
        "{greeted}"
    );
    let refused = client
        .call("shop_greet", json!({ "name": " " }))
        .await
        .unwrap();
    assert_eq!(refused["isError"], true, "{refused}");
    assert!(mcp::text(&refused).contains("nobody to greet"), "{refused}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rust() {
    let workshop = Workshop::new();
    let folder = project(&workshop, "rust");
    // The versions that everything here was built with: nothing needs to be fetched.
    fs::copy(
        e2e::repository().join("Cargo.lock"),
        folder.join("Cargo.lock"),
    )
    .unwrap();
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command
            .args(arguments)
            .env("CARGO_TARGET_DIR", e2e::target().join("new"))
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        command
    };
    run(&folder, &mut cargo(&["test", "--quiet"]));
    let build = [
        "build",
        "--quiet",
        "--target",
        "wasm32-wasip2",
        "--profile",
        "plugin",
    ];
    run(&folder, &mut cargo(&build));
    let component = e2e::target().join("new/wasm32-wasip2/plugin/shop.wasm");
    check(&workshop, component.to_str().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python() {
    let workshop = Workshop::new();
    let folder = project(&workshop, "python");
    let python = Tools::installed().python;
    run(&folder, Command::new(&python).args(["-m", "unittest"]));
    run(&folder, Command::new(&python).arg("build.py"));
    check(&workshop, "shop/shop.component").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript() {
    let workshop = Workshop::new();
    let folder = project(&workshop, "javascript");
    let tools = Tools::installed();
    // What `npm install` would put there.
    std::os::unix::fs::symlink(&tools.node_modules, folder.join("node_modules")).unwrap();
    run(
        &folder,
        Command::new(&tools.node).args(["--test", "logic.test.js"]),
    );
    run(&folder, Command::new(&tools.node).arg("build.js"));
    check(&workshop, "shop/shop.component").await;
}
