//! What an operator sees and does over HTTP.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Host, mcp};

/// How long something that has to happen may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// An operator on the host's own machine.
#[derive(Clone, Debug)]
pub struct Operator {
    http: reqwest::Client,
    base: String,
}

impl Operator {
    /// Of this host.
    #[must_use]
    pub fn of(host: &Host) -> Self {
        Self {
            http: mcp::http(),
            base: host.url().trim_end_matches("/mcp").to_owned(),
        }
    }

    /// Reloads; gives the status and what came of it.
    pub async fn reload(&self) -> (u16, Value) {
        let url = format!("{}/api/admin/reload", self.base);
        let response = self.http.post(url).send().await.expect("the host answers");
        let status = response.status().as_u16();
        (status, response.json().await.expect("the answer is JSON"))
    }

    /// What is served.
    pub async fn status(&self) -> Value {
        let url = format!("{}/api/admin/plugins", self.base);
        let response = self.http.get(url).send().await.expect("the host answers");
        response.json().await.expect("the answer is JSON")
    }

    /// What everybody may know.
    pub async fn health(&self) -> String {
        let url = format!("{}/health", self.base);
        let response = self.http.get(url).send().await.expect("the host answers");
        assert!(response.status().is_success(), "{response:?}");
        response.text().await.expect("the answer is complete")
    }

    /// Waits until what is served is as it should be.
    pub async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status().await;
            if is_so(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "never: {what}: {status:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until this version of a plugin is served, and nothing is wrong with it.
    pub async fn until_serving(&self, name: &str, version: &str) {
        self.until(&format!("{name} {version}"), |status| {
            let row = plugin(status, name);
            row["version"] == version && row["problem"].is_null()
        })
        .await;
    }

    /// Waits until a plugin has a problem with these words in it.
    pub async fn until_problem(&self, name: &str, words: &str) -> Value {
        let what = format!("{name}: {words}");
        self.until(&what, |status| {
            plugin(status, name)["problem"].to_string().contains(words)
        })
        .await
    }
}

/// A plugin's row of the status; null: it has none.
#[must_use]
pub fn plugin(status: &Value, name: &str) -> Value {
    let rows = status["plugins"].as_array();
    let row = rows.and_then(|rows| rows.iter().find(|row| row["name"] == name));
    row.cloned().unwrap_or_default()
}
