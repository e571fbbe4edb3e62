//! Large values: where they are read, checked and written, and how many of them there may be.
//!
//! JSON of some MiB takes tens of milliseconds to read, to check and to write, and nobody can stop that once it has
//! begun. On a thread that serves I/O everybody would wait for it, each time; so it is done on threads of its own, for
//! which tenants take turns ([`fair`](super::fair)): whoever sends large bodies over and over waits behind itself. What
//! is small stays where it is, and pays nothing.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::runtime::Runtime;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::AbortOnDropHandle;

use super::Answer;
use super::admit::{OfTenant, Tenants};
use super::call::CallError;
use super::fair::{Enter, Gate, Place, Whose};
use super::size;
use super::wit::prompts::PromptOutcome;
use super::wit::resources::ReadOutcome;
use super::wit::tools::Outcome;
use super::wit::values::{Output, ToolError};
use crate::capability::Principal;
use crate::config::{PluginName, TenantName};
use crate::telemetry::{Counted, metrics};

/// More bytes than this are large: to read or write as many takes about as long as a call of a guest, so that a hop to
/// another thread is a small part of it, and whoever waits for what is not large waits for no more than one more call.
pub const LARGE: usize = 64 * 1024;

/// Large bodies that are being received or read at once: with the usual limit of 4 MiB each, 256 MiB of text. Others wait
/// where they are, unread, in the sockets.
const BODIES: usize = 64;
/// Those of one tenant. A client may take its time to send one, so no tenant has so many that others find no room.
pub(super) const BODIES_OF_TENANT: usize = 16;

/// Threads for large values.
#[derive(Debug)]
pub struct Large {
    /// Taken on drop only.
    threads: Option<Runtime>,
    /// One for each of the threads.
    turns: Arc<Gate>,
    bodies: Arc<Gate>,
    tenants: Arc<Tenants>,
    /// What stands for the plugin where tenants take turns: a body is read before anybody knows for whom it is.
    any_plugin: PluginName,
}

/// Room for one large body, until it is dropped.
#[derive(Debug)]
pub struct Room {
    _all: Place,
    _own: OwnedSemaphorePermit,
    /// A door that somebody stands in is kept.
    _door: Arc<OfTenant>,
    _counted: Counted<'static>,
}

impl Large {
    /// Starts as many threads as serve I/O: half as many as there are cores.
    pub(super) fn start(tenants: Arc<Tenants>) -> std::io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = (cores / 2).max(1);
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(count)
            .thread_name("large")
            .enable_all()
            // As guests: I/O goes first.
            .on_thread_start(|| {
                let _ = rustix::process::setpriority_process(None, 10);
            })
            .build()?;
        Ok(Self {
            threads: Some(threads),
            turns: Gate::new(count),
            bodies: Gate::new(BODIES),
            tenants,
            any_plugin: "any".parse().map_err(std::io::Error::other)?,
        })
    }

    fn threads(&self) -> &Runtime {
        self.threads
            .as_ref()
            .expect("the runtime is only taken on drop")
    }

    fn whose(&self, tenant: &TenantName) -> Whose {
        Arc::new((tenant.clone(), self.any_plugin.clone()))
    }

    /// Waits for room for one more large body of the principal's tenant. Before that, nobody reads any of it.
    pub async fn room(&self, principal: &Principal) -> Room {
        let door = self.tenants.door(&principal.tenant);
        // The tenant's own first: who waits for that must not hold what others wait for.
        let own = door.bodies.clone().acquire_owned().await;
        let all = self.bodies.enter(&self.whose(&principal.tenant)).await;
        Room {
            _all: all,
            _own: own.expect("these semaphores are never closed"),
            _door: door,
            _counted: metrics().large_body(),
        }
    }

    /// Does a piece of work for the principal's tenant, once it is its turn; at once for what is served here, whose turn it
    /// is. Whoever gives up before that has done nothing; later, the work is done to its end and the turn lasts as long.
    pub async fn run<T: Send + 'static>(
        &self,
        principal: &Principal,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        if IN_TURN.get() {
            // Another turn would come only after this one, which would wait for it.
            return work();
        }
        let turn = self.turns.enter(&self.whose(&principal.tenant)).await;
        let work = async move {
            let _turn = turn;
            work()
        };
        ended(AbortOnDropHandle::new(self.threads().spawn(work))).await
    }

    /// Serves something for the principal's tenant to its end, each step in a turn. It is given up when this is dropped.
    pub fn serve<F>(
        &self,
        principal: &Principal,
        served: F,
    ) -> impl Future<Output = F::Output> + use<F>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let served = InTurns {
            served: Box::pin(served),
            turns: self.turns.clone(),
            whose: self.whose(&principal.tenant),
            next: None,
        };
        ended(AbortOnDropHandle::new(self.threads().spawn(served)))
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

/// A future, each poll of which is a turn.
struct InTurns<F> {
    served: Pin<Box<F>>,
    turns: Arc<Gate>,
    whose: Whose,
    next: Option<Enter>,
}

