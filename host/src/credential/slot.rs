//! One key of the cache: the current token, the login under way, the last failure.
//!
//! Every decision is made under one short lock, with the time given; nothing waits there. A login runs as a task
//! of its own, so that it survives the caller who started it; the slot owns the task.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::Shared;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::backoff::{Budget, Schedule, delay, schedule};
use super::error::{LoginError, LoginFailure};
use super::login::{self, Renewal, Session};
use super::token::Token;
use super::{Endpoint, chain, is_replaceable};
use crate::audit::{Audit, Event, Kind};
use crate::config::TenantName;
use crate::telemetry::{metrics, outcome};

type Outcome = Result<Arc<Token>, LoginFailure>;

/// A login that many may wait for.
pub(super) type Flight = Shared<oneshot::Receiver<Outcome>>;

pub(super) struct Slot {
    /// Whose logins these are.
    tenant: TenantName,
    audit: Audit,
    state: Mutex<State>,
}

struct State {
    current: Option<Current>,
    renewal: Option<Renewal>,
    flight: Option<(Flight, AbortOnDropHandle<()>)>,
    failure: Option<Failure>,
    generations: u64,
    budget: Budget,
}

struct Current {
    token: Arc<Token>,
    /// Absent: good until the backend says otherwise.
    schedule: Option<Schedule>,
}

struct Failure {
    reason: Arc<LoginError>,
    count: u32,
    until: Instant,
}

impl Failure {
    fn tell(&self, now: Instant) -> LoginFailure {
        LoginFailure {
            reason: Arc::clone(&self.reason),
            retry_in: self.until.saturating_duration_since(now),
        }
    }
}

/// What a request does about its token.
pub(super) enum Step {
    Use(Arc<Token>),
    Wait(Flight),
    Fail(LoginFailure),
}

impl Step {
    pub(super) async fn take(self) -> Outcome {
        match self {
            Self::Use(token) => Ok(token),
            Self::Fail(failure) => Err(failure),
            Self::Wait(flight) => flight.await.unwrap_or_else(|_| {
                Err(LoginFailure {
                    reason: Arc::new(LoginError::Broken),
                    retry_in: Duration::ZERO,
                })
            }),
        }
    }
}

impl Slot {
    pub(super) fn new(tenant: TenantName, audit: Audit) -> Arc<Self> {
        let state = State {
            current: None,
            renewal: None,
            flight: None,
            failure: None,
            generations: 0,
            budget: Budget::new(),
        };
        Arc::new(Self {
            tenant,
            audit,
            state: Mutex::new(state),
        })
    }

    /// The token for a request. Starts a login if there is none, and a renewal if the token's end is near; the
    /// latter does not make the request wait.
    pub(super) fn token(self: &Arc<Self>, endpoint: &Endpoint) -> Step {
        let now = Instant::now();
        let mut state = self.lock();
        match state.usable(now) {
            Some((token, false)) => Step::Use(token),
            Some((token, true)) => {
                // Waiting after a failure is the only reason not to start, and the token is still good.
                let _ = self.start(&mut state, endpoint, now);
                Step::Use(token)
            }
            None => self.start(&mut state, endpoint, now),
        }
    }

    /// What to do after the backend refused `rejected`; nothing, when another token would not help.
    ///
    /// Only the current token is thrown away. A refusal that comes late, for a token that has been replaced
    /// since, just gets the newer one.
    pub(super) fn replace(self: &Arc<Self>, endpoint: &Endpoint, rejected: &Token) -> Option<Step> {
        if !is_replaceable(&endpoint.binding.credential) {
            return None;
        }
        let now = Instant::now();
        let mut state = self.lock();
        let is_current = state
            .current
            .as_ref()
            .is_some_and(|current| current.token.generation == rejected.generation);
        if is_current {
            if state.flight.is_none() && !state.budget.take(now) {
                return None;
            }
            state.current = None;
        }
        drop(state);
        Some(self.token(endpoint))
    }

