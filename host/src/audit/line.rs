//! One line of the log, and the chain through all of them.
//!
//! A line is `{"seq":N,"time":"…","event":"…",…,"mac":"…"}`. The keyed hash is taken over the hash of the line before
//! and over this line's bytes up to `,"mac"`, so no line can be changed, moved, added or left out without the key.

use std::fmt::Write as _;
use std::time::SystemTime;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::event::Event;

/// A keyed hash.
pub(super) type Tag = [u8; 32];

/// What stands before the first line.
pub(super) const BEGINNING: Tag = [0; 32];

const MARK: &str = ",\"mac\":\"";

/// The keys, derived from the operator's: one for the chain, one for arguments.
pub(super) struct Keys {
    chain: Zeroizing<Tag>,
    arguments: Zeroizing<Tag>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Keys {
    pub(super) fn of(key: &[u8]) -> Self {
        Self {
            chain: Zeroizing::new(hash(key, &[b"toolward audit chain"])),
            arguments: Zeroizing::new(hash(key, &[b"toolward audit arguments"])),
        }
    }

    /// The digest of a call's arguments. Keyed: few-valued arguments could be guessed from a plain one.
    pub(super) fn arguments(&self, text: &str) -> String {
        format!(
            "hmac-sha256:{}",
            hex(&hash(&*self.arguments, &[text.as_bytes()]))
        )
    }

    fn chain(&self, before: &Tag, text: &str) -> Tag {
        hash(&*self.chain, &[before, text.as_bytes()])
    }

    /// Whether `text` with this hash follows the line of hash `before`.
    pub(super) fn follows(&self, before: &Tag, line: &Parsed<'_>) -> bool {
        let mut mac = keyed(&*self.chain);
        mac.update(before);
        mac.update(line.text.as_bytes());
        mac.verify_slice(&line.tag).is_ok()
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn hash(key: &[u8], parts: &[&[u8]]) -> Tag {
    let mut mac = keyed(key);
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The end of the chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct End {
    /// The number of the last line; 0: there is none.
    pub(super) seq: u64,
    pub(super) tag: Tag,
}

impl End {
    pub(super) const NOTHING: Self = Self {
        seq: 0,
        tag: BEGINNING,
    };
}

/// Appends the line of an event and its line end; gives the new end of the chain.
pub(super) fn write(keys: &Keys, end: &End, event: &Event, lines: &mut String) -> End {
    // The line before may be a planted one, with any number.
    let seq = end.seq.saturating_add(1);
    let mut text = format!(
        "{{\"seq\":{seq},\"time\":\"{}\",\"event\":\"{}\"",
        rfc3339(event.at),
        event.kind.as_str()
    );
    for (name, value) in &event.fields {
        // Writing to a string cannot fail.
        let _ = write!(text, ",\"{name}\":{value}");
    }
    let tag = keys.chain(&end.tag, &text);
    let _ = writeln!(lines, "{text}{MARK}{}\"}}", hex(&tag));
    End { seq, tag }
}

/// A line that was read. Nothing of it counts before its hash was checked.
#[derive(Debug)]
pub(super) struct Parsed<'a> {
    text: &'a str,
    pub(super) seq: u64,
    pub(super) tag: Tag,
    pub(super) fields: serde_json::Map<String, serde_json::Value>,
}

impl<'a> Parsed<'a> {
    /// `None`: not a line of an audit log.
    pub(super) fn of(line: &'a str) -> Option<Self> {
        let fields: serde_json::Map<_, _> = serde_json::from_str(line).ok()?;
        let (text, rest) = line.rsplit_once(MARK)?;
        let tag = unhex(rest.strip_suffix("\"}")?)?;
        let seq = fields.get("seq")?.as_u64()?;
        Some(Self {
            text,
            seq,
            tag,
            fields,
        })
    }

    pub(super) fn end(&self) -> End {
        End {
            seq: self.seq,
            tag: self.tag,
        }
    }

    pub(super) fn is(&self, kind: super::Kind) -> bool {
        self.fields.get("event").and_then(|value| value.as_str()) == Some(kind.as_str())
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

pub(super) fn unhex(text: &str) -> Option<Tag> {
    let mut tag = [0; 32];
    if text.len() != 64
        || !text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    {
        return None;
    }
    for (byte, digits) in tag.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(tag)
}

/// UTC, to the millisecond.
pub(super) fn rfc3339(at: SystemTime) -> String {
    let since = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let (seconds, millis) = (since.as_secs(), since.subsec_millis());
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant, «chrono-Compatible Low-Level Date Algorithms»: years begin in March there.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::audit::Kind;

    #[test]
    fn a_line_is_json_and_follows_the_one_before() {
        let keys = Keys::of(b"key");
        let mut lines = String::new();
        let event = Event::new(Kind::Call).with("tool", "a \"quoted\"\nname,\"mac\":\"");
        let first = write(&keys, &End::NOTHING, &event, &mut lines);
        let second = write(&keys, &first, &Event::new(Kind::Stop), &mut lines);
        let parsed: Vec<_> = lines
            .lines()
            .map(|line| Parsed::of(line).unwrap())
            .collect();
        assert_eq!((parsed[0].end(), parsed[1].end()), (first, second));
        assert!(keys.follows(&BEGINNING, &parsed[0]) && keys.follows(&first.tag, &parsed[1]));
        assert!(!keys.follows(&BEGINNING, &parsed[1]));
        assert!(!Keys::of(b"other").follows(&BEGINNING, &parsed[0]));
        assert!(parsed[0].is(Kind::Call) && !parsed[1].is(Kind::Call));
    }

    #[test]
    fn what_is_no_line_is_not_parsed() {
        let tag = "0".repeat(64);
        for bad in [
            String::new(),
            "{}".to_owned(),
            format!("{{\"seq\":1,\"mac\":\"{}\"}}", &tag[1..]),
            format!("{{\"seq\":-1,\"mac\":\"{tag}\"}}"),
            format!("{{\"seq\":1,\"mac\":\"{}g\"}}", &tag[1..]),
            format!("{{\"seq\":1,\"mac\":\"{tag}\"}} x"),
            format!("[1,\"mac\":\"{tag}\"]"),
        ] {
            assert!(Parsed::of(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn times_are_utc() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.007Z"),
            (951_782_400, "2000-02-29T00:00:00.007Z"),
            (1_795_250_760, "2026-11-21T08:46:00.007Z"),
            (4_102_444_799, "2099-12-31T23:59:59.007Z"),
        ] {
            let at = SystemTime::UNIX_EPOCH + Duration::from_millis(seconds * 1000 + 7);
            assert_eq!(rfc3339(at), expected);
        }
    }
}
