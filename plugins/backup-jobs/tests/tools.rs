//! What the tools ask, refuse and tell, against a backend that answers from a script.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

use backup_jobs::PLUGIN;
use toolward_sdk::prelude::*;
use toolward_sdk::testing::{Answer, Exchange, Host};
use toolward_sdk::{Backend, Trouble};

const ID: &str = "1c6b0e5e-8a42-4e0f-9d1e-2a3f5d8c9b10";
const OTHER: &str = "2d7c1f6f-9b53-4f10-8e2f-3b4a6e9d0c21";
const STATES: &str = "/api/v1/jobs/states";

/// A job's state in the words of 1.3.
fn state(id: &str, name: &str, status: &str, last_result: &str) -> Value {
    json!({
        "id": id, "name": name, "type": "VSphereBackup", "description": "", "status": status,
        "lastRun": "2026-11-19T22:00:04.1+01:00", "lastResult": last_result,
        "nextRun": "2026-11-20T22:00:00+01:00", "workload": "Vm", "objectsCount": 4,
        "repositoryId": OTHER, "repositoryName": "Repo-01", "sessionId": OTHER,
        "highPriority": false, "progressPercent": 40, "nextRunPolicy": "11/20/2026 10:00 PM",
    })
}

fn page(states: &[Value], total: usize) -> Answer {
    let pagination = json!({ "total": total, "count": states.len(), "skip": 0, "limit": 50 });
    Answer::json(&json!({ "data": states, "pagination": pagination }))
}

/// The request by which every tool looks for its job.
fn looked_up(status: &str, last_result: &str) -> Exchange {
    Exchange::get("vbr", STATES)
        .query("idFilter", ID)
        .answer(page(&[state(ID, "SQL", status, last_result)], 1))
        // Again when somebody has confirmed.
        .always()
}

fn session(state: &str) -> Value {
    json!({
        "id": OTHER, "name": "SQL", "jobId": ID, "sessionType": "BackupJob", "state": state, "usn": 1,
        "creationTime": "2026-11-20T09:00:00+01:00", "progressPercent": 0,
        "result": { "result": "None", "message": "", "isCanceled": false },
    })
}

fn created(state: &str) -> Answer {
    Answer::status(201).body(session(state).to_string())
}

fn api_error(status: u16, code: &str, message: &str) -> Answer {
    Answer::status(status).body(json!({ "errorCode": code, "message": message }).to_string())
}

fn at(revision: &str) -> Host {
    Host::new(&PLUGIN)
        .settings(json!({ "revision": revision }))
        // Whoever is asked says yes, and nobody can follow jobs.
        .answer("confirm", json!({}))
        .without(toolward_sdk::Capability::Jobs)
}

fn names(list: &Value) -> Vec<&str> {
    let jobs = list["jobs"].as_array().unwrap().iter();
    jobs.map(|job| job["name"].as_str().unwrap()).collect()
}

#[test]
fn a_list_says_what_it_holds_and_where_it_goes_on() {
    let host = at("1.3-rev1").expect(
        Exchange::get("vbr", STATES)
            .header("x-api-version", "1.3-rev1")
            .query("skip", 10)
            .query("limit", 2)
            .query("orderColumn", "Name")
            .query("orderAsc", true)
            .no_query("nameFilter")
            .no_query("statusFilter")
            .answer(page(
                &[
                    state(ID, "A", "Running", "None"),
                    state(OTHER, "B", "Stopped", "Failed"),
                ],
                40,
            )),
    );
    let call = host.call("backup_jobs_list", json!({ "limit": 2, "skip": 10 }));
    let list = call.structured();
    let job = &list["jobs"][0];
    assert_eq!(
        (&list["total"], &list["next_skip"]),
        (&json!(40), &json!(12))
    );
    assert_eq!(job["last_run"]["at"], "2026-11-19T22:00:04.1+01:00");
    assert!(job["next_run"]["age"].is_string(), "{job}");
    assert_eq!(
        (&job["status"], &job["progress_percent"]),
        (&json!("running"), &json!(40))
    );
    assert_eq!(
        (
            &list["jobs"][1]["last_result"],
            list["jobs"][1].get("progress_percent")
        ),
        (&json!("failed"), None)
    );
    assert!(list.get("server").is_none());
}

