//! The threads that run guests, at low priority, turn by turn.
//!
//! A turn ends when the guest waits for something, ends, or has computed for an epoch. Whoever is ready then stands in
//! line by tenant and plugin ([`Rounds`]), and every thread takes whose turn it is: a guest that computes without end has
//! the threads no more often than others who want them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread::Builder;

use async_task::{FallibleTask, Runnable, ScheduleInfo, WithInfo};
use tokio::runtime::Handle;

use super::fair::{Rounds, Whose};

/// How much less the threads matter to the system than those that serve I/O.
const NICENESS: i32 = 10;

/// The threads. They end when this is dropped, each after the turn that it runs.
#[derive(Debug)]
pub(super) struct Threads(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    line: Mutex<Line>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct Line {
    ready: Rounds<Runnable<Whose>>,
    /// Threads that sleep, and how many of them were woken and do not know it yet.
    asleep: usize,
    woken: usize,
    is_over: bool,
}

impl Shared {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gets in line. `again`: this thread has just run a turn of it, and looks at the line next.
    fn push(&self, turn: Runnable<Whose>, again: bool) {
        let mut line = self.line();
        if line.is_over {
            // Dropped outside of the lock: what it holds may wake others.
            drop(line);
            drop(turn);
            return;
        }
        let whose = turn.metadata().clone();
        let is_taken_here = again && line.ready.is_empty();
        line.ready.push(&whose, turn);
        let wakes = !is_taken_here && line.asleep > line.woken;
        line.woken += usize::from(wakes);
        drop(line);
        if wakes {
            self.filled.notify_one();
        }
    }

    /// Waits for whose turn it is. `None`: there will be no more.
    fn next(&self) -> Option<Runnable<Whose>> {
        let mut line = self.line();
        loop {
            if line.is_over {
                return None;
            }
            if let Some(turn) = line.ready.next() {
                return Some(turn);
            }
            line.asleep += 1;
            line = self
                .filled
                .wait(line)
                .unwrap_or_else(PoisonError::into_inner);
            line.asleep -= 1;
            // One that woke by itself takes the place of another's wake: that one finds the line empty and sleeps again.
            line.woken = line.woken.saturating_sub(1);
        }
    }
}

impl Threads {
    /// Starts so many. What guests begin there that is not their own, such as a request, runs on `io`.
    pub(super) fn start(threads: usize, io: &Handle) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let started = Self(shared.clone());
        for number in 0..threads {
            let (shared, io) = (shared.clone(), io.clone());
            Builder::new()
                .name(format!("guest-{number}"))
                .spawn(move || {
                    // Without the right to lower the priority they still are threads of their own.
                    let _ = rustix::process::setpriority_process(None, NICENESS);
                    let _io = io.enter();
                    while let Some(turn) = shared.next() {
                        // A panic ends the call that it happened in, which sees that: nothing of it is looked at again.
                        let _ = catch_unwind(AssertUnwindSafe(|| turn.run()));
                    }
                })?;
        }
        Ok(started)
    }

    /// Runs a future there, each of its polls a turn.
    pub(super) fn run<F>(&self, whose: Whose, future: F) -> Running<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let line = self.0.clone();
        let (first, task) = async_task::Builder::new().metadata(whose).spawn(
            move |_| future,
            WithInfo(move |turn, info: ScheduleInfo| line.push(turn, info.woken_while_running)),
        );
        first.schedule();
        Running(task.fallible())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let mut line = self.0.line();
        line.is_over = true;
        let left = std::mem::take(&mut line.ready);
        drop(line);
        self.0.filled.notify_all();
        drop(left);
    }
}

/// The future's output, or `None` when it panicked. Dropped before that, the future is dropped as well, on one of the
/// threads, as soon as its turn is over.
#[derive(Debug)]
pub(super) struct Running<T>(FallibleTask<T, Whose>);

