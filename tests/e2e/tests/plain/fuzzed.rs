//! `schemathesis` reads the document and looks for requests that the host answers otherwise than it says.

use std::time::Duration;

use e2e::{Deployment, Tools};

use crate::support::{Cx, new_token, tables};

/// It ends by itself; this is for when it does not.
const PATIENCE: Duration = Duration::from_mins(15);

const PLUGINS: [(&str, &str); 3] = [
    ("echo", ""),
    ("jobs", "grant = [\"form\", \"roots\"]"),
    (
        "conformance",
        "grant = [\"form\", \"sample\", \"roots\", \"changes\"]",
    ),
];

/// Jobs that end, so that waiting for one does too.
const JOBS: &str = "[jobs]\nanswer-within = \"300 ms\"\nmax-duration = \"1 s\"\n";

async fn fuzz(cx: &Cx, token: Option<&str>) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = tokio::process::Command::new(Tools::installed().python);
    command
        .args(["-m", "schemathesis.cli"])
        .arg("--config-file")
        .arg(e2e::repository().join("tests/e2e/schemathesis.toml"))
        .arg("run")
        .arg(format!("{}/openapi.json", cx.root()))
        .args(["--no-color", "--seed", "1", "--max-examples", "15"])
        .current_dir(folder.path())
        .env("NO_PROXY", "127.0.0.1")
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true);
    if let Some(token) = token {
        command
            .arg("-H")
            .arg(format!("Authorization: Bearer {token}"));
    }
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.expect("it ends").unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // It looked at everything, in every way it has.
    for phase in ["Coverage", "Fuzzing", "Stateful"] {
        assert!(said.contains(&format!("✅ {phase}")), "{said}");
    }
    let log = cx.host.log();
    // Guests may panic; what they write is a part of a line of the log.
    let panic = log.lines().find(|line| line.starts_with("thread '"));
    assert_eq!(panic, None);
    assert!(!log.contains("broke down"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_found() {
    let cx = Cx::start(Deployment::new(&format!("{JOBS}{}", tables(&PLUGINS)))).await;
    fuzz(&cx, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_found_where_callers_are_asked_who_they_are() {
    let scopes = ["tools:call", "jobs:read", "jobs:cancel", "metrics:read"];
    let (token, table) = new_token("fuzzer", &scopes);
    let tables = format!("{JOBS}{}{table}\n", tables(&PLUGINS));
    let cx = Cx::start(Deployment::new(&tables)).await;
    fuzz(&cx, Some(&token)).await;
}
