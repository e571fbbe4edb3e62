//! A component built with the SDK exports what its author offers, and imports what its code uses: the host looks at
//! nothing else when it decides what a plugin may do.

use std::collections::BTreeSet;
use std::fs;

use wasmparser::{ComponentExternalKind, Parser, Payload};

/// The interfaces of a plugin, without versions. Imports of the WASI baseline are left out: they are linked empty.
#[derive(Debug, Default, Eq, PartialEq)]
struct Interfaces {
    exports: BTreeSet<String>,
    imports: BTreeSet<String>,
}

fn interfaces(plugin: &str) -> Interfaces {
    const BASELINE: [&str; 5] = [
        "wasi:cli/",
        "wasi:clocks/",
        "wasi:filesystem/",
        "wasi:io/",
        "wasi:random/",
    ];
    let component = fs::read(e2e::plugin(plugin)).expect("the plugin can be read");
    let mut found = Interfaces::default();
    for name in imports(&component) {
        if !BASELINE.iter().any(|package| name.starts_with(package)) {
            found.imports.insert(plain(&name));
        }
    }
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(&component) {
        match payload.expect("the plugin is a component") {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export.expect("an export can be read");
                    assert_eq!(export.kind, ComponentExternalKind::Instance, "{export:?}");
                    found.exports.insert(plain(export.name.name));
                }
            }
            _ => {}
        }
    }
    found
}

/// `toolward:plugin/tools@0.1.0` is `tools`, `wasi:http/types@0.2.12` is `wasi:http/types`.
fn plain(name: &str) -> String {
    let name = name.split('@').next().unwrap_or(name);
    name.strip_prefix("toolward:plugin/")
        .unwrap_or(name)
        .to_owned()
}

#[track_caller]
fn check(plugin: &str, exports: &[&str], imports: &[&str]) {
    let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let expected = Interfaces {
        exports: set(exports),
        imports: set(imports),
    };
    assert_eq!(interfaces(plugin), expected, "{plugin}");
}

#[test]
fn tools_that_only_compute() {
    check("echo", &["tools"], &["backends", "call", "values"]);
}

/// What it costs to load a plugin grows with its size, and each import is a door.
#[test]
fn a_plugin_without_backends_is_small_and_imports_no_more_than_rust_itself_does() {
    let component = fs::read(e2e::plugin("echo")).expect("the plugin can be read");
    assert!(
        component.len() < 120 * 1024,
        "the echo has {} bytes",
        component.len()
    );
    // No clocks, no files, no random numbers, no HTTP. The rest is how the standard library says why it panicked.
    let expected = [
        "backends",
        "call",
        "values",
        "wasi:cli/environment",
        "wasi:cli/exit",
        "wasi:cli/stderr",
        "wasi:cli/stdin",
        "wasi:cli/stdout",
        "wasi:cli/terminal-input",
        "wasi:cli/terminal-output",
        "wasi:cli/terminal-stderr",
        "wasi:cli/terminal-stdin",
        "wasi:cli/terminal-stdout",
        "wasi:io/error",
        "wasi:io/poll",
        "wasi:io/streams",
    ];
    let found: BTreeSet<_> = imports(&component).iter().map(|name| plain(name)).collect();
    assert_eq!(found, expected.map(str::to_owned).into());
}

/// The whole names of what a component imports.
fn imports(component: &[u8]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload.expect("it is a component") {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                let name = |import: Result<wasmparser::ComponentImport<'_>, _>| {
                    import.expect("an import can be read").name.name.to_owned()
                };
                found.extend(section.into_iter().map(name));
            }
            _ => {}
        }
    }
    found
}

#[test]
fn every_ability_over_backends() {
    check(
        "backup-jobs",
        &[
            "completions",
            "jobs",
            "prompts",
            "resources",
            "tools",
            "watch",
        ],
        &[
            "backends",
            "call",
            "log",
            "settings",
            "values",
            "wasi:http/outgoing-handler",
            "wasi:http/types",
        ],
    );
}

#[test]
fn tools_jobs_and_resources_over_backends() {
    check(
        "proxmox-vms",
        &[
            "completions",
            "jobs",
            "prompts",
            "resources",
            "tools",
            "watch",
        ],
        &[
            "backends",
            "call",
            "settings",
            "values",
            "wasi:http/outgoing-handler",
            "wasi:http/types",
        ],
    );
}

#[test]
fn all_that_a_plugin_can_offer() {
    check(
        "conformance",
        &[
            "completions",
            "jobs",
            "prompts",
            "resources",
            "tools",
            "watch",
        ],
        &["backends", "call", "changes", "values"],
    );
}
