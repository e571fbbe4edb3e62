//! Which revision is spoken, where nobody says which: found out once, and remembered for each server.

use serde_json::json;
use vbr_simulator::{Revision, Simulator};

use crate::{Setting, Site, options, well};

/// A server that serves everything up to this one.
async fn server(newest: Revision) -> Simulator {
    let mut options = options(16);
    options.revisions = Revision::ALL
        .into_iter()
        .filter(|one| *one <= newest)
        .collect();
    Simulator::start(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_servers_revision_is_found_out_once() {
    const INFO: &str = "GET /api/v1/serverInfo";
    const STATES: &str = "GET /api/v1/jobs/states";
    let (old, older) = (
        server(Revision::V1_2Rev1).await,
        server(Revision::V1_1Rev0).await,
    );
    let site = Site::start(&[&old, &older], &Setting::default()).await;
    let client = site.client();
    for (server, simulator, revision) in
        [("vbr01", &old, "1.2-rev1"), ("vbr02", &older, "1.1-rev0")]
    {
        let list = json!({ "server": server, "limit": 1 });
        let first = well(client.call("backup_jobs_list", list.clone()).await);
        // The newest, the build, and again.
        assert_eq!(
            (simulator.stats().of(STATES), simulator.stats().of(INFO)),
            (2, 1),
            "{server}"
        );
        for later in 1..=3 {
            let again = well(client.call("backup_jobs_list", list.clone()).await);
            assert_eq!(again["jobs"][0]["id"], first["jobs"][0]["id"]);
            assert_eq!(
                (simulator.stats().of(STATES), simulator.stats().of(INFO)),
                (2 + later, 1),
                "{server}"
            );
        }
        let sent = simulator.last_request().unwrap();
        assert_eq!(sent.headers["x-api-version"], revision);
    }
    // What the older one lacks is told, and what it has instead; the other has it.
    let retry = json!({ "server": "vbr02", "job": older.jobs()[1].0.to_string() });
    let refused = client.call("backup_jobs_retry", retry).await.unwrap();
    let text = e2e::mcp::text(&refused);
    assert!(
        text.contains("1.1-rev0") && text.contains("backup_jobs_start"),
        "{text}"
    );
}
