//! Plugins: reading what a component says of itself, compiling, loading, and calling it in the sandbox.
//!
//! With `capability`, this is the only place that knows wasmtime. What comes out of a plugin leaves this module as
//! plain values ([`wit`]) that nobody has judged yet: `catalog` checks what is offered, `mcp` what is answered.

mod admit;
mod cache;
mod call;
mod compile;
mod compile_child;
mod cpu;
mod effort;
mod engine;
mod fair;
pub(crate) mod files;
pub mod history;
mod large;
mod load;
pub mod manifest;
mod offers;
mod pattern;
mod reuse;
mod right;
mod settings;
mod size;
mod threads;
pub mod trust;

pub use call::{CallError, Plugin};
pub use compile::{COMMAND as COMPILE_COMMAND, CompileError, Compiler};
pub use compile_child::{ChildError, ChildLimits, child};
pub use effort::Effort;
pub use engine::{Engine, EngineError};
pub use large::{LARGE, Large, Room, Sizable, is_large};
pub use load::{
    COMPONENT_BYTES, Checked, LoadError, examine, load, origin, read_signature, served,
    signature_path, verify,
};
pub use trust::Signer;

pub use offers::Answer;

pub use crate::capability::{
    Abilities, Asked, CallInfo, Changed, Changes, Event, IdempotencyKey, Level, Principal, Reply,
    Until, random_id,
};

/// The values that cross the boundary, as `wit/` defines them.
pub mod wit {
    pub use crate::capability::bindings::exports::{
        completions, jobs, prompts, resources, tools, watch,
    };
    pub use crate::capability::bindings::imports::values;
}

/// Bytes as lowercase hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
