//! A tool that runs as a job: `call` follows it to its end, asks what it asks, and stops it when it is cancelled. A server
//! that runs meanwhile is not disturbed.

use e2e::terminal::{INTERRUPT, Terminal};
use e2e::{Deployment, Host};
use serde_json::json;

use crate::support::{Ran, run_in};

fn jobs() -> Deployment {
    Deployment::new(&format!(
        "[plugins.jobs]\ncomponent = \"{}\"\ngrant = [\"form\"]\n",
        e2e::plugin("jobs").display()
    ))
}

fn count(deployment: &Deployment, arguments: &str) -> Ran {
    run_in(
        deployment,
        &["call", "count", "--json", "--args", arguments],
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_followed_to_its_end_beside_a_server() {
    let deployment = jobs();
    // It holds the configured folder.
    let host = Host::start(&deployment).await;
    for tool in ["count", "count_required"] {
        let arguments = ["call", tool, "--json", "--args", r#"{"steps":3}"#];
        let ran = run_in(&deployment, &arguments);
        assert_eq!(ran.exit, Some(0), "{ran:?}");
        assert_eq!(ran.document()["structuredContent"]["counted"], 3, "{ran:?}");
        assert!(ran.stderr.contains("counting 2"), "{ran:?}");
    }
    let failed = count(&deployment, r#"{"steps":1,"fail_for_good":true}"#);
    assert_eq!(failed.exit, Some(5), "{failed:?}");
    assert_eq!(failed.document()["isError"], true, "{failed:?}");
    let log = host.stop().await;
    assert!(!log.contains("ERROR"), "{log}");
}

#[test]
fn a_job_that_asks_where_nobody_is_ends() {
    let ran = count(&jobs(), r#"{"steps":3,"ask_at":2}"#);
    assert_eq!(ran.exit, Some(7), "{ran:?}");
    assert_eq!(ran.error()["kind"], "nobody", "{ran:?}");
}

#[test]
fn the_tools_that_follow_jobs_are_for_clients() {
    let ran = run_in(&jobs(), &["call", "job_status", "--json"]);
    assert_eq!(ran.exit, Some(6), "{ran:?}");
}

#[test]
fn a_job_asks_at_the_terminal() {
    let deployment = jobs();
    let arguments = json!({ "steps": 3, "ask_at": 2 }).to_string();
    let call = ["call", "count", "--args", &arguments];
    let mut terminal = Terminal::start(&deployment.config(), &call, &[("NO_COLOR", "1")]);
    let shown = terminal.wait_for("many [number]: ");
    assert!(shown.contains("asked by the plugin jobs"), "{shown}");
    terminal.type_in("5\r");
    let (exit, shown) = terminal.end();
    assert_eq!(exit, Some(0), "{shown}");
    // Nothing was written over what was typed. The step that asked counts.
    for part in ["many [number]: 5\r\n", "counted to 4"] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
}

#[test]
fn ctrl_c_stops_the_job() {
    let deployment = jobs();
    let arguments = json!({ "steps": 1000, "wait_ms": 50, "stop_slowly": true }).to_string();
    let call = ["call", "count", "--args", &arguments];
    let mut terminal = Terminal::start(&deployment.config(), &call, &[("NO_COLOR", "1")]);
    let _ = terminal.wait_for("counting 2");
    terminal.type_in(INTERRUPT);
    let (exit, shown) = terminal.end();
    assert_eq!(exit, Some(130), "{shown}");
    assert!(!shown.contains("did not stop"), "{shown}");
}
