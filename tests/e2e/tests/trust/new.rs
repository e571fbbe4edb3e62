//! `toolward plugin new`, in each language: what it makes builds, passes its own tests, is installed, and serves a tool.
//!
//! The compilers are those that `cargo xtask tools` installs, in the versions that `tests/tools` pins.

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

/// Packs, tests, signs, installs and serves the component, and calls its tool.
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
    let plugin = workshop.path("shop/shop.wasm").display().to_string();
    let install = ["plugin", "install", &plugin, "--json"];
    let installed = super::support::run(&deployment, &install)
        .succeeded()
        .json();
    assert_eq!(installed["signer"]["publisher"], "ours", "{installed}");
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

/// What the templates ask for is what is installed here: the tests above try those versions and no others.
#[test]
fn the_templates_ask_for_what_is_tried() {
    let read = |file: &str| fs::read_to_string(e2e::repository().join(file)).unwrap();
    let pinned = read("tests/tools/requirements.txt");
    for line in read("sdk/templates/python/requirements.txt").lines() {
        let start = format!("{line} ");
        assert!(
            pinned.lines().any(|pin| pin.starts_with(&start)),
            "tests/tools/requirements.txt has another version than {line}"
        );
    }
    let json = |file: &str| serde_json::from_str::<serde_json::Value>(&read(file)).unwrap();
    let pinned = json("tests/tools/package-lock.json");
    let template = json("sdk/templates/javascript/package.json");
    for (package, version) in template["devDependencies"].as_object().unwrap() {
        let found = &pinned["packages"][format!("node_modules/{package}")]["version"];
        assert_eq!(found, version, "{package}");
    }
}