impl<F: Future> Future for InTurns<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let (turns, whose) = (&this.turns, &this.whose);
        let next = this.next.get_or_insert_with(|| turns.enter(whose));
        let _turn = ready!(Pin::new(next).poll(cx));
        this.next = None;
        let _in_turn = InTurn::begin();
        this.served.as_mut().poll(cx)
    }
}

thread_local! {
    /// Whether this thread polls something that is served in turns.
    static IN_TURN: Cell<bool> = const { Cell::new(false) };
}

/// While it is there, this thread is in a turn.
struct InTurn;

impl InTurn {
    fn begin() -> Self {
        IN_TURN.set(true);
        Self
    }
}

impl Drop for InTurn {
    fn drop(&mut self) {
        IN_TURN.set(false);
    }
}

/// What a task came to. A panic goes on here, as if it had been called.
async fn ended<T>(task: AbortOnDropHandle<T>) -> T {
    match task.await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The threads are gone, and with them the host: nobody waits.
            Err(_) => std::future::pending().await,
        },
    }
}

/// What a plugin answers, as far as its size matters.
pub trait Sizable {
    /// Bytes of its texts and media.
    fn bytes(&self) -> usize;
}

impl Sizable for Outcome {
    fn bytes(&self) -> usize {
        size::of_outcome(self)
    }
}

impl Sizable for Output {
    fn bytes(&self) -> usize {
        size::of_output(self)
    }
}

impl Sizable for ToolError {
    fn bytes(&self) -> usize {
        size::of_tool_error(self)
    }
}

impl Sizable for PromptOutcome {
    fn bytes(&self) -> usize {
        size::of_prompt_outcome(self)
    }
}

impl Sizable for ReadOutcome {
    fn bytes(&self) -> usize {
        size::of_read_outcome(self)
    }
}

/// Whether what a call came to is large.
pub fn is_large<T: Sizable>(ended: &Result<Answer<T>, CallError>) -> bool {
    let bytes = match ended {
        Ok(Ok(answer)) => answer.bytes(),
        Ok(Err(failure)) => size::of_failure(failure),
        Err(_) => 0,
    };
    bytes > LARGE
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{self, TenantLimits};

    fn principal(tenant: &str) -> Principal {
        Principal {
            tenant: tenant.parse().expect("a name"),
            ..crate::host::local_principal()
        }
    }

    fn large() -> Arc<Large> {
        let usual = TenantLimits {
            concurrency: 1,
            queue: 1,
            calls_per_second: None,
        };
        let own = BTreeMap::new();
        let tenants = Arc::new(Tenants::new(config::Tenants { usual, own }));
        let mut large = Large::start(tenants).expect("threads");
        // As on a machine with two cores.
        large.turns = Gate::new(1);
        Arc::new(large)
    }

    #[tokio::test]
    async fn work_in_a_turn_needs_no_other_and_work_beside_it_waits() {
        let (large, one) = (large(), principal("one"));
        let (inner, whose) = (large.clone(), one.clone());
        let served = large.serve(&one, async move {
            let name = || std::thread::current().name().map(str::to_owned);
            let first = inner.run(&whose, name).await;
            tokio::task::yield_now().await;
            let (again, for_task) = (inner.clone(), whose.clone());
            let beside = tokio::spawn(async move { again.run(&for_task, name).await });
            (
                first,
                beside.await.expect("no panic"),
                inner.run(&whose, name).await,
            )
        });
        let names = [served.await].map(|(one, two, three)| [one, two, three]);
        assert_eq!(
            names,
            [[const { Some("large") }; 3].map(|name| name.map(str::to_owned))]
        );
        assert_eq!(large.run(&one, || 1).await, 1);
        assert_eq!(large.turns.free(), 1);
    }

    #[tokio::test]
    async fn a_panic_is_the_callers_and_the_turn_goes_on() {
        let (large, one) = (large(), principal("one"));
        let (inner, whose) = (large.clone(), one.clone());
        let broken = tokio::spawn(async move { inner.run(&whose, || panic!("broken")).await });
        let panic = broken.await.expect_err("it panicked").into_panic();
        assert_eq!(panic.downcast_ref(), Some(&"broken"));
        let (inner, whose) = (large.clone(), one.clone());
        let broken = async { panic!("broken again") };
        let broken = tokio::spawn(async move { inner.serve(&whose, broken).await });
        assert!(broken.await.is_err());
        assert_eq!(large.run(&one, || 2).await, 2);
    }

    #[tokio::test]
    async fn a_tenant_has_so_much_room_and_others_have_theirs() {
        use futures::FutureExt as _;
        let (large, one, other) = (large(), principal("one"), principal("other"));
        let mut rooms = Vec::new();
        for _ in 0..BODIES_OF_TENANT {
            rooms.push(large.room(&one).await);
        }
        assert!(large.room(&one).now_or_never().is_none());
        drop(large.room(&other).await);
        rooms.pop();
        rooms.push(large.room(&one).await);
        assert_eq!(large.bodies.free(), BODIES - BODIES_OF_TENANT);
        drop(rooms);
        assert_eq!(large.bodies.free(), BODIES);
    }
}
