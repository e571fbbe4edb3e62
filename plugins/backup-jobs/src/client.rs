//! Requests to the backup server: the revision on each of them, and the meaning of its errors.
//!
//! Which revision: what the operator says of the server (`facts.revision` of the binding), else of the plugin
//! (`settings.revision`); else the newest is tried, and the next older one when the server answers that it does
//! not serve it. That costs nothing on a new server and one answer per call on an old one; asking for the
//! server's documents instead would cost a request on all of them, and one more right.

use std::cell::Cell;

use toolward_sdk::Trouble;
use toolward_sdk::http::{Http, Request, Response, StatusError};
use toolward_sdk::prelude::*;

use crate::model::{JobState, Page, Run};
use crate::revision::{Revision, UnknownRevision};

/// The backend's name in the operator's configuration.
const BACKEND: &str = "vbr";

/// How much of the server's own words is passed on.
const MESSAGE: usize = 300;

/// A client for one call.
pub(crate) struct Client<'a> {
    http: Http<'a>,
    revision: Cell<Revision>,
    /// Whether the server is known to serve that revision.
    settled: Cell<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    revision: Option<String>,
}

impl<'a> Client<'a> {
    pub(crate) fn new(cx: &'a Context) -> Result<Self> {
        let settings: Settings = cx.settings()?;
        let backends = cx.backends();
        let of_server = backends
            .iter()
            .find(|backend| backend.name == BACKEND)
            .and_then(|backend| backend.facts["revision"].as_str());
        let configured: Option<Revision> = of_server
            .or(settings.revision.as_deref())
            .map(str::parse)
            .transpose()
            .map_err(|error: UnknownRevision| ToolError::internal(error.to_string()))?;
        Ok(Self {
            http: cx.http(BACKEND).explain(explain),
            revision: Cell::new(configured.unwrap_or(Revision::NEWEST)),
            settled: Cell::new(configured.is_some()),
        })
    }

    /// The revision in use: certain where the operator named it, and once an answer has come.
    pub(crate) fn revision(&self) -> Revision {
        self.revision.get()
    }

