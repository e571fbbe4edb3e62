//! `toolward --version`: which build this is, for whoever reports a fault or audits a machine.

use std::sync::LazyLock;

use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const COMMIT: &str = env!("TOOLWARD_BUILD_COMMIT");
const TARGET: &str = env!("TOOLWARD_BUILD_TARGET");
const PROFILE: &str = env!("TOOLWARD_BUILD_PROFILE");
const RUSTC: &str = env!("TOOLWARD_BUILD_RUSTC");
const WASMTIME: &str = env!("TOOLWARD_BUILD_WASMTIME");
const INTERFACE: &str = env!("TOOLWARD_BUILD_INTERFACE");

/// For people, after the program's name.
pub(super) fn long() -> &'static str {
    static LONG: LazyLock<String> = LazyLock::new(text);
    &LONG
}

fn text() -> String {
    format!(
        "{VERSION}\n\
         commit:            {COMMIT}\n\
         build:             {PROFILE}, for {TARGET}, by {RUSTC}\n\
         sandbox:           wasmtime {WASMTIME}\n\
         plugin interface:  {INTERFACE}\n\
         MCP:               {}",
        protocols().join(", ")
    )
}

/// For programs.
pub(super) fn json() -> Value {
    json!({
        "version": VERSION,
        "commit": (COMMIT != "unknown").then_some(COMMIT),
        "profile": PROFILE,
        "target": TARGET,
        "rustc": RUSTC,
        "wasmtime": WASMTIME,
        "interface": INTERFACE,
        "protocols": protocols(),
    })
}

/// The revisions that are spoken, newest first.
fn protocols() -> Vec<&'static str> {
    let known = ProtocolVersion::KNOWN_VERSIONS.iter().rev();
    known.map(ProtocolVersion::as_str).collect()
}
