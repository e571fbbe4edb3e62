//! Where the manifest is: one custom section at the component's top level.

use sha2::{Digest as _, Sha256};

use super::{Manifest, check};

/// Name of the custom section.
pub const SECTION: &str = "toolward:manifest";

/// Largest manifest, bytes of JSON.
const MAX_BYTES: usize = 256 * 1024;

/// Why a component has no usable manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not WebAssembly, or damaged.
    #[error("it is not a WebAssembly component: {0}")]
    NotWasm(String),
    /// A core module.
    #[error("it is a core WebAssembly module, not a component; build it for `wasm32-wasip2`")]
    CoreModule,
    /// No section.
    #[error("it has no manifest, so it is not a toolward plugin; run `toolward plugin pack` on it")]
    Missing,
    /// More than one section: two readers could disagree on which counts.
    #[error("it has {0} manifests; a plugin has exactly one")]
    Several(usize),
    /// Too big.
    #[error("its manifest has {0} bytes; at most {MAX_BYTES} are taken")]
    TooBig(usize),
    /// Bad JSON, an unknown key, a bad name.
    #[error("its manifest cannot be read: {0}")]
    Bad(String),
}

/// The manifest of a component.
pub fn read(component: &[u8]) -> Result<Manifest, ManifestError> {
    let bad = |problem: String| ManifestError::Bad(shown(&problem));
    let manifest: Manifest =
        serde_json::from_slice(only(component)?).map_err(|error| bad(error.to_string()))?;
    check::check(&manifest).map_err(bad)?;
    Ok(manifest)
}

/// SHA-256 of the manifest's bytes, hexadecimal: tells whether it is the manifest that was altered.
pub fn section_digest(component: &[u8]) -> Result<String, ManifestError> {
    Ok(crate::plugin::hex(&Sha256::digest(only(component)?)))
}

fn only(component: &[u8]) -> Result<&[u8], ManifestError> {
    let sections = sections(component)?;
    let section = match sections.as_slice() {
        [] => return Err(ManifestError::Missing),
        [one] => *one,
        several => return Err(ManifestError::Several(several.len())),
    };
    if section.len() > MAX_BYTES {
        return Err(ManifestError::TooBig(section.len()));
    }
    Ok(section)
}

/// What the parser repeats of a stranger's text.
fn shown(problem: &str) -> String {
    let mut text: String = problem.chars().take(400).collect();
    text.retain(|c| !c.is_control());
    text
}

/// The manifest sections at the component's top level; those of nested modules do not count.
fn sections(component: &[u8]) -> Result<Vec<&[u8]>, ManifestError> {
    // Its message goes on with a dump of bytes.
    let not_wasm = |error: wasmparser::BinaryReaderError| {
        ManifestError::NotWasm(
            error
                .message()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
        )
    };
    let mut found = Vec::new();
    let mut depth = 0_u32;
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        match payload.map_err(not_wasm)? {
            wasmparser::Payload::Version {
                encoding: wasmparser::Encoding::Module,
                ..
            } if depth == 0 => {
                return Err(ManifestError::CoreModule);
            }
            wasmparser::Payload::ModuleSection { .. }
            | wasmparser::Payload::ComponentSection { .. } => depth += 1,
            wasmparser::Payload::End(_) => depth = depth.saturating_sub(1),
            wasmparser::Payload::CustomSection(section)
                if depth == 0 && section.name() == SECTION =>
            {
                found.push(section.data());
            }
            _ => {}
        }
    }
    Ok(found)
}

/// What a component exports at its top level, without our package's name and without versions: `tools`, `prompts`.
pub fn interfaces(component: &[u8]) -> Result<Vec<String>, ManifestError> {
    let bad = |error: wasmparser::BinaryReaderError| ManifestError::NotWasm(shown(error.message()));
    let mut exports = Vec::new();
    let mut depth = 0_u32;
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        match payload.map_err(bad)? {
            wasmparser::Payload::ModuleSection { .. }
            | wasmparser::Payload::ComponentSection { .. } => depth += 1,
            wasmparser::Payload::End(_) => depth = depth.saturating_sub(1),
            wasmparser::Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let name = export.map_err(bad)?.name.name;
                    let name = name.split('@').next().unwrap_or(name);
                    let name = name.strip_prefix("toolward:plugin/").unwrap_or(name);
                    exports.push(shown(name));
                }
            }
            _ => {}
        }
    }
    Ok(exports)
}

/// The custom section in which tools that make components name the parts of one for those that take it apart.
const NAMES: &str = "component-name";

/// A component with its manifest appended, and without the names of its parts, which nobody reads who runs it. An earlier
/// manifest is an error: pack what the compiler made.
pub fn pack(component: &[u8], manifest: &Manifest) -> Result<Vec<u8>, ManifestError> {
    let already = sections(component)?.len();
    if already > 0 {
        return Err(ManifestError::Several(already + 1));
    }
    let json =
        serde_json::to_vec(manifest).map_err(|error| ManifestError::Bad(error.to_string()))?;
    if json.len() > MAX_BYTES {
        return Err(ManifestError::TooBig(json.len()));
    }
    let mut payload = Vec::with_capacity(json.len() + SECTION.len() + 4);
    leb128(&mut payload, SECTION.len());
    payload.extend_from_slice(SECTION.as_bytes());
    payload.extend_from_slice(&json);
    let mut packed = without_names(component)?;
    // Section id 0 is «custom»: WebAssembly core specification, binary format, «Custom Section».
    packed.push(0);
    leb128(&mut packed, payload.len());
    packed.extend_from_slice(&payload);
    Ok(packed)
}

/// Everything but the top level's names, byte for byte.
fn without_names(component: &[u8]) -> Result<Vec<u8>, ManifestError> {
    let bad = |error: wasmparser::BinaryReaderError| ManifestError::NotWasm(shown(error.message()));
    let mut parser = wasmparser::Parser::new(0);
    let mut kept = Vec::with_capacity(component.len());
    let mut rest = component;
    while !rest.is_empty() {
        let (mut length, payload) = match parser.parse(rest, true).map_err(bad)? {
            wasmparser::Chunk::Parsed { consumed, payload } => (consumed, payload),
            // Not said of what is whole, as this is.
            wasmparser::Chunk::NeedMoreData(_) => break,
        };
        let mut keep = true;
        match payload {
            // What is inside stays as it is.
            wasmparser::Payload::ModuleSection {
                unchecked_range, ..
            }
            | wasmparser::Payload::ComponentSection {
                unchecked_range, ..
            } => {
                length = length.saturating_add(unchecked_range.len());
            }
            wasmparser::Payload::CustomSection(section) => keep = section.name() != NAMES,
            wasmparser::Payload::End(_) => break,
            _ => {}
        }
        let (section, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        if keep {
            kept.extend_from_slice(section);
        }
        rest = after;
    }
    Ok(kept)
}

fn leb128(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let byte = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        if value == 0 {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}