impl<T> Future for Running<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.0).poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whose(tenant: &str, plugin: &str) -> Whose {
        Arc::new((
            tenant.parse().expect("a name"),
            plugin.parse().expect("a name"),
        ))
    }

    /// Ready the second time that it is asked; whoever polls it wants another turn.
    fn turn_over() -> impl Future<Output = ()> + Send + 'static {
        let mut asked = false;
        std::future::poll_fn(move |cx| {
            if asked {
                return Poll::Ready(());
            }
            asked = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }

    #[tokio::test]
    async fn whoever_wants_another_turn_stands_behind_others() {
        let threads = Threads::start(1, &Handle::current()).expect("threads");
        let order = Arc::new(Mutex::new(Vec::new()));
        // Holds the only thread until everybody is in line.
        let (everybody, waits) = std::sync::mpsc::channel();
        let held = threads.run(whose("z", "p"), async move { waits.recv() });
        let turns = |name: &'static str, count: usize| {
            let order = order.clone();
            async move {
                for _ in 0..count {
                    order.lock().expect("unpoisoned").push(name);
                    turn_over().await;
                }
            }
        };
        let flood: Vec<_> = (0..3)
            .map(|_| threads.run(whose("a", "p"), turns("a", 2)))
            .collect();
        let other = threads.run(whose("b", "p"), turns("b", 2));
        everybody.send(()).expect("it waits");
        assert_eq!(held.await, Some(Ok(())));
        for one in flood {
            assert!(one.await.is_some());
        }
        assert!(other.await.is_some());
        let order = order.lock().expect("unpoisoned").clone();
        assert_eq!(order[..4], ["a", "b", "a", "b"]);
    }

    #[tokio::test]
    async fn whoever_is_alone_goes_on_where_it_is() {
        let threads = Threads::start(2, &Handle::current()).expect("threads");
        let both = Arc::new(std::sync::Barrier::new(2));
        let started = [both.clone(), both]
            .map(|both| threads.run(whose("a", "p"), async move { both.wait().is_leader() }));
        for one in started {
            assert!(one.await.is_some());
        }
        let places = threads.run(whose("a", "p"), async {
            // The other thread has time to sleep.
            std::thread::sleep(std::time::Duration::from_millis(50));
            let mut places = std::collections::HashSet::new();
            for _ in 0..1_000 {
                turn_over().await;
                places.insert(std::thread::current().id());
            }
            places.len()
        });
        assert_eq!(places.await, Some(1));
    }

    #[tokio::test]
    async fn a_panic_ends_its_own_call_only() {
        let threads = Threads::start(1, &Handle::current()).expect("threads");
        let broken = threads.run(whose("a", "p"), async { panic!("on purpose") });
        assert_eq!(broken.await, None::<()>);
        let next = threads.run(whose("a", "p"), async { 7 });
        assert_eq!(next.await, Some(7));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_dropped() {
        struct Told(Option<tokio::sync::oneshot::Sender<()>>);
        impl Drop for Told {
            fn drop(&mut self) {
                let _ = self.0.take().map(|tell| tell.send(()));
            }
        }
        let threads = Threads::start(1, &Handle::current()).expect("threads");
        let (tell, told) = tokio::sync::oneshot::channel();
        let held = Told(Some(tell));
        let endless = threads.run(whose("a", "p"), async move {
            let _held = held;
            loop {
                turn_over().await;
            }
        });
        drop(endless);
        told.await.expect("dropped in the end");
    }

    #[tokio::test]
    async fn tasks_begun_inside_run_on_the_other_threads() {
        let threads = Threads::start(1, &Handle::current()).expect("threads");
        let here = std::thread::current().id();
        let begun = threads.run(whose("a", "p"), async {
            let task = tokio::spawn(async { std::thread::current().id() });
            (std::thread::current().id(), task.await)
        });
        let (inside, task) = begun.await.expect("no panic");
        assert_ne!(inside, here);
        assert_eq!(
            task.expect("no panic"),
            here,
            "the test's own runtime has one thread"
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_wake_is_lost() {
        let threads = Arc::new(Threads::start(2, &Handle::current()).expect("threads"));
        let calls = (0..2_000).map(|number| {
            let threads = threads.clone();
            tokio::spawn(async move {
                let key = whose(if number % 2 == 0 { "a" } else { "b" }, "p");
                let ended = threads.run(key, async move {
                    for _ in 0..number % 5 {
                        turn_over().await;
                        tokio::task::yield_now().await;
                    }
                    number
                });
                ended.await
            })
        });
        for (number, call) in calls.collect::<Vec<_>>().into_iter().enumerate() {
            assert_eq!(call.await.expect("no panic"), Some(number));
        }
    }

    #[tokio::test]
    async fn the_end_of_the_threads_drops_what_stands_in_line() {
        let threads = Threads::start(1, &Handle::current()).expect("threads");
        let (free, waits) = std::sync::mpsc::channel::<()>();
        let (inside, entered) = tokio::sync::oneshot::channel();
        let held = threads.run(whose("a", "p"), async move {
            let _ = inside.send(());
            waits.recv().is_ok()
        });
        entered.await.expect("it runs");
        let waiting = threads.run(whose("a", "p"), async { 7 });
        drop(threads);
        assert_eq!(waiting.await, None);
        free.send(()).expect("its turn goes on to the end");
        assert_eq!(held.await, Some(true));
    }
}
