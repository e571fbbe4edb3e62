//! Versions of one plugin: the code of a fixture, under another name, version and manifest.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::paths;

/// Packs the code of a fixture with this manifest, by the real command.
#[must_use]
pub fn packed(fixture: &str, manifest: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = |name: &str| folder.path().join(name);
    let component = fs::read(paths::plugin(fixture)).expect("a fixture can be read");
    fs::write(path("component.wasm"), without_manifest(&component)).expect("it can be written");
    fs::write(path("plugin.toml"), manifest).expect("it can be written");
    let packed = Command::new(paths::binary())
        .args(["plugin", "pack", "component.wasm", "-o", "packed.wasm"])
        .current_dir(folder.path())
        .output()
        .expect("the binary can be started");
    let said = String::from_utf8_lossy(&packed.stderr);
    assert!(packed.status.success(), "packing {fixture}: {said}");
    fs::read(path("packed.wasm")).expect("a packed plugin can be read")
}

/// The manifest is the last section: what comes before it is the component.
fn without_manifest(component: &[u8]) -> &[u8] {
    let mut end = 0;
    let mut depth = 0_u32;
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        let payload = payload.expect("a fixture is a component");
        match &payload {
            wasmparser::Payload::CustomSection(section)
                if depth == 0 && section.name() == "toolward:manifest" =>
            {
                return &component[..end];
            }
            wasmparser::Payload::ModuleSection { .. }
            | wasmparser::Payload::ComponentSection { .. } => depth += 1,
            wasmparser::Payload::End(at) if depth > 0 => {
                depth -= 1;
                end = *at;
            }
            _ => {}
        }
        if depth == 0
            && let Some((_, range)) = payload.as_section()
        {
            end = range.end;
        }
    }
    panic!("a fixture has a manifest");
}

/// Puts a file in place as careful programs do: written beside, then renamed.
pub fn put(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("new");
    fs::write(&beside, bytes).expect("the folder can be written to");
    fs::rename(&beside, path).expect("a file can be renamed");
}
