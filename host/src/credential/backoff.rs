//! When to try again: pure decisions about time.

use std::time::Duration;

use tokio::time::Instant;

use super::error::LoginError;

/// Longest lifetime believed. Longer ones gain nothing and would overflow the clock.
const LONGEST: Duration = Duration::from_hours(30 * 24);

/// When a token is renewed and when it is no longer used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Schedule {
    pub(super) renew_at: Instant,
    pub(super) expires_at: Instant,
}

/// The schedule of a token that was asked for at `asked_at` and lives for `lifetime`.
///
/// It is renewed in its last tenth, but not less than a second and not more than a minute ahead; a token of less
/// than two seconds in its second half. A lifetime below a second counts as one second: with a shorter one,
/// every request would log in.
pub(super) fn schedule(asked_at: Instant, lifetime: Duration) -> Schedule {
    let lifetime = lifetime.clamp(Duration::from_secs(1), LONGEST);
    let ahead = (lifetime / 10)
        .clamp(Duration::from_secs(1), Duration::from_mins(1))
        .min(lifetime / 2);
    Schedule {
        renew_at: asked_at + lifetime - ahead,
        expires_at: asked_at + lifetime,
    }
}

/// How long to wait after the `count`th failure in a row (1 is the first).
///
/// What only a person can mend is tried seldom, so that a wrong password does not lock the account; a backend
/// that is away is tried soon, so that its return is noticed.
pub(super) fn delay(error: &LoginError, count: u32) -> Duration {
    let (first, longest) = if error.is_permanent() {
        (Duration::from_secs(10), Duration::from_mins(10))
    } else {
        (Duration::from_secs(1), Duration::from_mins(1))
    };
    let doubled = first.saturating_mul(1 << count.saturating_sub(1).min(16));
    let asked = match error {
        LoginError::Busy { retry_after, .. } => retry_after.unwrap_or_default(),
        _ => Duration::ZERO,
    };
    doubled.min(longest).max(asked.min(Duration::from_mins(10)))
}

/// How many tokens may be thrown away because the backend answered 401.
///
/// A backend may answer 401 for what it means as 403. Without a bound, a guest that asks for such a thing over
/// and over would make the host log in as often.
#[derive(Debug)]
pub(super) struct Budget {
    left: u32,
    counted_at: Option<Instant>,
}

impl Budget {
    const FULL: u32 = 8;
    const REFILL: Duration = Duration::from_secs(10);

    pub(super) fn new() -> Self {
        Self {
            left: Self::FULL,
            counted_at: None,
        }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let since = *self.counted_at.get_or_insert(now);
        let refills = now.saturating_duration_since(since).as_millis() / Self::REFILL.as_millis();
        let refills = u32::try_from(refills).unwrap_or(u32::MAX);
        if refills >= Self::FULL - self.left {
            self.left = Self::FULL;
            self.counted_at = Some(now);
        } else {
            self.left += refills;
            self.counted_at = Some(since + Self::REFILL * refills);
        }
        let Some(left) = self.left.checked_sub(1) else {
            return false;
        };
        self.left = left;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_schedule(lifetime_ms: u64, renewed_after_ms: u64, expires_after_ms: u64) {
        let now = Instant::now();
        assert_eq!(
            schedule(now, Duration::from_millis(lifetime_ms)),
            Schedule {
                renew_at: now + Duration::from_millis(renewed_after_ms),
                expires_at: now + Duration::from_millis(expires_after_ms),
            },
            "lifetime {lifetime_ms} ms"
        );
    }

    #[test]
    fn a_token_is_renewed_ahead_of_its_own_end() {
        check_schedule(900_000, 840_000, 900_000);
        check_schedule(300_000, 270_000, 300_000);
        check_schedule(5_000, 4_000, 5_000);
        check_schedule(2_000, 1_000, 2_000);
        check_schedule(1_500, 750, 1_500);
    }

    #[test]
    fn a_token_without_a_life_does_not_make_a_loop() {
        check_schedule(1_000, 500, 1_000);
        check_schedule(1, 500, 1_000);
        check_schedule(0, 500, 1_000);
    }

    #[test]
    fn an_absurd_lifetime_does_not_overflow() {
        let now = Instant::now();
        assert_eq!(schedule(now, Duration::MAX).expires_at, now + LONGEST);
    }

    #[test]
    fn waiting_doubles_up_to_a_cap_by_the_kind_of_failure() {
        let rejected = LoginError::Rejected {
            status: http::StatusCode::BAD_REQUEST,
            code: None,
        };
        let away = LoginError::TimedOut(Duration::ZERO);
        let table = [
            (1, 10, 1),
            (2, 20, 2),
            (3, 40, 4),
            (7, 600, 60),
            (u32::MAX, 600, 60),
        ];
        for (count, after_rejection, after_absence) in table {
            assert_eq!(delay(&rejected, count).as_secs(), after_rejection);
            assert_eq!(delay(&away, count).as_secs(), after_absence);
        }
    }

    #[test]
    fn the_backends_wish_counts_within_reason() {
        let busy = |seconds| LoginError::Busy {
            status: http::StatusCode::TOO_MANY_REQUESTS,
            retry_after: Some(Duration::from_secs(seconds)),
        };
        assert_eq!(delay(&busy(30), 1).as_secs(), 30);
        assert_eq!(delay(&busy(0), 3).as_secs(), 4);
        assert_eq!(delay(&busy(1_000_000), 1).as_secs(), 600);
    }

    #[test]
    fn rejected_tokens_are_replaced_only_so_often() {
        let now = Instant::now();
        let mut budget = Budget::new();
        for _ in 0..Budget::FULL {
            assert!(budget.take(now));
        }
        assert!(!budget.take(now));
        assert!(!budget.take(now + Duration::from_millis(9_999)));
        assert!(budget.take(now + Duration::from_secs(10)));
        assert!(!budget.take(now + Duration::from_secs(10)));
        let later = now + Duration::from_hours(1);
        for _ in 0..Budget::FULL {
            assert!(budget.take(later));
        }
        assert!(!budget.take(later));
    }
}
