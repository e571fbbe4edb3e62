//! Leaving a backend alone that does not answer: requests fail at once and say when it is tried again.
//!
//! What a guest asks for can make a backend fail, and must not close the way for its neighbours. So there are two
//! counts: failed connections, which no guest can bring about, are counted for all; whatever happens on a connection
//! is counted for the plugin and the tenant that asked. After the pause one request goes through; its fate decides.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::gate::Who;
use crate::config::Traffic;

/// The circuit breakers of one binding.
#[derive(Debug)]
pub(super) struct Circuits {
    most: u32,
    pause: Duration,
    states: Mutex<HashMap<Key, State>>,
}

/// Whose failures: everybody's, or those of one plugin for one tenant.
type Key = Option<Who>;

/// Absent from the map: closed, and the last request was well.
#[derive(Debug, Default)]
struct State {
    failures: u32,
    last: String,
    open_until: Option<Instant>,
    /// One request tries the backend.
    probed: bool,
}

/// Why a request is not sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Open {
    failures: u32,
    last: String,
    /// `None`: it is being tried.
    retry_in: Option<Duration>,
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failures, last, .. } = self;
        write!(
            f,
            "is left alone after {failures} failures in a row (the last: {last}); "
        )?;
        match self.retry_in {
            Some(wait) => write!(
                f,
                "it is tried again in {} s",
                wait.as_millis().div_ceil(1000)
            ),
            None => f.write_str("it is being tried again now"),
        }
    }
}

/// What became of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    /// There was no connection, because of this.
    Unconnected(String),
    /// There was one, and no good answer came over it.
    Failed(String),
    /// An answer that says nothing against the backend.
    Answered,
}

impl Circuits {
    pub(super) fn new(traffic: &Traffic) -> Self {
        Self {
            most: traffic.circuit_failures,
            pause: traffic.circuit_pause,
            states: Mutex::default(),
        }
    }

    /// Lets a request through, unless the backend is left alone. The pass wants to hear how it ended.
    pub(super) fn pass(&self, who: &Who) -> Result<Pass<'_>, Open> {
        let now = Instant::now();
        let keys = [None, Some(who.clone())];
        let mut states = self.lock();
        if let Some(open) = keys.iter().find_map(|key| states.get(key)?.refuses(now)) {
            return Err(open);
        }
        let mut probes = [false; 2];
        for (key, probe) in keys.iter().zip(&mut probes) {
            if let Some(state) = states.get_mut(key) {
                *probe = state.open_until.is_some();
                state.probed |= *probe;
            }
        }
        drop(states);
        Ok(Pass {
            circuits: self,
            keys,
            probes,
        })
    }

    /// Whether the next request would be refused.
    pub(super) fn is_open(&self, who: &Who) -> bool {
        let now = Instant::now();
        let states = self.lock();
        [None, Some(who.clone())].iter().any(|key| {
            states
                .get(key)
                .is_some_and(|state| state.refuses(now).is_some())
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, states: &mut HashMap<Key, State>, key: &Key, last: String) {
        let state = states.entry(key.clone()).or_default();
        state.failures = state.failures.saturating_add(1);
        state.last = last;
        state.probed = false;
        if state.failures >= self.most {
            state.open_until = Some(Instant::now() + self.pause);
        }
    }
}

impl State {
    fn refuses(&self, now: Instant) -> Option<Open> {
        let until = self.open_until?;
        let retry_in = if now < until {
            Some(until - now)
        } else if self.probed {
            None
        } else {
            return None;
        };
        Some(Open {
            failures: self.failures,
            last: self.last.clone(),
            retry_in,
        })
    }
}

/// A request that was let through. Dropped without a word, it tells nothing: the caller went away.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    circuits: &'a Circuits,
    keys: [Key; 2],
    probes: [bool; 2],
}

impl Pass<'_> {
    pub(super) fn tell(self, fate: Fate) {
        let [all, own] = &self.keys;
        let mut states = self.circuits.lock();
        match fate {
            Fate::Unconnected(last) => self.circuits.fail(&mut states, all, last),
            Fate::Failed(last) => {
                // The connection stood.
                states.remove(all);
                self.circuits.fail(&mut states, own, last);
            }
            Fate::Answered => {
                states.remove(all);
                states.remove(own);
            }
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.probes == [false; 2] {
            return;
        }
        let mut states = self.circuits.lock();
        for (key, probe) in self.keys.iter().zip(self.probes) {
            if let (true, Some(state)) = (probe, states.get_mut(key)) {
                state.probed = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(10);

    fn circuits() -> Circuits {
        Circuits::new(&Traffic {
            circuit_failures: 3,
            circuit_pause: PAUSE,
            ..crate::egress::tests::traffic()
        })
    }

    fn called(plugin: &str) -> Who {
        (plugin.parse().unwrap(), "local".parse().unwrap())
    }

    fn tell(circuits: &Circuits, who: &Who, fates: &[Fate]) {
        for fate in fates {
            circuits.pass(who).unwrap().tell(fate.clone());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_it_and_one_request_tries_again() {
        let circuits = circuits();
        let (a, b) = (called("a"), called("b"));
        let down = || Fate::Unconnected("it refused the connection".to_owned());
        tell(
            &circuits,
            &a,
            &[down(), down(), Fate::Answered, down(), down()],
        );
        assert!(!circuits.is_open(&a));
        tell(&circuits, &b, &[down()]);
        assert!(circuits.is_open(&a));
        tokio::time::advance(Duration::from_millis(2500)).await;
        let open = circuits.pass(&a).unwrap_err();
        assert_eq!(
            open.to_string(),
            "is left alone after 3 failures in a row (the last: it refused the connection); it is tried again in 8 s"
        );
        tokio::time::advance(PAUSE).await;
        let probe = circuits.pass(&a).unwrap();
        let waiting = circuits.pass(&b).unwrap_err().to_string();
        assert!(
            waiting.ends_with("it is being tried again now"),
            "{waiting}"
        );
        // A caller who goes away leaves the try to the next.
        drop(probe);
        circuits.pass(&b).unwrap().tell(down());
        assert_eq!(circuits.pass(&a).unwrap_err().retry_in, Some(PAUSE));
        tokio::time::advance(PAUSE).await;
        tell(&circuits, &a, &[Fate::Answered, Fate::Answered]);
        assert!(circuits.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_one_plugin_brings_about_does_not_stop_its_neighbour() {
        let circuits = circuits();
        let (hostile, other) = (called("hostile"), called("other"));
        let failed = || Fate::Failed("it answered 504".to_owned());
        tell(&circuits, &hostile, &[failed(), failed(), failed()]);
        let open = circuits.pass(&hostile).unwrap_err().to_string();
        assert!(open.contains("it answered 504"), "{open}");
        tell(&circuits, &other, &[Fate::Answered]);
        // An answer to the neighbour is none to the other.
        assert!(circuits.pass(&hostile).is_err());
    }
}
