//! The program: its one line, its certificate file, and its end.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

#[expect(dead_code, reason = "shared with the other tests, which use the rest")]
mod client;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vbr-simulator"));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[tokio::test]
async fn it_says_where_it_is_and_stops_with_its_input() {
    let folder = std::env::temp_dir().join(format!("vbr-simulator-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let certificate = folder.join("ca.pem");
    let mut child = program()
        .args([
            "--jobs",
            "3",
            "--user",
            "me",
            "--password-env",
            "SIMULATED",
            "--stop-with-stdin",
        ])
        .args(["--revision", "1.2-rev1"])
        .arg("--ca-out")
        .arg(&certificate)
        .env("SIMULATED", "pass word")
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    assert!(
        ready["fingerprint"]
            .as_str()
            .unwrap()
            .starts_with("sha256:")
    );
    assert!(!line.contains("pass word"));

    let pem = std::fs::read(&certificate).unwrap();
    let http = client::trusting(&pem);
    let url = format!("{}/api/oauth2/token", ready["url"].as_str().unwrap());
    let form = [
        ("grant_type", "password"),
        ("username", "me"),
        ("password", "pass word"),
    ];
    let login = http
        .post(url)
        .header("x-api-version", "1.2-rev1")
        .form(&form);
    assert_eq!(login.send().await.unwrap().status(), 200);

    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn it_says_what_is_missing() {
    let output = program()
        .args(["--password-env", "NOT_SET_ANYWHERE"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        text,
        "vbr-simulator: environment variable `NOT_SET_ANYWHERE` is not set\n"
    );
}
