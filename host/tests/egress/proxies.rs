//! Proxies in the environment are not for backends.

use std::process::Command;

use super::support::{Backend, Plugin, answer, binding};

/// Set in the process that asks, with the backend's URL.
const ASKER: &str = "TOOLWARD_TEST_ASK";

/// The environment cannot be changed within a process that has threads, so the test starts itself with one.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test's own switch")]
async fn proxies_from_the_environment_are_ignored() {
    if let Ok(url) = std::env::var(ASKER) {
        assert!(std::env::var("http_proxy").is_ok());
        let plugin = Plugin::bound_to(binding(&url));
        assert_eq!(plugin.get("/a").await.unwrap().1, "hello");
        return;
    }
    let backend = Backend::http(|_| std::future::ready(answer(200, "hello"))).await;
    let proxy = Backend::http(|_| std::future::ready(answer(502, "proxy"))).await;
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "proxies::proxies_from_the_environment_are_ignored",
        "--nocapture",
    ]);
    command.env(ASKER, backend.url());
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        command.env(name, proxy.url());
    }
    command.env("no_proxy", "").env("NO_PROXY", "");
    let ended = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    let printed = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success() && printed.contains("1 passed"),
        "{printed}"
    );
    assert_eq!((proxy.connections(), backend.seen().len()), (0, 1));
}
