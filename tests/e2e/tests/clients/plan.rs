//! What the clients are to do, and with what: a plugin that asks a simulated backup server, and one that talks with
//! its caller.

use e2e::{Binding, Deployment};
use serde_json::{Value, json};
use vbr_simulator::{Options, Simulator};

use crate::client::{Client, Era, Reach};

/// A backup server with as many jobs.
const JOBS: usize = 3;

pub(crate) struct Scene {
    simulator: Simulator,
    deployment: Deployment,
}

impl Scene {
    pub(crate) async fn set() -> Self {
        let options = Options {
            jobs: JOBS,
            ..Options::default()
        };
        let simulator = Simulator::start(options).await;
        let simulator = simulator.expect("the simulator starts");
        let binding = Binding {
            url: simulator.url(),
            allow: r#"["GET /api/v1/**"]"#,
            ..Binding::default()
        };
        // One instance at a time, and longer than any client waits: a call that goes on although it was cancelled
        // keeps the next one from its turn.
        let dialogue = format!(
            r#"
[plugins.dialogue]
component = "{}"
grant = ["form"]
limits = {{ concurrency = 1, wall-time = "30 min" }}
"#,
            e2e::plugin("dialogue").display()
        );
        let plugins = binding.plugin("backup-jobs") + &dialogue;
        let deployment = binding.deploy(simulator.ca_pem(), &plugins);
        Self {
            simulator,
            deployment,
        }
    }

    pub(crate) fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// How often the host has logged in.
    pub(crate) fn logins(&self) -> u64 {
        self.simulator.stats().logins
    }

    /// What a client is to do, as `tests/clients/README.md` describes it.
    pub(crate) fn plan(&self, era: Era, reach: &Reach, client: Client) -> Value {
        let (_, name) = &self.simulator.jobs()[0];
        let told: Vec<Value> = (1..=5)
            .map(|step| json!([step, 5, format!("step {step}")]))
            .collect();
        let mut plan = json!({
            "era": era.name,
            "version": era.version,
            "steps": client.steps(),
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
                "count",
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
            "progress": {
                "name": "count",
                "arguments": { "steps": 5 },
                "structured": { "counted": 5 },
                "told": told,
            },
            "cancel": {
                "name": "wait",
                "arguments": { "seconds": 3600 },
                "then": {
                    "name": "count",
                    "arguments": { "steps": 1 },
                    "structured": { "counted": 1 },
                },
            },
            "elicit": {
                "name": "order",
                "arguments": {},
                "message": "What do you order?",
                "answer": { "name": "Ada", "pieces": 2, "size": "large" },
                "declined": "the person declined",
            },
        });
        match reach {
            Reach::Http(url) => plan["url"] = json!(url),
            Reach::Stdio(command) => plan["command"] = json!(command),
        }
        plan
    }
}
