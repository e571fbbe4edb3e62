//! Places that tenants share fairly: who has waited least often goes first, not who has asked most often.
//!
//! A free place goes round the tenants that wait, and within a tenant round its plugins; within one plugin, first come,
//! first served. So a tenant that floods the host waits behind itself, and another waits for one turn. It is used for
//! the turns of guests on their threads, for the instances of the pool and for the calls of one plugin.

use std::collections::VecDeque;
use std::pin::Pin;
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
    waiting: Rounds<Arc<Ticket>>,
}

/// Who waits: round the tenants, round a tenant's plugins, first come first served.
#[derive(Debug)]
pub(super) struct Rounds<T> {
    tenants: VecDeque<OfTenant<T>>,
    /// Empty, of tenants that wait no more: the next one needs no memory.
    spare: Vec<OfTenant<T>>,
}

/// In [`Rounds::tenants`] never without a plugin.
#[derive(Debug)]
struct OfTenant<T> {
    whose: Whose,
    plugins: VecDeque<OfPlugin<T>>,
    spare: Vec<OfPlugin<T>>,
}

/// In [`OfTenant::plugins`] never empty.
#[derive(Debug)]
struct OfPlugin<T> {
    whose: Whose,
    waiting: VecDeque<T>,
}

/// Of each kind that may be spare. A line is rarely longer than what fits in them.
const SPARE: usize = 8;

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
            waiting: Rounds::default(),
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
        let Some(ticket) = places.waiting.next() else {
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

impl<T> Default for Rounds<T> {
    fn default() -> Self {
        Self {
            tenants: VecDeque::new(),
            spare: Vec::new(),
        }
    }
}

impl<T> Rounds<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    pub(super) fn push(&mut self, whose: &Whose, one: T) {
        let (tenant, _) = &**whose;
        let known = self.tenants.iter_mut().find(|of| of.whose.0 == *tenant);
        if let Some(of_tenant) = known {
            of_tenant.push(whose, one);
            return;
        }
        let mut of_tenant = match self.spare.pop() {
            Some(spare) => OfTenant {
                whose: whose.clone(),
                ..spare
            },
            None => OfTenant {
                whose: whose.clone(),
                plugins: VecDeque::new(),
                spare: Vec::new(),
            },
        };
        of_tenant.push(whose, one);
        self.tenants.push_back(of_tenant);
    }

    /// Whose turn it is. Its tenant and its plugin go to the end of their rounds.
    pub(super) fn next(&mut self) -> Option<T> {
        let mut of_tenant = self.tenants.pop_front()?;
        let next = of_tenant.next();
        if !of_tenant.plugins.is_empty() {
            self.tenants.push_back(of_tenant);
        } else if self.spare.len() < SPARE {
            self.spare.push(of_tenant);
        }
        next
    }

    /// Takes those out who wait no more.
    fn forget(&mut self, is_gone: impl Fn(&T) -> bool) {
        for of_tenant in &mut self.tenants {
            for of_plugin in &mut of_tenant.plugins {
                of_plugin.waiting.retain(|one| !is_gone(one));
            }
            of_tenant.plugins.retain(|one| !one.waiting.is_empty());
        }
        self.tenants.retain(|one| !one.plugins.is_empty());
    }
}

impl<T> OfTenant<T> {
    fn push(&mut self, whose: &Whose, one: T) {
        let (_, plugin) = &**whose;
        let known = self.plugins.iter_mut().find(|of| of.whose.1 == *plugin);
        if let Some(of_plugin) = known {
            of_plugin.waiting.push_back(one);
            return;
        }
        let spare = self.spare.pop();
        let mut waiting = spare.map_or_else(VecDeque::new, |spare| spare.waiting);
        waiting.push_back(one);
        self.plugins.push_back(OfPlugin {
            whose: whose.clone(),
            waiting,
        });
    }

    fn next(&mut self) -> Option<T> {
        let mut of_plugin = self.plugins.pop_front()?;
        let next = of_plugin.waiting.pop_front();
        if !of_plugin.waiting.is_empty() {
            self.plugins.push_back(of_plugin);
        } else if self.spare.len() < SPARE {
            self.spare.push(of_plugin);
        }
        next
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
        places.waiting.push(&self.whose, ticket.clone());
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
            places.waiting.forget(|one| Arc::ptr_eq(one, &ticket));
        }
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
}
