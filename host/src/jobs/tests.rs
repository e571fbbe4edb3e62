//! The store and the driver together, with steps of the tests' own and a clock that stands still.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::*;
use crate::config::{self, PluginName};
use crate::plugin::Reply;
use crate::plugin::wit::jobs::{Asking, Progress as Told, Running, Step};
use crate::plugin::wit::tools::NewJob;
use crate::plugin::wit::values::{Ask, Failure, Form, InputRequest, Output, ToolError, Trouble};

/// A step as a script tells it: what the n-th call does.
type Script = Box<dyn Fn(&StepCall) -> Result<Result<Step, Failure>, StepError> + Send + Sync>;

/// Takes steps by a script, and remembers them.
struct Scripted {
    script: Script,
    taken: Mutex<Vec<(String, Kind)>>,
    /// How many steps are under way, and were at most.
    busy: Mutex<(usize, usize)>,
    formats: Mutex<Vec<u32>>,
    denied: Mutex<Option<String>>,
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Scripted {
    fn new(
        script: impl Fn(&StepCall) -> Result<Result<Step, Failure>, StepError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            script: Box::new(script),
            taken: Mutex::default(),
            busy: Mutex::default(),
            formats: Mutex::new(vec![1]),
            denied: Mutex::default(),
        })
    }

    fn keys(&self) -> Vec<String> {
        lock(&self.taken)
            .iter()
            .map(|(key, _)| key.clone())
            .collect()
    }
}

fn denied(reason: &str) -> Denied {
    Denied {
        reason: reason.to_owned(),
        scopes: Vec::new(),
    }
}

impl Authorize for Scripted {
    fn authorize(&self, principal: &Principal, right: Right<'_>) -> Result<(), Denied> {
        match (&*lock(&self.denied), right) {
            (Some(reason), Right::Call { .. }) => Err(denied(reason)),
            (_, Right::Others) if !principal.scopes.iter().any(|scope| scope == "admin") => {
                Err(denied("not an operator"))
            }
            _ => Ok(()),
        }
    }

    fn plugins(&self, _: &Principal, _: Access) -> Option<Vec<PluginName>> {
        None
    }
}

impl Runner for Scripted {
    fn loaded<'a>(&'a self, _: &'a PluginName) -> BoxFuture<'a, Result<Loaded, StepError>> {
        Box::pin(async {
            Ok(Loaded {
                version: "2.0.0".to_owned(),
                digest: "d".to_owned(),
                formats: lock(&self.formats).clone(),
            })
        })
    }

    fn take(&self, call: StepCall) -> BoxFuture<'_, Result<Result<Step, Failure>, StepError>> {
        Box::pin(async move {
            lock(&self.taken).push((call.idempotency_key.clone(), call.kind));
            {
                let mut busy = lock(&self.busy);
                busy.0 += 1;
                busy.1 = busy.1.max(busy.0);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            lock(&self.busy).0 -= 1;
            (self.script)(&call)
        })
    }

    fn check(&self, _: &str, output: &Output) -> Result<(), String> {
        match output.structured.as_deref() {
            Some("lie") => Err("it does not fit".to_owned()),
            _ => Ok(()),
        }
    }

    fn check_requests(&self, _: &PluginName, requests: &[InputRequest]) -> Result<(), String> {
        match requests[0].ask {
            Ask::Roots => Err("not granted".to_owned()),
            _ => Ok(()),
        }
    }

    fn begin<'a>(
        &'a self,
        _: &'a Principal,
        tool: &'a str,
        arguments: &'a Value,
    ) -> BoxFuture<'a, Result<Begun, String>> {
        Box::pin(async move {
            Ok(Begun::Started(Start {
                tool: tool.to_owned(),
                arguments: arguments.clone(),
                ..begin(0)
            }))
        })
    }
}

fn settings() -> config::Jobs {
    config::Jobs {
        max_running: 2,
        max_queued: 100,
        max_kept: 200,
        keep_results: Duration::from_hours(1),
        answer_within: Duration::from_secs(10),
        min_wait: Duration::from_millis(50),
        max_wait: Duration::from_mins(5),
        max_attempts: 4,
        max_duration: Duration::from_hours(1),
    }
}

fn principal(tenant: &str, subject: &str) -> Principal {
    Principal {
        tenant: tenant.parse().unwrap(),
        subject: Some(subject.to_owned()),
        scopes: Vec::new(),
    }
}

