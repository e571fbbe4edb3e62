//! Keeping tokens out of what a backend answers.
//!
//! A backend that echoes requests (a debug endpoint, an error page) would hand the guest the token that the host
//! put on its request. So every answer is searched for it, across the borders of the pieces it comes in, and what
//! is found is overwritten with asterisks. The length stays the same, and with it `Content-Length` and ranges.
//!
//! This is for backends that echo by accident. One that conspires with a guest can encode the token in any way;
//! it also knows the token already.

use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use memchr::memmem;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::config::Secret;

/// Shorter secrets are not looked for: they would be found in ordinary text.
const SHORTEST: usize = 8;

/// Up to here a text is looked through without preparation, bytes.
const SHORT: usize = 512;

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What to look for: each secret as it is, percent-encoded, and as JSON may write it.
pub struct Patterns(Vec<Zeroizing<Vec<u8>>>);

impl Patterns {
    /// Nothing to look for.
    #[must_use]
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Looks for these secrets, each in the forms that an echo gives it.
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut patterns: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        for secret in secrets {
            let secret = secret.expose();
            if secret.len() < SHORTEST {
                continue;
            }
            let escaped = Zeroizing::new(utf8_percent_encode(secret, ESCAPED).to_string());
            let lowercase = Zeroizing::new(escaped_in_lowercase(&escaped));
            // A text always has a JSON form; without it, the plain form is looked for twice.
            let json = serde_json::to_string(secret).map(Zeroizing::new);
            let quoted = match &json {
                Ok(json) => &json[1..json.len() - 1],
                Err(_) => secret,
            };
            let slashes = Zeroizing::new(quoted.replace('/', "\\/"));
            for form in [secret, &escaped, &lowercase, quoted, &slashes] {
                let form = form.as_bytes();
                if !patterns.iter().any(|known| known.as_slice() == form) {
                    patterns.push(Zeroizing::new(form.to_vec()));
                }
            }
        }
        Self(patterns)
    }

    /// The bytes without the secrets, or nothing when there are none in them.
    #[must_use]
    pub fn scrub(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let found: Vec<_> = self.find(bytes).collect();
        if found.is_empty() {
            return None;
        }
        let mut scrubbed = bytes.to_vec();
        for (start, end) in found {
            scrubbed[start..end].fill(b'*');
        }
        Some(scrubbed)
    }

    fn find<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = (usize, usize)> + 'a {
        let patterns = self.0.iter().map(|pattern| pattern.as_slice());
        // Most of what is searched, headers and short answers, has no room for a token, and to search for one is work
        // before the first byte.
        let fitting = patterns.filter(|pattern| pattern.len() <= bytes.len());
        fitting.flat_map(move |pattern| {
            let (short, long) = if bytes.len() <= SHORT {
                (Some(starts(bytes, pattern)), None)
            } else {
                (None, Some(memmem::find_iter(bytes, pattern)))
            };
            let found = short.into_iter().flatten();
            let found = found.chain(long.into_iter().flatten());
            found.map(move |start| (start, start + pattern.len()))
        })
    }

    /// Where the bytes may go on to be a secret: the start of the longest end that is the beginning of one.
    fn open_end(&self, bytes: &[u8]) -> usize {
        let open = |pattern: &[u8]| {
            let longest = bytes.len().min(pattern.len() - 1);
            (1..=longest)
                .rev()
                .find(|&length| bytes[bytes.len() - length..] == pattern[..length])
                .unwrap_or(0)
        };
        let length = self.0.iter().map(|pattern| open(pattern)).max();
        bytes.len() - length.unwrap_or(0)
    }
}

/// As [`memmem::find_iter`], for what is soon looked through.
fn starts<'a>(bytes: &'a [u8], pattern: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let first = pattern.first().copied().unwrap_or_default();
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let start = from + memchr::memchr(first, bytes.get(from..)?)?;
            if bytes[start..].starts_with(pattern) {
                from = start + pattern.len();
                return Some(start);
            }
            from = start + 1;
        }
    })
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Patterns({})", self.0.len())
    }
}

fn escaped_in_lowercase(escaped: &str) -> String {
    let mut digits = 0;
    escaped
        .chars()
        .map(|c| {
            if c == '%' {
                digits = 2;
            } else if digits > 0 {
                digits -= 1;
                return c.to_ascii_lowercase();
            }
            c
        })
        .collect()
}

/// Scrubs a stream, piece by piece.
///
/// The end of a piece that may be the beginning of a secret is held back until the next piece tells.
pub struct Scrubber {
    patterns: Arc<Patterns>,
    /// As it came, so that a secret that begins in it is still recognized.
    held: BytesMut,
    /// How many of the bytes held are the end of a secret whose beginning is already out.
    masked: usize,
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is held may be part of a secret.
        f.debug_struct("Scrubber")
            .field("held", &self.held.len())
            .finish_non_exhaustive()
    }
}

impl Scrubber {
    /// A scrubber at the beginning of a stream.
    #[must_use]
    pub fn new(patterns: Arc<Patterns>) -> Self {
        Self {
            patterns,
            held: BytesMut::new(),
            masked: 0,
        }
    }

    /// Takes the next piece; gives what is certain.
    pub fn push(&mut self, piece: Bytes) -> Bytes {
        if self.held.is_empty() {
            let is_clean = self.patterns.open_end(&piece) == piece.len()
                && self.patterns.find(&piece).next().is_none();
            if is_clean {
                return piece;
            }
        }
        self.held.extend_from_slice(&piece);
        let open = self.patterns.open_end(&self.held);
        self.release(open)
    }

