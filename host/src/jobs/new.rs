//! A job as it is when it begins.

use std::time::Duration;

use serde_json::Value;

use super::job::{Job, JobId, Outcome, Progress, Status, Stop};
use super::runner::Start;
use super::step;
use super::store::Written;
use crate::plugin::Principal;
use crate::plugin::wit::values::Output;

/// A job that a tool began.
pub(super) fn started(
    principal: &Principal,
    start: Start,
    retry_of: Option<String>,
    now: u64,
) -> (Job, Written) {
    let wait = Duration::from_millis(start.job.wait_ms.into());
    let job = Job {
        id: JobId::random(),
        sequence: 0,
        tenant: principal.tenant.clone(),
        subject: principal.subject.clone(),
        scopes: principal.scopes.to_vec(),
        tool: start.tool,
        title: step::one_line(start.job.title),
        plugin: start.plugin,
        version: start.version,
        digest: start.digest,
        retry_of,
        format: start.job.format,
        step: 0,
        attempt: 0,
        status: Status::Queued,
        stop: Stop::No,
        progress: Progress::default(),
        created: now,
        started: None,
        updated: now,
        finished: None,
        due: step::after(now, wait),
        requests: Vec::new(),
        replies: Vec::new(),
        error: None,
        lines: 0,
        first_line: 0,
        log_bytes: 0,
    };
    let written = Written {
        state: Some(start.job.state),
        outcome: None,
        log: vec![step::line(now, "info", "queued")],
        arguments: Some(start.arguments),
    };
    (job, written)
}

/// A retry that needed no steps.
pub(super) fn done(
    principal: &Principal,
    retried: &Job,
    arguments: Value,
    output: Output,
    now: u64,
) -> (Job, Written) {
    let job = Job {
        id: JobId::random(),
        sequence: 0,
        subject: principal.subject.clone(),
        scopes: principal.scopes.to_vec(),
        retry_of: Some(retried.id.to_string()),
        step: 0,
        attempt: 0,
        status: Status::Completed,
        stop: Stop::No,
        progress: Progress::default(),
        created: now,
        started: Some(now),
        updated: now,
        finished: Some(now),
        due: now,
        requests: Vec::new(),
        replies: Vec::new(),
        error: None,
        lines: 0,
        first_line: 0,
        log_bytes: 0,
        ..retried.clone()
    };
    let written = Written {
        state: None,
        outcome: Some(Outcome::Done(output)),
        log: vec![step::line(now, "info", "completed")],
        arguments: Some(arguments),
    };
    (job, written)
}
