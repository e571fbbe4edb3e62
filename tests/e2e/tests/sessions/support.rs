//! A host with the plugin `erratic`, and what it tells of its sessions.

use e2e::control::Control;
use e2e::{Deployment, Host, mcp};
use serde_json::Value;

pub(crate) struct Cx {
    pub(crate) host: Host,
    pub(crate) control: Control,
    _deployment: Deployment,
}

impl Cx {
    /// `server` are lines of `[server]`, `tables` stand after it.
    pub(crate) async fn start(server: &str, tables: &str) -> Self {
        let control = Control::start().await;
        let deployment = Deployment::new(&format!("{}\n{tables}", control.erratic()));
        let config = std::fs::read_to_string(deployment.config()).unwrap();
        let config = config.replacen("[server]", &format!("[server]\n{server}"), 1);
        deployment.write("toolward.toml", &config);
        let host = Host::start(&deployment).await;
        Self {
            host,
            control,
            _deployment: deployment,
        }
    }

    /// `GET /mcp-sessions`.
    pub(crate) async fn listing(&self, token: Option<&str>) -> reqwest::Response {
        let url = self.host.url().replace("/mcp", "/mcp-sessions");
        let mut request = mcp::http().get(url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap()
    }

    /// The sessions in it.
    pub(crate) async fn sessions(&self) -> Vec<Value> {
        let mut listing: Value = self.listing(None).await.json().await.unwrap();
        let sessions = listing["sessions"].take();
        assert_eq!(
            listing["count"],
            sessions.as_array().unwrap().len(),
            "{listing}"
        );
        serde_json::from_value(sessions).unwrap()
    }
}

pub(crate) fn header<'r>(response: &'r reqwest::Response, name: &str) -> &'r str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}
