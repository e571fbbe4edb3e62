//! What a step's end does to a job. Pure: a job, an end and a time go in, the changed job and what is to be written
//! come out. Whatever a plugin says is cut to size here.

use std::time::Duration;

use super::job::{Job, Line, Outcome, Status, Stop};
use super::runner::{Kind, StepError};
use super::store::Written;
use crate::config;
use crate::plugin::wit;
use crate::plugin::wit::jobs::{Level, Step};
use crate::plugin::wit::values::{Cause, Failure, InputRequest, Output, RequestError, Trouble};

/// Longest text of progress or of a log line, bytes.
const TEXT_BYTES: usize = 2 * 1024;
/// Lines of the log that one step may add.
const STEP_LINES: usize = 100;
/// WIT: at most 16 requests.
const REQUESTS: usize = 16;
/// Largest state, bytes. WIT promises 256 KiB.
pub(super) const STATE_BYTES: usize = 1024 * 1024;
/// The wait after the first failed try; it doubles with each.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_mins(5);
/// The wait for a place, or for the plugin.
const NOT_NOW: Duration = Duration::from_secs(10);

/// How a step ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// As the plugin says; a result was checked, and `Err` says what is wrong with it.
    Told(Result<Result<Step, Failure>, String>),
    /// The host cannot tell.
    Unknown(StepError),
    /// It was not taken, and never will be.
    Refused(Outcome),
}

/// What the host may decide about a job besides what its plugin says.
#[derive(Debug)]
pub(super) struct Taken {
    /// Which function was called.
    pub(super) kind: Kind,
    /// How that ended.
    pub(super) ended: Ended,
    /// The state formats that the plugin has.
    pub(super) formats: Vec<u32>,
}

/// Applies a step's end to the job, which may have been asked to stop meanwhile.
pub(super) fn settle(job: &mut Job, taken: Taken, now: u64, settings: &config::Jobs) -> Written {
    let mut written = Written::default();
    if taken.kind == Kind::Cancel {
        // Whatever comes now, it is not asked again, unless the end of this step is not known.
        job.requests.clear();
        job.replies.clear();
    }
    match taken.ended {
        Ended::Told(Err(defect)) => end_with_error(
            job,
            Cause::Internal,
            format!(
                "the step's result cannot be used: {defect}; this is a defect of plugin `{}`",
                job.plugin
            ),
            now,
            &mut written,
        ),
        Ended::Told(Ok(Ok(step))) => {
            match apply(
                job,
                step,
                taken.kind,
                &taken.formats,
                now,
                settings,
                &mut written,
            ) {
                Ok(()) => {}
                Err(defect) => {
                    let text = format!("{defect}; this is a defect of plugin `{}`", job.plugin);
                    end_with_error(job, Cause::Internal, text, now, &mut written);
                }
            }
        }
        Ended::Told(Ok(Err(failure))) => fail(job, failure, now, settings, &mut written),
        // No try of the step at all: a busy host, or an operator who is yet to repair a plugin, fails nobody's job.
        Ended::Unknown(error) if error.is_not_now() => {
            job.due = after(now, NOT_NOW.min(settings.max_wait));
            job.status = Status::Running;
        }
        Ended::Unknown(error) => {
            let outcome = Outcome::Error(request_error(Cause::Unavailable, error.to_string()));
            again(
                job,
                &error.to_string(),
                None,
                outcome,
                now,
                settings,
                &mut written,
            );
        }
        Ended::Refused(outcome) => end_failed(job, outcome, now, &mut written),
    }
    job.updated = now;
    written
}