#[test]
fn filters_go_out_in_the_words_of_the_revision() {
    let arguments = json!({
        "type": "vspherebackup", "status": "running", "last_result": "failed", "sort": "last_run",
    });
    for (revision, kind, status) in [
        ("1.1-rev0", "Backup", "running"),
        ("1.2-rev1", "Backup", "running"),
        ("1.3-rev0", "VSphereBackup", "running"),
        ("1.3-rev1", "VSphereBackup", "Running"),
    ] {
        let host = at(revision).expect(
            Exchange::get("vbr", STATES)
                .header("x-api-version", revision)
                .query("typeFilter", kind)
                .query("statusFilter", status)
                .query("lastResultFilter", "Failed")
                .query("orderColumn", "LastRun")
                .query("orderAsc", false)
                .answer(page(&[], 0)),
        );
        let list = host.call("backup_jobs_list", &arguments).structured();
        assert_eq!(list, json!({ "jobs": [], "total": 0 }));
    }
}

#[test]
fn what_the_old_revision_cannot_filter_is_said_before_anything_is_sent() {
    for arguments in [
        json!({ "type": "BackupCopy" }),
        json!({ "status": "starting" }),
    ] {
        let call = at("1.2-rev1")
            .backend(Backend::named("vbr"))
            .call("backup_jobs_list", &arguments);
        assert_eq!(call.error().kind, Trouble::Unsupported, "{arguments}");
        assert!(
            call.error().message.contains("1.2-rev1"),
            "{}",
            call.error()
        );
    }
}

#[test]
fn names_are_checked_again_and_the_list_goes_on_until_it_is_full() {
    let asked = |skip: u32| {
        Exchange::get("vbr", STATES)
            .query("nameFilter", "*sql*")
            .query("skip", skip)
    };
    let job = |id: &str, name: &str| state(id, name, "Stopped", "Success");
    let host = at("1.3-rev1")
        .in_order()
        .expect(asked(0).answer(page(&[job("1", "Oracle"), job("2", "MS SQL")], 5)))
        .expect(asked(2).answer(page(&[job("3", "SQL 2"), job("4", "SQL 3")], 5)));
    let list = host
        .call("backup_jobs_list", json!({ "name": "sql", "limit": 2 }))
        .structured();
    assert_eq!(names(&list), ["MS SQL", "SQL 2"]);
    assert_eq!((&list["next_skip"], list.get("total")), (&json!(3), None));

    // A server that sends the same page for ever: the call ends all the same.
    let host = at("1.3-rev1").expect(
        Exchange::get("vbr", STATES)
            .answer(page(&[job("1", "Oracle"), job("2", "Oracle")], 1_000_000))
            .always(),
    );
    let call = host.call("backup_jobs_list", json!({ "name": "sql", "limit": 2 }));
    assert_eq!(call.structured()["jobs"], json!([]));
    assert!(call.requests.len() <= 120, "{}", call.requests.len());
}

