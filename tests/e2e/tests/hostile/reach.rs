//! Nothing of the machine, and no backend that was not granted, can be reached.

use serde_json::{Value, json};

use super::support::{Attacked, Recorded, plugin};

fn tables() -> String {
    plugin("hostile", r#"grant = ["http"]"#)
}

fn listener() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    listener.set_nonblocking(true).unwrap();
    (listener, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_machine_can_be_seen_or_reached() {
    let (listener, address) = listener();
    let mut attacked = Attacked::start(&tables()).await;
    let attempts = [
        ("hostile_environment", json!({})),
        (
            "hostile_files",
            json!({ "paths": ["/", ".", "..", "/etc/passwd", "/proc/self/environ", "toolward.toml"] }),
        ),
        ("hostile_network", json!({ "address": address })),
    ];
    for (tool, arguments) in attempts {
        let answer = attacked.client.call(tool, arguments).await.unwrap();
        let nothing = json!({ "result": [] });
        assert_eq!(answer["structuredContent"], nothing, "{tool}: {answer}");
        // It was denied nothing: there is nothing there.
        attacked
            .is_unharmed(tool, Recorded::Outcome("success"))
            .await;
    }
    assert!(listener.accept().is_err(), "a connection came through");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_without_backends_sends_nothing() {
    let (listener, address) = listener();
    let mut attacked = Attacked::start(&tables()).await;
    for authority in [
        &*address,
        "localhost",
        "169.254.169.254",
        "[::1]",
        "vbr",
        "vbr@localhost",
    ] {
        let request = json!({ "authority": authority, "path": "/" });
        let answer = attacked.client.call("hostile_request", request).await;
        let answer: &Value = &answer.unwrap()["structuredContent"];
        assert_eq!(answer["status"], 0, "{authority}: {answer}");
        let error = answer["error"].as_str().unwrap();
        let recorded = if error.starts_with("denied: plugin \"hostile\"") {
            Recorded::Denied("hostile")
        } else {
            // Not even a request.
            assert!(
                error == "authority" || error.starts_with("invalid-input: "),
                "{authority}: {error}"
            );
            Recorded::Outcome("success")
        };
        attacked.is_unharmed(authority, recorded).await;
    }
    assert!(listener.accept().is_err(), "a connection came through");
}
