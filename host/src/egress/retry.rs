//! Whether a request is sent again, and when.

use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;

/// The first wait; it doubles.
const FIRST: Duration = Duration::from_millis(200);

/// A backend that wants to be left alone for longer is not waited for: the guest is told instead.
const LONGEST: Duration = Duration::from_secs(20);

/// Whether sending it twice is the same as sending it once (RFC 9110, section 9.2.2).
pub(super) fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
    )
}

/// Whether an answer asks to be asked again.
pub(super) fn is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// How long to wait before sending for the `sent + 1`st time. `None`: there is no time for that before `until`.
pub(super) fn delay(sent: u32, asked: Option<Duration>, until: Instant) -> Option<Duration> {
    let doubled = FIRST.saturating_mul(1 << sent.saturating_sub(1).min(10));
    // Those who failed together must not come back together.
    let jittered = doubled.mul_f64(0.5 + 0.5 * fraction());
    // `Retry-After` is the least, never less.
    let wait = asked.map_or(jittered, |asked| asked.saturating_add(jittered));
    let fits = wait <= LONGEST && Instant::now() + wait < until;
    fits.then_some(wait)
}

/// Something from 0 to 1. Without randomness: the middle.
fn fraction() -> f64 {
    let mut bytes = [0; 2];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX),
        Err(_) => 0.5,
    }
}

/// `Retry-After`, in seconds or as a date.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Longer than any number: later than anybody waits.
        return Some(text.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_double_are_jittered_and_fit_the_time_left() {
        let later = Instant::now() + Duration::from_mins(1);
        for (sent, most) in [(1, 200), (2, 400), (3, 800)] {
            for _ in 0..50 {
                let wait = delay(sent, None, later).unwrap().as_millis();
                assert!((most / 2..=most).contains(&wait), "{sent}: {wait}");
            }
        }
        let differing: std::collections::BTreeSet<_> =
            (0..50).map(|_| delay(1, None, later)).collect();
        assert!(differing.len() > 10);
        let asked = Some(Duration::from_secs(3));
        let wait = delay(1, asked, later).unwrap();
        assert!(wait >= Duration::from_millis(3100), "{wait:?}");
        assert_eq!(
            delay(1, asked, Instant::now() + Duration::from_secs(3)),
            None
        );
        assert_eq!(delay(1, Some(Duration::from_secs(30)), later), None);
        assert_eq!(delay(1, Some(Duration::MAX), later), None);
        assert_eq!(delay(u32::MAX, None, later), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sat, 21 Nov 2026 11:00:00 GMT").unwrap();
        for (text, expected) in [
            ("7", Some(Duration::from_secs(7))),
            (" 0 ", Some(Duration::ZERO)),
            ("99999999999999999999999", Some(Duration::MAX)),
            (
                "Sat, 21 Nov 2026 11:00:30 GMT",
                Some(Duration::from_secs(30)),
            ),
            ("Sat, 21 Nov 2026 10:00:00 GMT", Some(Duration::ZERO)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            assert_eq!(retry_after(&headers, now), expected, "{text:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn only_what_can_be_repeated_is() {
        let repeated = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"];
        for method in repeated.into_iter().chain(["POST", "PATCH", "PROPFIND"]) {
            let parsed = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(
                is_idempotent(&parsed),
                repeated.contains(&method),
                "{method}"
            );
        }
    }
}