    /// Gives what is left at the end of the stream.
    pub fn finish(&mut self) -> Bytes {
        self.release(self.held.len())
    }

    fn release(&mut self, end: usize) -> Bytes {
        let found: Vec<_> = self.patterns.find(&self.held).collect();
        let mut released = self.held.split_to(end);
        let known = std::mem::take(&mut self.masked);
        released[..known.min(end)].fill(b'*');
        self.masked = known.saturating_sub(end);
        // What begins in the part that stays is found again.
        for (start, stop) in found.into_iter().filter(|&(start, _)| start < end) {
            released[start..stop.min(end)].fill(b'*');
            self.masked = self.masked.max(stop.saturating_sub(end));
        }
        released.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(secrets: &[&str]) -> Arc<Patterns> {
        let secrets: Vec<_> = secrets.iter().map(|&s| Secret::new(s.to_owned())).collect();
        Arc::new(Patterns::of(&secrets))
    }

    fn stream(patterns: &Arc<Patterns>, pieces: &[&[u8]]) -> Vec<u8> {
        let mut scrubber = Scrubber::new(Arc::clone(patterns));
        let mut out = Vec::new();
        for piece in pieces {
            out.extend_from_slice(&scrubber.push(Bytes::copy_from_slice(piece)));
        }
        out.extend_from_slice(&scrubber.finish());
        out
    }

    /// Every way to cut the text in two and in three, and byte by byte, gives the expected text.
    #[track_caller]
    fn check(secrets: &[&str], text: &str, expected: &str) {
        let patterns = patterns(secrets);
        let text = text.as_bytes();
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(stream(&patterns, &single), expected.as_bytes(), "bytewise");
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                let out = stream(&patterns, &pieces);
                assert_eq!(
                    String::from_utf8_lossy(&out),
                    expected,
                    "cut at {first} and {second}"
                );
            }
        }
    }

    #[test]
    fn both_ways_to_look_find_the_same() {
        let texts = [
            "",
            "a",
            "aaaaaaaa",
            "aaaaaaaaaaaaaaaaaaa",
            "baaaaaaaab",
            "aaaabaaaaaaaac",
        ];
        for pattern in ["aaaaaaaa", "aaaaaaab", "abaaaaaa"] {
            for text in texts {
                let found: Vec<_> = starts(text.as_bytes(), pattern.as_bytes()).collect();
                let expected: Vec<_> = memmem::find_iter(text.as_bytes(), pattern).collect();
                assert_eq!(found, expected, "{pattern} in {text}");
            }
        }
    }

    #[test]
    fn a_secret_is_found_wherever_the_stream_is_cut() {
        check(
            &["token-12345"],
            "a token-12345, token-1234, token-12345",
            "a ***********, token-1234, ***********",
        );
        check(&["token-12345"], "token-token-12345", "token-***********");
        check(&["token-12345"], "token-1234", "token-1234");
        check(&["aabaabaab"], "aaabaabaabx", "a*********x");
    }

    #[test]
    fn secrets_that_share_text_are_both_covered() {
        check(
            &["abcdefgh", "abcdefghijkl"],
            "xabcdefghijklx",
            "x************x",
        );
        check(
            &["abcdefgh", "efghijkl"],
            "xabcdefghijklx",
            "x************x",
        );
        check(&["abcdefgh", "efghijkl"], "xabcdefghijkx", "x********ijkx");
        check(
            &["abcdefgh", "fghXfghX"],
            "abcdefghXfghXz",
            "*************z",
        );
    }

    #[test]
    fn the_forms_of_an_echo_are_known() {
        let secret = "PVE:u@pam:6F+/Ab=\"";
        for form in [
            secret.to_owned(),
            "PVE%3Au%40pam%3A6F%2B%2FAb%3D%22".to_owned(),
            "PVE%3au%40pam%3a6F%2b%2fAb%3d%22".to_owned(),
            "PVE:u@pam:6F+/Ab=\\\"".to_owned(),
            "PVE:u@pam:6F+\\/Ab=\\\"".to_owned(),
        ] {
            let text = format!("<{form}>");
            let scrubbed = patterns(&[secret]).scrub(text.as_bytes()).unwrap();
            assert_eq!(scrubbed, format!("<{}>", "*".repeat(form.len())).as_bytes());
        }
    }

    #[test]
    fn short_secrets_and_clean_text_are_left_alone() {
        check(&["1234567"], "1234567", "1234567");
        check(&[], "anything", "anything");
        assert_eq!(patterns(&["12345678"]).scrub(b"1234567"), None);
    }

    #[test]
    fn a_clean_piece_is_passed_on_without_a_copy() {
        let piece = Bytes::from_static(b"nothing to see");
        let mut scrubber = Scrubber::new(patterns(&["token-12345"]));
        assert_eq!(scrubber.push(piece.clone()).as_ptr(), piece.as_ptr());
    }

    #[test]
    fn patterns_are_not_printed() {
        let patterns = patterns(&["token-12345"]);
        let mut scrubber = Scrubber::new(patterns);
        let _ = scrubber.push(Bytes::from_static(b"token-1"));
        assert!(!format!("{scrubber:?}").contains("token"));
    }
}
