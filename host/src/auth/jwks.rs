//! The issuer's keys, kept: fetched when first needed, again when they are old, and when a token names one that is
//! not among them, because that is how keys rotate.
//!
//! Whoever sends tokens can name keys that do not exist. So fetching has a budget, one fetch runs at a time, and those
//! who come meanwhile wait for it or use what is there.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use futures::future::BoxFuture;
use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Refusal;
use super::keys::Keys;

/// After this a set is fetched again before it is used: a key that was withdrawn is not used much longer.
const OLD: Duration = Duration::from_mins(10);
/// After this a set is used no more, even when no newer one can be had.
const TOO_OLD: Duration = Duration::from_mins(70);
/// Fetches that may follow each other at once …
const BURST: u32 = 5;
/// … and how long it takes until one more may.
const REFILL: Duration = Duration::from_secs(12);

/// Where keys come from.
pub(super) trait Source: Debug + Send + Sync {
    /// Fetches the set once. It takes a bounded time.
    fn fetch(&self) -> BoxFuture<'_, Result<Keys, FetchError>>;
}

/// Why the keys could not be fetched, for the operator's log.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("cannot reach `{url}`")]
    Request {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("`{url}` answered with status {status}")]
    Status { url: String, status: u16 },
    #[error("the answer of `{url}` is longer than {limit} bytes")]
    TooLong { url: String, limit: usize },
    #[error("the answer of `{url}` is not {expected}")]
    Content { url: String, expected: &'static str },
    #[error("`{url}` is the metadata of another issuer")]
    OtherIssuer { url: String },
}

#[derive(Debug)]
pub(super) struct Jwks {
    source: Box<dyn Source>,
    current: ArcSwapOption<Snapshot>,
    budget: Mutex<Budget>,
}

#[derive(Debug)]
struct Snapshot {
    keys: Keys,
    fetched: Instant,
}

impl Jwks {
    pub(super) fn new(source: Box<dyn Source>) -> Self {
        Self {
            source,
            current: ArcSwapOption::empty(),
            budget: Mutex::new(Budget::full()),
        }
    }

    /// The key that a token's header names.
    pub(super) async fn key(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
    ) -> Result<DecodingKey, Refusal> {
        let find = |snapshot: &Snapshot| snapshot.keys.find(algorithm, id).cloned();
        let seen = self.current.load_full();
        if let Some(key) = seen.as_deref().filter(|seen| !seen.is(OLD)).and_then(find) {
            return Ok(key);
        }
        let still_good = seen
            .as_deref()
            .filter(|seen| !seen.is(TOO_OLD))
            .and_then(find);
        let newest = match (still_good, self.budget.try_lock()) {
            (_, Ok(mut budget)) => self.newer(seen, &mut budget).await,
            // Somebody fetches already; the issuer may be slow, and this key was good until now.
            (Some(key), Err(_)) => return Ok(key),
            (None, Err(_)) => {
                let mut budget = self.budget.lock().await;
                self.newer(seen, &mut budget).await
            }
        };
        let newest = newest
            .filter(|newest| !newest.is(TOO_OLD))
            .ok_or(Refusal::Unavailable)?;
        find(&newest).ok_or(Refusal::Invalid(
            "the token is signed with a key that the issuer does not have",
        ))
    }

    /// A set newer than `seen`, if one can be had; otherwise what is there.
    async fn newer(
        &self,
        seen: Option<Arc<Snapshot>>,
        budget: &mut Budget,
    ) -> Option<Arc<Snapshot>> {
        let current = self.current.load_full();
        let fetched = |snapshot: &Option<Arc<Snapshot>>| snapshot.as_ref().map(|it| it.fetched);
        if fetched(&current) != fetched(&seen) || !budget.take() {
            return current;
        }
        match self.source.fetch().await {
            Ok(keys) => {
                tracing::debug!(keys = keys.len(), "fetched the issuer's keys");
                let fetched = Instant::now();
                self.current
                    .store(Some(Arc::new(Snapshot { keys, fetched })));
            }
            Err(error) => {
                let error = crate::error::report(&error);
                tracing::warn!(%error, "cannot fetch the issuer's keys");
            }
        }
        self.current.load_full()
    }
}

impl Snapshot {
    fn is(&self, old: Duration) -> bool {
        self.fetched.elapsed() >= old
    }
}

/// How many fetches may still be made, refilled with time.
#[derive(Debug)]
struct Budget {
    left: u32,
    since: Instant,
}

impl Budget {
    fn full() -> Self {
        Self {
            left: BURST,
            since: Instant::now(),
        }
    }