    /// Whether the revision in use is certain.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled.get()
    }

    /// Sends what `build` makes for the revision in use, and for older ones until the server serves one.
    fn send(&self, build: impl Fn(&Http<'a>, Revision) -> Result<Request<'a>>) -> Result<Response> {
        self.attempt(build)?
            .map_err(|answer| HttpError::Status(answer).into())
    }

    /// The same, where some error of the API may be an answer, too.
    fn attempt(
        &self,
        build: impl Fn(&Http<'a>, Revision) -> Result<Request<'a>>,
    ) -> Result<Result<Response, Box<StatusError>>> {
        loop {
            let revision = self.revision.get();
            let request = build(&self.http, revision)?.header("x-api-version", revision);
            match request.send() {
                Ok(response) => {
                    self.settled.set(true);
                    return Ok(Ok(response));
                }
                Err(HttpError::Status(answer)) => {
                    let older = revision.older().filter(|_| !self.settled.get());
                    match older {
                        Some(older) if is_not_served(&answer) => self.revision.set(older),
                        _ => return Ok(Err(answer)),
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Jobs by their state, as the console lists them. `filter` adds what is wanted of them.
    pub(crate) fn states(
        &self,
        (skip, limit): (u64, u64),
        filter: impl Fn(Request<'a>, Revision) -> Result<Request<'a>>,
    ) -> Result<Page<JobState>> {
        let answer = self.send(|http, revision| {
            let request = http.get("/api/v1/jobs/states");
            filter(request.query("skip", skip).query("limit", limit), revision)
        })?;
        Ok(answer.json()?)
    }

    /// The latest runs of a job, newest first.
    pub(crate) fn latest_runs(&self, job: &str, count: u64) -> Result<Vec<Run>> {
        let answer = self.send(|http, _| {
            Ok(http
                .get("/api/v1/sessions")
                .query("jobIdFilter", job)
                .query("orderColumn", "CreationTime")
                .query("orderAsc", false)
                .query("limit", count))
        })?;
        Ok(answer.json::<Page<Run>>()?.data)
    }

    /// A job's configuration.
    pub(crate) fn configuration(&self, job: &str) -> Result<Configured> {
        let answer = self.attempt(|http, _| Ok(http.get("/api/v1/jobs").segment(job)))?;
        match answer {
            Ok(answer) => Ok(Configured::As(answer.json()?)),
            Err(answer) if code(&answer).as_deref() == Some("notfound") => {
                Ok(Configured::NoSuchJob)
            }
            // Jobs of platforms that the revision does not support are listed, and refused here.
            Err(answer) if answer.status == 400 => Ok(Configured::NotShown(said(&answer))),
            Err(answer) => Err(HttpError::Status(answer).into()),
        }
    }

    /// Tells the server to do something with a job. The state was looked at before, so the revision is certain.
    pub(crate) fn order(&self, job: &str, what: &str, body: &Value) -> Result<Run> {
        let sent = self.send(|http, _| {
            Ok(http
                .post("/api/v1/jobs")
                .segment(job)
                .segment(what)
                .json(body))
        });
        match sent.and_then(|answer| Ok(answer.json()?)) {
            Err(Failure::Tool(mut error)) if is_open(error.kind) => {
                error.message = format!(
                    "{}. hint: the server may have taken the order all the same; look with \
                     backup_jobs_get before you {what} the job again",
                    error.message.trim_end_matches('.')
                );
                Err(error.into())
            }
            outcome => outcome,
        }
    }
}

/// What the server says when it is asked for a job's configuration.
pub(crate) enum Configured {
    As(Value),
    /// The job is there, but this revision has no words for it; the server's message.
    NotShown(String),
    NoSuchJob,
}

/// Whether an order that failed in this way may have been taken all the same.
fn is_open(kind: Trouble) -> bool {
    matches!(
        kind,
        Trouble::TimedOut | Trouble::Unavailable | Trouble::Internal
    )
}

/// Whether the server does not serve the revision that was asked for. Never a 401: that is a login that failed.
fn is_not_served(answer: &StatusError) -> bool {
    match code(answer).as_deref() {
        Some(code) => code == "notimplemented" && matches!(answer.status, 400 | 406 | 415 | 501),
        // Something in front of the API's error bodies.
        None => matches!(answer.status, 406 | 415 | 501),
    }
}

/// The API's own name for what is wrong, in small letters: its case differs by revision elsewhere.
fn code(answer: &StatusError) -> Option<String> {
    Some(answer.json()?["errorCode"].as_str()?.to_ascii_lowercase())
}

/// What the API's errors mean, and what to do about them.
fn explain(answer: &StatusError) -> Option<ToolError> {
    let code = code(answer)?;
    let said = said(answer);
    let (kind, hint) = match (code.as_str(), answer.status) {
        // The host logs in again by itself; when this arrives, that did not help.
        (_, 401) | ("expiredtoken" | "invalidtoken", _) => (
            Trouble::Denied,
            "the backup server does not accept the login that the operator configured; only the operator can help",
        ),
        ("accessdenied", _) => (
            Trouble::Denied,
            "the account that the operator configured lacks the role for this; orders need Veeam Backup \
             Administrator or Veeam Backup Operator",
        ),
        ("notfound", _) => (Trouble::NotFound, "look the job up with backup_jobs_list"),
        ("notimplemented", _) => (
            Trouble::Unsupported,
            "the backup server does not serve this revision of its API; ask the operator to set another one, or none",
        ),
        ("invaliduri" | "methodnotallowed", _) => (
            Trouble::Unsupported,
            "this revision of the API has no such request; it may need a newer backup server",
        ),
        ("unexpectedcontent", _) => (
            Trouble::InvalidInput,
            "look at the job with backup_jobs_get: its state may have changed, or it may not support this",
        ),
        ("serviceunavailable", 429) => return None,
        ("serviceunavailable", _) => (Trouble::Unavailable, "try again in a minute"),
        _ => return None,
    };
    let mut error = ToolError::new(
        kind,
        format!("the backup server says: {said}. hint: {hint}"),
    );
    error.retry_after = answer.retry_after;
    Some(error)
}

/// The message of the API on one line, without its full stop.
fn said(answer: &StatusError) -> String {
    let json = answer.json().unwrap_or_default();
    let message = json["message"].as_str().unwrap_or_default().trim();
    let text: String = message
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MESSAGE)
        .collect();
    let text = text.trim_end_matches('.');
    if text.is_empty() {
        format!("status {}", answer.status)
    } else {
        text.to_owned()
    }
}
