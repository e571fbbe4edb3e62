//! Public MCP clients list and call the tools of a sandboxed plugin: three libraries, both eras of the protocol,
//! over stdio and over HTTP. The programs are in `tests/clients`.

use std::process::Stdio;
use std::time::Duration;

use e2e::{Deployment, Host, Tools};
use serde_json::{Value, json};
use tokio::process::Command;
use vbr_simulator::{Options, Simulator};

const ERAS: [&str; 2] = ["legacy", "modern"];

/// A program has deadlines of its own; this one is for a program that hangs all the same.
const PATIENCE: Duration = Duration::from_mins(5);

#[derive(Clone, Copy, Debug)]
enum Client {
    Python,
    TypeScript,
    Inspector,
}

impl Client {
    fn command(self, plan: &Value) -> Command {
        let tools = Tools::installed();
        let clients = e2e::repository().join("tests").join("clients");
        let node = |program: &str| {
            let mut command = Command::new(&tools.node);
            command.arg(clients.join(program)).arg(&tools.node_modules);
            command
        };
        let mut command = match self {
            Self::Python => {
                let mut command = Command::new(&tools.python);
                command.arg(clients.join("python_mcp.py"));
                command
            }
            Self::TypeScript => node("typescript_client.mjs"),
            Self::Inspector => node("inspector.mjs"),
        };
        command.arg(plan.to_string());
        command
    }

    /// Carries the plan out; panics with what the program said if it failed.
    async fn run(self, plan: &Value) {
        let mut command = self.command(plan);
        let child = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let output = tokio::time::timeout(PATIENCE, child).await;
        let output = output
            .unwrap_or_else(|_| panic!("{self:?} hangs with {plan}"))
            .expect("the client can be started");
        assert!(
            output.status.success(),
            "{self:?} failed with {plan}\n{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
    }
}

/// A backup server with as many jobs.
const JOBS: usize = 3;

async fn simulator() -> Simulator {
    let options = Options {
        jobs: JOBS,
        ..Options::default()
    };
    Simulator::start(options)
        .await
        .expect("the simulator starts")
}

/// What every client is to do. `reach` is how it gets to the server.
fn plan(era: &str, reach: &Value, simulator: &Simulator) -> Value {
    let (_, name) = &simulator.jobs()[0];
    let mut plan = json!({
        "era": era,
        "tools": [
            "backup_jobs_copies",
            "backup_jobs_disable",
            "backup_jobs_enable",
            "backup_jobs_get",
            "backup_jobs_list",
            "backup_jobs_next",
            "backup_jobs_objects",
            "backup_jobs_retry",
            "backup_jobs_running",
            "backup_jobs_schedule",
            "backup_jobs_start",
            "backup_jobs_stop",
            "backup_jobs_why",
        ],
        "call": {
            "name": "backup_jobs_list",
            "arguments": { "limit": 10 },
            "structured": { "total": JOBS },
            // The text is the structured result as JSON.
            "text": json!(name).to_string(),
        },
        "invalid": {
            "name": "backup_jobs_list",
            "arguments": { "limit": 0 },
            "text": "limit",
        },
        "unknown": "no_such_tool",
    });
    for (key, value) in reach.as_object().expect("it is an object") {
        plan[key] = value.clone();
    }
    plan
}

async fn over_http(client: Client) {
    let simulator = simulator().await;
    let deployment = Deployment::backup_jobs(&simulator);
    let host = Host::start(&deployment).await;
    for era in ERAS {
        let reach = json!({ "url": host.url() });
        client.run(&plan(era, &reach, &simulator)).await;
    }
    assert_eq!(simulator.stats().logins, 1, "the host logs in once for all");
}

async fn over_stdio(client: Client) {
    let simulator = simulator().await;
    let deployment = Deployment::backup_jobs(&simulator);
    for era in ERAS {
        let reach = json!({ "command": deployment.stdio_command() });
        client.run(&plan(era, &reach, &simulator)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn python_over_http() {
    over_http(Client::Python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_over_stdio() {
    over_stdio(Client::Python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typescript_over_http() {
    over_http(Client::TypeScript).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typescript_over_stdio() {
    over_stdio(Client::TypeScript).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inspector_over_http() {
    over_http(Client::Inspector).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inspector_over_stdio() {
    over_stdio(Client::Inspector).await;
}
