//! Patterns of requests, as written in `allow` and `deny`: `GET /api/v1/jobs/*`, `* /api/**`.
//!
//! Parsing and printing only; whether a request fits a pattern is decided in `egress`.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// Which requests: a method and a path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestPattern {
    /// As written, for messages.
    pub text: String,
    /// The method, or any.
    pub method: MethodPattern,
    /// The path, segment by segment, percent-decoded.
    pub path: Vec<Segment>,
}

/// Which method.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum MethodPattern {
    /// `*`
    Any,
    /// One or several, joined by commas (`GET,HEAD`).
    Of(Vec<http::Method>),
}

/// One segment of a path pattern.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Segment {
    /// Exactly this text, after percent-decoding.
    Literal(String),
    /// `*`: any one non-empty segment.
    One,
    /// `**`, last only: any number of segments, none included.
    Rest,
}

/// Why a text is not a pattern.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadPattern {
    /// Not two words.
    #[error("a pattern is a method and a path with one space between")]
    NotTwoWords,
    /// Not an uppercase token.
    #[error("`{0}` is not an uppercase method")]
    Method(String),
    /// The path does not begin with `/`.
    #[error("the path does not begin with `/`")]
    NoSlash,
    /// `?` or `#`.
    #[error("a pattern has no query and no fragment: only the path is compared")]
    Query,
    /// `//`, or `/` at the end.
    #[error("the path has an empty segment (`//`, or `/` at the end)")]
    EmptySegment,
    /// `.` or `..`, plain or percent-encoded.
    #[error("the path has a `.` or `..` segment, which no request keeps")]
    DotSegment,
    /// `*` beside other characters.
    #[error("`*` stands for one whole segment, so it cannot be part of `{0}`")]
    PartialWildcard(String),
    /// `**` before the end.
    #[error("`**` may only be the last segment")]
    RestNotLast,
    /// A `%` without two hexadecimal digits, bytes that are not UTF-8, or a control character.
    #[error("`{0}` is not percent-encoded text")]
    Encoding(String),
}

impl FromStr for RequestPattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        let (method, path) = text.split_once(' ').ok_or(BadPattern::NotTwoWords)?;
        if method.is_empty() || path.is_empty() || path.contains(char::is_whitespace) {
            return Err(BadPattern::NotTwoWords);
        }
        Ok(Self {
            text: text.to_owned(),
            method: method.parse()?,
            path: parse_path(path)?,
        })
    }
}

impl FromStr for MethodPattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        if text == "*" {
            return Ok(Self::Any);
        }
        text.split(',')
            .map(parse_method)
            .collect::<Result<_, _>>()
            .map(Self::Of)
    }
}

/// A method as we write it: an uppercase token. HTTP methods are case-sensitive, so `get` would match nothing.
pub(super) fn parse_method(text: &str) -> Result<http::Method, BadPattern> {
    let bad = || BadPattern::Method(text.to_owned());
    let uppercase = text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    if !uppercase {
        return Err(bad());
    }
    http::Method::from_bytes(text.as_bytes()).map_err(|_| bad())
}

fn parse_path(path: &str) -> Result<Vec<Segment>, BadPattern> {
    if path.contains(['?', '#']) {
        return Err(BadPattern::Query);
    }
    let below = path.strip_prefix('/').ok_or(BadPattern::NoSlash)?;
    if below.is_empty() {
        return Ok(Vec::new());
    }
    let segments = below
        .split('/')
        .map(parse_segment)
        .collect::<Result<Vec<_>, _>>()?;
    match segments
        .iter()
        .position(|segment| *segment == Segment::Rest)
    {
        Some(at) if at + 1 < segments.len() => Err(BadPattern::RestNotLast),
        _ => Ok(segments),
    }
}

fn parse_segment(text: &str) -> Result<Segment, BadPattern> {
    match text {
        "" => Err(BadPattern::EmptySegment),
        "*" => Ok(Segment::One),
        "**" => Ok(Segment::Rest),
        _ if text.contains('*') => Err(BadPattern::PartialWildcard(text.to_owned())),
        _ => {
            let literal = decode(text).ok_or_else(|| BadPattern::Encoding(text.to_owned()))?;
            if literal == "." || literal == ".." {
                return Err(BadPattern::DotSegment);
            }
            Ok(Segment::Literal(literal))
        }
    }
}

