//! `toolward compile-component`: what the host starts to compile a component. Not for people.

use super::failure::Failure;
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
    pub(super) fn run(self) -> Result<(), Failure> {
        let limits = ChildLimits {
            memory: self.memory,
            seconds: self.seconds,
        };
        child(limits).map_err(|error| Failure::of(Exit::Failure, &error))
    }
}
