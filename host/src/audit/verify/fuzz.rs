//! Fuzzing: any bytes as an audit log; and a log that was written here and then changed.
//!
//! The first byte of the input says what is done: 0 reads the rest as a log; any other writes a log, of which the rest
//! changes bytes.

use super::super::event::Event;
use super::super::line::write;
use super::{BEGINNING, Check, End, Keys, Kind, Verification};

const KEY: &[u8] = b"the key of the audit log";

/// Reads a log.
pub(crate) fn audit(data: &[u8]) {
    match data.split_first() {
        Some((0, log)) => {
            let found = verify(log, &[]);
            // Who does not know the key makes no log.
            assert!(!found.ok || found.lines == 0, "{found:?}");
        }
        Some((_, changes)) => changed(changes),
        None => {}
    }
}

fn verify(log: &[u8], anchors: &[End]) -> Verification {
    let mut check = Check::new(Keys::of(KEY), anchors);
    let lines = || log.split_inclusive(|byte| *byte == b'\n');
    for line in lines() {
        check.note_pruned(line.strip_suffix(b"\n").unwrap_or(line));
    }
    for (number, line) in (1..).zip(lines()) {
        let whole = line.strip_suffix(b"\n");
        check.line(number, whole.unwrap_or(line), whole.is_some());
    }
    check.end()
}

/// Each change is three bytes: where (two), and what is done to the byte that is there. 0 cuts the log off.
fn changed(changes: &[u8]) {
    let keys = Keys::of(KEY);
    let (mut log, mut end) = (String::new(), End::NOTHING);
    for number in 0..4 {
        let event = Event::new(Kind::Call)
            .with("tool", "a \"quoted\"\nname,\"mac\":\"")
            .with("number", number);
        end = write(&keys, &end, &event, &mut log);
    }
    assert_ne!(end.tag, BEGINNING);
    let anchors = [end];
    assert!(verify(log.as_bytes(), &anchors).ok);
    let mut bytes = log.clone().into_bytes();
    for change in changes.as_chunks::<3>().0 {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]]));
        match (change[2], bytes.len()) {
            (_, 0) => {}
            (0, length) => bytes.truncate(at % length),
            (by, length) => bytes[at % length] ^= by,
        }
    }
    let found = verify(&bytes, &anchors);
    assert_eq!(found.ok, bytes == log.as_bytes(), "{found:?}");
}
