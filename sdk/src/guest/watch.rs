//! The export `watch`.

use super::bindings::toolward::plugin::{call, values as wit};
use super::bindings::watch::exports::toolward::plugin::watch::{Guest, Sighting, Watched};
use super::{Offers, context, values};
use crate::watch;

impl<T: Offers> Guest for T {
    fn look(
        cx: &call::Context,
        watched: Vec<Watched>,
    ) -> Result<Vec<Result<Sighting, wit::Failure>>, wit::Failure> {
        let watched: Vec<_> = watched.into_iter().map(self::watched).collect();
        let seen = T::plugin().look(context(cx), &watched);
        let sighting = |sighting: watch::Sighting| Sighting {
            version: sighting.version,
            next_ms: values::millis(sighting.next),
        };
        let seen = seen.map_err(values::failure)?.into_iter();
        Ok(seen
            .map(|seen| seen.map(sighting).map_err(values::failure))
            .collect())
    }
}

fn watched(watched: Watched) -> watch::Watched {
    watch::Watched {
        uri: watched.uri,
        since: watched.since,
    }
}
