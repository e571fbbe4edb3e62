//! `toolward compile-component`: what the host starts to compile a component. Not for people.

use super::fail;
use crate::error::Exit;
use crate::plugin::{ChildLimits, child};

/// Compile the component on standard input
#[derive(Debug, clap::Args)]
pub(super) struct Compile {
    /// Address space, bytes
    #[arg(long)]
    memory: u64,
    /// CPU time, seconds
    #[arg(long)]
    seconds: u64,
}

impl Compile {
    pub(super) fn run(self) -> Exit {
        let limits = ChildLimits {
            memory: self.memory,
            seconds: self.seconds,
        };
        match child(limits) {
            Ok(()) => Exit::Success,
            Err(error) => fail(Exit::Failure, &error),
        }
    }
}
