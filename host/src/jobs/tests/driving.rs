//! Steps: their order, their ends, who waits for what.

use super::*;
use crate::plugin::CallError;

#[tokio::test(start_paused = true)]
async fn a_job_is_a_chain_of_steps() {
    let setup = setup(Scripted::new(three)).await;
    let job = setup.start().await;
    assert_eq!(job.status, Status::Queued);
    let ended = setup.ended(&job).await;
    assert_eq!(ended.job.status, Status::Completed);
    assert_eq!(ended.job.percent(), Some(100.0));
    assert!(matches!(ended.outcome, Some(Outcome::Done(_))));
    let id = &job.id;
    assert_eq!(
        setup.runner.keys(),
        [format!("{id}-0"), format!("{id}-1"), format!("{id}-2")]
    );
    // One end, and no line break of the plugin's.
    assert_eq!(
        setup.log(&job).await,
        ["queued", "started", "on its way", "on its way", "completed"]
    );
}

#[tokio::test(start_paused = true)]
async fn so_many_jobs_run_at_once_and_the_rest_in_order() {
    let setup = setup(Scripted::new(three)).await;
    let mut jobs = Vec::new();
    for _ in 0..7 {
        jobs.push(setup.start().await);
    }
    for job in &jobs {
        assert_eq!(setup.ended(job).await.job.status, Status::Completed);
    }
    assert!(lock(&setup.runner.busy).1 <= 2);
    let keys = setup.runner.keys();
    let firsts: Vec<_> = keys
        .iter()
        .filter_map(|key| key.strip_suffix("-0"))
        .collect();
    let expected: Vec<_> = jobs.iter().map(|job| job.id.as_str()).collect();
    // Two begin at the same moment, in either order; the others wait for one of them.
    for (began, place) in firsts.iter().zip(0_usize..) {
        let queued = expected.iter().position(|id| id == began).unwrap();
        assert!(queued.abs_diff(place) <= 1, "{queued} began as {place}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_with_the_same_key() {
    let script = |call: &StepCall| match call.job.attempt {
        0 => Ok(Err(passing())),
        1 => Err(StepError::Call(CallError::Trap {
            plugin: call.plugin.clone(),
        })),
        _ => three(call),
    };
    let setup = setup(Scripted::new(script)).await;
    let job = setup.start().await;
    assert_eq!(setup.ended(&job).await.job.status, Status::Completed);
    let first = format!("{}-0", job.id);
    assert_eq!(
        setup.runner.keys()[..3],
        [first.clone(), first.clone(), first]
    );
}

#[tokio::test(start_paused = true)]
async fn tries_have_an_end() {
    let setup = setup(Scripted::new(|_| Ok(Err(passing())))).await;
    let job = setup.start().await;
    let ended = setup.ended(&job).await;
    assert_eq!(ended.job.status, Status::Failed);
    assert_eq!(ended.job.error.as_deref(), Some("out of reach"));
    assert!(matches!(ended.outcome, Some(Outcome::ToolError(_))));
    assert_eq!(setup.runner.keys().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn any_other_failure_ends_the_job_at_once() {
    let setup = setup(Scripted::new(|_| Ok(Err(trouble(Trouble::Conflict))))).await;
    let job = setup.start().await;
    assert_eq!(setup.ended(&job).await.job.status, Status::Failed);
    assert_eq!(setup.runner.keys().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_plugin_may_not_return_fails_the_job() {
    let wrong = |format, bytes| {
        Step::Running(Running {
            state: vec![0; bytes],
            format,
            progress: told(1, ""),
            wait_ms: 0,
        })
    };
    for (lie, expected) in [(true, "does not fit"), (false, "not granted")] {
        let step = move || {
            if lie {
                Step::Done(output("lie"))
            } else {
                asking(Ask::Roots)
            }
        };
        let setup = setup(Scripted::new(move |_| Ok(Ok(step())))).await;
        let job = setup.start().await;
        let ended = setup.ended(&job).await.job;
        assert_eq!(ended.status, Status::Failed, "{expected}");
        assert!(ended.error.unwrap().contains(expected), "{expected}");
    }
    for (format, bytes, expected) in [(2, 1, "format 2"), (1, 2 << 20, "bytes")] {
        let setup = setup(Scripted::new(move |_| Ok(Ok(wrong(format, bytes))))).await;
        let job = setup.start().await;
        let error = setup.ended(&job).await.job.error.unwrap();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_reach_the_next_step_and_only_that() {
    let script = |call: &StepCall| {
        Ok(Ok(match call.job.step {
            0 => asking(form()),
            1 => {
                assert!(
                    matches!(&call.answers[..], [(key, Reply::Declined)] if key == "n"),
                    "{:?}",
                    call.answers
                );
                running(2)
            }
            _ => {
                assert!(call.answers.is_empty());
                done()
            }
        }))
    };
    let setup = setup(Scripted::new(script)).await;
    let job = setup.start().await;
    assert_eq!(setup.ended(&job).await.job.status, Status::InputRequired);

    // Somebody else's reply, and one that was not asked for, change nothing.
    let other = principal("local", "another");
    let reply = vec![("n".to_owned(), Reply::Declined)];
    let refused = setup.jobs.reply(&other, &job.id, reply.clone()).await;
    assert!(matches!(refused, Err(JobsError::NotFound)), "{refused:?}");
    let unasked = vec![("m".to_owned(), Reply::Declined)];
    let same = setup
        .jobs
        .reply(&somebody(), &job.id, unasked)
        .await
        .unwrap();
    assert_eq!(same.status, Status::InputRequired);

    setup.jobs.reply(&somebody(), &job.id, reply).await.unwrap();
    assert_eq!(setup.ended(&job).await.job.status, Status::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_job_is_stopped_by_its_plugin() {
    // Two steps to stop: the plugin is told once, and followed to the end.
    let script = |call: &StepCall| {
        Ok(Ok(match call.kind {
            Kind::Cancel => running(9),
            Kind::Advance if call.job.state == b"9" => Step::Cancelled,
            Kind::Advance => running(1),
        }))
    };
    let setup = setup(Scripted::new(script)).await;
    let job = setup.start().await;
    setup.jobs.cancel(&somebody(), &job.id).await.unwrap();
    setup.jobs.cancel(&somebody(), &job.id).await.unwrap();
    assert_eq!(setup.ended(&job).await.job.status, Status::Cancelled);
    let told = lock(&setup.runner.taken)
        .iter()
        .filter(|(_, kind)| *kind == Kind::Cancel)
        .count();
    assert_eq!(told, 1);
    // It stays what it is.
    let again = setup.jobs.cancel(&somebody(), &job.id).await.unwrap();
    assert_eq!(again.status, Status::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_full_house_does_not_keep_a_job_from_being_stopped() {
    let script = |call: &StepCall| {
        Ok(Ok(match call.kind {
            Kind::Cancel => Step::Cancelled,
            Kind::Advance => running(1),
        }))
    };
    let setup = setup(Scripted::new(script)).await;
    for _ in 0..2 {
        setup.start().await;
    }
    let queued = setup.start().await;
    setup.jobs.cancel(&somebody(), &queued.id).await.unwrap();
    assert_eq!(setup.ended(&queued).await.job.status, Status::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn after_an_upgrade_only_a_known_format_goes_on() {
    let setup = setup(Scripted::new(|_| Ok(Ok(running(1))))).await;
    let job = setup.start().await;
    *lock(&setup.runner.formats) = vec![2, 3];
    let ended = setup.ended(&job).await.job;
    assert_eq!(ended.status, Status::Failed);
    let error = ended.error.unwrap();
    assert!(
        error.contains("format 1") && error.contains("1.0.0") && error.contains("[2, 3]"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_is_tried_again_as_a_new_one() {
    let setup = setup(Scripted::new(|_| Ok(Err(trouble(Trouble::Conflict))))).await;
    let job = setup.start().await;
    let early = setup.jobs.retry(&somebody(), &job.id).await;
    assert!(
        matches!(early, Err(JobsError::Conflict { .. })),
        "{early:?}"
    );
    setup.ended(&job).await;
    let again = setup.jobs.retry(&somebody(), &job.id).await.unwrap();
    assert_ne!(again.id, job.id);
    assert_eq!(again.retry_of.as_deref(), Some(job.id.as_str()));
    let arguments = setup.jobs.inner.store.arguments(&again.id).await;
    assert_eq!(arguments.unwrap(), Some(json!({ "to": 3 })));
}

#[tokio::test(start_paused = true)]
async fn lists_have_pages_and_filters() {
    let setup = setup(Scripted::new(three)).await;
    let mut begun = Vec::new();
    for _ in 0..5 {
        begun.push(setup.start().await);
    }
    for job in &begun {
        setup.ended(job).await;
    }
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = setup
            .jobs
            .list(&somebody(), Some(Status::Completed), before, 2)
            .await;
        let page = page.unwrap();
        assert!(page.jobs.len() <= 2);
        seen.extend(page.jobs.into_iter().map(|job| job.id));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let newest_first: Vec<_> = begun.iter().rev().map(|job| job.id.clone()).collect();
    assert_eq!(seen, newest_first);
    let none = setup
        .jobs
        .list(&somebody(), Some(Status::Failed), None, 2)
        .await;
    assert!(none.unwrap().jobs.is_empty());

    let unended = setup
        .jobs
        .remove(&somebody(), Duration::ZERO, Some(Status::Running))
        .await;
    assert!(matches!(unended, Err(JobsError::Invalid(_))));
    let hour = Duration::from_hours(1);
    assert_eq!(setup.jobs.remove(&somebody(), hour, None).await.unwrap(), 0);
    let removed = setup
        .jobs
        .remove(&somebody(), Duration::ZERO, Some(Status::Completed))
        .await;
    assert_eq!(removed.unwrap(), 5);
    assert!(setup.jobs.get(&somebody(), &begun[0].id).await.is_err());
    assert!(setup.jobs.log(&somebody(), &begun[0].id, 1).await.is_err());
}

/// A tenant that begins many jobs first does not make another one wait for all of them.
#[tokio::test(start_paused = true)]
async fn a_neighbour_does_not_wait_for_all_of_a_tenants_jobs() {
    let setup = setup(Scripted::new(three)).await;
    for _ in 0..10 {
        setup.start().await;
    }
    let other = principal("elsewhere", "x");
    let job = setup.jobs.start(&other, begin(0)).await.unwrap();
    let hour = Duration::from_hours(1);
    let ended = setup.jobs.wait(&other, &job.id, hour, None).await.unwrap();
    assert_eq!(ended.status, Status::Completed);
    let who = somebody();
    let page = setup.jobs.list(&who, Some(Status::Queued), None, 100);
    let queued = page.await.unwrap().jobs.len();
    assert!(queued >= 5, "{queued} of the ten wait");
}

#[tokio::test(start_paused = true)]
async fn endless_jobs_of_one_tenant_leave_places_to_others() {
    let runner = Scripted::new(|call| {
        let endless = call.principal.tenant.as_str() == "local";
        Ok(Ok(if endless { running(1) } else { done() }))
    });
    let folder = private();
    let store = Arc::new(Embedded::open(folder.path(), BOUNDS).unwrap());
    let settings = config::Jobs {
        max_running_per_tenant: 1,
        ..settings()
    };
    let jobs = Jobs::open(store, runner, settings).await.unwrap();
    for _ in 0..4 {
        jobs.start(&somebody(), begin(0)).await.unwrap();
    }
    let other = principal("elsewhere", "x");
    let job = jobs.start(&other, begin(0)).await.unwrap();
    let hour = Duration::from_hours(1);
    let ended = jobs.wait(&other, &job.id, hour, None).await.unwrap();
    assert_eq!(ended.status, Status::Completed);
    let who = somebody();
    let running = jobs.list(&who, Some(Status::Running), None, 100);
    assert_eq!(running.await.unwrap().jobs.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_hoards_is_ended() {
    let runner = Scripted::new(|call| {
        Ok(Ok(Step::Running(Running {
            state: vec![0; 200 * 1024 * (call.job.step as usize + 1)],
            format: 1,
            progress: told(1, "hoards"),
            wait_ms: 0,
        })))
    });
    let folder = private();
    let bounds = Bounds {
        bytes: 600 * 1024,
        ..BOUNDS
    };
    let store = Arc::new(Embedded::open(folder.path(), bounds).unwrap());
    let jobs = Jobs::open(store, runner, settings()).await.unwrap();
    let job = jobs.start(&somebody(), begin(0)).await.unwrap();
    let hour = Duration::from_hours(1);
    let ended = jobs.wait(&somebody(), &job.id, hour, None).await.unwrap();
    assert_eq!(ended.status, Status::Failed);
    let error = ended.error.unwrap_or_default();
    assert!(error.contains("jobs.max-kept-size"), "{error}");
}

/// Neither a busy host nor a plugin that does not load at the moment is a failed try.
#[tokio::test(start_paused = true)]
async fn a_step_that_was_not_tried_is_taken_later() {
    let later = Mutex::new(30);
    let runner = Scripted::new(move |call| {
        let mut left = lock(&later);
        *left -= 1;
        match *left {
            1.. if *left % 2 == 0 => Err(StepError::Absent(call.plugin.clone())),
            1.. => Err(StepError::Call(CallError::Busy)),
            _ => {
                assert_eq!(call.job.attempt, 0);
                three(call)
            }
        }
    });
    let setup = setup(runner).await;
    let job = setup.start().await;
    assert_eq!(setup.ended(&job).await.job.status, Status::Completed);
}