    fn take(&mut self) -> bool {
        let refills = self.since.elapsed().as_secs() / REFILL.as_secs();
        if let Ok(refills @ 1..) = u32::try_from(refills) {
            self.left = self.left.saturating_add(refills).min(BURST);
            self.since += REFILL * refills;
        }
        let taken = self.left.checked_sub(1);
        self.left = taken.unwrap_or(0);
        taken.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as SyncMutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;
    use tokio::time::advance;

    use super::*;

    /// Has the keys of the moment, or none; counts who asks.
    #[derive(Clone, Debug, Default)]
    struct Scripted(Arc<Script>);

    #[derive(Debug, Default)]
    struct Script {
        ids: SyncMutex<Option<Vec<&'static str>>>,
        fetches: AtomicUsize,
    }

    impl Scripted {
        fn has(&self, ids: &[&'static str]) {
            *self.0.ids.lock().unwrap() = Some(ids.to_vec());
        }

        fn is_down(&self) {
            *self.0.ids.lock().unwrap() = None;
        }

        fn fetches(&self) -> usize {
            self.0.fetches.load(Ordering::Relaxed)
        }
    }

    impl Source for Scripted {
        fn fetch(&self) -> BoxFuture<'_, Result<Keys, FetchError>> {
            self.0.fetches.fetch_add(1, Ordering::Relaxed);
            Box::pin(async {
                tokio::task::yield_now().await;
                let ids = self.0.ids.lock().unwrap().clone();
                let ids = ids.ok_or_else(|| FetchError::Status {
                    url: "https://login.example".to_owned(),
                    status: 503,
                })?;
                let keys: Vec<_> = ids
                    .into_iter()
                    .map(|id| json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": id }))
                    .collect();
                let set = json!({ "keys": keys }).to_string();
                Ok(Keys::parse(set.as_bytes(), &[Algorithm::RS256]).unwrap())
            })
        }
    }

    async fn has(jwks: &Jwks, id: &str) -> Result<(), Refusal> {
        jwks.key(Algorithm::RS256, Some(id)).await.map(drop)
    }

    fn set_up(ids: &[&'static str]) -> (Scripted, Jwks) {
        let source = Scripted::default();
        source.has(ids);
        (source.clone(), Jwks::new(Box::new(source)))
    }

    fn unknown() -> Result<(), Refusal> {
        Err(Refusal::Invalid(
            "the token is signed with a key that the issuer does not have",
        ))
    }

    #[tokio::test(start_paused = true)]
    async fn a_set_is_fetched_once_until_it_is_old() {
        let (source, jwks) = set_up(&["a"]);
        let jwks = Arc::new(jwks);
        let calls: Vec<_> = (0..50)
            .map(|_| {
                tokio::spawn({
                    let jwks = jwks.clone();
                    async move { has(&jwks, "a").await }
                })
            })
            .collect();
        for call in calls {
            call.await.unwrap().unwrap();
        }
        assert_eq!(source.fetches(), 1);
        advance(OLD).await;
        has(&jwks, "a").await.unwrap();
        assert_eq!(source.fetches(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_key_is_taken_at_once_and_a_withdrawn_one_refused() {
        let (source, jwks) = set_up(&["a"]);
        has(&jwks, "a").await.unwrap();
        source.has(&["b"]);
        has(&jwks, "b").await.unwrap();
        assert_eq!(has(&jwks, "a").await, unknown());
    }

    #[tokio::test(start_paused = true)]
    async fn made_up_keys_cost_the_issuer_little() {
        let (source, jwks) = set_up(&["a"]);
        for _ in 0..1000 {
            assert_eq!(has(&jwks, "made-up").await, unknown());
        }
        assert_eq!(source.fetches(), BURST as usize);
        has(&jwks, "a").await.unwrap();
        advance(REFILL).await;
        for _ in 0..10 {
            assert_eq!(has(&jwks, "made-up").await, unknown());
        }
        assert_eq!(source.fetches(), BURST as usize + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_issuer_that_is_down_is_bridged_for_an_hour() {
        let (source, jwks) = set_up(&["a"]);
        has(&jwks, "a").await.unwrap();
        source.is_down();
        advance(TOO_OLD.saturating_sub(Duration::from_secs(1))).await;
        has(&jwks, "a").await.unwrap();
        advance(Duration::from_secs(1)).await;
        assert_eq!(has(&jwks, "a").await, Err(Refusal::Unavailable));
        source.has(&["a"]);
        has(&jwks, "a").await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_first_set_nobody_can_tell() {
        let (source, jwks) = set_up(&[]);
        source.is_down();
        for _ in 0..100 {
            assert_eq!(has(&jwks, "a").await, Err(Refusal::Unavailable));
        }
        assert_eq!(source.fetches(), BURST as usize);
    }
}
