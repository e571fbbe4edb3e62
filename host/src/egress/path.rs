//! A guest's path, in the one form that is matched and sent.
//!
//! What a pattern sees and what the backend sees must be the same resource. So a path that two servers could
//! read differently is refused, not guessed at: encoded slashes, question and number signs, backslashes, dot segments, empty segments,
//! semicolons (some servers cut a segment there), control bytes, what is not UTF-8, and escapes that decode to
//! escapes. Everything else has one spelling: unreserved characters plain, other bytes escaped in capitals. The
//! characters that RFC 3986 reserves stay as the guest wrote them, escaped or not: a server may tell them apart.

/// Longest path and query, bytes.
const LONGEST: usize = 8 * 1024;

/// A path that means the same to everybody.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct GuestPath {
    /// As it is sent, below the binding's prefix. Starts with a slash.
    pub(super) text: String,
    /// Decoded, as it is matched. The last one is empty when the path ends with a slash.
    pub(super) segments: Vec<String>,
}

/// Why a path or a query is not sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum BadPath {
    #[error("it does not begin with a slash")]
    NoSlash,
    #[error("it is longer than 8 KiB")]
    TooLong,
    #[error("it holds an empty segment (two slashes in a row)")]
    EmptySegment,
    #[error("it holds a `.` or `..` segment")]
    DotSegment,
    #[error("it holds a `%` that is not followed by two hexadecimal digits")]
    BadEscape,
    #[error("it holds an escaped escape")]
    DoubleEscape,
    #[error("it holds an escaped slash")]
    EscapedSlash,
    #[error("it holds an escaped `?` or `#`")]
    EscapedEnd,
    #[error("it holds a backslash")]
    Backslash,
    #[error("it holds a semicolon")]
    Semicolon,
    #[error("it holds a control character")]
    Control,
    #[error("it is not UTF-8")]
    NotUtf8,
}

/// Brings a path into its one form.
pub(super) fn normalize(path: &str) -> Result<GuestPath, BadPath> {
    if path.len() > LONGEST {
        return Err(BadPath::TooLong);
    }
    let below = path.strip_prefix('/').ok_or(BadPath::NoSlash)?;
    let mut text = String::with_capacity(path.len());
    let mut segments = Vec::new();
    if below.is_empty() {
        text.push('/');
        return Ok(GuestPath { text, segments });
    }
    let mut raw = below.split('/').peekable();
    while let Some(segment) = raw.next() {
        if segment.is_empty() && (raw.peek().is_some() || segments.is_empty()) {
            return Err(BadPath::EmptySegment);
        }
        text.push('/');
        segments.push(normalize_segment(segment, &mut text)?);
    }
    Ok(GuestPath { text, segments })
}

/// Appends the segment's one form to `text`; gives it decoded.
fn normalize_segment(raw: &str, text: &mut String) -> Result<String, BadPath> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        let escaped = byte == b'%';
        let byte = if escaped {
            let pair = (bytes.next().and_then(digit), bytes.next().and_then(digit));
            let (Some(high), Some(low)) = pair else {
                return Err(BadPath::BadEscape);
            };
            high << 4 | low
        } else {
            byte
        };
        match byte {
            b'/' => return Err(BadPath::EscapedSlash),
            b'?' | b'#' => return Err(BadPath::EscapedEnd),
            b'\\' => return Err(BadPath::Backslash),
            b';' => return Err(BadPath::Semicolon),
            0..0x20 | 0x7f => return Err(BadPath::Control),
            _ => {}
        }
        decoded.push(byte);
        let plain = is_unreserved(byte) || (is_reserved_in_segment(byte) && !escaped);
        if plain {
            text.push(char::from(byte));
        } else {
            text.push('%');
            for nibble in [byte >> 4, byte & 0xf] {
                text.push(char::from(b"0123456789ABCDEF"[usize::from(nibble)]));
            }
        }
    }
    let decoded = String::from_utf8(decoded).map_err(|_| BadPath::NotUtf8)?;
    if decoded.chars().any(char::is_control) {
        return Err(BadPath::Control);
    }
    if decoded == "." || decoded == ".." {
        return Err(BadPath::DotSegment);
    }
    let holds_escape = decoded
        .as_bytes()
        .windows(3)
        .any(|w| w[0] == b'%' && digit(w[1]).is_some() && digit(w[2]).is_some());
    if holds_escape {
        return Err(BadPath::DoubleEscape);
    }
    Ok(decoded)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986's `sub-delims`, `:` and `@`, without the semicolon.
fn is_reserved_in_segment(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@'
    )
}