fn somebody() -> Principal {
    principal("local", "somebody")
}

fn begin(wait_ms: u32) -> Start {
    Start {
        tool: "count".to_owned(),
        arguments: json!({ "to": 3 }),
        plugin: "counter".parse().unwrap(),
        version: "1.0.0".to_owned(),
        digest: "d".to_owned(),
        job: NewJob {
            state: b"begun".to_vec(),
            format: 1,
            title: "count".to_owned(),
            wait_ms,
            extras: Vec::new(),
        },
    }
}

fn told(done: u32, log: &str) -> Told {
    Told {
        done: f64::from(done),
        total: Some(3.0),
        step: Some(format!("step {done}")),
        steps_done: None,
        steps_left: None,
        remaining_ms: None,
        message: None,
        log: vec![crate::plugin::wit::jobs::Line {
            at: None,
            level: crate::plugin::wit::jobs::Level::Info,
            text: log.to_owned(),
        }],
        extras: Vec::new(),
    }
}

fn running(done: u32) -> Step {
    Step::Running(Running {
        state: done.to_string().into_bytes(),
        format: 1,
        progress: told(done, "on\nits way"),
        wait_ms: 0,
    })
}

fn asking(ask: Ask) -> Step {
    Step::Asking(Asking {
        state: b"asked".to_vec(),
        format: 1,
        progress: told(1, "asks"),
        requests: vec![InputRequest {
            key: "n".to_owned(),
            ask,
        }],
    })
}

fn form() -> Ask {
    Ask::Form(Form {
        message: "n?".to_owned(),
        schema: "{}".to_owned(),
    })
}

fn done() -> Step {
    Step::Done(output("1"))
}

fn output(structured: &str) -> Output {
    Output {
        content: Vec::new(),
        structured: Some(structured.to_owned()),
        meta: Vec::new(),
        extras: Vec::new(),
    }
}

fn passing() -> Failure {
    trouble(Trouble::Unavailable)
}

fn trouble(kind: Trouble) -> Failure {
    Failure::Tool(ToolError {
        kind,
        message: "out of reach".to_owned(),
        content: Vec::new(),
        structured: None,
        retry_after_ms: None,
        meta: Vec::new(),
    })
}

/// Three steps.
#[expect(clippy::unnecessary_wraps, reason = "the shape of a script")]
fn three(call: &StepCall) -> Result<Result<Step, Failure>, StepError> {
    Ok(Ok(match call.job.step {
        step @ 0..2 => running(step + 1),
        _ => done(),
    }))
}

struct Setup {
    folder: tempfile::TempDir,
    jobs: Jobs,
    runner: Arc<Scripted>,
}

async fn open(folder: &Path, runner: &Arc<Scripted>) -> Jobs {
    let store = Arc::new(Embedded::open(folder).unwrap());
    Jobs::open(store, runner.clone(), settings()).await.unwrap()
}

fn private() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::Permissions::from_mode(0o700);
    tempfile::Builder::new()
        .permissions(mode)
        .tempdir()
        .unwrap()
}

async fn setup(runner: Arc<Scripted>) -> Setup {
    let folder = private();
    let jobs = open(folder.path(), &runner).await;
    Setup {
        folder,
        jobs,
        runner,
    }
}

impl Setup {
    async fn start(&self) -> Job {
        self.jobs.start(&somebody(), begin(0)).await.unwrap()
    }

    /// Until it ends or asks.
    async fn ended(&self, job: &Job) -> Details {
        let hour = Duration::from_hours(1);
        self.jobs
            .wait(&somebody(), &job.id, hour, None)
            .await
            .unwrap();
        self.jobs.get(&somebody(), &job.id).await.unwrap()
    }

