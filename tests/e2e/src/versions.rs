//! Versions of one plugin: the code of a fixture, under another name, version and manifest.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::paths;

/// A component and the text of its signature file.
#[derive(Clone, Debug)]
pub struct Version {
    /// The packed component.
    pub component: Vec<u8>,
    /// What `plugin sign` says of it, with the key that every deployment trusts.
    pub signature: Vec<u8>,
}

/// Packs and signs the code of a fixture under this name and version, by the real commands. Its manifest is the fixture's
/// own otherwise, with more lines before its tables.
#[must_use]
pub fn version(name: &str, fixture: &str, version: &str, more: &str) -> Version {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = |name: &str| folder.path().join(name);
    let component = fs::read(paths::plugin(fixture)).expect("a fixture can be read");
    fs::write(path("component.wasm"), without_manifest(&component)).expect("it can be written");
    let own = paths::repository().join("tests/fixtures").join(fixture);
    let own = fs::read_to_string(own.join("plugin.toml")).expect("a fixture has a manifest");
    let is_its = |line: &&str| line.starts_with("name = ") || line.starts_with("version = ");
    let tables = own.find("\n[").unwrap_or(own.len());
    let head: String = own[..tables].lines().filter(|line| !is_its(line)).fold(
        format!("name = \"{name}\"\nversion = \"{version}\"\n{more}\n"),
        |text, line| text + line + "\n",
    );
    fs::write(path("plugin.toml"), head + &own[tables..]).expect("it can be written");
    let packed = Command::new(paths::binary())
        .args(["plugin", "pack", "component.wasm", "-o", "packed.wasm"])
        .current_dir(folder.path())
        .output()
        .expect("the binary can be started");
    let said = String::from_utf8_lossy(&packed.stderr);
    assert!(packed.status.success(), "packing {fixture}: {said}");
    paths::sign(&path("packed.wasm"));
    let read = |name: &str| fs::read(path(name)).expect("a packed plugin can be read");
    Version {
        component: read("packed.wasm"),
        signature: read("packed.wasm.minisig"),
    }
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

/// Puts a version in place, its signature first.
pub fn put_version(path: &Path, version: &Version) {
    put(&path.with_extension("wasm.minisig"), &version.signature);
    put(path, &version.component);
}
