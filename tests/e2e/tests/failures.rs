//! What operators get wrong and what breaks without them: one clear message each, and the rest goes on.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use std::fs;
use std::process::Command;
use std::time::Duration;

use e2e::{Binding, Deployment, Host, mcp};
use serde_json::json;
use vbr_simulator::{Options, Simulator};

/// A plugin that behaves, beside whatever is broken.
fn echo() -> String {
    format!(
        "[plugins.echo]\ncomponent = \"{}\"\n",
        e2e::plugin("echo").display()
    )
}

async fn echo_answers(client: &mcp::Client) {
    let answer = client
        .call("echo", json!({ "text": "still here" }))
        .await
        .unwrap();
    assert_eq!(mcp::text(&answer), "still here");
}

/// A host whose hostile plugin, which can send any request, is bound to `url`.
async fn bound(
    url: &str,
    tls: &str,
    certificate: &str,
    password: Option<&str>,
) -> (Deployment, Host) {
    let binding = Binding {
        url: url.to_owned(),
        tls: tls.to_owned(),
        more: "connect-timeout = \"2s\"".to_owned(),
        ..Binding::default()
    };
    let deployment = binding.deploy(certificate, &(binding.plugin("hostile") + &echo()));
    if let Some(password) = password {
        deployment.write("vbr-password", password);
    }
    let host = Host::start(&deployment).await;
    (deployment, host)
}

/// What the plugin is told when it asks for the jobs.
async fn refusal(client: &mcp::Client) -> String {
    let request = json!({ "authority": "vbr", "path": "/api/v1/jobs", "headers": [["x-api-version", "1.2-rev1"]] });
    let answer = client.call("hostile_request", request).await.unwrap();
    let answer = &answer["structuredContent"];
    assert_eq!(answer["status"], 0, "{answer}");
    answer["error"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_once_and_not_tried_again_at_once() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let trusted = Binding::default().tls;
    let (_folder, host) = bound(
        &simulator.url(),
        &trusted,
        simulator.ca_pem(),
        Some("wrong-password"),
    )
    .await;
    let client = mcp::Client::new(host.url());
    let told = refusal(&client).await;
    assert!(
        told.contains("cannot log in to backend \"vbr\"") && told.contains("credentials.vbr"),
        "{told}"
    );
    for _ in 0..5 {
        refusal(&client).await;
    }
    assert_eq!(
        simulator.stats().failed_logins,
        1,
        "the account would be locked"
    );
    echo_answers(&client).await;
    assert!(!host.stop().await.contains("wrong-password"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_down_is_named_and_its_address_is_not() {
    // Bound and closed again: nobody listens there.
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (_folder, host) = bound(&format!("https://{closed}"), "", "", None).await;
    let client = mcp::Client::new(host.url());
    let told = refusal(&client).await;
    assert!(
        told.starts_with("unavailable: ") && told.contains("vbr"),
        "{told}"
    );
    assert!(!told.contains(&closed.port().to_string()), "{told}");
    echo_answers(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_trusted_is_told_with_the_remedy() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let other = Simulator::start(Options::default()).await.unwrap();
    let wrong_pin = format!("{{ fingerprint = \"{}\" }}", other.fingerprint());
    let wrong_authority = Binding::default().tls;
    for (tls, remedy) in [
        ("", "tls"),
        (&*wrong_authority, "tls"),
        (&*wrong_pin, "fingerprint"),
    ] {
        let (_folder, host) = bound(&simulator.url(), tls, other.ca_pem(), None).await;
        let client = mcp::Client::new(host.url());
        let told = refusal(&client).await;
        assert!(
            told.starts_with("unavailable: ")
                && told.contains("certificate")
                && told.contains(remedy),
            "{tls}: {told}"
        );
        assert_eq!(simulator.stats().total(), 0, "{tls}: a request went out");
        echo_answers(&client).await;
    }
}

#[test]
fn a_mistake_in_the_configuration_is_shown_with_its_place_and_nothing_starts() {
    let deployment = Deployment::new("[plugins.echo]\ncomponnet = \"echo.wasm\"\n");
    for arguments in [
        &["serve"][..],
        &["serve", "--stdio"],
        &["config", "check"],
        &["tools"],
    ] {
        let output = Command::new(e2e::binary())
            .args(arguments)
            .arg("--config")
            .arg(deployment.config())
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {told}");
        for part in ["componnet", "toolward.toml:", "hint:", "component"] {
            assert!(told.contains(part), "{arguments:?}: no {part} in {told}");
        }
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

/// The smallest component and the smallest module: their preambles.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_cannot_be_offered_says_why_and_leaves_the_others_served() {
    let tables = format!(
        r#"
[plugins.missing]
component = "missing.wasm"

[plugins.text]
component = "text.wasm"

[plugins.module]
component = "module.wasm"

[plugins.stranger]
component = "stranger.wasm"

[plugins.empty]
component = "empty.wasm"

[plugins.renamed]
component = "{echo_component}"

[plugins.hostile]
component = "{hostile}"
{echo}
"#,
        echo_component = e2e::plugin("echo").display(),
        hostile = e2e::plugin("hostile").display(),
        echo = echo(),
    );
    let deployment = Deployment::new(&tables);
    let file = |name: &str| deployment.folder().join(name);
    fs::write(file("text.wasm"), "not a component").unwrap();
    fs::write(file("module.wasm"), MODULE).unwrap();
    fs::write(file("stranger.wasm"), COMPONENT).unwrap();
    fs::write(
        file("empty.toml"),
        "name = \"empty\"\nversion = \"1.0.0\"\ndescription = \"Nothing\"\n",
    )
    .unwrap();
    let packed = Command::new(e2e::binary())
        .args(["plugin", "pack"])
        .arg(file("stranger.wasm"))
        .arg("--manifest")
        .arg(file("empty.toml"))
        .arg("--output")
        .arg(file("empty.wasm"))
        .status()
        .unwrap();
    assert!(packed.success());
    e2e::sign(&file("empty.wasm"));

    let host = Host::start(&deployment).await;
    let client = mcp::Client::new(host.url());
    echo_answers(&client).await;
    let log = host.stop().await;
    let expected = [
        "plugin `missing`: cannot read the component",
        "hint: set plugins.missing.component",
        "plugin `text`: ",
        "it is not a WebAssembly component",
        "it is a core WebAssembly module, not a component",
        "it has no manifest, so it is not a toolward plugin",
        "plugin `empty` exports none of `toolward:plugin/tools@0.1`",
        "is the plugin `echo`",
        "hint: rename the table [plugins.renamed] to [plugins.echo]",
        "plugin `hostile` asks for `wasi:http/outgoing-handler@0.2",
        "which is not granted",
        "hint: add \"http\" to plugins.hostile.grant",
    ];
    for part in expected {
        assert!(log.contains(part), "no {part:?} in\n{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_told_at_once() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let deployment = Deployment::new(&echo());
    let mut host = tokio::process::Command::new(e2e::binary());
    let host = host
        .args(["serve", "--listen", &address, "--config"])
        .arg(deployment.config())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_mins(1), host)
        .await
        .unwrap()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains(&format!("cannot listen on {address}")) && told.contains("hint: "),
        "{told}"
    );
}
