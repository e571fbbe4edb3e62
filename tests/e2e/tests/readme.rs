//! What the README promises a new user, word by word: its configuration and its commands, with a simulated backup server in
//! place of the one that it names. What it says of building is done by `cargo xtask test` (its step `demo`).
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use vbr_simulator::{Options, Simulator};

/// The README's blocks of that language, below that heading.
fn blocks(heading: &str, language: &str) -> Vec<String> {
    let page = fs::read_to_string(e2e::repository().join("README.md")).unwrap();
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with(heading));
    let section = section.unwrap_or_else(|| panic!("the README has no section {heading:?}"));
    let fence = format!("```{language}\n");
    let blocks = section.split(&fence).skip(1);
    let blocks = blocks.map(|block| block.split("\n```").next().unwrap().to_owned());
    blocks.collect()
}

/// A folder as the README describes it, with the simulator's address, login and certificate.
fn folder(simulator: &Simulator) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let configuration = blocks("Run it", "toml").remove(0);
    let url = "https://vbr01.example:9419";
    assert!(configuration.contains(url), "{configuration}");
    let login = Options::default();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "toolward.toml",
        &configuration
            .replace(url, &simulator.url())
            .replace("…", &e2e::development_key()),
    );
    write("vbr-password", &login.password);
    write("vbr01.pem", simulator.ca_pem());
    symlink(e2e::target(), folder.path().join("target")).unwrap();
    folder
}

/// A line of the README, in a shell that finds the binary as the README's reader does.
fn shell(folder: &Path, line: &str) -> Command {
    let line = format!("PATH=\"$1:$PATH\"; exec {line}");
    let mut command = Command::new("bash");
    command
        .args(["-euc", &line, "bash"])
        .arg(e2e::binary().parent().unwrap())
        .current_dir(folder)
        .env("VBR_USERNAME", Options::default().user)
        .env("TOOLWARD_CACHE_DIR", e2e::target().join("e2e-cache"))
        // The usual port may be taken on this machine.
        .env("TOOLWARD_LISTEN", "127.0.0.1:0");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_do_what_the_readme_says() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let folder = folder(&simulator);
    let commands = blocks("Run it", "console").remove(1);
    let mut done = Vec::new();
    for line in commands.lines() {
        let command = line.split("  #").next().unwrap().trim();
        match command {
            "toolward serve" => serves_http(shell(folder.path(), command)).await,
            "toolward serve --stdio" => serves_one(shell(folder.path(), command)).await,
            _ => ends_well(shell(folder.path(), command), command),
        }
        done.push(command);
    }
    assert_eq!(done.len(), 6, "{done:?}");
    assert!(
        simulator.stats().logins > 0,
        "the call went to the backup server"
    );
}

fn ends_well(mut command: Command, line: &str) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {told}");
    let said = String::from_utf8_lossy(&output.stdout);
    let expected = match line.split(' ').nth(1) {
        Some("config") => "toolward.toml is correct: 1 plugin, 1 binding",
        Some("tools") => "backup_jobs_list",
        _ => "\"jobs\":[{",
    };
    assert!(said.contains(expected), "{line}: {said}");
}

/// It says where it listens, answers there, and ends with Ctrl-C.
async fn serves_http(command: Command) {
    let mut command = tokio::process::Command::from(command);
    let mut host = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut log = BufReader::new(host.stderr.take().unwrap()).lines();
    let url = loop {
        let line = log
            .next_line()
            .await
            .unwrap()
            .expect("it says where it listens");
        if let Some((_, url)) = line.split_once("serving MCP on ") {
            break url.to_owned();
        }
    };
    let tools = e2e::mcp::Client::new(&url).tools().await;
    assert!(tools.contains(&"backup_jobs_list".to_owned()), "{tools:?}");
    let id = host.id().unwrap().to_string();
    let sent = Command::new("kill")
        .args(["-s", "INT", &id])
        .status()
        .unwrap();
    assert!(sent.success());
    let ended = tokio::time::timeout(Duration::from_mins(1), host.wait()).await;
    assert!(ended.expect("it ends").unwrap().success());
}

/// It answers a client on standard input and output, and ends with it.
async fn serves_one(command: Command) {
    let mut command = tokio::process::Command::from(command);
    let mut host = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let hello = json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "readme", "version": "0" },
        },
    });
    let mut stdin = host.stdin.take().unwrap();
    stdin
        .write_all(format!("{hello}\n").as_bytes())
        .await
        .unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    let answer = lines.next_line().await.unwrap().expect("it answers");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        answer["result"]["serverInfo"]["name"], "toolward",
        "{answer}"
    );
    drop(stdin);
    let ended = tokio::time::timeout(Duration::from_mins(1), host.wait()).await;
    assert!(ended.expect("it ends").unwrap().success());
}

#[test]
fn the_plugin_is_the_one_that_the_sdk_compiles() {
    let plugin = blocks("Write a plugin", "rust").remove(0);
    let page = fs::read_to_string(e2e::repository().join("sdk/src/lib.rs")).unwrap();
    let lines = page.lines().filter_map(|line| line.strip_prefix("//!"));
    let page: Vec<&str> = lines
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    assert!(
        page.join("\n").contains(&plugin),
        "sdk/src/lib.rs has another:\n{plugin}"
    );
}

#[test]
fn what_the_readme_links_to_is_there() {
    let page = fs::read_to_string(e2e::repository().join("README.md")).unwrap();
    let links: Vec<&str> = page
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|link| !link.starts_with("https://"))
        .collect();
    assert!(links.len() > 5, "{links:?}");
    for link in links {
        let file = link.split('#').next().unwrap();
        assert!(e2e::repository().join(file).exists(), "{link}");
    }
}
