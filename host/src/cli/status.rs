//! The status line: one line at the terminal that is written over, and gone when there is something else to say.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use super::output::printable;

/// The terminal is one for the whole process, and so is its last line.
static SHOWN: AtomicBool = AtomicBool::new(false);
/// Somebody is being asked, and types where the status line would be.
static HELD: AtomicBool = AtomicBool::new(false);

/// While this is there, nothing is written over: what somebody types stays where it is.
#[derive(Debug)]
pub(super) struct Held;

impl Held {
    pub(super) fn new() -> Self {
        Status::clear();
        HELD.store(true, Ordering::Relaxed);
        Self
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.store(false, Ordering::Relaxed);
    }
}

/// Whoever shows a status line holds this; the line is gone when it is dropped.
#[derive(Debug)]
pub(super) struct Status;

impl Status {
    /// Writes it over the one before. The cursor stays at its beginning, where whatever is written next will stand.
    pub(super) fn show(line: &str) {
        if HELD.load(Ordering::Relaxed) {
            return;
        }
        let width = terminal_size::terminal_size_of(std::io::stderr());
        let width = width.map_or(80, |(width, _)| usize::from(width.0));
        // A line that wraps could not be written over.
        let line: String = printable(line)
            .replace(['\n', '\t'], " ")
            .chars()
            .take(width.saturating_sub(1))
            .collect();
        SHOWN.store(true, Ordering::Relaxed);
        write(&line);
    }

    /// Takes it away, if there is one.
    pub(super) fn clear() {
        if SHOWN.swap(false, Ordering::Relaxed) {
            write("");
        }
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        Self::clear();
    }
}

fn write(line: &str) {
    let mut terminal = std::io::stderr().lock();
    let _ = write!(terminal, "\r\u{1b}[K{line}\r");
    let _ = terminal.flush();
}