fn apply(
    job: &mut Job,
    step: Step,
    kind: Kind,
    formats: &[u32],
    now: u64,
    settings: &config::Jobs,
    written: &mut Written,
) -> Result<(), String> {
    match step {
        Step::Running(running) => {
            next_state(job, running.state, running.format, formats, written)?;
            progress(job, running.progress, now, written);
            let wait = Duration::from_millis(running.wait_ms.into());
            let wait = wait.clamp(settings.min_wait, settings.max_wait);
            went_on(job, kind, now, wait);
            job.status = Status::Running;
        }
        Step::Asking(asking) => {
            check_requests(&asking.requests)?;
            next_state(job, asking.state, asking.format, formats, written)?;
            progress(job, asking.progress, now, written);
            went_on(job, kind, now, Duration::ZERO);
            job.requests = asking.requests;
            if job.stop == Stop::Asked {
                // Nobody will answer any more: the plugin hears of the stop instead.
                job.status = Status::Running;
            } else {
                job.status = Status::InputRequired;
                written.log.push(line(now, "info", "waits for answers"));
            }
        }
        Step::Done(output) => {
            end(job, Status::Completed, now);
            written.log.push(line(now, "info", "completed"));
            written.outcome = Some(Outcome::Done(output));
        }
        Step::Cancelled => cancelled(job, now, written),
    }
    Ok(())
}

/// The step is behind: the next one has its own number, tries and answers.
fn went_on(job: &mut Job, kind: Kind, now: u64, wait: Duration) {
    job.step = job.step.saturating_add(1);
    job.attempt = 0;
    job.requests.clear();
    job.replies.clear();
    if kind == Kind::Cancel {
        job.stop = Stop::Begun;
    }
    job.due = match job.stop {
        Stop::Asked => now,
        Stop::No | Stop::Begun => after(now, wait),
    };
}

fn next_state(
    job: &mut Job,
    state: Vec<u8>,
    format: u32,
    formats: &[u32],
    written: &mut Written,
) -> Result<(), String> {
    check_state(state.len(), format, formats)?;
    job.format = format;
    written.state = Some(state);
    Ok(())
}

/// Whether a state can be kept and will be read again.
pub(super) fn check_state(bytes: usize, format: u32, formats: &[u32]) -> Result<(), String> {
    if bytes > STATE_BYTES {
        return Err(format!(
            "the job's state has {bytes} bytes; at most {STATE_BYTES} are kept"
        ));
    }
    if !formats.contains(&format) {
        return Err(format!(
            "the job's state has format {format}, which is none of the plugin's own formats {formats:?}"
        ));
    }
    Ok(())
}

fn check_requests(requests: &[InputRequest]) -> Result<(), String> {
    if !(1..=REQUESTS).contains(&requests.len()) {
        return Err(format!(
            "a step asks for {} things; it may ask for 1 to {REQUESTS}",
            requests.len()
        ));
    }
    for (place, request) in requests.iter().enumerate() {
        let key = &request.key;
        let fits = (1..=64).contains(&key.len())
            && key
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        if !fits {
            return Err(
                "a step asks under a key that is not 1 to 64 of A-Z, a-z, 0-9, `_`, `.`, `-`"
                    .to_owned(),
            );
        }
        if requests[..place].iter().any(|other| other.key == *key) {
            return Err(format!("a step asks twice under the key `{key}`"));
        }
    }
    Ok(())
}

fn progress(job: &mut Job, told: wit::jobs::Progress, now: u64, written: &mut Written) {
    let kept = &mut job.progress;
    if told.done.is_finite() {
        kept.done = told.done;
    }
    kept.total = told.total.filter(|total| total.is_finite());
    kept.step = told.step.map(one_line);
    (kept.steps_done, kept.steps_left) = (told.steps_done, told.steps_left);
    kept.message = told.message.map(one_line);
    let lines = told.log.into_iter().take(STEP_LINES).map(|told| Line {
        at: told
            .at
            .and_then(|at| chrono::DateTime::parse_from_rfc3339(&at).ok())
            .and_then(|at| u64::try_from(at.timestamp_millis()).ok())
            .unwrap_or(now),
        level: level(told.level).to_owned(),
        text: one_line(told.text),
    });
    written.log.extend(lines);
    job.progress.estimated = match told.remaining_ms {
        Some(left) => Some(now.saturating_add(left)),
        None => estimate(job, now),
    };
}

/// As fast as so far.
fn estimate(job: &Job, now: u64) -> Option<u64> {
    let share = job.progress.share().filter(|share| *share > 0.0)?;
    let spent = Duration::from_millis(now.saturating_sub(job.started?)).as_secs_f64();
    let left = Duration::try_from_secs_f64(spent * (1.0 - share) / share).ok()?;
    Some(after(now, left))
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Notice => "notice",
        Level::Warning => "warning",
        Level::Error => "error",
        Level::Critical => "critical",
        Level::Alert => "alert",
        Level::Emergency => "emergency",
    }
}

