//! The store and the driver together, with steps of the tests' own and a clock that stands still.

mod driving;
mod rights;
mod storing;

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

/// Enough for everything.
const BOUNDS: Bounds = Bounds {
    unfinished: 100,
    kept: 100,
    bytes: 16 * 1024 * 1024,
};

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

    fn renewed(&self, owner: Principal) -> Result<Principal, Denied> {
        Ok(owner)
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
        max_running_per_tenant: 2,
        max_queued: 100,
        max_kept: 200,
        max_kept_bytes: BOUNDS.bytes,
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
        scopes: Arc::default(),
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
    let store = Arc::new(Embedded::open(folder, BOUNDS).unwrap());
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
