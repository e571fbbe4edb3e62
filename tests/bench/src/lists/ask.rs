//! Calls of tools through the host, and requests to the backup server without it.

use std::error::Error;
use std::net::SocketAddr;

use reqwest::{Certificate, Client, Response};
use serde_json::{Value, json};
use vbr_simulator::Recorded;

use super::estate::{Estate, REVISION};
use crate::load::message::{VERSION, excerpt};

/// Calls tools over MCP.
#[derive(Debug)]
pub(super) struct Agent {
    http: Client,
    host: String,
}

impl Agent {
    pub(super) fn new(host: SocketAddr) -> Result<Self, Box<dyn Error>> {
        // Wanted even for plain HTTP.
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            http: Client::builder().no_proxy().build()?,
            host: format!("http://{host}"),
        })
    }

    /// The size of the answer, which must be a result.
    pub(super) async fn call(
        &self,
        tool: &str,
        arguments: &Value,
    ) -> Result<usize, Box<dyn Error>> {
        let message = json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {
                "name": tool,
                "arguments": arguments,
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": VERSION,
                    "io.modelcontextprotocol/clientCapabilities": {},
                    "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "0" },
                },
            },
        });
        let request = self
            .http
            .post(format!("{}/mcp", self.host))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", VERSION)
            .header("mcp-method", "tools/call")
            .header("mcp-name", tool)
            .body(message.to_string());
        let body = request.send().await?.bytes().await?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        let result = &answer["result"];
        if result["isError"] == true || !result["structuredContent"].is_object() {
            return Err(format!("{tool} fails: {}", excerpt(&body)).into());
        }
        Ok(body.len())
    }

    /// What the host says about the memory of a plugin's instances.
    pub(super) async fn memory(&self, plugin: &str) -> Result<Memory, Box<dyn Error>> {
        let response = self.http.get(format!("{}/metrics", self.host)).send();
        let text = good(response.await?)?.text().await?;
        Ok(Memory {
            instances: sample(&text, "count", plugin),
            bytes: sample(&text, "sum", plugin),
        })
    }
}

/// Linear memory of instances that have ended.
#[derive(Debug)]
pub(super) struct Memory {
    instances: f64,
    bytes: f64,
}

impl Memory {
    /// Of the one instance that has ended in between.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of bytes"
    )]
    pub(super) fn of_one(before: &Self, after: &Self) -> Result<u64, Box<dyn Error>> {
        if (after.instances - before.instances - 1.0).abs() > 0.1 {
            return Err("a call has more than one instance, or somebody else calls".into());
        }
        Ok((after.bytes - before.bytes) as u64)
    }
}

/// A figure of the histogram; 0 before there is one.
fn sample(metrics: &str, figure: &str, plugin: &str) -> f64 {
    let start = format!("toolward_instance_memory_bytes_{figure}{{plugin=\"{plugin}\"}} ");
    let mut lines = metrics.lines();
    let found = lines.find_map(|line| line.strip_prefix(&start)?.trim().parse().ok());
    found.unwrap_or_default()
}

/// A program that knows which requests it wants, and sends them itself.
#[derive(Debug)]
pub(super) struct Direct {
    http: Client,
    server: String,
    token: String,
}

impl Direct {
    /// Logs in once, as the host does.
    pub(super) async fn login(estate: &Estate) -> Result<Self, Box<dyn Error>> {
        let certificate = Certificate::from_pem(estate.simulator.ca_pem().as_bytes())?;
        let http = Client::builder()
            .no_proxy()
            .tls_certs_only([certificate])
            .build()?;
        let server = estate.simulator.url();
        let form = format!(
            "grant_type=password&username={}&password={}",
            estate.login.user, estate.login.password
        );
        let login = http
            .post(format!("{server}/api/oauth2/token"))
            .header("x-api-version", REVISION)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let pair = good(login.send().await?)?.bytes().await?;
        let pair: Value = serde_json::from_slice(&pair)?;
        let token = pair["access_token"].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            http,
            server,
            token,
        })
    }

    /// Sends these requests one after the other, as a plugin does, and reads the answers; how large they are.
    pub(super) async fn send(&self, requests: &[Recorded]) -> Result<usize, Box<dyn Error>> {
        let mut size = 0;
        for request in requests {
            let path = &request.path;
            let body = match request.query.as_str() {
                "" => self.get(path).await?,
                query => self.get(&format!("{path}?{query}")).await?,
            };
            let _read: Value = serde_json::from_slice(&body)?;
            size += body.len();
        }
        Ok(size)
    }

    /// How many sessions there are.
    pub(super) async fn sessions(&self) -> Result<u64, Box<dyn Error>> {
        let page = self.get("/api/v1/sessions?limit=1").await?;
        let page: Value = serde_json::from_slice(&page)?;
        let total = page["pagination"]["total"].as_u64();
        total.ok_or_else(|| "the backup server does not say how many sessions it has".into())
    }

    async fn get(&self, path: &str) -> Result<bytes::Bytes, Box<dyn Error>> {
        let request = self
            .http
            .get(format!("{}{path}", self.server))
            .header("x-api-version", REVISION)
            .bearer_auth(&self.token);
        Ok(good(request.send().await?)?.bytes().await?)
    }
}

fn good(response: Response) -> Result<Response, Box<dyn Error>> {
    Ok(response.error_for_status()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_plugin() {
        let text = "\
            toolward_instance_memory_bytes_sum{plugin=\"jobs\"} 1.0\n\
            toolward_instance_memory_bytes_sum{plugin=\"backup-jobs\"} 2097152.0\n\
            toolward_instance_memory_bytes_count{plugin=\"backup-jobs\"} 2\n";
        assert!((sample(text, "sum", "backup-jobs") - 2_097_152.0).abs() < 1e-6);
        assert!((sample(text, "count", "backup-jobs") - 2.0).abs() < 1e-6);
        assert!(sample(text, "sum", "sessions") < 1e-6);
    }
}
