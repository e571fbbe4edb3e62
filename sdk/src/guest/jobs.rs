//! The export `jobs`.

use super::bindings::jobs::exports::toolward::plugin::jobs::{
    Asking, Guest, Job, Line, Progress, Running, Step,
};
use super::bindings::toolward::plugin::{call, values as wit};
use super::{Offers, context, values};
use crate::error::Result;
use crate::job::{self, End, JobLine, JobProgress, Turn};

impl<T: Offers> Guest for T {
    fn formats() -> Vec<u32> {
        T::plugin().job_formats()
    }

    fn advance(cx: &call::Context, job: Job) -> Result<Step, wit::Failure> {
        let turn = Turn::new(job.id, job.tool, job.step, job.attempt);
        step(T::plugin().advance(context(cx), &turn, job.format, &job.state))
    }

    fn cancel(cx: &call::Context, job: Job) -> Result<Step, wit::Failure> {
        let turn = Turn::new(job.id, job.tool, job.step, job.attempt);
        step(T::plugin().cancel(context(cx), &turn, job.format, &job.state))
    }
}

fn step(step: Result<job::Step>) -> Result<Step, wit::Failure> {
    let job::Step(end) = step.map_err(values::failure)?;
    Ok(match end {
        End::Next(next) if next.requests.is_empty() => Step::Running(Running {
            state: next.state.bytes,
            format: next.state.format,
            progress: progress(next.progress),
            wait_ms: values::millis(next.wait),
        }),
        End::Next(next) => Step::Asking(Asking {
            state: next.state.bytes,
            format: next.state.format,
            progress: progress(next.progress),
            requests: values::requests(next.requests),
        }),
        End::Done(output) => Step::Done(values::output(output)),
        End::Cancelled => Step::Cancelled,
    })
}

fn progress(progress: JobProgress) -> Progress {
    Progress {
        done: progress.done,
        total: progress.total,
        step: progress.step,
        steps_done: progress.steps_done,
        steps_left: progress.steps_left,
        remaining_ms: progress
            .remaining
            .map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        message: progress.message,
        log: progress.log.into_iter().map(line).collect(),
        extras: Vec::new(),
    }
}

fn line(line: JobLine) -> Line {
    Line {
        at: line.at,
        level: values::level(line.level),
        text: line.text,
    }
}
