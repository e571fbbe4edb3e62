//! Seeing that resources changed, by looking.

use std::time::Duration;

/// A resource that somebody is subscribed to.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Watched {
    /// Which.
    pub uri: String,
    /// The version that the last look saw; none: this is the first.
    pub since: Option<String>,
}

impl Watched {
    /// A resource that nobody has looked at yet: where tests start from.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            since: None,
        }
    }

    /// The version that the last look saw.
    #[must_use]
    pub fn since(mut self, version: impl Into<String>) -> Self {
        self.since = Some(version.into());
        self
    }
}

/// What a look saw, for the function that `plugin!` names under `watch`.
///
/// The host looks once per tenant, however many listen, at all resources whose time has come, so that one request may
/// serve them all. The function gives one answer for each, in the same order. A failed look is repeated after a
/// while; one that fails with [`RequestError::not_found`](crate::RequestError::not_found) ends the subscription.
///
/// ```
/// use std::time::Duration;
/// use toolward_sdk::prelude::*;
/// use toolward_sdk::{Sighting, Watched};
///
/// /// The bulletin.
/// #[resource("news://bulletin")]
/// fn bulletin(cx: &Context) -> Result<String> {
///     Ok(cx.http("news").get("/bulletin").send()?.text()?)
/// }
///
/// fn look(cx: &Context, watched: &[Watched]) -> Result<Vec<Result<Sighting>>> {
///     let state: Value = cx.http("news").get("/state").send()?.json()?;
///     let sighting = |_| Ok(Sighting::new(state["edition"].to_string(), Duration::from_secs(30)));
///     Ok(watched.iter().map(sighting).collect())
/// }
///
/// plugin! { resources: [bulletin], watch: look }
/// # use toolward_sdk::testing::{Answer, Exchange, Host};
/// # let host = Host::new(&PLUGIN)
/// #     .expect(Exchange::get("news", "/state").answer(Answer::json(&json!({"edition": 7}))));
/// # assert_eq!(host.look(&[Watched::new("news://bulletin")]).unwrap()[0].as_ref().unwrap().version, "7");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sighting {
    /// Any text that differs exactly when the content differs: a hash, a number, a time. At most 1 KiB.
    pub version: String,
    /// When to look again, from now. The host may wait longer.
    pub next: Duration,
}

impl Sighting {
    /// This version; look again after that time.
    pub fn new(version: impl Into<String>, next: Duration) -> Self {
        Self {
            version: version.into(),
            next,
        }
    }
}
