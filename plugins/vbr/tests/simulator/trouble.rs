//! Faults, and servers that are not as one would like: a right answer or a clear error, nothing lost, nothing twice.

use serde_json::{Value, json};
use toolward_sdk::testing::{Answer, Called, Exchange, Host};
use toolward_sdk::{Backend, Capability, Reply, Trouble};
use vbr_simulator::{Fault, Licence, Login, Options, Revision};

use crate::support::{Server, fits, hosted, up_to};

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_in_the_middle_of_paging_is_an_error_and_no_shorter_list() {
    let server = Server::of(Revision::V1_3Rev1, 3_000).await;
    let faults = [
        (Fault::status(503), Trouble::Unavailable),
        (Fault::status(401), Trouble::Denied),
        (Fault::too_many_requests(9), Trouble::Limited),
        (Fault::proxy_error(502), Trouble::Unavailable),
        (Fault::truncated(), Trouble::Unavailable),
        (Fault::dropped(), Trouble::Unavailable),
    ];
    for (fault, kind) in faults {
        server
            .simulator
            .faults()
            .inject(fault.path("/api/v1/jobs/states").after(3));
        // Letters without accents: every name is looked at.
        let called = server.call(
            &backup_jobs::PLUGIN,
            "backup_jobs_schedule",
            json!({ "job": "zlutoucky 180" }),
        );
        assert_eq!(called.error().kind, kind, "{}", called.error());
        server.simulator.faults().clear();
        let called = server.call(
            &backup_jobs::PLUGIN,
            "backup_jobs_schedule",
            json!({ "job": "zlutoucky 180" }),
        );
        assert_eq!(
            called.structured()["job_name"],
            "Žluťoučký kůň – soubory 180"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_401_is_told_once() {
    let server = Server::of(Revision::V1_3Rev1, 16).await;
    server
        .simulator
        .faults()
        .inject(Fault::status(401).path("/api/v1/*").always());
    for (plugin, tool) in [
        (&backup_jobs::PLUGIN, "backup_jobs_list"),
        (&sessions::PLUGIN, "sessions_failed"),
        (&repositories::PLUGIN, "repositories_below"),
    ] {
        let called = server.call(plugin, tool, json!({}));
        assert_eq!(called.error().kind, Trouble::Denied);
        assert!(
            called
                .error()
                .message
                .contains("only the operator can help"),
            "{}",
            called.error()
        );
        assert_eq!(called.requests.len(), 1, "{tool}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_installation_has_empty_lists_and_no_errors() {
    for revision in [Revision::V1_1Rev0, Revision::V1_3Rev1] {
        let server = Server::of(revision, 0).await;
        for (plugin, tool, list) in [
            (&backup_jobs::PLUGIN, "backup_jobs_list", "jobs"),
            (&backup_jobs::PLUGIN, "backup_jobs_running", "jobs"),
            (&backup_jobs::PLUGIN, "backup_jobs_next", "runs"),
            (&sessions::PLUGIN, "sessions_list", "sessions"),
            (&sessions::PLUGIN, "sessions_failed", "sessions"),
            (&sessions::PLUGIN, "sessions_restores", "sessions"),
            (
                &repositories::PLUGIN,
                "repositories_scale_out",
                "repositories",
            ),
            (&repositories::PLUGIN, "repositories_backups", "backups"),
            (&repositories::PLUGIN, "repositories_objects", "objects"),
            (
                &repositories::PLUGIN,
                "repositories_restore_points",
                "restore_points",
            ),
        ] {
            let called = server.call(plugin, tool, json!({}));
            assert_eq!(fits(plugin, tool, &called)[list], json!([]), "{tool}");
        }
        let called = server.call(
            &repositories::PLUGIN,
            "repositories_config_backup",
            json!({}),
        );
        let concerns = called.structured()["concerns"].clone();
        assert_eq!(concerns.as_array().unwrap().len(), 3, "{concerns}");
        if revision == Revision::V1_3Rev1 {
            let called = server.call(
                &repositories::PLUGIN,
                "repositories_best_practices",
                json!({}),
            );
            assert!(called.structured().get("last_run").is_none());
        }
        let called = server.call(
            &backup_jobs::PLUGIN,
            "backup_jobs_why",
            json!({ "job": "SQL" }),
        );
        assert_eq!(called.error().kind, Trouble::NotFound);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_licence_is_told_as_it_is() {
    for (licence, status, edition) in [
        (Licence::Valid, "valid", "enterpriseplus"),
        (Licence::Expired, "expired", "enterpriseplus"),
        (Licence::Community, "valid", "community"),
    ] {
        let server = Server::start(Options {
            licence,
            jobs: 4,
            ..Options::default()
        })
        .await;
        let called = server.call(&repositories::PLUGIN, "repositories_license", json!({}));
        let told = fits(&repositories::PLUGIN, "repositories_license", &called);
        assert_eq!(
            (&told["status"], &told["edition"]),
            (&json!(status), &json!(edition))
        );
        let age = told["expires"]["age"].as_str().unwrap();
        assert_eq!(age.ends_with("ago"), licence == Licence::Expired, "{age}");
        assert_eq!(told["usage"] == json!([]), licence == Licence::Community);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_may_only_look_is_told_which_role_it_needs() {
    let viewer = Login {
        user: "viewer".to_owned(),
        password: "only-looks".to_owned(),
    };
    let options = Options {
        viewer: Some(viewer.clone()),
        jobs: 4,
        ..Options::default()
    };
    let server = Server::start_as(options, viewer).await;
    let id = server.simulator.jobs()[0].0.to_string();
    let looked = server.call(
        &backup_jobs::PLUGIN,
        "backup_jobs_get",
        json!({ "job": id }),
    );
    assert!(looked.result.is_ok());
    for (plugin, tool, arguments) in [
        (
            &backup_jobs::PLUGIN,
            "backup_jobs_start",
            json!({ "job": id }),
        ),
        (&repositories::PLUGIN, "repositories_license", json!({})),
    ] {
        let called = server.call(plugin, tool, arguments);
        assert_eq!(called.error().kind, Trouble::Denied, "{tool}");
        assert!(
            called
                .error()
                .message
                .contains("Veeam Backup Administrator"),
            "{}",
            called.error()
        );
    }
}

fn two(
    one: &std::rc::Rc<Server>,
    other: &std::rc::Rc<Server>,
    plugin: &'static toolward_sdk::Plugin,
) -> Host {
    hosted(
        plugin,
        vec![("berlin", one.clone()), ("wien", other.clone())],
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn several_servers_are_told_apart_and_one_that_is_down_hides_nobody() {
    let berlin = Server::of(Revision::V1_3Rev1, 16).await;
    let wien = Server::start(Options {
        revisions: up_to(Revision::V1_2Rev1),
        jobs: 16,
        seed: 7,
        ..Options::default()
    })
    .await;
    let host = two(&berlin, &wien, &repositories::PLUGIN);
    // The argument is there, with the names to choose from.
    let tools = host.tools();
    let schema = &tools[0].input_schema["properties"]["server"];
    assert_eq!(schema["examples"], json!(["berlin", "wien"]), "{schema}");
    let alone = berlin.host(&repositories::PLUGIN).tools();
    assert!(
        alone
            .iter()
            .all(|tool| tool.input_schema["properties"].get("server").is_none())
    );

    let all = host
        .call("repositories_server_info", json!({}))
        .structured();
    assert_eq!(all["servers"][0]["revision"], "1.3-rev1");
    assert_eq!(
        (&all["servers"][1]["server"], &all["servers"][1]["revision"]),
        (&json!("wien"), &json!("1.2-rev1"))
    );
    let one = host
        .call("repositories_list", json!({ "server": "WIEN" }))
        .structured();
    assert_eq!(one["server"], "wien");
    assert_eq!(
        host.call("repositories_list", json!({})).structured()["server"],
        "berlin"
    );
    let unknown = host.call("repositories_list", json!({ "server": "graz" }));
    assert!(
        unknown.error().message.contains("berlin, wien"),
        "{}",
        unknown.error()
    );

    wien.simulator.faults().inject(Fault::dropped().always());
    for (plugin, tool, list) in [
        (&repositories::PLUGIN, "repositories_server_info", "servers"),
        (&repositories::PLUGIN, "repositories_below", "below"),
        (&sessions::PLUGIN, "sessions_failed", "sessions"),
        (&sessions::PLUGIN, "sessions_running", "sessions"),
        (&backup_jobs::PLUGIN, "backup_jobs_running", "jobs"),
    ] {
        let arguments = if tool == "sessions_failed" {
            json!({ "since": "7 days" })
        } else {
            json!({})
        };
        let answer = two(&berlin, &wien, plugin)
            .call(tool, arguments)
            .structured();
        assert_ne!(answer[list], json!([]), "{tool}");
        assert_eq!(
            answer["unreachable"][0]["server"], "wien",
            "{tool}: {answer}"
        );
        assert_eq!(answer[list][0]["server"], "berlin", "{tool}");
    }
    let reason = two(&berlin, &wien, &backup_jobs::PLUGIN)
        .call("backup_jobs_running", json!({}))
        .structured()["unreachable"][0]["reason"]
        .clone();
    assert!(
        reason.as_str().unwrap().contains("suitable licence"),
        "{reason}"
    );
    // Down as well: that is an error.
    berlin.simulator.faults().inject(Fault::dropped().always());
    let called = two(&berlin, &wien, &backup_jobs::PLUGIN).call("backup_jobs_running", json!({}));
    assert_eq!(called.error().kind, Trouble::Unavailable);
}

fn started(host: &Host, id: &str) -> Called {
    host.call("backup_jobs_start", json!({ "job": id }))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_changed_without_a_yes() {
    let server = Server::of(Revision::V1_3Rev1, 16).await;
    let id = server.simulator.jobs()[0].0.to_string();
    let plugin = &backup_jobs::PLUGIN;
    for reply in [Reply::Declined, Reply::Cancelled] {
        let host = Host::new(plugin).reply("confirm", reply);
        let asked = std::rc::Rc::clone(&server);
        // `hosted` says yes; this one does not.
        let states: Value = asked
            .call(plugin, "backup_jobs_get", json!({ "job": id }))
            .structured();
        let state = json!({ "id": id, "name": states["state"]["name"], "status": "Stopped", "lastResult": "Success" });
        let page = json!({ "data": [state], "pagination": { "total": 1, "count": 1 } });
        let host = host.expect(
            Exchange::get("vbr", "/api/v1/jobs/states")
                .answer(Answer::json(&page))
                .always(),
        );
        assert_eq!(started(&host, &id).error().kind, Trouble::Denied);
    }
    assert_eq!(
        server.simulator.stats().of("POST /api/v1/jobs/{id}/start"),
        0
    );
    // A server that may be looked at only, beside one that may be changed.
    let mut backend = Backend::named("vbr");
    backend.read_only = true;
    let called = server
        .host(plugin)
        .backend(backend.clone())
        .call("backup_jobs_start", json!({ "job": id }));
    assert_eq!(called.error().kind, Trouble::Denied);
    assert!(called.asked.is_empty());
    let tools = server.host(plugin).backend(backend).tools();
    assert!(tools.iter().all(|tool| tool.hints.read_only == Some(true)));
    assert_eq!(tools.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_started_job_is_followed_to_its_end_and_may_be_stopped() {
    let options = || Options {
        jobs: 16,
        run_time: std::time::Duration::from_millis(400),
        stop_time: std::time::Duration::ZERO,
        ..Options::default()
    };
    let server = Server::start(options()).await;
    let id = server.simulator.jobs()[0].0.to_string();
    let mut job = started(&server.host(&backup_jobs::PLUGIN), &id).job();
    assert!(job.title().contains("SQL-PROD nightly"), "{}", job.title());
    let mut seen = 0.0;
    let done = loop {
        if !job.step() {
            break job;
        }
        assert!(job.progress().done >= seen, "{:?}", job.progress());
        seen = job.progress().done;
    };
    assert!(!done.is_cancelled());
    assert!(seen > 0.0);
    let last = server.call(
        &backup_jobs::PLUGIN,
        "backup_jobs_get",
        json!({ "job": id, "runs": 1 }),
    );
    assert_eq!(last.structured()["runs"][0]["result"], "success");

    let slow = Server::of(Revision::V1_3Rev1, 16).await;
    let id = slow.simulator.jobs()[0].0.to_string();
    let mut job = started(&slow.host(&backup_jobs::PLUGIN), &id).job();
    assert!(job.step());
    assert!(job.cancel());
    assert_eq!(
        slow.simulator.stats().of("POST /api/v1/sessions/{id}/stop"),
        1
    );
    // A step that is repeated does not stop it twice.
    job.repeat();
    while job.step() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(job.is_cancelled());
    assert_eq!(
        slow.simulator.stats().of("POST /api/v1/sessions/{id}/stop"),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_cannot_follow_jobs_gets_the_run_at_once() {
    let server = Server::of(Revision::V1_2Rev1, 16).await;
    let id = server.simulator.jobs()[0].0.to_string();
    let host = server.host(&backup_jobs::PLUGIN).without(Capability::Jobs);
    let ordered = started(&host, &id).structured();
    assert_eq!(ordered["run"]["state"], "starting");
}
