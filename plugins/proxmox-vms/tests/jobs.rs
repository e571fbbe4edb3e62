//! Plans carried out: several at once, repeated steps, lost answers, cancelling.

mod lab;

use lab::Lab;
use pve_simulator::{Fate, Flavour};
use serde_json::json;
use toolward_sdk::Trouble;

fn migrations(lab: &Lab) -> usize {
    let tasks = lab.cluster().tasks();
    tasks
        .iter()
        .filter(|(kind, ..)| kind.ends_with("migrate"))
        .count()
}

#[test]
fn no_more_than_so_many_run_at_once_and_each_is_told() {
    let mut lab = Lab::with(pve_simulator::Options {
        more_guests: 9,
        ..pve_simulator::Options::default()
    });
    lab.settings = json!({ "parallel": 2 });
    let guests: Vec<String> = (10_000..10_009).map(|id| id.to_string()).collect();
    lab.cluster()
        .next_task("vzdump", Fate::Fails("disk full".to_owned()));
    let host = lab.host();
    let mut job = host
        .call(
            "pve_backup_create",
            json!({ "guests": guests, "storage": "nas" }),
        )
        .job();
    let mut most = 0;
    loop {
        let running = lab
            .cluster()
            .tasks()
            .iter()
            .filter(|(.., exit)| exit.is_none())
            .count();
        most = most.max(running);
        if !job.step() {
            break;
        }
    }
    assert_eq!(most, 2);
    let outcome = job.run();
    let report = outcome.structured();
    assert_eq!(report["results"].as_array().unwrap().len(), 9);
    assert_eq!(report["results"][0]["outcome"], "failed");
    assert_eq!(report["summary"], "back up to nas: 8 of 9 done");
}

#[test]
fn a_step_that_is_repeated_does_not_begin_twice() {
    let lab = Lab::new(Flavour::V8);
    let host = lab.host();
    let mut job = host
        .call(
            "pve_guest_migrate",
            json!({ "guests": ["102"], "target": "pve2" }),
        )
        .job();
    // Writes down what there is.
    assert!(job.step());
    assert_eq!(migrations(&lab), 0);
    assert_eq!(
        job.state()["items"][0]["state"]["ready"]["before"],
        json!([])
    );
    // The step that was lost had sent it.
    lab.post("/nodes/pve1/qemu/102/migrate", "target=pve2&online=1");
    job.repeat();
    assert!(job.step());
    let outcome = job.run();
    assert_eq!(outcome.structured()["results"][0]["outcome"], "ok");
    assert_eq!(migrations(&lab), 1);
    assert_eq!(lab.cluster().guest(102).unwrap().node, "pve2");
}

#[test]
fn a_step_that_is_repeated_before_it_sent_anything_sends_it() {
    let lab = Lab::new(Flavour::V8);
    let host = lab.host();
    let mut job = host
        .call(
            "pve_guest_migrate",
            json!({ "guests": ["102"], "target": "pve2" }),
        )
        .job();
    assert!(job.step());
    job.repeat();
    assert!(job.step());
    assert_eq!(job.run().structured()["results"][0]["outcome"], "ok");
    assert_eq!(migrations(&lab), 1);
}

#[test]
fn a_job_that_is_cancelled_aborts_what_runs_and_leaves_out_the_rest() {
    let mut lab = Lab::new(Flavour::V9);
    lab.settings = json!({ "parallel": 1 });
    lab.cluster().next_task("vzdump", Fate::Hangs);
    let host = lab.host();
    let mut job = host
        .call(
            "pve_backup_create",
            json!({ "guests": ["103", "104"], "storage": "nas" }),
        )
        .job();
    assert!(job.step() && job.step() && job.step());
    assert!(lab.cluster().guest(103).unwrap().lock.is_some());
    if job.cancel() {
        while job.step() {}
    }
    assert!(job.is_cancelled());
    let tasks = lab.cluster().tasks();
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    assert_eq!(tasks[0].2.as_deref(), Some("received interrupt"));
}

#[test]
fn warnings_and_failures_are_told_as_such() {
    let lab = Lab::new(Flavour::V7);
    lab.cluster().next_task("qmstart", Fate::Warnings(1));
    let warned = lab.call("pve_guest_start", json!({ "guests": ["103"] }));
    assert_eq!(warned.outcomes(), ["warnings"]);
    assert!(
        warned.text.contains("WARN: not everything"),
        "{}",
        warned.text
    );
    lab.cluster().next_task(
        "qmshutdown",
        Fate::Fails("VM quit/powerdown failed - got timeout".to_owned()),
    );
    let failed = lab.call("pve_guest_shutdown", json!({ "guests": ["103"] }));
    assert!(
        failed.error().message.contains("got timeout"),
        "{}",
        failed.text
    );
    assert!(failed.error().message.contains("UPID:"), "{}", failed.text);
    // A long task becomes a job, and the log is told on the way.
    lab.cluster()
        .set_task_time(std::time::Duration::from_mins(1));
    let long = lab.call("pve_guest_shutdown", json!({ "guests": ["103"] }));
    assert!(long.job.is_some());
    assert_eq!(long.outcomes(), ["ok"]);
}

#[test]
fn what_has_nothing_to_do_is_not_sent() {
    let lab = Lab::new(Flavour::V8);
    let nothing = lab.call("pve_guest_start", json!({ "guests": ["101"] }));
    assert!(nothing.text.contains("it runs already"), "{}", nothing.text);
    let some = lab.call("pve_guest_start", json!({ "guests": ["101", "103"] }));
    assert_eq!(some.outcomes(), ["ok", "skipped"]);
    let reset = lab.call("pve_guest_reset", json!({ "guests": ["dns"] }));
    assert_eq!(reset.error().kind, Trouble::Unsupported);
}