#[test]
fn a_revision_that_is_not_served_gives_way_to_an_older_one() {
    let refused = || {
        api_error(
            501,
            "NotImplemented",
            "The specified API version is not supported",
        )
    };
    let asked = |revision: &str| Exchange::get("vbr", STATES).header("x-api-version", revision);
    let info = || Exchange::get("vbr", "/api/v1/serverInfo").header("x-api-version", "1.1-rev0");
    let listed = |host: &Host| host.call("backup_jobs_list", json!({ "status": "running" }));
    // The build tells which.
    let host = Host::new(&PLUGIN)
        .in_order()
        .expect(
            asked("1.3-rev1")
                .query("statusFilter", "Running")
                .answer(refused()),
        )
        .expect(info().answer(Answer::json(&json!({ "buildVersion": "12.0.0.1420" }))))
        .expect(
            asked("1.1-rev0")
                .query("statusFilter", "running")
                .answer(page(&[], 0)),
        );
    assert_eq!(names(&listed(&host).structured()), [""; 0]);
    // Where nobody is allowed to ask for it, one after the other is tried.
    let mut host = Host::new(&PLUGIN)
        .in_order()
        .expect(asked("1.3-rev1").answer(refused()))
        .expect(info().answer(Answer::refused(Trouble::Denied, "not allowed")));
    for revision in ["1.3-rev0", "1.2-rev1"] {
        host = host.expect(asked(revision).answer(refused()));
    }
    let host = host.expect(asked("1.2-rev0").answer(page(&[], 0)));
    assert_eq!(names(&listed(&host).structured()), [""; 0]);

    // None at all: that is an error.
    let host = Host::new(&PLUGIN)
        .expect(Exchange::get("vbr", STATES).answer(refused()).always())
        .expect(Exchange::get("vbr", "/api/v1/serverInfo").answer(refused()));
    let call = host.call("backup_jobs_list", json!({}));
    assert_eq!(
        (call.error().kind, call.requests.len()),
        (Trouble::Unsupported, 8)
    );
    // Nothing is tried when the operator said which.
    let host = at("1.3-rev1").expect(Exchange::get("vbr", STATES).answer(refused()));
    assert_eq!(
        host.call("backup_jobs_list", json!({})).error().kind,
        Trouble::Unsupported
    );
    // A failed login is not a matter of revisions.
    let host = Host::new(&PLUGIN).expect(Exchange::get("vbr", STATES).answer(api_error(
        401,
        "ExpiredToken",
        "Expired.",
    )));
    assert_eq!(
        host.call("backup_jobs_list", json!({})).error().kind,
        Trouble::Denied
    );
}

#[test]
fn what_is_known_of_the_server_goes_before_the_plugin_s_settings() {
    let mut backend = Backend::named("vbr");
    backend.facts = json!({ "revision": "1.2-rev1" });
    let host = at("1.3-rev1").backend(backend).expect(
        Exchange::get("vbr", STATES)
            .header("x-api-version", "1.2-rev1")
            .answer(page(&[], 0)),
    );
    assert!(host.call("backup_jobs_list", json!({})).result.is_ok());

    // What the server said in an earlier call is where this one begins; without a word of the operator's it may be old.
    let learned = |build: &str| {
        let mut backend = Backend::named("vbr");
        backend.learned = json!({ "build": build });
        Host::new(&PLUGIN).in_order().backend(backend)
    };
    let asked = |revision: &str| Exchange::get("vbr", STATES).header("x-api-version", revision);
    let host = learned("12.3.1.1139").expect(asked("1.2-rev1").answer(page(&[], 0)));
    let call = host.call("backup_jobs_list", json!({}));
    assert_eq!(call.requests.len(), 1, "{:?}", call.result);
    let refused = api_error(
        501,
        "NotImplemented",
        "The specified API version is not supported",
    );
    let host = learned("12.3.1.1139")
        .expect(asked("1.2-rev1").answer(refused))
        .expect(asked("1.2-rev0").answer(page(&[], 0)));
    assert!(host.call("backup_jobs_list", json!({})).result.is_ok());

    // A misspelled setting is not silently none.
    let call = Host::new(&PLUGIN)
        .backend(Backend::named("vbr"))
        .settings(json!({ "revison": "1.2-rev1" }))
        .call("backup_jobs_list", json!({}));
    assert!(call.error().message.contains("revison"), "{}", call.error());
    let call = at("2.0")
        .backend(Backend::named("vbr"))
        .call("backup_jobs_list", json!({}));
    assert_eq!(call.error().kind, Trouble::Internal);
    assert!(
        call.error().message.contains("hint: ask the operator"),
        "{}",
        call.error()
    );
}

#[test]
fn a_job_is_started_once_its_state_was_looked_at() {
    let host = at("1.3-rev1")
        .expect(looked_up("Stopped", "Success"))
        .expect(
            Exchange::post("vbr", &format!("/api/v1/jobs/{ID}/start"))
                .header("x-api-version", "1.3-rev1")
                .json(&json!({ "performActiveFull": true, "startChainedJobs": false }))
                .answer(created("Starting")),
        );
    let call = host.call("backup_jobs_start", json!({ "job": ID, "full": true }));
    let ordered = call.structured();
    assert_eq!(
        (&ordered["job_id"], &ordered["name"]),
        (&json!(ID), &json!("SQL"))
    );
    assert_eq!(ordered["run"]["session_id"], OTHER);
    assert_eq!(call.asked.len(), 1);

    let host = at("1.3-rev1").expect(looked_up("Running", "None"));
    let call = host.call("backup_jobs_start", json!({ "job": ID }));
    assert_eq!(call.error().kind, Trouble::Conflict);
    assert!(call.error().message.contains(OTHER), "{}", call.error());
}

