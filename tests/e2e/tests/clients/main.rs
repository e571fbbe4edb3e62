//! Public MCP clients list, call, are told how far a call is, change their minds and are asked: four clients, both eras
//! of the protocol, over stdio and over HTTP, against a sandboxed plugin. The programs are in `tests/clients`.

mod client;
mod plan;

use client::{Client, ERAS, Reach};
use e2e::Host;
use plan::Scene;

/// Every step, in both eras, against one host.
async fn over_http(client: Client) {
    let scene = Scene::set().await;
    let host = Host::start(scene.deployment()).await;
    for era in ERAS {
        let reach = Reach::Http(host.url().to_owned());
        client.run(&scene.plan(era, &reach, client)).await;
    }
    assert_eq!(scene.logins(), 1, "the host logs in once for all");
    let log = host.stop().await;
    for trouble in [" WARN ", " ERROR "] {
        assert!(
            !log.contains(trouble),
            "{client:?} troubles the host:\n{log}"
        );
    }
}

/// The same, each era with a host of its own, which the client starts.
async fn over_stdio(client: Client) {
    let scene = Scene::set().await;
    for era in ERAS {
        let reach = Reach::Stdio(scene.deployment().stdio_command());
        client.run(&scene.plan(era, &reach, client)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mcp_over_http() {
    over_http(Client::Mcp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mcp_over_stdio() {
    over_stdio(Client::Mcp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fastmcp_over_http() {
    over_http(Client::FastMcp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fastmcp_over_stdio() {
    over_stdio(Client::FastMcp).await;
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
