//! The tools of all three plugins on the simulator, at every revision. What they send is held against the vendor's documents,
//! where they are present; what they answer, against their own schemas.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

mod large;
mod support;
mod trouble;
mod truths;

use serde_json::{Value, json};
use support::{Server, fits};
use toolward_sdk::{Plugin, Trouble};
use truths::Told;
use vbr_simulator::{Options, Quirks, Revision};

/// What is asked of each tool: its plugin, itself, arguments, and the first revision that has what it needs.
type Row = (&'static Plugin, &'static str, Value, Revision);

/// Every tool that only looks, with every argument that changes what is asked.
fn rows(server: &Server) -> Vec<Row> {
    let id = server.simulator.jobs()[1].0.to_string();
    [
        of_jobs(),
        of_one_job(&id),
        of_sessions(&id),
        of_repositories(),
        of_backups(&id),
    ]
    .concat()
}

fn of_jobs() -> Vec<Row> {
    let plugin = &backup_jobs::PLUGIN;
    let oldest = Revision::V1_1Rev0;
    let v1_3 = Revision::V1_3Rev0;
    vec![
        (plugin, "backup_jobs_list", json!({}), oldest),
        (
            plugin,
            "backup_jobs_list",
            json!({ "limit": 3, "skip": 2, "sort": "last_run", "configuration": true }),
            oldest,
        ),
        (
            plugin,
            "backup_jobs_list",
            json!({ "type": "Backup", "status": "running", "last_result": "none" }),
            oldest,
        ),
        (
            plugin,
            "backup_jobs_list",
            json!({ "status": "disabled", "sort": "next_run" }),
            oldest,
        ),
        (
            plugin,
            "backup_jobs_list",
            json!({ "name": "buhgalteria" }),
            oldest,
        ),
        (
            plugin,
            "backup_jobs_list",
            json!({ "name": "бухгалтерия" }),
            oldest,
        ),
        (
            plugin,
            "backup_jobs_list",
            json!({ "ran_since": "last 24 hours", "last_result": "failed" }),
            oldest,
        ),
        (
            plugin,
            "backup_jobs_list",
            json!({ "not_since": "7 days ago" }),
            oldest,
        ),
        (
            plugin,
            "backup_jobs_list",
            json!({ "status": "starting" }),
            v1_3,
        ),
        (
            plugin,
            "backup_jobs_list",
            json!({ "type": "BackupCopy" }),
            v1_3,
        ),
    ]
}

fn of_one_job(id: &str) -> Vec<Row> {
    let plugin = &backup_jobs::PLUGIN;
    let oldest = Revision::V1_1Rev0;
    vec![
        (
            plugin,
            "backup_jobs_get",
            json!({ "job": "бухгалтерия", "whole_configuration": true }),
            oldest,
        ),
        (
            plugin,
            "backup_jobs_get",
            json!({ "job": id, "runs": 2 }),
            oldest,
        ),
        (plugin, "backup_jobs_why", json!({ "job": id }), oldest),
        (plugin, "backup_jobs_running", json!({}), oldest),
        (plugin, "backup_jobs_next", json!({}), oldest),
        (plugin, "backup_jobs_schedule", json!({ "job": id }), oldest),
        (
            plugin,
            "backup_jobs_objects",
            json!({ "job": id, "limit": 1 }),
            oldest,
        ),
        (plugin, "backup_jobs_copies", json!({}), oldest),
    ]
}

fn of_sessions(id: &str) -> Vec<Row> {
    let plugin = &sessions::PLUGIN;
    let oldest = Revision::V1_1Rev0;
    vec![
        (plugin, "sessions_list", json!({}), oldest),
        (
            plugin,
            "sessions_list",
            json!({ "job": id, "result": "failed", "state": "stopped", "type": "BackupJob" }),
            oldest,
        ),
        (
            plugin,
            "sessions_list",
            json!({ "since": "last week", "until": "yesterday", "ended_since": "30 days" }),
            oldest,
        ),
        (plugin, "sessions_list", json!({ "name": "домен" }), oldest),
        (plugin, "sessions_running", json!({}), oldest),
        (
            plugin,
            "sessions_failed",
            json!({ "since": "7 days", "warnings": true }),
            oldest,
        ),
        (plugin, "sessions_restores", json!({}), oldest),
    ]
}

