//! Whose turn it is: how many requests a backend gets at once, and how many in a second.
//!
//! Both queues are first come, first served. So that a plugin whose calls hold all their answers unread does not stop
//! its neighbours, one plugin's calls for one tenant take no more than three quarters of the places.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::Origin;
use crate::config::{PluginName, TenantName, Traffic};

/// Whose requests are counted together.
pub(super) type Who = (PluginName, TenantName);

pub(super) fn who(origin: &Origin) -> Who {
    (origin.plugin.clone(), origin.tenant.clone())
}

/// Shares that are kept although nobody uses them.
const IDLE_SHARES: usize = 256;

/// The turnstile before one backend.
#[derive(Debug)]
pub(super) struct Gate {
    places: Arc<Semaphore>,
    share: usize,
    shares: Mutex<HashMap<Who, Arc<Semaphore>>>,
    bucket: Option<Bucket>,
}

/// A place at the backend, free again on drop.
#[derive(Debug)]
pub(super) struct Place {
    _common: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
}

/// Which limit a request has waited for in vain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Full {
    Places,
    Rate,
}

impl Gate {
    pub(super) fn new(traffic: &Traffic) -> Self {
        let places = traffic.concurrency as usize;
        Self {
            places: Arc::new(Semaphore::new(places)),
            share: (places - places / 4).max(1),
            shares: Mutex::default(),
            bucket: traffic.requests_per_second.map(Bucket::new),
        }
    }

    /// Waits for its turn, at most `until` then. Whoever gives up has taken nothing.
    pub(super) async fn enter(&self, who: &Who, until: Instant) -> Result<Place, Full> {
        const NEVER_CLOSED: &str = "these semaphores are never closed";
        let place = async {
            // The own share first: a queue of one's own must not hold places of all.
            let own = self.share_of(who).acquire_owned().await;
            let common = Arc::clone(&self.places).acquire_owned().await;
            Place {
                _own: own.expect(NEVER_CLOSED),
                _common: common.expect(NEVER_CLOSED),
            }
        };
        let place = tokio::time::timeout_at(until, place)
            .await
            .map_err(|_| Full::Places)?;
        if let Some(bucket) = &self.bucket {
            tokio::time::timeout_at(until, bucket.take())
                .await
                .map_err(|_| Full::Rate)?;
        }
        Ok(place)
    }

    fn share_of(&self, who: &Who) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if shares.len() > IDLE_SHARES {
            // Every holder and everybody in the queue has a clone.
            shares.retain(|_, share| Arc::strong_count(share) > 1);
        }
        let share = shares
            .entry(who.clone())
            .or_insert_with(|| Arc::new(Semaphore::new(self.share)));
        Arc::clone(share)
    }
}

/// A token bucket that holds the tokens of one second.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_second: f64,
    /// Held by whoever waits for the next token: the others wait behind, in order.
    turn: Semaphore,
    level: Mutex<(f64, Instant)>,
}

impl Bucket {
    pub(crate) fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second);
        Self {
            per_second,
            turn: Semaphore::new(1),
            level: Mutex::new((per_second, Instant::now())),
        }
    }

    async fn take(&self) {
        // Never closed; without a turn there would only be no order.
        let _turn = self.turn.acquire().await;
        while let Err(wait) = self.try_take(Instant::now()) {
            tokio::time::sleep(wait).await;
        }
    }

    /// Whether there is a token; takes none.
    pub(crate) fn has_one(&self, now: Instant) -> bool {
        let (tokens, at) = *self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let since = now.saturating_duration_since(at).as_secs_f64();
        tokens + since * self.per_second >= 1.0
    }

    /// Takes a token, or tells when there is one.
    pub(crate) fn try_take(&self, now: Instant) -> Result<(), Duration> {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, at) = *level;
        let since = now.saturating_duration_since(at).as_secs_f64();
        let tokens = (tokens + since * self.per_second).min(self.per_second);
        if tokens >= 1.0 {
            *level = (tokens - 1.0, now);
            return Ok(());
        }
        *level = (tokens, now);
        // Timers are exact to a millisecond, and a shorter sleep would spin.
        let missing = Duration::from_secs_f64((1.0 - tokens) / self.per_second);
        Err(missing.max(Duration::from_millis(1)))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn gate(concurrency: u32, requests_per_second: Option<u32>) -> Gate {
        Gate::new(&Traffic {
            concurrency,
            requests_per_second,
            ..crate::egress::tests::traffic()
        })
    }

    fn called(plugin: &str) -> Who {
        (plugin.parse().unwrap(), "local".parse().unwrap())
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test(start_paused = true)]
    async fn places_are_limited_and_free_again() {
        let gate = gate(2, None);
        let (a, b) = (called("a"), called("b"));
        let first = gate.enter(&a, soon()).await.unwrap();
        let _second = gate.enter(&b, soon()).await.unwrap();
        assert_eq!(
            gate.enter(&called("c"), soon()).await.err(),
            Some(Full::Places)
        );
        drop(first);
        assert!(gate.enter(&a, soon()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_plugin_leaves_places_for_its_neighbours() {
        let gate = gate(4, None);
        let hog = called("hog");
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(gate.enter(&hog, soon()).await.unwrap());
        }
        // However long its own queue is, the neighbour does not stand in it.
        let waiting: Vec<_> = (0..8).map(|_| Box::pin(gate.enter(&hog, soon()))).collect();
        let mut waiting = futures::future::join_all(waiting);
        assert!((&mut waiting).now_or_never().is_none());
        assert!(
            gate.enter(&called("quiet"), soon())
                .now_or_never()
                .is_some()
        );
        let mut other_tenant = hog.clone();
        other_tenant.1 = "other".parse().unwrap();
        assert!(gate.enter(&other_tenant, soon()).now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_has_its_number_of_requests() {
        let gate = gate(100, Some(10));
        let who = called("a");
        let start = Instant::now();
        let mut taken = Vec::new();
        for _ in 0..30 {
            drop(gate.enter(&who, soon()).await.unwrap());
            taken.push(start.elapsed());
        }
        assert_eq!(taken[9], Duration::ZERO, "a full bucket");
        let end = taken[29].as_secs_f64();
        assert!((1.9..2.2).contains(&end), "{end}");
        // Whoever gives up takes no token from those behind.
        for _ in 0..50 {
            assert_eq!(
                gate.enter(&who, Instant::now()).await.err(),
                Some(Full::Rate)
            );
        }
        assert!(gate.enter(&who, soon()).await.is_ok());
        assert!(start.elapsed().as_secs_f64() < end + 0.2);
    }

    #[test]
    fn shares_that_nobody_uses_are_forgotten() {
        let gate = gate(4, None);
        for number in 0..2 * IDLE_SHARES {
            drop(gate.share_of(&called(&format!("p{number}"))));
        }
        assert!(gate.shares.lock().unwrap().len() <= IDLE_SHARES + 1);
    }
}
