//! A client that trusts one simulator, logs in at one revision, and keeps its token.

use std::sync::Once;

use reqwest::{Certificate, Method, RequestBuilder, StatusCode};
use serde_json::Value;
use vbr_simulator::{Options, Revision, Simulator};

pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    pub(crate) revision: Revision,
    pub(crate) token: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

pub(crate) fn http(simulator: &Simulator) -> reqwest::Client {
    trusting(simulator.ca_pem().as_bytes())
}

pub(crate) fn trusting(pem: &[u8]) -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::ring::default_provider()
            .install_default()
            .unwrap();
    });
    let certificate = Certificate::from_pem(pem).unwrap();
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([certificate])
        .build()
        .unwrap()
}

impl Client {
    pub(crate) fn new(simulator: &Simulator, revision: Revision) -> Self {
        Self {
            http: http(simulator),
            url: simulator.url(),
            revision,
            token: None,
        }
    }

    /// A client that has logged in as the administrator of a default server.
    pub(crate) async fn logged_in(simulator: &Simulator, revision: Revision) -> Self {
        let options = Options::default();
        let mut client = Self::new(simulator, revision);
        let reply = client.log_in(&options.user, &options.password).await;
        client.token = reply.body["access_token"].as_str().map(str::to_owned);
        client
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.url);
        let request = self
            .http
            .request(method, url)
            .header("x-api-version", self.revision.as_str());
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn log_in(&self, user: &str, password: &str) -> Reply {
        let form = [
            ("grant_type", "password"),
            ("username", user),
            ("password", password),
        ];
        send(self.request(Method::POST, "/api/oauth2/token").form(&form)).await
    }

    pub(crate) async fn refresh(&self, token: &Value) -> Reply {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token.as_str().unwrap()),
        ];
        send(self.request(Method::POST, "/api/oauth2/token").form(&form)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        let request = self.request(Method::POST, path);
        send(if body.is_null() {
            request
        } else {
            request.json(&body)
        })
        .await
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Reply { status, body }
}