fn of_repositories() -> Vec<Row> {
    let plugin = &repositories::PLUGIN;
    let oldest = Revision::V1_1Rev0;
    let v1_2 = Revision::V1_2Rev0;
    vec![
        (plugin, "repositories_list", json!({}), oldest),
        (
            plugin,
            "repositories_list",
            json!({ "name": "хранилище", "type": "LinuxHardened" }),
            oldest,
        ),
        (
            plugin,
            "repositories_list",
            json!({ "online": false }),
            v1_2,
        ),
        (plugin, "repositories_below", json!({}), oldest),
        (plugin, "repositories_scale_out", json!({}), oldest),
        (
            plugin,
            "repositories_scale_out",
            json!({ "name": "ubersee" }),
            oldest,
        ),
        (plugin, "repositories_proxies", json!({}), oldest),
        (
            plugin,
            "repositories_managed_servers",
            json!({ "type": "WindowsHost" }),
            oldest,
        ),
        (
            plugin,
            "repositories_managed_servers",
            json!({ "unavailable": true }),
            oldest,
        ),
        (
            plugin,
            "repositories_backups",
            json!({ "since": "30 days" }),
            oldest,
        ),
    ]
}

fn of_backups(id: &str) -> Vec<Row> {
    let plugin = &repositories::PLUGIN;
    let oldest = Revision::V1_1Rev0;
    let v1_2 = Revision::V1_2Rev0;
    vec![
        (plugin, "repositories_backups", json!({ "job": id }), oldest),
        (
            plugin,
            "repositories_files",
            json!({ "backup": "sql-prod nightly" }),
            v1_2,
        ),
        (
            plugin,
            "repositories_objects",
            json!({ "limit": 2 }),
            oldest,
        ),
        (
            plugin,
            "repositories_objects",
            json!({ "backup": "sql-prod", "name": "srv" }),
            oldest,
        ),
        (
            plugin,
            "repositories_restore_points",
            json!({ "machine": "srv", "since": "30 days", "until": "now" }),
            oldest,
        ),
        (plugin, "repositories_license", json!({}), v1_2),
        (
            plugin,
            "repositories_license_workloads",
            json!({ "name": "srv", "limit": 2 }),
            v1_2,
        ),
        (plugin, "repositories_server_info", json!({}), oldest),
        (plugin, "repositories_config_backup", json!({}), oldest),
        (
            plugin,
            "repositories_malware",
            json!({ "since": "30 days", "severity": "suspicious", "only_open": true }),
            Revision::V1_1Rev1,
        ),
        (
            plugin,
            "repositories_best_practices",
            json!({ "all": true }),
            v1_2,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tool_answers_at_every_revision_or_says_which_one_has_it() {
    for revision in Revision::ALL {
        let server = Server::of(revision, 16).await;
        for (plugin, tool, arguments, since) in rows(&server) {
            let called = server.call(plugin, tool, arguments.clone());
            if revision >= since {
                if let Err(failure) = &called.result {
                    panic!("{tool} {arguments} at {revision}: {failure}");
                }
                Told {
                    server: &server,
                    revision,
                    tool,
                    arguments: &arguments,
                    answer: &fits(plugin, tool, &called),
                }
                .is_true();
            } else {
                let error = called.error();
                assert_eq!(
                    error.kind,
                    Trouble::Unsupported,
                    "{tool} {arguments} at {revision}: {error}"
                );
                assert!(
                    error.message.contains("hint: "),
                    "{tool} {arguments} at {revision}: {error}"
                );
            }
        }
        server.kept_to_the_document();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tool_is_forgotten() {
    let server = Server::of(Revision::V1_3Rev1, 16).await;
    let rows = rows(&server);
    // Those that need an id that another tool gives, and those that change something, are tested by themselves.
    let elsewhere = [
        "sessions_get",
        "sessions_log",
        "sessions_tasks",
        "sessions_task_log",
        "sessions_stop",
        "backup_jobs_start",
        "backup_jobs_stop",
        "backup_jobs_retry",
        "backup_jobs_enable",
        "backup_jobs_disable",
        "repositories_rescan",
    ];
    for plugin in [
        &backup_jobs::PLUGIN,
        &sessions::PLUGIN,
        &repositories::PLUGIN,
    ] {
        for tool in plugin.definitions() {
            let known = rows.iter().any(|(_, name, ..)| *name == tool.name);
            assert!(known || elsewhere.contains(&tool.name), "{}", tool.name);
            assert_eq!(
                tool.input_schema["additionalProperties"], false,
                "{}",
                tool.name
            );
            assert!(tool.output_schema.is_some(), "{}", tool.name);
            let writes = tool.hints.read_only == Some(false);
            assert_eq!(
                writes,
                tool.hints.destructive == Some(true),
                "{}",
                tool.name
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_taken_at_every_revision() {
    for revision in Revision::ALL {
        let server = Server::of(revision, 16).await;
        let jobs = server.simulator.jobs();
        let job = |number: usize| jobs[number].0.to_string();
        let plugin = &backup_jobs::PLUGIN;
        let mut orders = vec![
            (
                "backup_jobs_start",
                json!({ "job": job(0), "full": true, "reason": "new disk" }),
            ),
            (
                "backup_jobs_stop",
                json!({ "job": job(0), "graceful": false }),
            ),
            (
                "backup_jobs_start",
                json!({ "job": job(7), "start_chained_jobs": true }),
            ),
            ("backup_jobs_disable", json!({ "job": job(14) })),
            ("backup_jobs_enable", json!({ "job": job(14) })),
        ];
        let newest = revision >= Revision::V1_3Rev0;
        if newest {
            orders.push((
                "backup_jobs_stop",
                json!({ "job": job(7), "cancel_chained_jobs": true }),
            ));
            orders.push(("backup_jobs_retry", json!({ "job": job(1) })));
        }
        for (tool, arguments) in orders {
            // Somebody who cannot follow jobs gets the run at once.
            let host = server.host(plugin).without(toolward_sdk::Capability::Jobs);
            let called = host.call(tool, arguments.clone());
            if let Err(failure) = &called.result {
                panic!("{tool} {arguments} at {revision}: {failure}");
            }
            let answer = fits(plugin, tool, &called);
            let id = arguments["job"].as_str().unwrap();
            assert_eq!(answer["job_id"], id, "{tool} at {revision}: {answer}");
            let verb = tool.strip_prefix("backup_jobs_").unwrap();
            let order = called.requests.last().unwrap();
            assert_eq!(
                order.path,
                format!("/api/v1/jobs/{id}/{verb}"),
                "{revision}"
            );
            let now = json!({ "job": id, "runs": 1 });
            let now = server.call(plugin, "backup_jobs_get", now).structured();
            let status = now["state"]["status"].as_str().unwrap();
            let expected: &[&str] = match verb {
                // A job that is retried or started runs; one that waits to be stopped may still.
                "start" | "retry" => &["running", "starting"],
                "stop" => &["running", "stopping", "inactive", "stopped", "disabled"],
                "disable" => &["disabled"],
                _ => &["inactive", "stopped", "enabled"],
            };
            assert!(expected.contains(&status), "{tool} at {revision}: {status}");
            assert_eq!(called.asked.len(), 1, "{tool} at {revision}");
            assert_eq!(called.logs.len(), 1, "{tool} at {revision}");
        }
        if !newest {
            let called = server.call(plugin, "backup_jobs_retry", json!({ "job": job(1) }));
            assert_eq!(called.error().kind, Trouble::Unsupported);
            assert!(
                called.error().message.contains("backup_jobs_start"),
                "{}",
                called.error()
            );
            assert!(called.asked.is_empty());
        }
        rescans(&server, revision);
        server.kept_to_the_document();
    }
}

fn rescans(server: &std::rc::Rc<Server>, revision: Revision) {
    let plugin = &repositories::PLUGIN;
    let arguments = json!({ "repositories": ["nas dedup", "extent a"] });
    let host = server.host(plugin).without(toolward_sdk::Capability::Jobs);
    let called = host.call("repositories_rescan", arguments);
    if revision < Revision::V1_2Rev0 {
        assert_eq!(called.error().kind, Trouble::Unsupported);
        return;
    }
    let ordered = fits(plugin, "repositories_rescan", &called);
    let session = ordered["run"]["session_id"].as_str().unwrap();
    assert_eq!(
        ordered["name"], "rescan of NAS Dédup, Extent A",
        "{ordered}"
    );
    let stopped = server.call(
        &sessions::PLUGIN,
        "sessions_stop",
        json!({ "session_id": session }),
    );
    let told = fits(&sessions::PLUGIN, "sessions_stop", &stopped);
    assert_eq!(told["session"]["session_id"], session, "{told}");
    let sent = stopped.requests.iter().filter(|sent| sent.method == "POST");
    assert_eq!(sent.count(), 1, "{revision}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_explained_down_to_the_machine() {
    for revision in Revision::ALL {
        let server = Server::of(revision, 16).await;
        // A part of the name, without capitals; the job failed last.
        let called = server.call(
            &backup_jobs::PLUGIN,
            "backup_jobs_why",
            json!({ "job": "бухгалтерия" }),
        );
        let why = fits(&backup_jobs::PLUGIN, "backup_jobs_why", &called);
        assert_eq!(why["run"]["result"], "failed", "{why}");
        assert!(
            why["summary"]
                .as_str()
                .unwrap()
                .contains("another process holds a disk"),
            "{why}"
        );
        assert!(why["causes"][0]["remedy"].is_string());
        assert_ne!(why["problems"], json!([]), "{why}");
        let with_machines = revision >= Revision::V1_2Rev0;
        assert_eq!(
            why["machines"] != json!([]),
            with_machines,
            "{revision}: {why}"
        );
        assert_eq!(
            why.get("note").is_none(),
            with_machines,
            "{revision}: {why}"
        );
        let run = why["run"]["session_id"].clone();
        of_run(&server, &run, with_machines);
        server.kept_to_the_document();
    }
}

/// The tools that take the id of a session.
fn of_run(server: &std::rc::Rc<Server>, run: &Value, with_machines: bool) {
    let plugin = &sessions::PLUGIN;
    let called = server.call(plugin, "sessions_get", json!({ "session_id": run }));
    let session = fits(plugin, "sessions_get", &called);
    assert_eq!(session["session"]["session_id"], *run, "{session}");
    assert_eq!(session["session"]["result"], "failed", "{session}");
    assert_eq!(session["problems_in_all"], 2, "{session}");
    for (level, least) in [
        ("all", 4),
        ("info", 2),
        ("warning", 0),
        ("error", 2),
        ("problems", 2),
    ] {
        let called = server.call(
            plugin,
            "sessions_log",
            json!({ "session_id": run, "level": level }),
        );
        let log = fits(plugin, "sessions_log", &called);
        assert!(log["total"].as_u64().unwrap() >= least, "{level}: {log}");
        assert_eq!(
            log["total"].as_u64().unwrap() == 0,
            level == "warning",
            "{level}: {log}"
        );
    }
    let called = server.call(
        plugin,
        "sessions_tasks",
        json!({ "session_id": run, "result": "failed" }),
    );
    if !with_machines {
        assert_eq!(called.error().kind, Trouble::Unsupported);
        return;
    }
    let tasks = fits(plugin, "sessions_tasks", &called);
    let task = &tasks["tasks"][0];
    assert_eq!(task["result"], "failed", "{task}");
    assert!(
        task["processed"]["text"].as_str().unwrap().ends_with("GB"),
        "{task}"
    );
    let called = server.call(
        plugin,
        "sessions_task_log",
        json!({ "task_id": task["task_id"], "level": "error" }),
    );
    let log = fits(plugin, "sessions_task_log", &called);
    assert!(
        log["lines"][0]["description"]
            .as_str()
            .unwrap()
            .contains("locked"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_leave_their_document_are_read_all_the_same() {
    for quirks in [
        Quirks {
            nulls: true,
            nested_includes: true,
            local_times: true,
        },
        Quirks {
            local_times: true,
            ..Quirks::default()
        },
    ] {
        let server = Server::start(Options {
            jobs: 16,
            quirks,
            ..Options::default()
        })
        .await;
        for (plugin, tool, arguments, _) in rows(&server) {
            let called = server.call(plugin, tool, arguments.clone());
            if let Err(failure) = &called.result {
                panic!("{tool} {arguments}: {failure}");
            }
            fits(plugin, tool, &called);
        }
        // Local times get the zone of the server's clock.
        let called = server.call(
            &repositories::PLUGIN,
            "repositories_files",
            json!({ "backup": "sql-prod" }),
        );
        let files = called.structured();
        let at = files["files"][0]["created"]["at"].as_str().unwrap();
        assert!(at.ends_with("+02:00"), "{files}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_name_that_there_is_finds_its_job() {
    let server = Server::of(Revision::V1_3Rev1, 40).await;
    for (id, name) in server.simulator.jobs() {
        let called = server.call(
            &backup_jobs::PLUGIN,
            "backup_jobs_schedule",
            json!({ "job": name }),
        );
        assert_eq!(called.structured()["job_id"], id.to_string(), "{name}");
    }
    // Several are not one: the candidates are told.
    let called = server.call(
        &backup_jobs::PLUGIN,
        "backup_jobs_schedule",
        json!({ "job": "prod" }),
    );
    let error = called.error();
    assert_eq!(error.kind, Trouble::Conflict);
    assert!(
        error.message.contains("\"SQL-PROD nightly\"") && error.message.contains("002"),
        "{error}"
    );
    // Words in any order, letters without accents.
    for (typed, number) in [
        ("nightly 002 sql", 16),
        ("kun zlutoucky 002", 19),
        ("sécurité 002", 22),
        ("securite 002", 22),
    ] {
        let called = server.call(
            &backup_jobs::PLUGIN,
            "backup_jobs_schedule",
            json!({ "job": typed }),
        );
        let expected = server.simulator.jobs()[number].0.to_string();
        assert_eq!(called.structured()["job_id"], expected, "{typed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_any_version_is_found_out_in_two_requests() {
    for revision in Revision::ALL {
        let server = Server::of(revision, 3).await;
        let called = server.call(&repositories::PLUGIN, "repositories_server_info", json!({}));
        let info = &called.structured()["servers"][0];
        // A server of 12.1 does not say whether it has the later revision, and serves the earlier one.
        let expected = match revision {
            Revision::V1_1Rev2 => Revision::V1_1Rev1,
            other => other,
        };
        assert_eq!(info["revision"], expected.as_str());
        let more = if revision == Revision::V1_3Rev1 { 0 } else { 2 };
        assert_eq!(called.requests.len(), 2 + more, "{revision}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_repository_says_of_its_capacity_is_not_more_than_it_knows() {
    let server = Server::of(Revision::V1_3Rev1, 16).await;
    let plugin = &repositories::PLUGIN;
    let called = server.call(plugin, "repositories_below", json!({}));
    let low = fits(plugin, "repositories_below", &called);
    let names = |list: &Value| -> Vec<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|one| one["name"].as_str().or(one.as_str()).unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names(&low["below"]),
        ["Default Backup Repository", "Extent A", "NAS Dédup"]
    );
    assert_eq!(low["below"][0]["urgency"], "critical");
    assert_eq!(names(&low["offline"]), ["Old NAS"]);
    assert_eq!(names(&low["unknown"]), ["S3 \"cold\" tier"]);
    assert_eq!(low["looked_at"], 8);
    let called = server.call(plugin, "repositories_scale_out", json!({}));
    let all = called.structured();
    assert_eq!(all["repositories"][0]["free_percent"], 31.3, "{all}");
    assert_eq!(
        all["repositories"][0]["extents"][1]["status"],
        json!(["maintenance"])
    );
}
