//! `toolward plugin test`: recorded with a real backend, played without one.

use std::fs;

use e2e::Deployment;
use serde_json::Value;
use vbr_simulator::{Options, Simulator};

use super::support::run;

const PLUGIN: &str = "backup-jobs.wasm";

fn plugin(deployment: &Deployment) {
    fs::copy(e2e::plugin("backup-jobs"), deployment.folder().join(PLUGIN)).unwrap();
}

fn recording(deployment: &Deployment) -> Value {
    let text = fs::read(deployment.folder().join("recordings/list.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_can_be_played_without_the_backend() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let deployment = Deployment::backup_jobs(&simulator);
    plugin(&deployment);
    let record = [
        "plugin",
        "test",
        PLUGIN,
        "--record",
        "list",
        "--tool",
        "backup_jobs_list",
        "--args",
        "{\"limit\": 3}",
        "--json",
    ];
    let deployment = tokio::task::spawn_blocking(move || {
        let recorded = run(&deployment, &record).succeeded().json();
        assert!(recorded["exchanges"].as_u64().unwrap() > 0, "{recorded}");
        deployment
    })
    .await
    .unwrap();
    let login = Options::default();
    let text = recording(&deployment).to_string();
    for secret in [&login.password, "access_token", "Bearer"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(!text.contains("127.0.0.1"), "{text}");
    drop(simulator);

    tokio::task::spawn_blocking(move || {
        let play = ["plugin", "test", PLUGIN];
        let played = run(&deployment, &play).succeeded();
        assert!(played.stdout.contains("list: ok"), "{played:?}");

        // A request that is not recorded, and one that never comes.
        let mut changed = recording(&deployment);
        let path = changed["exchanges"][0]["path"].as_str().unwrap().to_owned();
        changed["exchanges"][0]["path"] = format!("{path}&more=1").into();
        let file = deployment.folder().join("recordings/list.json");
        fs::write(&file, changed.to_string()).unwrap();
        let played = run(&deployment, &play);
        assert_eq!(played.code, 5, "{played:?}");
        for words in ["list: FAILED", "is not recorded", "was not sent"] {
            assert!(played.stdout.contains(words), "no {words}: {played:?}");
        }

        // Another result than the one that was recorded.
        changed["exchanges"][0]["path"] = path.into();
        changed["result"]["structuredContent"]["total"] = 12345.into();
        fs::write(&file, changed.to_string()).unwrap();
        let played = run(&deployment, &["plugin", "test", PLUGIN, "--json"]);
        assert_eq!(played.code, 5, "{played:?}");
        let told = &played.json()["recordings"][0];
        assert_eq!(told["ok"], false);
        assert!(
            told["problems"][0]
                .as_str()
                .unwrap()
                .starts_with("`structuredContent`"),
            "{told}"
        );

        fs::write(&file, "{").unwrap();
        let played = run(&deployment, &play);
        assert!(
            played.code == 1 && played.stderr.contains("it is not a recording"),
            "{played:?}"
        );
    })
    .await
    .unwrap();
}
