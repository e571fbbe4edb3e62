//! Ten thousand jobs, a hundred thousand sessions: only what is needed is asked for.

use std::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;

use serde_json::json;
use toolward_sdk::Backend;
use toolward_sdk::testing::Host;
use vbr_simulator::{Options, Revision};

use crate::support::Server;

async fn large() -> Rc<Server> {
    Server::start(Options {
        jobs: 10_000,
        sessions_per_job: 11,
        ..Options::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filtered_list_asks_for_no_more_than_it_shows() {
    let server = large().await;
    let plugin = &backup_jobs::PLUGIN;
    let called = server.call(
        plugin,
        "backup_jobs_list",
        json!({ "last_result": "failed" }),
    );
    let list = called.structured();
    assert_eq!(list["jobs"].as_array().unwrap().len(), 20);
    assert!(list["total"].as_u64().unwrap() > 500, "{}", list["total"]);
    assert_eq!(
        (called.requests.len(), called.requests[0].query("limit")),
        (1, Some("20"))
    );

    // By a name that several hundred have: the server's own filter, and one page.
    let called = server.call(
        plugin,
        "backup_jobs_list",
        json!({ "name": "nightly", "limit": 5 }),
    );
    assert_eq!(
        (
            called.structured()["jobs"].as_array().unwrap().len(),
            called.requests.len()
        ),
        (5, 1)
    );
    // One by its whole name.
    let called = server.call(
        plugin,
        "backup_jobs_schedule",
        json!({ "job": "SQL-PROD nightly 600" }),
    );
    assert_eq!(called.structured()["job_name"], "SQL-PROD nightly 600");
    assert!(called.requests.len() <= 5, "{}", called.requests.len());

    let called = server.call(
        &sessions::PLUGIN,
        "sessions_list",
        json!({ "since": "3 days", "result": "failed", "limit": 1 }),
    );
    let list = called.structured();
    assert!(list["total"].as_u64().unwrap() > 1000, "{list}");
    assert_eq!(called.requests.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_page_by_page_has_everything_once() {
    let server = large().await;
    let mut seen = HashSet::new();
    let mut cursor = None;
    let mut total = 0;
    for _ in 0..1000 {
        let arguments =
            json!({ "result": "warning", "limit": 200, "cursor": cursor, "since": "2 days" });
        let list = server
            .call(&sessions::PLUGIN, "sessions_list", arguments)
            .structured();
        total = list["total"].as_u64().unwrap();
        for session in list["sessions"].as_array().unwrap() {
            let id = session["session_id"].as_str().unwrap().to_owned();
            assert!(seen.insert(id), "shown twice");
        }
        // Meanwhile others begin, and end at once in a warning.
        let job = server.simulator.jobs()[usize::try_from(total).unwrap() % 100].0;
        let order = json!({ "job": job.to_string() });
        let _may_be_running = server.call(&backup_jobs::PLUGIN, "backup_jobs_start", order);
        match list["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert!(total > 1500, "{total}");
    assert_eq!(seen.len() as u64, total);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_meanwhile_costs_nobody_else_a_place() {
    let server = Server::of(Revision::V1_3Rev1, 1_100).await;
    let jobs = server.simulator.jobs();
    // The name is on the second page of a walk over all names, and the first on it: what is deleted once the first page
    // is out moves it back to that.
    let names: Vec<&String> = jobs.iter().map(|(_, name)| name).collect();
    let at = (500..530)
        .find(|at| names[*at].starts_with("Žluťoučký"))
        .unwrap();
    let number = names[at].rsplit_once(' ').unwrap().1;
    let (asked, of) = (Cell::new(0), Rc::clone(&server));
    let gone: Vec<_> = jobs[..40].iter().map(|(id, _)| *id).collect();
    let host = Host::new(&backup_jobs::PLUGIN)
        .backend(Backend::named("vbr"))
        .serve("vbr", move |sent| {
            let answer = of.ask(sent);
            // The first request is the server's own filter, which finds nothing.
            asked.set(asked.get() + u32::from(sent.query("nameFilter").is_none()));
            if asked.get() == 1 && sent.query("nameFilter").is_none() {
                for id in &gone {
                    of.simulator.remove_job(*id);
                }
            }
            answer
        });
    let called = host.call(
        "backup_jobs_schedule",
        json!({ "job": format!("zlutoucky {number}") }),
    );
    assert_eq!(called.structured()["job_name"], *names[at]);
}