#[test]
fn a_disabled_job_and_one_of_an_unknown_status_are_the_server_s_to_judge() {
    for status in ["Disabled", "Hibernating"] {
        let start =
            Exchange::post("vbr", &format!("/api/v1/jobs/{ID}/start")).answer(created("Starting"));
        let host = at("1.3-rev1")
            .expect(looked_up(status, "Success"))
            .expect(start);
        assert!(
            host.call("backup_jobs_start", json!({ "job": ID }))
                .result
                .is_ok()
        );
    }
    let stop =
        Exchange::post("vbr", &format!("/api/v1/jobs/{ID}/stop")).answer(created("Stopping"));
    let host = at("1.3-rev1")
        .expect(looked_up("Hibernating", "None"))
        .expect(stop);
    assert!(
        host.call("backup_jobs_stop", json!({ "job": ID }))
            .result
            .is_ok()
    );
}

#[test]
fn only_a_running_job_is_stopped_and_gracefully_unless_told_otherwise() {
    for (revision, arguments, body) in [
        (
            "1.2-rev1",
            json!({ "job": ID }),
            json!({ "gracefulStop": true }),
        ),
        (
            "1.3-rev1",
            json!({ "job": ID }),
            json!({ "gracefulStop": true }),
        ),
        (
            "1.3-rev1",
            json!({ "job": ID, "graceful": false, "cancel_chained_jobs": true }),
            json!({ "gracefulStop": false, "cancelChainedJobs": true }),
        ),
    ] {
        let stop = Exchange::post("vbr", &format!("/api/v1/jobs/{ID}/stop"));
        let host = at(revision)
            .expect(looked_up("Running", "None"))
            .expect(stop.json(&body).answer(created("Stopping")));
        let call = host.call("backup_jobs_stop", &arguments);
        assert_eq!(call.structured()["run"]["state"], "stopping", "{arguments}");
    }
    let host = at("1.3-rev1").expect(looked_up("Stopped", "Failed"));
    let call = host.call("backup_jobs_stop", json!({ "job": ID }));
    assert_eq!(call.error().kind, Trouble::Conflict);
    let host = at("1.2-rev1").expect(looked_up("running", "None"));
    let call = host.call(
        "backup_jobs_stop",
        json!({ "job": ID, "cancel_chained_jobs": true }),
    );
    assert_eq!(call.error().kind, Trouble::Unsupported);
}

#[test]
fn a_failed_job_is_retried_where_the_revision_can() {
    let path = format!("/api/v1/jobs/{ID}/retry");
    let retry = || {
        Exchange::post("vbr", &path)
            .json(&json!({ "startChainedJobs": true }))
            .answer(created("Starting"))
    };
    let host = at("1.3-rev1")
        .expect(looked_up("Stopped", "Failed"))
        .expect(retry());
    assert!(
        host.call(
            "backup_jobs_retry",
            json!({ "job": ID, "start_chained_jobs": true }),
        )
        .result
        .is_ok()
    );

    for (status, result) in [
        ("Stopped", "Success"),
        ("Inactive", "None"),
        ("Running", "None"),
    ] {
        let host = at("1.3-rev1").expect(looked_up(status, result));
        let call = host.call("backup_jobs_retry", json!({ "job": ID }));
        assert_eq!(call.error().kind, Trouble::Conflict, "{status}");
    }
    let host = at("1.2-rev1").expect(looked_up("inactive", "Failed"));
    let call = host.call("backup_jobs_retry", json!({ "job": ID }));
    assert_eq!(call.error().kind, Trouble::Unsupported);
    assert!(
        call.error().message.contains("backup_jobs_start"),
        "{}",
        call.error()
    );
    assert!(call.asked.is_empty());
}