    fn start(self: &Arc<Self>, state: &mut State, endpoint: &Endpoint, now: Instant) -> Step {
        if let Some((flight, _)) = &state.flight {
            return Step::Wait(flight.clone());
        }
        if let Some(failure) = &state.failure
            && now < failure.until
        {
            return Step::Fail(failure.tell(now));
        }
        let renewal = state.renewal.take();
        let (sender, receiver) = oneshot::channel();
        let flight = receiver.shared();
        let slot = Arc::downgrade(self);
        let endpoint = endpoint.clone();
        let task = tokio::spawn(async move {
            let asked_at = Instant::now();
            let result = AssertUnwindSafe(attempt(&endpoint, renewal))
                .catch_unwind()
                .await
                .unwrap_or((Err(LoginError::Broken), None));
            // Without a slot the cache is gone, and with it everybody who could wait.
            if let Some(slot) = slot.upgrade() {
                slot.record(&endpoint, asked_at, &result.0);
                let outcome = slot.lock().land(&endpoint, asked_at, result);
                // Nobody need be waiting: a renewal ahead of time has no caller.
                let _ = sender.send(outcome);
            }
        });
        state.flight = Some((flight.clone(), AbortOnDropHandle::new(task)));
        Step::Wait(flight)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, endpoint: &Endpoint, began: Instant, ended: &Result<Session, LoginError>) {
        let binding = &endpoint.binding;
        let event = Event::new(Kind::Login)
            .by(self.tenant.as_str(), None)
            .with("binding", binding.name.as_str())
            .with("credential", binding.credential.name.as_str())
            .outcome(if ended.is_ok() {
                outcome::SUCCESS
            } else {
                outcome::FAILURE
            })
            .took(began.elapsed());
        // The error's own words are fit for guests: they hold neither secrets nor what the backend said.
        let reason = ended.as_ref().err().map(ToString::to_string);
        self.audit.record(event.with("reason", reason));
    }
}

impl State {
    /// The token, if it is good, and whether it is time to renew it.
    fn usable(&self, now: Instant) -> Option<(Arc<Token>, bool)> {
        let current = self.current.as_ref()?;
        let due = match current.schedule {
            None => false,
            Some(schedule) if schedule.expires_at <= now => return None,
            Some(schedule) => schedule.renew_at <= now,
        };
        Some((Arc::clone(&current.token), due))
    }

    /// Takes in what a login gave. This is where its failure is handled, so it is logged here, once.
    fn land(
        &mut self,
        endpoint: &Endpoint,
        asked_at: Instant,
        (result, renewal): (Result<Session, LoginError>, Option<Renewal>),
    ) -> Outcome {
        self.flight = None;
        let binding = &endpoint.binding;
        match result {
            Ok(session) => {
                metrics().login(binding.name.as_str(), outcome::SUCCESS);
                self.generations += 1;
                self.failure = None;
                self.renewal = session.renewal;
                let token = Arc::new(Token {
                    generation: self.generations,
                    headers: session.headers,
                    patterns: Arc::new(session.patterns),
                });
                self.current = Some(Current {
                    token: Arc::clone(&token),
                    schedule: session
                        .lifetime
                        .map(|lifetime| schedule(asked_at, lifetime)),
                });
                tracing::debug!(
                    binding = %binding.name,
                    credential = %binding.credential.name,
                    lifetime_s = session.lifetime.map(|lifetime| lifetime.as_secs()),
                    "logged in"
                );
                Ok(token)
            }
            Err(error) => {
                metrics().login(binding.name.as_str(), outcome::FAILURE);
                let count = self.failure.as_ref().map_or(0, |failure| failure.count) + 1;
                let wait = delay(&error, count);
                tracing::warn!(
                    binding = %binding.name,
                    credential = %binding.credential.name,
                    attempt = count,
                    next_in_s = wait.as_secs(),
                    error = chain(&error),
                    "login failed"
                );
                self.renewal = renewal;
                let now = Instant::now();
                let failure = self.failure.insert(Failure {
                    reason: Arc::new(error),
                    count,
                    until: now + wait,
                });
                Err(failure.tell(now))
            }
        }
    }
}

/// Renews if there is something to renew with, else logs in. Gives back what may still serve to renew.
async fn attempt(
    endpoint: &Endpoint,
    renewal: Option<Renewal>,
) -> (Result<Session, LoginError>, Option<Renewal>) {
    if let Some(renewal) = renewal {
        match login::renew(endpoint, &renewal).await {
            Ok(session) => return (Ok(session), None),
            // The backend did not see it, or cannot tell now: it may be good yet.
            Err(error) if !error.is_permanent() => return (Err(error), Some(renewal)),
            Err(error) => tracing::debug!(
                binding = %endpoint.binding.name,
                error = chain(&error),
                "renewal failed, logging in anew"
            ),
        }
    }
    (login::log_in(endpoint).await, None)
}
