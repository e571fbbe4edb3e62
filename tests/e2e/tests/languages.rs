//! Plugins in Python and JavaScript: the echo of `tests/fixtures` in each.
//!
//! They are built here, with the tools of `cargo xtask tools`, from the WIT in
//! this checkout: this is the test that the interface can be implemented in those languages.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;

use e2e::{Host, Tools, echo, mcp};
use serde_json::json;
use tokio::process::Command;

/// Builds and packs the plugin in `tests/fixtures/FOLDER` with its own build script. Built only if something changed
/// since the last time: it takes about ten seconds, and compiling its result as many.
async fn packed(folder: &str, mut build: Command) -> PathBuf {
    let source = e2e::repository().join("tests/fixtures").join(folder);
    let plugins = e2e::target().join("plugins");
    fs::create_dir_all(&plugins).unwrap();
    let output = plugins.join(format!("{folder}.wasm"));
    let component = output.with_extension("component");
    let draft = output.with_extension("draft");

    let others = ["wit", "tests/tools"].map(|path| last_change(&e2e::repository().join(path)));
    let changed = others
        .into_iter()
        .fold(last_change(&source), SystemTime::max);
    if !component.exists() || last_change(&component) < changed {
        // Nobody takes a half-written file for a finished one.
        run(build.arg(&draft)).await;
        fs::rename(&draft, &component).unwrap();
    }
    let mut pack = Command::new(e2e::binary());
    let pack = pack.args(["plugin", "pack"]).arg(&component);
    let pack = pack.arg("--manifest").arg(source.join("plugin.toml"));
    run(pack.arg("--output").arg(&output)).await;
    e2e::sign(&output);
    output
}

/// When a file, or the newest file below a folder, was written.
fn last_change(path: &Path) -> SystemTime {
    let metadata = fs::metadata(path).unwrap();
    if metadata.is_file() {
        return metadata.modified().unwrap();
    }
    let entries = fs::read_dir(path).unwrap();
    let times = entries.map(|entry| last_change(&entry.unwrap().path()));
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

async fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = output.await.expect("the program can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed:\n{said}");
}

async fn python() -> PathBuf {
    let script = e2e::repository().join("tests/fixtures/echo-python/build.py");
    let mut build = Command::new(Tools::installed().python);
    build.arg(script);
    packed("echo-python", build).await
}

async fn javascript() -> PathBuf {
    let script = e2e::repository().join("tests/fixtures/echo-javascript/build.js");
    let tools = Tools::installed();
    let mut build = Command::new(tools.node);
    build.arg(script).arg(tools.node_modules);
    packed("echo-javascript", build).await
}

/// Both fail on purpose when there is nothing to echo.
async fn check(host: &Host) {
    echo::check(host).await;
    let client = mcp::Client::new(host.url());
    assert_eq!(client.tools().await, ["add", "echo"]);
    let refused = client.call("echo", json!({ "text": "" })).await.unwrap();
    assert_eq!(refused["isError"], true, "{refused}");
    assert!(mcp::text(&refused).contains("nothing to echo"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_in_python_is_served() {
    check(&echo::serve("echo-python", &python().await).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_in_javascript_is_served() {
    check(&echo::serve("echo-javascript", &javascript().await).await).await;
}