#[test]
fn a_job_is_found_by_a_name_that_one_job_has() {
    const NAME: &str = "O'Brien & \"Co\"";
    // The whole name first: the server looks at no more than its case.
    let whole = |jobs: &[Value]| {
        let is_whole = |job: &&Value| job["name"].as_str().unwrap().eq_ignore_ascii_case(NAME);
        let found: Vec<Value> = jobs.iter().filter(is_whole).cloned().collect();
        at("1.3-rev1").expect(
            Exchange::get("vbr", STATES)
                .query("nameFilter", NAME)
                .query("limit", 2)
                .answer(page(&found, found.len())),
        )
    };
    let named = |jobs: &[Value]| {
        whole(jobs).expect(
            Exchange::get("vbr", STATES)
                .query("nameFilter", "*O'Brien*")
                .answer(page(jobs, jobs.len())),
        )
    };
    let job = |id: &str, name: &str| state(id, name, "Running", "None");
    let call = |host: Host| host.call("backup_jobs_start", json!({ "job": " O'Brien & \"Co\" " }));
    let is_found = |called: &toolward_sdk::testing::Called| {
        // It is running, and that is what the answer is about: it was found.
        let message = &called.error().message;
        assert!(message.contains("already running"), "{message}");
    };
    is_found(&call(named(&[
        job(OTHER, "A copy of O'Brien & \"Co\""),
        job(ID, "o'brien & \"co\""),
    ])));
    is_found(&call(named(&[job(OTHER, "A copy of O'Brien & \"Co\"")])));
    let exact = [job(ID, "O'Brien & \"Co\""), job(OTHER, "o'brien & \"co\"")];
    is_found(&call(whole(&exact)));
    let several = call(named(&[
        job(ID, "O'BRIEN & \"Co\""),
        job(OTHER, "o'brien & \"co\""),
    ]));
    assert_eq!(several.error().kind, Trouble::Conflict);
    assert!(several.error().message.contains(ID) && several.error().message.contains(OTHER));
    // Nothing that the server's filter finds: every name is looked at.
    let host = named(&[]).expect(
        Exchange::get("vbr", STATES)
            .no_query("nameFilter")
            .answer(page(&[], 0)),
    );
    assert_eq!(call(host).error().kind, Trouble::NotFound);
    let nothing = at("1.3-rev1")
        .backend(Backend::named("vbr"))
        .call("backup_jobs_start", json!({ "job": " " }));
    assert_eq!(nothing.error().kind, Trouble::InvalidInput);
}

#[test]
fn no_other_job_is_taken_for_the_one_that_is_meant() {
    // A server that ignores the filter answers with whatever comes first.
    let host = at("1.3-rev1").expect(
        Exchange::get("vbr", STATES)
            .answer(page(&[state(OTHER, "Other", "Stopped", "Success")], 9)),
    );
    let call = host.call("backup_jobs_start", json!({ "job": ID }));
    assert_eq!(call.error().kind, Trouble::NotFound);
    // And an id cannot be made into another path.
    let host = at("1.3-rev1").expect(Exchange::get("vbr", STATES).answer(page(&[], 0)).always());
    assert_eq!(
        host.call("backup_jobs_get", json!({ "job": "../sessions" }))
            .error()
            .kind,
        Trouble::NotFound
    );
}

#[test]
fn errors_say_what_to_do_next() {
    let check = |answer: Answer, kind: Trouble, said: &str, hint: &str| {
        let start = Exchange::post("vbr", &format!("/api/v1/jobs/{ID}/start")).answer(answer);
        let host = at("1.3-rev1")
            .expect(looked_up("Stopped", "Success"))
            .expect(start);
        let call = host.call("backup_jobs_start", json!({ "job": ID }));
        let error = call.error();
        assert_eq!(error.kind, kind, "{error}");
        assert!(
            error.message.contains(said) && error.message.contains(hint),
            "{error}"
        );
    };
    check(
        api_error(403, "AccessDenied", "No."),
        Trouble::Denied,
        "No",
        "Veeam Backup Operator",
    );
    check(
        api_error(401, "InvalidToken", "Bad."),
        Trouble::Denied,
        "Bad",
        "only the operator",
    );
    check(
        api_error(404, "NotFound", "Gone."),
        Trouble::NotFound,
        "Gone",
        "look it up again",
    );
    check(
        api_error(400, "UnexpectedContent", "Job SQL is already running."),
        Trouble::InvalidInput,
        "already running. hint",
        "look at it again",
    );
    check(
        api_error(503, "ServiceUnavailable", "Busy"),
        Trouble::Unavailable,
        "Busy",
        "look with backup_jobs_get before you repeat it",
    );
    check(
        api_error(500, "UnknownError", "Oops"),
        Trouble::Internal,
        "Oops",
        "look with backup_jobs_get before you repeat it",
    );
    check(
        Answer::status(502).body("<html>"),
        Trouble::Unavailable,
        "502",
        "may have taken the order",
    );
    check(
        Answer::refused(Trouble::TimedOut, "backend \"vbr\" did not answer in 30 s"),
        Trouble::TimedOut,
        "30 s",
        "may have taken the order",
    );
    check(
        Answer::refused(Trouble::Denied, "plugin \"backup-jobs\" may not send this"),
        Trouble::Denied,
        "may not",
        "",
    );
    // Taken, and then not to be read: as good as unknown.
    check(
        Answer::status(201).body("{"),
        Trouble::Internal,
        "not what was expected",
        "may have taken the order",
    );
}

