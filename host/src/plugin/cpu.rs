//! CPU time of one call: the sum over the polls of its future, by the clock of the thread that polls.
//!
//! An epoch deadline is wall time; a guest that merely waits must not be ended by it. So epochs only make a guest
//! yield, and each time the time it has really used is looked at.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What one call has used so far.
#[derive(Debug, Default)]
pub(super) struct Meter {
    before_this_poll: AtomicU64,
    poll_started_at: AtomicU64,
}

impl Meter {
    /// CPU time up to now. Exact on the thread that polls the call.
    pub(super) fn used(&self) -> Duration {
        let this_poll = thread_cpu().saturating_sub(self.poll_started_at.load(Ordering::Relaxed));
        Duration::from_nanos(self.before_this_poll.load(Ordering::Relaxed) + this_poll)
    }
}

thread_local! {
    /// What the clock said when this thread last ended a poll: a thread uses none while it sleeps, so this is what it says when
    /// the next one begins, but for the runtime's work in between, which is charged to the next. It saves a system call.
    static LAST: Cell<Option<u64>> = const { Cell::new(None) };
}

fn thread_cpu() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    // Both fields of a CPU-time clock are non-negative, and 2^63 ns are 292 years.
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// A future whose polls are counted.
pub(super) struct Metered<F> {
    future: Pin<Box<F>>,
    meter: Arc<Meter>,
}

impl<F: Future> Metered<F> {
    pub(super) fn new(future: F, meter: Arc<Meter>) -> Self {
        Self {
            future: Box::pin(future),
            meter,
        }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let started = LAST.get().unwrap_or_else(thread_cpu);
        self.meter.poll_started_at.store(started, Ordering::Relaxed);
        let polled = self.future.as_mut().poll(cx);
        let ended = thread_cpu();
        LAST.set(Some(ended));
        let used = ended.saturating_sub(started);
        self.meter
            .before_this_poll
            .fetch_add(used, Ordering::Relaxed);
        polled
    }
}
