//! The Veeam plugins as components, in the real host, through MCP alone.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

mod evening;
mod large;
mod names;
mod negotiation;
mod orders;
mod schema;
mod watch;

use std::fmt::Write as _;
use std::time::Duration;

use e2e::{Deployment, Host, mcp};
use serde_json::{Value, json};
use vbr_simulator::{Options, Revision, Simulator};

/// For an audit log in the folder of the configuration.
const AUDIT: &str = "\n[audit]\nfolder = \"log\"\nkey = \"file:audit.key\"\n";
const KEY: &str = "5f2b8c1d9e3a4f6071829304a5b6c7d8e9f00112233445566778899aabbccdde";

/// The three plugins on these servers, the first of which is the default.
struct Site {
    folder: Deployment,
    host: Host,
}

/// What differs from test to test.
#[derive(Default)]
struct Setting {
    /// More lines of every binding.
    binding: String,
    /// More lines of every plugin.
    plugin: String,
    /// More tables.
    tables: String,
    /// The revision that the logins ask for; the servers' newest.
    revision: Option<Revision>,
}

impl Site {
    async fn start(servers: &[&Simulator], setting: &Setting) -> Self {
        let revision = setting.revision.unwrap_or(Revision::V1_1Rev0);
        let mut tables = format!(
            r#"
[credentials.vbr]
kind = "oauth2"
grant = "password"
token-path = "/api/oauth2/token"
username = "file:vbr-user"
password = "file:vbr-password"
headers = {{ x-api-version = "{revision}" }}
"#
        );
        for (at, server) in servers.iter().enumerate() {
            let number = at + 1;
            let _ = write!(
                tables,
                r#"
[bindings.vbr0{number}]
kind = "vbr"
title = "Backup server {number}"
url = "{}"
tls = {{ ca-file = "vbr0{number}.pem" }}
credential = "vbr"
allow = ["GET /api/v1/**", "POST /api/v1/**"]
{}
"#,
                server.url(),
                setting.binding
            );
        }
        let more: Vec<String> = (2..=servers.len())
            .map(|number| format!("\"vbr0{number}\""))
            .collect();
        let more = match more.as_slice() {
            [] => String::new(),
            more => format!("more-backends = {{ vbr = [{}] }}", more.join(", ")),
        };
        for plugin in ["backup-jobs", "sessions", "repositories"] {
            let _ = write!(
                tables,
                r#"
[plugins.{plugin}]
component = "{}"
grant = ["http", "form"]
backends = {{ vbr = "vbr01" }}
{more}
{}
"#,
                e2e::plugin(plugin).display(),
                setting.plugin
            );
        }
        tables += &setting.tables;
        let deployment = Deployment::new(&tables);
        deployment.write("audit.key", KEY);
        let login = Options::default();
        for (at, server) in servers.iter().enumerate() {
            deployment.write(&format!("vbr0{}.pem", at + 1), server.ca_pem());
        }
        deployment.write("vbr-user", &login.user);
        deployment.write("vbr-password", &login.password);
        let host = Host::start(&deployment).await;
        Self {
            folder: deployment,
            host,
        }
    }

    /// The lines of an event in the audit log, as soon as there are so many.
    async fn audited(&self, event: &str, number: usize) -> Vec<Value> {
        let file = self.folder.folder().join("log/audit.jsonl");
        for _ in 0..400 {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let lines = text
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok());
            let lines: Vec<Value> = lines
                .filter(|line: &Value| line["event"] == event)
                .collect();
            if lines.len() >= number {
                return lines;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{number} lines of {event} do not come");
    }

    /// Somebody who cannot be asked.
    fn client(&self) -> mcp::Client {
        mcp::Client::new(self.host.url())
    }

    /// Somebody who can.
    fn person(&self) -> mcp::Client {
        self.client()
            .with_capabilities(json!({ "elicitation": { "form": {} } }))
    }
}

fn options(jobs: usize) -> Options {
    Options {
        jobs,
        run_time: Duration::from_secs(3),
        stop_time: Duration::ZERO,
        ..Options::default()
    }
}

/// The structured result of a call that went well.
#[track_caller]
fn well(answer: Result<Value, mcp::ProtocolError>) -> Value {
    let answer = answer.unwrap();
    assert_ne!(answer["isError"], true, "{}", mcp::text(&answer));
    answer["structuredContent"].clone()
}

/// Calls a tool that asks somebody, who says yes, and why if that was not said before.
async fn confirmed(client: &mcp::Client, tool: &str, arguments: Value) -> Value {
    let asked = client.call(tool, arguments.clone()).await.unwrap();
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let form = &asked["inputRequests"]["confirm"]["params"]["requestedSchema"];
    let mut content = json!({ "confirm": true });
    if form["properties"]["reason"].is_object() {
        assert!(arguments.get("reason").is_none(), "{form}");
        content["reason"] = "a person's reason".into();
    }
    let params = json!({
        "name": tool,
        "arguments": arguments,
        "requestState": asked["requestState"],
        "inputResponses": { "confirm": { "action": "accept", "content": content } },
    });
    let answer = client.request("tools/call", params).await;
    answer.unwrap()
}