#[test]
fn a_busy_server_says_when_to_come_back() {
    let busy = api_error(429, "ServiceUnavailable", "Too many requests").header("retry-after", "7");
    let host = at("1.3-rev1").expect(Exchange::get("vbr", STATES).answer(busy));
    let call = host.call("backup_jobs_list", json!({}));
    assert_eq!(call.error().kind, Trouble::Limited);
    assert_eq!(
        call.error().retry_after,
        Some(std::time::Duration::from_secs(7))
    );
}

#[test]
fn a_job_without_a_configuration_to_show_still_has_its_state_and_runs() {
    let host = at("1.3-rev1")
        .expect(looked_up("Stopped", "Success"))
        .expect(
            Exchange::get("vbr", &format!("/api/v1/jobs/{ID}")).answer(api_error(
                400,
                "UnexpectedContent",
                "Platform type is not supported.",
            )),
        )
        .expect(
            Exchange::get("vbr", "/api/v1/sessions")
                .query("jobIdFilter", ID)
                .query("orderColumn", "CreationTime")
                .query("orderAsc", false)
                .query("limit", 5)
                .answer(page(&[session("Stopped")], 1)),
        );
    let details = host
        .call("backup_jobs_get", json!({ "job": ID }))
        .structured();
    assert_eq!(
        (
            &details["state"]["status"],
            details["runs"].as_array().unwrap().len()
        ),
        (&json!("stopped"), 1)
    );
    assert!(
        details["note"]
            .as_str()
            .unwrap()
            .contains("Platform type is not supported")
    );
    assert!(details.get("configuration").is_none());
}

#[test]
fn a_job_that_the_revision_does_not_list_is_shown_as_far_as_it_goes() {
    let states = || {
        Exchange::get("vbr", STATES)
            .query("idFilter", ID)
            .answer(page(&[], 0))
    };
    let job = |answer: Answer| Exchange::get("vbr", &format!("/api/v1/jobs/{ID}")).answer(answer);
    let host = at("1.2-rev1").expect(states()).expect(job(api_error(
        400,
        "UnexpectedContent",
        "Not supported",
    )));
    let details = host
        .call("backup_jobs_get", json!({ "job": ID, "runs": 0 }))
        .structured();
    assert_eq!((&details["id"], details.get("state")), (&json!(ID), None));

    let host = at("1.2-rev1")
        .expect(states())
        .expect(job(api_error(404, "NotFound", "None")));
    let call = host.call("backup_jobs_get", json!({ "job": ID }));
    assert_eq!(call.error().kind, Trouble::NotFound);
}

#[test]
fn the_tools_say_of_themselves_what_they_are() {
    let definitions = PLUGIN.definitions();
    assert_eq!(definitions.len(), 13);
    for tool in &definitions {
        let orders = ["start", "stop", "retry", "enable", "disable"];
        let orders = orders.iter().any(|order| tool.name.ends_with(order));
        assert_eq!(tool.hints.read_only, Some(!orders), "{}", tool.name);
        assert_eq!(
            tool.hints.destructive,
            orders.then_some(true),
            "{}",
            tool.name
        );
    }
}