    async fn log(&self, job: &Job) -> Vec<String> {
        let lines = self.jobs.log(&somebody(), &job.id, 1000).await.unwrap();
        lines.into_iter().map(|line| line.text).collect()
    }
}

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
        1 => Err(StepError::Absent(call.plugin.clone())),
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
async fn an_operator_sees_a_job_and_does_not_answer_for_it() {
    // It asks even when it is told to stop, once.
    let script = |call: &StepCall| {
        Ok(Ok(match (call.kind, call.job.step) {
            (Kind::Advance, _) | (Kind::Cancel, 1) => asking(form()),
            (Kind::Cancel, _) => Step::Cancelled,
        }))
    };
    let setup = setup(Scripted::new(script)).await;
    let job = setup.start().await;
    setup.ended(&job).await;
    let mut operator = principal("local", "operator");
    operator.scopes.push("admin".to_owned());
    assert!(setup.jobs.get(&operator, &job.id).await.is_ok());
    let reply = vec![("n".to_owned(), Reply::Declined)];
    let refused = setup.jobs.reply(&operator, &job.id, reply).await;
    assert!(matches!(refused, Err(JobsError::Denied(_))), "{refused:?}");
    setup.jobs.cancel(&operator, &job.id).await.unwrap();
    assert_eq!(setup.ended(&job).await.job.status, Status::InputRequired);
    setup.jobs.cancel(&operator, &job.id).await.unwrap();
    assert_eq!(setup.ended(&job).await.job.status, Status::Cancelled);
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
async fn every_step_is_authorized_anew() {
    let setup = setup(Scripted::new(|_| Ok(Ok(running(1))))).await;
    let job = setup.start().await;
    let mut seen = setup.start().await;
    while seen.step == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        seen = setup.jobs.get(&somebody(), &seen.id).await.unwrap().job;
    }
    *lock(&setup.runner.denied) = Some("the token was withdrawn".to_owned());
    let ended = setup.ended(&job).await.job;
    assert_eq!(ended.status, Status::Failed);
    assert!(ended.error.unwrap().contains("the token was withdrawn"));
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
async fn a_job_of_somebody_else_is_not_there() {
    let setup = setup(Scripted::new(|_| Ok(Ok(running(1))))).await;
    let job = setup.start().await;
    let mut admin = principal("elsewhere", "somebody");
    admin.scopes.push("admin".to_owned());
    for stranger in [
        principal("local", "another"),
        principal("elsewhere", "somebody"),
        admin,
    ] {
        let jobs = &setup.jobs;
        let hour = Duration::from_hours(1);
        let answers = [
            jobs.get(&stranger, &job.id).await.err(),
            jobs.wait(&stranger, &job.id, hour, None).await.err(),
            jobs.cancel(&stranger, &job.id).await.err(),
            jobs.retry(&stranger, &job.id).await.err(),
            jobs.log(&stranger, &job.id, 10).await.err(),
            jobs.reply(&stranger, &job.id, Vec::new()).await.err(),
        ];
        for answer in answers {
            assert!(matches!(answer, Some(JobsError::NotFound)), "{answer:?}");
        }
        let page = jobs.list(&stranger, None, None, 10).await.unwrap();
        assert!(page.jobs.is_empty());
        assert_eq!(
            jobs.remove(&stranger, Duration::ZERO, None).await.unwrap(),
            0
        );
    }
    let unknown = setup.jobs.get(&somebody(), &JobId::random()).await;
    assert!(matches!(unknown, Err(JobsError::NotFound)));
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
    assert_eq!(again.arguments, json!({ "to": 3 }));
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
        match Embedded::open(folder.path()) {
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
    let store = Embedded::open(folder.path()).unwrap();
    let (job, written) = started(&somebody(), begin(0), None, 1);
    let bounds = Bounds {
        unfinished: 1,
        kept: 2,
    };
    let job = store.insert(job, written, bounds).await.unwrap();
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
    let store = Embedded::open(folder.path()).unwrap();
    let bounds = Bounds {
        unfinished: 2,
        kept: 3,
    };
    let insert = async |who: &Principal| {
        let (job, written) = started(who, begin(0), None, 1);
        store.insert(job, written, bounds).await
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
    let store = Embedded::open(folder.path()).unwrap();
    let (job, written) = started(&somebody(), begin(0), None, 1);
    let bounds = Bounds {
        unfinished: 1,
        kept: 1,
    };
    let job = store.insert(job, written, bounds).await.unwrap();
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
    let store = Embedded::open(&state).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(&state.join("jobs.redb")), 0o600);
    let second = Embedded::open(&state);
    assert!(matches!(second, Err(OpenError::InUse { .. })), "{second:?}");
    drop(store);
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
    let exposed = Embedded::open(&state);
    assert!(
        matches!(exposed, Err(OpenError::Exposed { .. })),
        "{exposed:?}"
    );
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(state.join("jobs.redb"), b"not a database").unwrap();
    let damaged = Embedded::open(&state);
    assert!(
        matches!(damaged, Err(OpenError::Unusable { .. })),
        "{damaged:?}"
    );
}
