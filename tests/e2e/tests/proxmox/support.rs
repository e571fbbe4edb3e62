//! A simulated cluster, a host with the plugin bound to it, and somebody who answers questions.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that cannot do its work fails the test"
)]

use e2e::{Deployment, Host, mcp};
use pve_simulator::{Options, PASSWORD, SECRET, Simulator};
use serde_json::{Value, json};

/// How the host logs in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Login {
    Token,
    Ticket,
}

impl Login {
    pub(crate) const ALL: [Self; 2] = [Self::Token, Self::Ticket];

    pub(crate) const fn table(self) -> &'static str {
        match self {
            Self::Token => TOKEN,
            Self::Ticket => TICKET,
        }
    }
}

const TOKEN: &str = r#"
[credentials.pve]
kind = "header"
header = "authorization"
prefix = "PVEAPIToken=toolward@pve!agent="
value = "file:pve-token"
"#;

const TICKET: &str = r#"
[credentials.pve]
kind = "login"
lifetime = "2 h"
values = { password = "file:pve-password" }
answer = { ticket = "/data/ticket", csrf = "/data/CSRFPreventionToken" }

[credentials.pve.request]
path = "/api2/json/access/ticket"
form = { username = "toolward@pve", password = "{password}" }

[credentials.pve.renewal]
path = "/api2/json/access/ticket"
form = { username = "toolward@pve", password = "{ticket}" }

[[credentials.pve.apply]]
header = "cookie"
value = "PVEAuthCookie={ticket}"

[[credentials.pve.apply]]
header = "csrfpreventiontoken"
value = "{csrf}"
methods = ["POST", "PUT", "DELETE"]
"#;

/// A cluster and a host. The host ends first.
pub(crate) struct Lab {
    pub(crate) host: Host,
    pub(crate) deployment: Deployment,
    pub(crate) simulator: Simulator,
}

/// What differs from test to test.
pub(crate) struct Setup {
    pub(crate) options: Options,
    pub(crate) credential: &'static str,
    /// More lines of the binding.
    pub(crate) binding: &'static str,
    pub(crate) settings: &'static str,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            options: Options::default(),
            credential: TOKEN,
            binding: "",
            settings: "",
        }
    }
}

impl Lab {
    pub(crate) async fn start(setup: Setup) -> Self {
        let simulator = Simulator::start(&setup.options).await.unwrap();
        let tables = format!(
            r#"
[jobs]
answer-within = "30 s"
{credential}
[bindings.lab]
kind = "pve"
url = "{url}"
tls = {{ ca-file = "lab.pem" }}
credential = "pve"
allow = ["GET /api2/json/**", "POST /api2/json/nodes/**", "PUT /api2/json/nodes/**", "DELETE /api2/json/nodes/**"]
deny = ["* /api2/json/access/users/**", "POST /api2/json/nodes/*/*/*/vncproxy", "POST /api2/json/nodes/*/*/*/termproxy"]
{binding}
[plugins.proxmox-vms]
component = "{component}"
grant = ["http", "form"]
backends = {{ pve = "lab" }}

[plugins.proxmox-vms.settings]
{settings}
"#,
            credential = setup.credential,
            url = simulator.url(),
            binding = setup.binding,
            settings = setup.settings,
            component = e2e::plugin("proxmox-vms").display(),
        );
        let deployment = Deployment::new(&tables);
        deployment.write("lab.pem", simulator.ca_pem());
        deployment.write("pve-token", SECRET);
        deployment.write("pve-password", PASSWORD);
        deployment.write("pve-totp", "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP");
        let host = Host::start(&deployment).await;
        Self {
            host,
            deployment,
            simulator,
        }
    }

    pub(crate) async fn of(options: Options) -> Self {
        Self::start(Setup {
            options,
            ..Setup::default()
        })
        .await
    }

    pub(crate) fn client(&self) -> mcp::Client {
        client(&self.host)
    }

    /// Calls a tool; the person says yes. Gives the structured result.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        let (result, _) = self.answer(tool, arguments.clone(), true).await;
        assert_ne!(
            result["isError"],
            true,
            "{tool} {arguments}: {}",
            mcp::text(&result)
        );
        result["structuredContent"].clone()
    }

    /// Calls a tool that fails; gives its text.
    pub(crate) async fn fail(&self, tool: &str, arguments: Value) -> String {
        let (result, _) = self.answer(tool, arguments.clone(), true).await;
        assert_eq!(result["isError"], true, "{tool} {arguments}: {result}");
        mcp::text(&result)
    }

    /// Calls a tool; gives its result and what the person was shown, who says yes or no.
    pub(crate) async fn answer(
        &self,
        tool: &str,
        arguments: Value,
        yes: bool,
    ) -> (Value, Vec<String>) {
        let client = self.client();
        let mut params = json!({ "name": tool, "arguments": arguments });
        let mut shown = Vec::new();
        loop {
            let result = client.request("tools/call", params.clone()).await;
            let result =
                result.unwrap_or_else(|error| panic!("{tool}: {error:?}\n{}", self.host.log()));
            if result["resultType"] != "input_required" {
                return (result, shown);
            }
            assert!(shown.len() < 5, "{tool} asks again and again: {shown:?}");
            let mut replies = json!({});
            for (key, request) in result["inputRequests"].as_object().unwrap() {
                shown.push(
                    request["params"]["message"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned(),
                );
                replies[key] = json!({ "action": "accept", "content": { "confirm": yes } });
            }
            params["inputResponses"] = replies;
            params["requestState"] = result["requestState"].clone();
        }
    }

    /// The vendor's description has no objection.
    pub(crate) fn fits(&self) {
        let found: Vec<_> = self
            .simulator
            .cluster()
            .violations()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

/// Somebody who can be asked.
pub(crate) fn client(host: &Host) -> mcp::Client {
    mcp::Client::new(host.url()).with_capabilities(json!({ "elicitation": { "form": {} } }))
}

/// The same, who follows jobs.
pub(crate) fn with_tasks(host: &Host) -> mcp::Client {
    mcp::Client::new(host.url()).with_capabilities(json!({
        "elicitation": { "form": {} },
        "extensions": { "io.modelcontextprotocol/tasks": {} },
    }))
}
