//! Until when a token counts, for what outlives the request that came with it.

use std::time::{Duration, SystemTime};

/// How often the clock is looked at: it may be set, and machines sleep.
const LOOK: Duration = Duration::from_secs(10);

/// Until when a token counts, as far as it says so itself. Static tokens do not: their configuration does, and may change.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Until(Option<SystemTime>);

impl Until {
    /// Seconds since 1970, of the claim `exp` (RFC 7519 section 4.1.4) and what clocks may differ by. What no clock can show is
    /// for ever.
    #[must_use]
    pub fn of(expires: f64, leeway: Duration) -> Self {
        let expires = Duration::try_from_secs_f64(expires).ok();
        let until = expires
            .and_then(|expires| expires.checked_add(leeway))
            .and_then(|until| SystemTime::UNIX_EPOCH.checked_add(until));
        Self(until)
    }

    /// Waits for it.
    pub async fn passed(self) {
        let Some(until) = self.0 else {
            return std::future::pending().await;
        };
        while let Ok(left) = until.duration_since(SystemTime::now())
            && !left.is_zero()
        {
            tokio::time::sleep(left.min(LOOK)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_moment_passes_and_what_no_clock_can_show_does_not() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.expect("it is after 1970").as_secs_f64();
        let soon = Duration::from_millis(50);
        let passes = async |until: Until| {
            let waited = tokio::time::timeout(Duration::from_secs(2), until.passed());
            waited.await.is_ok()
        };
        assert!(passes(Until::of(now - 10.0, soon)).await);
        assert!(passes(Until::of(now, soon)).await);
        for never in [1e300, f64::INFINITY, f64::NAN] {
            assert_eq!(Until::of(never, soon), Until::default());
        }
        let hour = tokio::time::timeout(soon, Until::of(now + 3600.0, soon).passed());
        assert!(hour.await.is_err());
        let never = tokio::time::timeout(soon, Until::default().passed());
        assert!(never.await.is_err());
    }
}
