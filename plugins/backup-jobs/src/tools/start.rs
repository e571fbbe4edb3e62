//! `backup_jobs_start`.

use toolward_sdk::prelude::*;
use vbr::Client;
use vbr::follow::{Following, Ordered};
use vbr::order::{Order, Word, sent};
use vbr::session::Session;

use super::{details, refuse_running};

/// Which job to start, and how.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct StartArgs {
    /// The job's id, its name, or a part of it.
    job: String,
    /// Makes a full backup instead of an incremental one: takes longer, and more space.
    #[serde(default)]
    full: bool,
    /// Starts the jobs that are to run after this one, too, when it has ended.
    #[serde(default)]
    start_chained_jobs: bool,
    /// Why: for the person who is asked, and for the operator's log.
    reason: Option<String>,
    /// Your own confirmation, with a reason. It counts only where the operator lets models confirm; elsewhere a person
    /// is asked.
    #[serde(default)]
    confirm: bool,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

/// Starts a backup job, after somebody has confirmed it.
///
/// A job that runs already is not started again. Clients that can follow jobs see how far the run is until it ends;
/// others get the run as it begins, and look at it with `backup_jobs_get`.
#[tool(
    read_only = false,
    destructive,
    idempotent = false,
    open_world = false,
    title = "Start a backup job"
)]
pub(crate) fn backup_jobs_start(cx: &Context, args: StartArgs) -> Result<Work<Ordered>> {
    let client = Client::to(cx, args.server.as_deref())?;
    let job = client.job(&args.job)?;
    refuse_running(&job)?;
    let how = if args.full {
        "a full backup"
    } else {
        "an incremental backup"
    };
    let mut details = details(&job);
    if args.start_chained_jobs {
        details.push((
            "Afterwards",
            "the jobs that follow it start, too".to_owned(),
        ));
    }
    let order = Order {
        server: client.server(),
        what: format!("Backup job {:?} is started now, for {how}.", job.name),
        details,
    };
    order.confirmed(
        cx,
        &Word {
            confirm: args.confirm,
            reason: args.reason.as_deref(),
        },
    )?;
    let body =
        json!({ "performActiveFull": args.full, "startChainedJobs": args.start_chained_jobs });
    let run = run(&client, &job.id, "start", &body)?;
    let ordered = Ordered {
        server: client.server().label(),
        job_id: Some(job.id),
        name: job.name,
        run,
    };
    Following::begin(cx, &client, ordered)
}

/// Tells the server to do something with a job. The job was looked at before, so the revision is certain.
pub(crate) fn run(client: &Client<'_>, job: &str, what: &str, body: &Value) -> Result<Session> {
    let answer = client.send(|http, _| {
        Ok(http
            .post("/api/v1/jobs")
            .segment(job)
            .segment(what)
            .json(body))
    });
    let answer = sent(
        answer.and_then(|answer| Ok(answer.json::<Value>()?)),
        "backup_jobs_get",
    )?;
    let zone = client.zone_of([&answer], &vbr::session::TIMES)?;
    Ok(Session::of(&answer, zone))
}