/// A failure that may pass is tried again; any other ends the job.
fn fail(job: &mut Job, failure: Failure, now: u64, settings: &config::Jobs, written: &mut Written) {
    match failure {
        Failure::Tool(error) => {
            let passes = matches!(
                error.kind,
                Trouble::Limited | Trouble::TimedOut | Trouble::Unavailable
            );
            let (text, wait) = (error.message.clone(), error.retry_after_ms);
            let outcome = Outcome::ToolError(error);
            if passes {
                let wait = wait.map(|wait| Duration::from_millis(wait.into()));
                again(job, &text, wait, outcome, now, settings, written);
            } else {
                end_failed(job, outcome, now, written);
            }
        }
        Failure::Request(error) => end_failed(job, Outcome::Error(error), now, written),
        Failure::Cancelled if job.stop != Stop::No => cancelled(job, now, written),
        Failure::Cancelled => {
            let text = "the plugin gave up a step that nobody cancelled".to_owned();
            end_with_error(job, Cause::Internal, text, now, written);
        }
    }
}

/// The same step with the same key, later; or the end, after enough tries.
fn again(
    job: &mut Job,
    reason: &str,
    asked: Option<Duration>,
    outcome: Outcome,
    now: u64,
    settings: &config::Jobs,
    written: &mut Written,
) {
    job.attempt = job.attempt.saturating_add(1);
    if job.attempt >= settings.max_attempts {
        end_failed(job, outcome, now, written);
        return;
    }
    let doubled = FIRST_BACKOFF.saturating_mul(1 << (job.attempt - 1).min(16));
    let wait = asked
        .unwrap_or_default()
        .max(doubled.min(LONGEST_BACKOFF))
        .min(settings.max_wait);
    job.due = after(now, wait);
    job.status = Status::Running;
    let (step, attempt) = (job.step, job.attempt);
    let text = format!("step {step} failed ({attempt}): {reason}; it is tried again in {wait:?}");
    written.log.push(line(now, "warning", text));
}

fn end_with_error(job: &mut Job, cause: Cause, text: String, now: u64, written: &mut Written) {
    end_failed(
        job,
        Outcome::Error(request_error(cause, text)),
        now,
        written,
    );
}

/// It ends without a result.
pub(super) fn end_failed(job: &mut Job, outcome: Outcome, now: u64, written: &mut Written) {
    let text = match &outcome {
        Outcome::ToolError(error) => error.message.clone(),
        Outcome::Error(error) => error.message.clone(),
        Outcome::Done(Output { .. }) => String::new(),
    };
    let text = one_line(text);
    written
        .log
        .push(line(now, "error", format!("failed: {text}")));
    job.error = Some(text);
    end(job, Status::Failed, now);
    written.outcome = Some(outcome);
}

/// The work was stopped.
pub(super) fn cancelled(job: &mut Job, now: u64, written: &mut Written) {
    end(job, Status::Cancelled, now);
    written.log.push(line(now, "info", "cancelled"));
}

fn end(job: &mut Job, status: Status, now: u64) {
    job.status = status;
    (job.updated, job.finished) = (now, Some(now));
    job.progress.estimated = None;
    job.requests.clear();
    job.replies.clear();
}

/// A failure in the host's words.
pub(super) fn request_error(cause: Cause, message: String) -> RequestError {
    RequestError {
        cause,
        message,
        data: None,
    }
}

/// A line of ours.
pub(super) fn line(now: u64, level: &str, text: impl Into<String>) -> Line {
    Line {
        at: now,
        level: level.to_owned(),
        text: one_line(text.into()),
    }
}

/// Cut to size; what would break a line, or a terminal, becomes a space.
pub(super) fn one_line(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT_BYTES));
    if text.contains(char::is_control) {
        text = text.replace(char::is_control, " ");
    }
    text
}

/// That much later, milliseconds since 1970.
pub(super) fn after(now: u64, wait: Duration) -> u64 {
    now.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}
