//! Plugins that were compiled against released versions of the interface go on working: each component in
//! `tests/compat` is loaded and called.

use std::fs;
use std::path::PathBuf;

use e2e::{echo, mcp};
use serde_json::json;

/// `tests/compat/VERSION/*.wasm`, oldest version first.
fn components() -> Vec<PathBuf> {
    let versions = folder(&e2e::repository().join("tests").join("compat"));
    let files = versions
        .iter()
        .filter(|path| path.is_dir())
        .flat_map(folder);
    files
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "wasm")
        })
        .collect()
}

fn folder(path: &PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let mut paths: Vec<PathBuf> = paths.collect();
    paths.sort();
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn components_of_released_versions_are_served() {
    let components = components();
    assert!(!components.is_empty(), "no component was kept");
    for component in components {
        eprintln!("{}", component.display());
        let host = echo::serve("interface", &component).await;
        echo::check(&host).await;
        // Calls every function of the imports that are always granted.
        let context = mcp::Client::new(host.url())
            .call("context", json!({}))
            .await;
        let context = context.expect("`context` is served");
        assert!(
            context["structuredContent"]["idempotency_key"].is_string(),
            "{context}"
        );
        host.stop().await;
    }
}
