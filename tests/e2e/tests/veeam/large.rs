//! Ten thousand jobs and a hundred thousand sessions, within the memory that a call has.

use serde_json::json;
use vbr_simulator::{Options, Revision, Simulator};

use crate::{Setting, Site, options, well};

/// A call may have 64 MiB by default, and ends with an error when it wants more.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_server_fits_into_a_call() {
    let simulator = Simulator::start(Options {
        sessions_per_job: 11,
        ..options(10_000)
    })
    .await
    .unwrap();
    let setting = Setting {
        revision: Some(Revision::V1_3Rev1),
        ..Setting::default()
    };
    let site = Site::start(&[&simulator], &setting).await;
    let client = site.client();
    for (tool, arguments, requests) in [
        ("backup_jobs_list", json!({ "last_result": "failed" }), 1),
        (
            "backup_jobs_list",
            json!({ "name": "nightly", "limit": 200 }),
            2,
        ),
        (
            "sessions_list",
            json!({ "since": "3 days", "result": "failed", "limit": 200 }),
            1,
        ),
        // Letters without accents: every name is looked at.
        (
            "backup_jobs_schedule",
            json!({ "job": "zlutoucky 600" }),
            30,
        ),
        (
            "repositories_restore_points",
            json!({ "machine": "srv1", "limit": 200 }),
            2,
        ),
    ] {
        let before = simulator.stats().total();
        let answer = well(client.call(tool, arguments.clone()).await);
        let sent = simulator.stats().total() - before;
        // A login the first time.
        assert!(sent <= requests + 1, "{tool} {arguments}: {sent}");
        assert!(answer.to_string().len() < 200_000, "{tool}");
    }
}
