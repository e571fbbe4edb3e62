//! Places that tenants share fairly: who has waited least often goes first, not who has asked most often.
//!
//! A free place goes round the tenants that wait, and within a tenant round its plugins; within one plugin, first come,
//! first served. So a tenant that floods the host waits behind itself, and another waits for one turn. It is used for
//! the threads that run guests, turn by turn, for the instances of the pool and for the calls of one plugin.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::config::{PluginName, TenantName};

/// Whose call it is.
pub(super) type Whose = Arc<(TenantName, PluginName)>;

/// A number of places.
#[derive(Debug)]
pub(super) struct Gate(Mutex<Places>);

#[derive(Debug)]
struct Places {
    /// Above nought, nobody waits.
    free: usize,
    waiting: VecDeque<OfTenant>,
}

/// Never empty.
#[derive(Debug)]
struct OfTenant {
    tenant: TenantName,
    plugins: VecDeque<OfPlugin>,
}

/// Never empty.
#[derive(Debug)]
struct OfPlugin {
    plugin: PluginName,
    tickets: VecDeque<Arc<Ticket>>,
}

/// Somebody who waits.
#[derive(Debug, Default)]
struct Ticket(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    granted: bool,
    waker: Option<Waker>,
}

impl Ticket {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    pub(super) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Places {
            free: places,
            waiting: VecDeque::new(),
        })))
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Places that nobody has.
    pub(super) fn free(&self) -> usize {
        self.places().free
    }

    /// A place, if one is free.
    pub(super) fn try_enter(self: &Arc<Self>) -> Option<Place> {
        let mut places = self.places();
        places.free = places.free.checked_sub(1)?;
        Some(Place(self.clone()))
    }

    /// Waits for a place. Whoever gives up has taken nothing.
    pub(super) fn enter(self: &Arc<Self>, whose: &Whose) -> Enter {
        Enter {
            gate: self.clone(),
            whose: whose.clone(),
            ticket: None,
        }
    }

    /// Whether somebody waits for a place.
    pub(super) fn is_wanted(&self) -> bool {
        !self.places().waiting.is_empty()
    }

    /// A place is free: it goes to whose turn it is.
    fn leave(&self) {
        let mut places = self.places();
        let Some(ticket) = places.next() else {
            places.free += 1;
            return;
        };
        // Granted under the lock of the places: who gives up at this moment sees it.
        let waker = {
            let mut state = ticket.state();
            state.granted = true;
            state.waker.take()
        };
        drop(places);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Places {
    fn push(&mut self, whose: &Whose, ticket: Arc<Ticket>) {
        let (tenant, plugin) = &**whose;
        let known = self.waiting.iter_mut().find(|one| one.tenant == *tenant);
        let Some(of_tenant) = known else {
            let plugins = VecDeque::from([OfPlugin {
                plugin: plugin.clone(),
                tickets: VecDeque::from([ticket]),
            }]);
            self.waiting.push_back(OfTenant {
                tenant: tenant.clone(),
                plugins,
            });
            return;
        };
        let plugins = &mut of_tenant.plugins;
        match plugins.iter_mut().find(|one| one.plugin == *plugin) {
            Some(of_plugin) => of_plugin.tickets.push_back(ticket),
            None => plugins.push_back(OfPlugin {
                plugin: plugin.clone(),
                tickets: VecDeque::from([ticket]),
            }),
        }
    }

    /// Whose turn it is. Its tenant and its plugin go to the end of their rounds.
    fn next(&mut self) -> Option<Arc<Ticket>> {
        let mut of_tenant = self.waiting.pop_front()?;
        let mut of_plugin = of_tenant.plugins.pop_front()?;
        let ticket = of_plugin.tickets.pop_front();
        if !of_plugin.tickets.is_empty() {
            of_tenant.plugins.push_back(of_plugin);
        }
        if !of_tenant.plugins.is_empty() {
            self.waiting.push_back(of_tenant);
        }
        ticket
    }

    /// Takes somebody out who waits no more.
    fn forget(&mut self, ticket: &Arc<Ticket>) {
        for of_tenant in &mut self.waiting {
            for of_plugin in &mut of_tenant.plugins {
                of_plugin.tickets.retain(|one| !Arc::ptr_eq(one, ticket));
            }
            of_tenant.plugins.retain(|one| !one.tickets.is_empty());
        }
        self.waiting.retain(|one| !one.plugins.is_empty());
    }
}

/// A place, free again on drop.
#[derive(Debug)]
pub(super) struct Place(Arc<Gate>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// See [`Gate::enter`].
#[derive(Debug)]
pub(super) struct Enter {
    gate: Arc<Gate>,
    whose: Whose,
    ticket: Option<Arc<Ticket>>,
}

impl Future for Enter {
    type Output = Place;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Place> {
        if let Some(ticket) = &self.ticket {
            let mut state = ticket.state();
            if !state.granted {
                state.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            drop(state);
            self.ticket = None;
            return Poll::Ready(Place(self.gate.clone()));
        }
        let gate = self.gate.clone();
        let mut places = gate.places();
        if let Some(left) = places.free.checked_sub(1) {
            places.free = left;
            return Poll::Ready(Place(self.gate.clone()));
        }
        let ticket = Arc::new(Ticket::default());
        ticket.state().waker = Some(cx.waker().clone());
        places.push(&self.whose, ticket.clone());
        self.ticket = Some(ticket);
        Poll::Pending
    }
}

impl Drop for Enter {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let mut places = self.gate.places();
        if ticket.state().granted {
            drop(places);
            self.gate.leave();
        } else {
            places.forget(&ticket);
        }
    }
}

/// How a guest says that it has had its turn, and wants another.
#[derive(Debug, Default)]
pub(super) struct Over(AtomicBool);

impl Over {
    /// Pending once. Nothing wakes it but [`InTurns`], which gets in line for it: a task that woke itself would be put
    /// off by the runtime until all the others have had their turn.
    pub(super) fn wait(self: Arc<Self>) -> impl Future<Output = ()> + Send + 'static {
        let mut waited = false;
        std::future::poll_fn(move |_| {
            if waited {
                return Poll::Ready(());
            }
            waited = true;
            self.0.store(true, Ordering::Relaxed);
            Poll::Pending
        })
    }
}

/// A future that runs guests: each of its polls is a turn on one of the threads.
pub(super) struct InTurns<F> {
    future: F,
    threads: Arc<Gate>,
    whose: Whose,
    turn: Option<Enter>,
    over: Arc<Over>,
}

impl<F: Future + Unpin> InTurns<F> {
    pub(super) fn new(future: F, threads: Arc<Gate>, whose: Whose, over: Arc<Over>) -> Self {
        Self {
            future,
            threads,
            whose,
            turn: None,
            over,
        }
    }
}

impl<F: Future + Unpin> Future for InTurns<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        let turn = match this.turn.take() {
            Some(turn) => turn,
            None => this.threads.enter(&this.whose),
        };
        let turn = this.turn.insert(turn);
        let Poll::Ready(turn) = Pin::new(turn).poll(cx) else {
            return Poll::Pending;
        };
        this.turn = None;
        let polled = Pin::new(&mut this.future).poll(cx);
        if this.over.0.swap(false, Ordering::Relaxed) && polled.is_pending() {
            // In line before the place is free, so that it goes to whose turn it is.
            let mut next = this.threads.enter(&this.whose);
            match Pin::new(&mut next).poll(cx) {
                Poll::Pending => this.turn = Some(next),
                Poll::Ready(_another) => cx.waker().wake_by_ref(),
            }
        }
        drop(turn);
        polled
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn whose(tenant: &str, plugin: &str) -> Whose {
        Arc::new((
            tenant.parse().expect("a name"),
            plugin.parse().expect("a name"),
        ))
    }

    /// Everybody waits; each then takes one turn. Gives the order of the turns.
    fn order(waiting: &[(&str, &str)]) -> Vec<usize> {
        let gate = Gate::new(1);
        let mut held = gate.try_enter();
        let mut waiting: Vec<_> = waiting
            .iter()
            .map(|(tenant, plugin)| Some(gate.enter(&whose(tenant, plugin))))
            .collect();
        for one in waiting.iter_mut().flatten() {
            assert!(one.now_or_never().is_none());
        }
        let mut order = Vec::new();
        while order.len() < waiting.len() {
            drop(held.take());
            for (number, slot) in waiting.iter_mut().enumerate() {
                let place = slot.as_mut().and_then(FutureExt::now_or_never);
                if let Some(place) = place {
                    *slot = None;
                    order.push(number);
                    held = Some(place);
                }
            }
        }
        order
    }

    #[test]
    fn a_flood_waits_behind_itself() {
        let flood = ("a", "p");
        assert_eq!(
            order(&[flood, flood, flood, flood, ("b", "p")]),
            [0, 4, 1, 2, 3]
        );
        // However many plugins it floods.
        assert_eq!(
            order(&[("a", "p"), ("a", "q"), ("a", "r"), ("b", "p")]),
            [0, 3, 1, 2]
        );
        // Within a tenant, a plugin's flood waits behind itself as well.
        assert_eq!(order(&[flood, flood, flood, ("a", "q")]), [0, 3, 1, 2]);
    }

    #[test]
    fn who_gives_up_takes_nothing() {
        let gate = Gate::new(1);
        let held = gate.try_enter();
        let key = whose("a", "p");
        let mut first = gate.enter(&key);
        let mut second = gate.enter(&key);
        let mut third = gate.enter(&key);
        assert!((&mut first).now_or_never().is_none());
        assert!((&mut second).now_or_never().is_none());
        assert!((&mut third).now_or_never().is_none());
        drop(first);
        drop(held);
        // Granted, and given up before it looked.
        drop(second);
        assert!((&mut third).now_or_never().is_some());
        assert!(!gate.is_wanted());
        assert!(gate.try_enter().is_some());
        assert!(gate.try_enter().is_some(), "the place came back");
    }

    #[test]
    fn every_poll_is_a_turn() {
        let threads = Gate::new(1);
        let held = threads.try_enter();
        let mut polled = 0;
        let work = std::future::poll_fn(|cx| {
            polled += 1;
            cx.waker().wake_by_ref();
            if polled == 2 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        let mut work = InTurns::new(work, threads.clone(), whose("a", "p"), Arc::default());
        assert!((&mut work).now_or_never().is_none(), "no thread is free");
        drop(held);
        assert!((&mut work).now_or_never().is_none(), "the first turn");
        assert!(threads.try_enter().is_some(), "between turns it is free");
        assert!((&mut work).now_or_never().is_some(), "the second");
        drop(work);
        assert_eq!(polled, 2);
    }

    #[test]
    fn who_has_had_a_turn_is_in_line_for_the_next() {
        let threads = Gate::new(1);
        let over = Arc::new(Over::default());
        let work = || async {
            over.clone().wait().await;
        };
        let mut first = InTurns::new(
            Box::pin(work()),
            threads.clone(),
            whose("a", "p"),
            over.clone(),
        );
        let mut other = threads.enter(&whose("b", "p"));
        let held = threads.try_enter();
        assert!((&mut first).now_or_never().is_none());
        assert!((&mut other).now_or_never().is_none());
        drop(held);
        assert!((&mut first).now_or_never().is_none(), "its first turn");
        assert!(threads.is_wanted(), "it is in line again");
        let place = (&mut other).now_or_never();
        assert!(place.is_some(), "after whoever came before");
        assert!((&mut first).now_or_never().is_none());
        drop(place);
        assert!((&mut first).now_or_never().is_some(), "its second turn");
    }
}
