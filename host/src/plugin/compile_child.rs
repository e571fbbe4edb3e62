//! The other side of `compile`: a process that compiles one component and ends.

#![expect(
    unsafe_code,
    reason = "closing what was inherited; nothing in this process owns it, and it does nothing else yet"
)]

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::fd::RawFd;

use rustix::process::{Resource, Rlimit, Signal};

use super::engine;
use super::load::COMPONENT_BYTES;

/// What the process may use.
#[derive(Clone, Copy, Debug)]
pub struct ChildLimits {
    /// Address space, bytes.
    pub memory: u64,
    /// CPU time over all threads, seconds.
    pub seconds: u64,
}

/// How little is thought of this process when others want to run.
const NICE: i32 = 15;

/// Why nothing was compiled.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// Without its limits this process does nothing.
    #[error("cannot limit this process")]
    Limit(#[source] io::Error),
    /// The component or the code.
    #[error("cannot read the component or write the code")]
    Pipe(#[source] io::Error),
    /// The component.
    #[error("{0}")]
    Component(String),
}

/// Reads a component from standard input, writes its code to standard output.
pub fn child(limits: ChildLimits) -> Result<(), ChildError> {
    confine(limits).map_err(|error| ChildError::Limit(error.into()))?;
    let mut component = Vec::new();
    io::stdin()
        .lock()
        .take(COMPONENT_BYTES + 1)
        .read_to_end(&mut component)
        .map_err(ChildError::Pipe)?;
    let code = produce(&component).map_err(|error| ChildError::Component(format!("{error:#}")))?;
    let mut out = io::stdout().lock();
    out.write_all(&code)
        .and_then(|()| out.flush())
        .map_err(ChildError::Pipe)
}

/// Gives up what is not needed, for good: a limit can be lowered only.
fn confine(limits: ChildLimits) -> rustix::io::Result<()> {
    let limit = |resource, soft: u64, hard: u64| {
        let limit = Rlimit {
            current: Some(soft),
            maximum: Some(hard),
        };
        rustix::process::setrlimit(resource, limit)
    };
    close_inherited();
    // Whoever wanted the code is gone: nobody reads it.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::process::setpriority_process(None, NICE)?;
    // No files: neither a core nor anything else.
    limit(Resource::Core, 0, 0)?;
    limit(Resource::Fsize, 0, 0)?;
    limit(Resource::As, limits.memory, limits.memory)?;
    limit(
        Resource::Cpu,
        limits.seconds,
        limits.seconds.saturating_add(1),
    )
}

/// Closes all but the three standard streams: what the host itself inherited may be open here as well.
fn close_inherited() {
    let Ok(open) = fs::read_dir("/proc/self/fd") else {
        return;
    };
    let name = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    let open: Vec<RawFd> = open.filter_map(name).collect();
    for descriptor in open.into_iter().filter(|number| *number > 2) {
        // The one by which the folder was listed is closed already.
        if fs::symlink_metadata(format!("/proc/self/fd/{descriptor}")).is_ok() {
            // SAFETY: this is the first thing that the process does, on its only thread, and it has opened nothing
            // itself: no value in it stands for this descriptor.
            unsafe { rustix::io::close(descriptor) };
        }
    }
}

/// The compiled form of a component, for this host's engine.
pub(super) fn produce(component: &[u8]) -> wasmtime::Result<Vec<u8>> {
    wasmtime::Engine::new(&engine::code_settings())?.precompile_component(component)
}
