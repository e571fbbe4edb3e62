//! Public MCP clients list and call the tools of a sandboxed plugin: three libraries, both eras of the protocol,
//! over stdio and over HTTP. The programs are in `tests/clients`.

use std::process::Stdio;
use std::time::Duration;

use e2e::{Tools, echo};
use serde_json::{Value, json};
use tokio::process::Command;

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

/// What every client is to do. `reach` is how it gets to the server.
fn plan(era: &str, reach: &Value) -> Value {
    let mut plan = json!({
        "era": era,
        "tools": ["add", "echo"],
        "call": {
            "name": "add",
            "arguments": { "a": 1, "b": 2.5 },
            "structured": { "sum": 3.5 },
            "text": "3.5",
        },
        "invalid": { "name": "add", "arguments": { "a": 1 }, "text": "b" },
        "unknown": "no_such_tool",
    });
    for (key, value) in reach.as_object().expect("it is an object") {
        plan[key] = value.clone();
    }
    plan
}

async fn over_http(client: Client) {
    let host = echo::serve("echo", &e2e::plugin("echo")).await;
    for era in ERAS {
        client.run(&plan(era, &json!({ "url": host.url() }))).await;
    }
}

async fn over_stdio(client: Client) {
    let deployment = echo::deployment("echo", &e2e::plugin("echo"));
    for era in ERAS {
        let reach = json!({ "command": deployment.stdio_command() });
        client.run(&plan(era, &reach)).await;
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
