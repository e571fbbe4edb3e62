//! What is kept, of whom, and how long.

use std::collections::HashMap;

use super::*;

/// The driver is dropped in the middle of everything, as a crash drops it; what is acknowledged is in the file.
#[tokio::test(start_paused = true)]
async fn jobs_go_on_when_the_store_is_opened_again() {
    let runner = Scripted::new(three);
    let first = setup(runner.clone()).await;
    let mut begun = Vec::new();
    for _ in 0..6 {
        begun.push(first.start().await);
    }
    tokio::time::sleep(Duration::from_millis(15)).await;
    let Setup { folder, jobs, .. } = first;
    drop(jobs);
    // The steps under way hold the store until they are gone.
    let store = loop {
        match Embedded::open(folder.path(), BOUNDS) {
            Ok(store) => break store,
            Err(OpenError::InUse { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    let jobs = Jobs::open(Arc::new(store), runner.clone(), settings()).await;
    let second = Setup {
        folder,
        jobs: jobs.unwrap(),
        runner,
    };
    for job in &begun {
        assert_eq!(second.ended(job).await.job.status, Status::Completed);
        let ends = second.log(job).await;
        assert_eq!(ends.iter().filter(|line| *line == "completed").count(), 1);
    }
    let mut times: HashMap<String, usize> = HashMap::new();
    for key in second.runner.keys() {
        *times.entry(key).or_default() += 1;
    }
    assert_eq!(times.len(), 18, "every step of every job, and no other key");
}

#[tokio::test(start_paused = true)]
async fn results_expire_and_endless_jobs_end() {
    let setup = setup(Scripted::new(three)).await;
    let job = setup.start().await;
    setup.ended(&job).await;
    let store = setup.jobs.inner.store.clone();
    let before = |before| Removal {
        before: Some(before),
        ..Removal::default()
    };
    assert_eq!(store.remove(before(job.created)).await.unwrap(), 0);
    assert_eq!(store.remove(before(now() + 1)).await.unwrap(), 1);
    assert!(store.get(&job.id).await.unwrap().is_none());
    assert!(store.outcome(&job.id).await.unwrap().is_none());

    let mut old = begin(0);
    old.job.wait_ms = 200_000;
    let job = setup.jobs.start(&somebody(), old).await.unwrap();
    let edit: Edit = Box::new(|job| {
        job.created = 0;
        Written::default()
    });
    store.update(&job.id, edit).await.unwrap();
    let ended = setup.ended(&job).await.job;
    assert_eq!(ended.status, Status::Failed);
    assert!(ended.error.unwrap().contains("jobs.max-duration"));
}

#[tokio::test]
async fn an_ended_job_never_changes() {
    let folder = private();
    let store = Embedded::open(folder.path(), BOUNDS).unwrap();
    let (job, written) = new::started(&somebody(), begin(0), None, 1);
    let job = store.insert(job, written).await.unwrap();
    let end = |status| -> Edit {
        Box::new(move |job: &mut Job| {
            job.status = status;
            job.finished = Some(2);
            Written::default()
        })
    };
    store.update(&job.id, end(Status::Failed)).await.unwrap();
    let second = store.update(&job.id, end(Status::Completed)).await;
    assert!(matches!(second, Err(StoreError::Ended)), "{second:?}");
    let kept = store.get(&job.id).await.unwrap().unwrap();
    assert_eq!(kept.status, Status::Failed);
    let (_, state) = store.load(&job.id).await.unwrap().unwrap();
    assert!(state.is_empty(), "nobody needs the state any more");
}

#[tokio::test]
async fn one_tenant_does_not_fill_the_store_for_another() {
    let folder = private();
    let bounds = Bounds {
        unfinished: 2,
        kept: 3,
        ..BOUNDS
    };
    let store = Embedded::open(folder.path(), bounds).unwrap();
    let insert = async |who: &Principal| {
        let (job, written) = new::started(who, begin(0), None, 1);
        store.insert(job, written).await
    };
    let first = insert(&somebody()).await.unwrap();
    insert(&somebody()).await.unwrap();
    let third = insert(&somebody()).await;
    assert!(matches!(third, Err(StoreError::Full(2))), "{third:?}");
    insert(&principal("elsewhere", "x")).await.unwrap();

    // The oldest that ended makes room for the new.
    for _ in 0..3 {
        for job in store.unfinished().await.unwrap() {
            let edit: Edit = Box::new(|job| {
                (job.status, job.finished) = (Status::Completed, Some(2));
                Written::default()
            });
            store.update(&job.id, edit).await.unwrap();
        }
        insert(&somebody()).await.unwrap();
    }
    assert!(store.get(&first.id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_log_keeps_its_newest_lines() {
    let folder = private();
    let store = Embedded::open(folder.path(), BOUNDS).unwrap();
    let (job, written) = new::started(&somebody(), begin(0), None, 1);
    let job = store.insert(job, written).await.unwrap();
    for round in 0..11 {
        let edit: Edit = Box::new(move |_| Written {
            log: (0..100)
                .map(|line| Line {
                    at: 0,
                    level: "info".to_owned(),
                    text: format!("{round} {line}"),
                })
                .collect(),
            ..Written::default()
        });
        store.update(&job.id, edit).await.unwrap();
    }
    let lines = store.log(&job.id, usize::MAX).await.unwrap();
    assert_eq!(lines.len() as u64, LOG_LINES);
    assert_eq!(lines.last().unwrap().text, "10 99");
    let tail = store.log(&job.id, 2).await.unwrap();
    assert_eq!(tail[0].text, "10 98");
}

#[test]
fn the_store_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = private();
    let state = folder.path().join("state");
    let store = Embedded::open(&state, BOUNDS).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(&state.join("jobs.redb")), 0o600);
    let second = Embedded::open(&state, BOUNDS);
    assert!(matches!(second, Err(OpenError::InUse { .. })), "{second:?}");
    drop(store);
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
    let exposed = Embedded::open(&state, BOUNDS);
    assert!(
        matches!(exposed, Err(OpenError::Exposed { .. })),
        "{exposed:?}"
    );
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(state.join("jobs.redb"), b"not a database").unwrap();
    let damaged = Embedded::open(&state, BOUNDS);
    assert!(
        matches!(damaged, Err(OpenError::Unusable { .. })),
        "{damaged:?}"
    );
}

/// Changes a stored job.
async fn edit(
    store: &Embedded,
    job: &Job,
    edit: impl FnOnce(&mut Job) -> Written + Send + 'static,
) -> Result<Job, StoreError> {
    store.update(&job.id, Box::new(edit)).await
}

#[tokio::test]
async fn a_log_of_long_lines_keeps_so_many_bytes() {
    let folder = private();
    let store = Embedded::open(folder.path(), BOUNDS).unwrap();
    let (job, written) = new::started(&somebody(), begin(0), None, 1);
    let job = store.insert(job, written).await.unwrap();
    for _ in 0..5 {
        let lines = (0..100).map(|_| step::line(0, "info", "x".repeat(10_000)));
        let written = Written {
            log: lines.collect(),
            ..Written::default()
        };
        edit(&store, &job, |_| written).await.unwrap();
    }
    let lines = store.log(&job.id, usize::MAX).await.unwrap();
    let bytes: usize = lines.iter().map(|line| line.text.len()).sum();
    let most = usize::try_from(store::LOG_BYTES).unwrap();
    assert!(bytes <= most && bytes > most / 2, "{bytes}");
}

#[tokio::test]
async fn a_tenant_keeps_so_many_bytes() {
    let folder = private();
    let bounds = Bounds {
        bytes: 100_000,
        ..BOUNDS
    };
    let store = Embedded::open(folder.path(), bounds).unwrap();
    let insert = async |who: &Principal, bytes: usize| {
        let mut start = begin(0);
        start.job.state = vec![0; bytes];
        let (job, written) = new::started(who, start, None, 1);
        store.insert(job, written).await
    };
    let end = |job: &mut Job| {
        (job.status, job.finished) = (Status::Completed, Some(2));
        Written {
            outcome: Some(Outcome::Done(output(&"x".repeat(40_000)))),
            ..Written::default()
        }
    };
    // Results that nobody fetched make room for new jobs, the oldest first.
    let mut ended = Vec::new();
    for _ in 0..3 {
        let job = insert(&somebody(), 1000).await.unwrap();
        ended.push(edit(&store, &job, end).await.unwrap());
    }
    assert!(store.get(&ended[0].id).await.unwrap().is_none());
    assert!(store.get(&ended[2].id).await.unwrap().is_some());

    // Jobs that go on do not.
    let large = insert(&somebody(), 60_000).await.unwrap();
    let refused = insert(&somebody(), 60_000).await;
    assert!(
        matches!(refused, Err(StoreError::NoRoom(100_000))),
        "{refused:?}"
    );
    let grown = edit(&store, &large, |_| Written {
        state: Some(vec![0; 200_000]),
        ..Written::default()
    });
    assert!(matches!(grown.await, Err(StoreError::NoRoom(_))));
    let (_, state) = store.load(&large.id).await.unwrap().unwrap();
    assert_eq!(state.len(), 60_000, "what was refused left nothing behind");
    // Its end is always kept, and its room is free again.
    let failed = edit(&store, &large, |job| {
        let mut written = Written::default();
        let error = step::request_error(Cause::Internal, "too much".to_owned());
        step::end_failed(job, Outcome::Error(error), 3, &mut written);
        written
    });
    failed.await.unwrap();
    insert(&somebody(), 60_000).await.unwrap();
    insert(&principal("elsewhere", "x"), 60_000).await.unwrap();
}

/// What is counted is what is there, whatever happened.
#[tokio::test]
async fn nothing_is_left_of_what_was_removed() {
    let folder = private();
    let bounds = Bounds {
        bytes: 30_000,
        ..BOUNDS
    };
    let store = Embedded::open(folder.path(), bounds).unwrap();
    // Far more than would fit if anything were left over.
    for _ in 0..20 {
        let mut start = begin(0);
        start.arguments = json!({ "text": "x".repeat(5000) });
        start.job.state = vec![0; 5000];
        let (job, written) = new::started(&somebody(), start, None, 1);
        let job = store.insert(job, written).await.unwrap();
        edit(&store, &job, |job| {
            (job.status, job.finished) = (Status::Completed, Some(2));
            Written::default()
        })
        .await
        .unwrap();
        let all = Removal::default();
        assert_eq!(store.remove(all.clone()).await.unwrap(), 1);
        assert_eq!(store.remove(all).await.unwrap(), 0);
    }
}
