//! Ten thousand jobs and a hundred thousand sessions, within the memory that a call has.

use e2e::mcp;
use serde_json::json;
use vbr_simulator::{Fault, Options, Revision, Simulator};

use crate::{Setting, Site, options, well};

/// A call may have 64 MiB by default, and ends with an error when it wants more. These get by with a quarter of it.
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
        plugin: "limits = { memory = \"16 MiB\" }".to_owned(),
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

/// Tokens that expire while a list is gone through, and a 401 for no reason: the host logs in again, and nothing is missing.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_expire_in_the_middle_of_a_list_cost_nothing_of_it() {
    let simulator = Simulator::start(options(3_000)).await.unwrap();
    let site = Site::start(&[&simulator], &Setting::default()).await;
    let client = site.client();
    // Letters without accents: every name is looked at, page by page.
    let search = json!({ "job": "zlutoucky 180" });
    for times in [1, 2] {
        let unauthorized = Fault::status(401)
            .path("/api/v1/jobs/states")
            .after(3)
            .times(1);
        simulator.faults().inject(unauthorized);
        simulator.faults().expire_tokens();
        let job = well(client.call("backup_jobs_schedule", search.clone()).await);
        assert_eq!(job["job_name"], "Žluťoučký kůň – soubory 180", "{times}");
    }
    // A storm that does not end is an error, and no flood of logins.
    let before = simulator.stats();
    let storm = Fault::status(401).path("/api/v1/jobs/states").always();
    simulator.faults().inject(storm);
    let refused = client.call("backup_jobs_list", json!({})).await.unwrap();
    assert_eq!(refused["isError"], true);
    assert!(
        mcp::text(&refused).contains("only the operator can help"),
        "{refused}"
    );
    let logins = |stats: &vbr_simulator::Stats| stats.logins + stats.refreshes;
    assert!(logins(&simulator.stats()) - logins(&before) <= 3);
}
