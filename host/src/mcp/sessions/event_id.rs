//! Names of events: what a client sends back as `Last-Event-ID`.

use std::str::FromStr;

use super::journal::StreamId;

/// The place of an event: `Last-Event-ID`, taken apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct EventId {
    /// Of the session, so that nobody takes an id of one session for one of another.
    pub(super) tag: u32,
    pub(super) stream: StreamId,
    pub(super) number: u64,
    /// Only in a bookmark: whose. No two events may have the same id, and readers begin at the same place.
    pub(super) reader: Option<u64>,
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            tag,
            stream,
            number,
            reader,
        } = self;
        write!(f, "{tag:08x}-{stream}-{number}")?;
        match reader {
            Some(reader) => write!(f, "-{reader}"),
            None => Ok(()),
        }
    }
}

impl FromStr for EventId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(4, '-');
        let mut part = || parts.next().ok_or(());
        let (tag, stream, number) = (part()?, part()?, part()?);
        let whole = |text: &str| text.parse().map_err(|_| ());
        let id = Self {
            tag: u32::from_str_radix(tag, 16).map_err(|_| ())?,
            stream: whole(stream)?,
            number: whole(number)?,
            reader: parts.next().map(whole).transpose()?,
        };
        // Only as it was given: `+7` and `007` are numbers too.
        (id.to_string() == text).then_some(id).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_only_as_they_are_written() {
        for good in ["00c0ffee-0-0", "ffffffff-7-12", "00000000-3-9-11"] {
            assert_eq!(good.parse::<EventId>().unwrap().to_string(), good);
        }
        let bad = [
            "",
            "0",
            "0/0",
            "00c0ffee",
            "00c0ffee-1",
            "00c0ffee-1-",
            "00c0ffee-1-1-",
            "00c0ffee-1-1-x",
            "00c0ffee-1-1-1-1",
            "00c0ffee-01-2",
            "00c0ffee-+1-2",
            "00C0FFEE-1-2",
            "c0ffee-1-2",
            "00c0ffee-1-18446744073709551616",
            "\u{1f600}",
        ];
        for bad in bad {
            assert_eq!(bad.parse::<EventId>(), Err(()), "{bad}");
        }
    }
}