/// Checks a query. It is sent as it is: no pattern looks at it, so nothing hangs on how it is read.
pub(super) fn check_query(query: &str) -> Result<(), BadPath> {
    if query.len() > LONGEST {
        return Err(BadPath::TooLong);
    }
    if query.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(BadPath::Control);
    }
    if !query.is_ascii() {
        return Err(BadPath::NotUtf8);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, segments: &[&str]) {
        let normalized = normalize(path).unwrap();
        assert_eq!(normalized.text, text);
        assert_eq!(normalized.segments, segments);
        // The one form is a fixed point, and the URL library leaves it alone.
        assert_eq!(normalize(text).unwrap(), normalized);
        let mut url = url::Url::parse("https://host/").unwrap();
        url.set_path(text);
        assert_eq!(url.path(), text);
    }

    #[track_caller]
    fn refuse(path: &str, reason: BadPath) {
        assert_eq!(normalize(path), Err(reason), "{path:?}");
    }

    #[test]
    fn a_path_has_one_spelling() {
        check("/", "/", &[]);
        check("/a", "/a", &["a"]);
        check("/a/", "/a/", &["a", ""]);
        check("/%61%2Eb/%7e", "/a.b/~", &["a.b", "~"]);
        check("/a%20b", "/a%20b", &["a b"]);
        check("/%c3%a4", "/%C3%A4", &["ä"]);
        check("/ä", "/%C3%A4", &["ä"]);
        check("/x%3ay:z", "/x%3Ay:z", &["x:y:z"]);
        check("/a%2Bb+c", "/a%2Bb+c", &["a+b+c"]);
        check("/100%25", "/100%25", &["100%"]);
        check("/...", "/...", &["..."]);
        check("/a..b/.c", "/a..b/.c", &["a..b", ".c"]);
        check("/{id}", "/%7Bid%7D", &["{id}"]);
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        refuse("", BadPath::NoSlash);
        refuse("*", BadPath::NoSlash);
        refuse("a/b", BadPath::NoSlash);
        refuse("http://host/", BadPath::NoSlash);
        refuse("//", BadPath::EmptySegment);
        refuse("//host/a", BadPath::EmptySegment);
        refuse("/a//b", BadPath::EmptySegment);
        refuse("/a//", BadPath::EmptySegment);
        refuse("/.", BadPath::DotSegment);
        refuse("/a/../b", BadPath::DotSegment);
        refuse("/a/%2e%2E/b", BadPath::DotSegment);
        refuse("/a/.%2e", BadPath::DotSegment);
        refuse("/%2e/a", BadPath::DotSegment);
        refuse("/a%2fb", BadPath::EscapedSlash);
        refuse("/a%2Fb", BadPath::EscapedSlash);
        refuse("/token%3Fx", BadPath::EscapedEnd);
        refuse("/token%23x", BadPath::EscapedEnd);
        refuse("/a\\b", BadPath::Backslash);
        refuse("/\\host/a", BadPath::Backslash);
        refuse("/a%5c..", BadPath::Backslash);
        refuse("/a%5Cb", BadPath::Backslash);
        refuse("/a/..;/b", BadPath::Semicolon);
        refuse("/a;x=1/b", BadPath::Semicolon);
        refuse("/a%3bx", BadPath::Semicolon);
        refuse("/a%00", BadPath::Control);
        refuse("/a%0d%0aHost:%20x", BadPath::Control);
        refuse("/a\u{7f}", BadPath::Control);
        refuse("/a%C2%85", BadPath::Control);
        refuse("/a%", BadPath::BadEscape);
        refuse("/a%2", BadPath::BadEscape);
        refuse("/a%zz", BadPath::BadEscape);
        refuse("/a%+1", BadPath::BadEscape);
        refuse("/%252e%252e/", BadPath::DoubleEscape);
        refuse("/%25%32%65", BadPath::DoubleEscape);
        refuse("/%ff", BadPath::NotUtf8);
        refuse("/%c0%ae%c0%ae/a", BadPath::NotUtf8);
        refuse("/%ed%a0%80", BadPath::NotUtf8);
        refuse(&format!("/{}", "a".repeat(LONGEST)), BadPath::TooLong);
    }

    /// Every path of up to four of these pieces is refused, or is the same path to whoever decodes it once or
    /// twice, to the URL library, and to a second look.
    #[test]
    fn whatever_is_taken_means_one_thing() {
        const PIECES: [&str; 16] = [
            "/", "//", ".", "..", "%2e", "%2E", "%2f", "%5C", "\\", ";", "%25", "2e", "a", "%41",
            "ä", "%",
        ];
        let mut taken = 0;
        for number in 0..PIECES.len().pow(4) {
            let digits = [0, 4, 8, 12].map(|shift| number >> shift & 0xf);
            let path = format!("/{}", digits.map(|digit| PIECES[digit]).concat());
            let Ok(normalized) = normalize(&path) else {
                continue;
            };
            taken += 1;
            let text = &normalized.text;
            assert_eq!(normalize(text).as_ref(), Ok(&normalized), "{path}");
            let url = url::Url::parse(&format!("https://host{text}")).unwrap();
            assert_eq!((url.host_str(), url.path()), (Some("host"), text.as_str()));
            let decode = |text: &str| {
                let decoded = percent_encoding::percent_decode_str(text);
                decoded.decode_utf8().unwrap().into_owned()
            };
            let once = decode(text);
            assert_eq!(
                once,
                format!("/{}", normalized.segments.join("/")),
                "{path}"
            );
            assert_eq!(once, decode(&path), "{path}");
            assert_eq!(once, decode(&once), "{path}");
            let is_safe = |segment: &str| segment != "." && segment != "..";
            assert!(
                once.split('/').all(is_safe) && !once.contains("//"),
                "{path}"
            );
        }
        assert!(taken > 1000, "{taken}");
    }

    #[test]
    fn a_query_is_printable_ascii_of_bounded_length() {
        assert_eq!(check_query("a=b%20c&d=../..//x;y"), Ok(()));
        assert_eq!(check_query("a=\u{7f}"), Err(BadPath::Control));
        assert_eq!(check_query("a=\r\n"), Err(BadPath::Control));
        assert_eq!(check_query("ä"), Err(BadPath::NotUtf8));
        assert_eq!(check_query(&"a".repeat(LONGEST + 1)), Err(BadPath::TooLong));
    }
}