fn decode(text: &str) -> Option<String> {
    // `percent_decode_str` lets a stray `%` pass; whoever wrote one meant something else.
    let strays = text.split('%').skip(1);
    let encoded = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !strays.into_iter().all(encoded) {
        return None;
    }
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    (!decoded.contains(char::is_control)).then(|| decoded.into_owned())
}

impl fmt::Display for RequestPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.method)?;
        if self.path.is_empty() {
            return f.write_str("/");
        }
        self.path
            .iter()
            .try_for_each(|segment| write!(f, "/{segment}"))
    }
}

impl fmt::Display for MethodPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Of(methods) => {
                for (index, method) in methods.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma}{method}")?;
                }
                Ok(())
            }
        }
    }
}

/// What must be encoded for the text to read back as one literal segment.
const IN_SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'*')
    .add(b'/')
    .add(b'?')
    .add(b'\\');

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => utf8_percent_encode(text, IN_SEGMENT).fmt(f),
            Self::One => f.write_str("*"),
            Self::Rest => f.write_str("**"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Segment {
        Segment::Literal(text.to_owned())
    }

    #[test]
    fn patterns_are_methods_and_segments() {
        use Segment::{One, Rest};
        let get = || MethodPattern::Of(vec![http::Method::GET]);
        let rows = [
            ("GET /", get(), vec![]),
            (
                "GET /api/v1/**",
                get(),
                vec![literal("api"), literal("v1"), Rest],
            ),
            ("* /**", MethodPattern::Any, vec![Rest]),
            ("* /*/x/*", MethodPattern::Any, vec![One, literal("x"), One]),
            (
                "GET,M-SEARCH /a",
                MethodPattern::Of(vec![
                    http::Method::GET,
                    http::Method::from_bytes(b"M-SEARCH").unwrap(),
                ]),
                vec![literal("a")],
            ),
            ("GET /a%2Fb", get(), vec![literal("a/b")]),
            ("GET /%2a%25", get(), vec![literal("*%")]),
            ("GET /caf%C3%A9", get(), vec![literal("café")]),
            ("GET /local:backup", get(), vec![literal("local:backup")]),
        ];
        for (text, method, path) in rows {
            let expected = RequestPattern {
                text: text.to_owned(),
                method,
                path,
            };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        let partial = |text: &str| BadPattern::PartialWildcard(text.to_owned());
        let encoding = |text: &str| BadPattern::Encoding(text.to_owned());
        let method = |text: &str| BadPattern::Method(text.to_owned());
        let rows = [
            ("", BadPattern::NotTwoWords),
            ("GET", BadPattern::NotTwoWords),
            ("/api", BadPattern::NotTwoWords),
            ("GET  /api", BadPattern::NotTwoWords),
            ("GET /api v1", BadPattern::NotTwoWords),
            ("GET, POST /api", BadPattern::NotTwoWords),
            (" /api", BadPattern::NotTwoWords),
            ("get /api", method("get")),
            ("GET,* /api", method("*")),
            ("GET, /api", BadPattern::Method(String::new())),
            ("GET api", BadPattern::NoSlash),
            ("GET /api?x=1", BadPattern::Query),
            ("GET /api#x", BadPattern::Query),
            ("GET //api", BadPattern::EmptySegment),
            ("GET /api/", BadPattern::EmptySegment),
            ("GET /a/../b", BadPattern::DotSegment),
            ("GET /a/./b", BadPattern::DotSegment),
            ("GET /a/%2e%2E/b", BadPattern::DotSegment),
            ("GET /jobs-*", partial("jobs-*")),
            ("GET /***", partial("***")),
            ("GET /**/x", BadPattern::RestNotLast),
            ("GET /a%2", encoding("a%2")),
            ("GET /a%zz", encoding("a%zz")),
            ("GET /%ff", encoding("%ff")),
            ("GET /a%00", encoding("a%00")),
            ("GET /a%0d%0a", encoding("a%0d%0a")),
        ];
        for (text, why) in rows {
            assert_eq!(text.parse::<RequestPattern>(), Err(why), "{text:?}");
        }
    }

    #[test]
    fn a_printed_pattern_reads_back_as_itself() {
        for text in [
            "GET /",
            "* /**",
            "GET,HEAD /api/*/a%2Fb/%2A",
            "POST /caf%C3%A9/%25",
            "GET /a%20b",
        ] {
            let parsed: RequestPattern = text.parse().unwrap();
            let printed = parsed.to_string();
            let again: RequestPattern = printed.parse().unwrap();
            assert_eq!(
                (&again.method, &again.path),
                (&parsed.method, &parsed.path),
                "{printed}"
            );
        }
    }
}
