//! Calls as bytes on the wire, in a closed loop: each connection sends its next call when the last was answered.

mod direct;
mod http;
pub(crate) mod message;
mod pipe;

use std::time::{Duration, Instant};

use futures::future::join_all;

pub(crate) use direct::Direct;
pub(crate) use http::{Connection, Request, Road};
pub(crate) use message::Call;
pub(crate) use pipe::Pipe;

/// Why a call was not answered as it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The connection cannot be opened or is gone.
    #[error("the connection failed")]
    Lost(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is an answer, but not the one to our call.
    #[error("the answer is wrong: {0}")]
    Wrong(String),
}

/// Something that sends one call at a time.
pub(crate) trait Caller {
    /// Sends a call and checks its answer.
    async fn call(&mut self) -> Result<(), CallError>;
}

/// What callers saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How long each answered call took.
    pub(crate) latencies: Vec<Duration>,
    /// Calls that were not answered as they should be.
    pub(crate) errors: usize,
}

/// Lets all of them call until the time is over.
pub(crate) async fn run<C: Caller>(callers: &mut [C], turn: Duration) -> Seen {
    let end = Instant::now() + turn;
    let seen = join_all(callers.iter_mut().map(|caller| repeat(caller, end))).await;
    let mut all = Seen::default();
    for one in seen {
        all.latencies.extend(one.latencies);
        all.errors += one.errors;
    }
    all
}

async fn repeat<C: Caller>(caller: &mut C, end: Instant) -> Seen {
    let mut seen = Seen::default();
    let mut begun = Instant::now();
    while begun < end {
        let answered = caller.call().await;
        let now = Instant::now();
        match answered {
            Ok(()) => seen.latencies.push(now - begun),
            Err(CallError::Wrong(_)) => seen.errors += 1,
            Err(CallError::Lost(_)) => {
                seen.errors += 1;
                break;
            }
        }
        begun = now;
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers rightly, then wrongly, then not at all.
    struct Failing(u32);

    impl Caller for Failing {
        async fn call(&mut self) -> Result<(), CallError> {
            self.0 += 1;
            match self.0 {
                1 | 3 => Ok(()),
                2 => Err(CallError::Wrong(String::new())),
                _ => Err(CallError::Lost("gone".into())),
            }
        }
    }

    #[tokio::test]
    async fn errors_are_counted_and_a_lost_connection_ends_its_turn() {
        let seen = run(&mut [Failing(0), Failing(0)], Duration::from_mins(1)).await;
        assert_eq!(seen.latencies.len(), 4);
        assert_eq!(seen.errors, 4);
    }
}
