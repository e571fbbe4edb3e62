//! The manifest: what a component says of itself, as data, in a custom section of its own.
//!
//! Authors write `plugin.toml`; [`pack`] checks it and appends it to the component; [`read`] takes it out again. It
//! is never code to run. A component has exactly one; two are refused, because two readers could disagree.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::capability::Lesson;
use crate::config::{BackendName, PluginName};

/// Name of the custom section.
pub const SECTION: &str = "toolward:manifest";

/// Largest manifest, bytes of JSON.
const MAX_BYTES: usize = 256 * 1024;

/// A checked manifest.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Manifest {
    /// The plugin's name; the configuration's `[plugins.NAME]` must agree.
    #[serde(with = "as_text")]
    pub name: PluginName,
    /// Its version, <https://semver.org>.
    #[serde(with = "as_text")]
    pub version: semver::Version,
    /// One line for people.
    pub description: String,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// SPDX expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Where to read more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// How a model should use the tools together; part of the server's instructions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// The backends it asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<WantedBackend>,
}

/// A backend that a plugin asks for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WantedBackend {
    /// The name it uses in requests.
    #[serde(with = "as_text")]
    pub name: BackendName,
    /// What for, for the operator who grants it.
    pub purpose: String,
    /// Requests it needs, as patterns of a binding's `allow`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<String>,
    /// What the host is to remember of its answers for later calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learn: Vec<Lesson>,
}

mod as_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<T: Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

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
    /// More than one section.
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
    let sections = sections(component)?;
    let section = match sections.as_slice() {
        [] => return Err(ManifestError::Missing),
        [one] => *one,
        several => return Err(ManifestError::Several(several.len())),
    };
    if section.len() > MAX_BYTES {
        return Err(ManifestError::TooBig(section.len()));
    }
    serde_json::from_slice(section).map_err(|error| ManifestError::Bad(error.to_string()))
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

/// A component with its manifest appended. An earlier manifest is an error: pack what the compiler made.
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
    let mut packed = component.to_vec();
    // Section id 0 is «custom»: WebAssembly core specification, binary format, «Custom Section».
    packed.push(0);
    leb128(&mut packed, payload.len());
    packed.extend_from_slice(&payload);
    Ok(packed)
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

impl FromStr for Manifest {
    type Err = String;

    /// Reads `plugin.toml`. The error names line and column.
    fn from_str(text: &str) -> Result<Self, String> {
        let manifest: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        for backend in &manifest.backends {
            for lesson in &backend.learn {
                lesson
                    .check()
                    .map_err(|error| format!("backend `{}`: learn: {error}", backend.name))?;
            }
            for request in &backend.requests {
                request
                    .parse::<crate::config::RequestPattern>()
                    .map_err(|error| {
                        format!(
                            "backend `{}`: request pattern `{request}`: {error}",
                            backend.name
                        )
                    })?;
            }
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest component: the preamble of the component model's binary format.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn manifest() -> Manifest {
        "name = \"echo\"\nversion = \"1.2.3\"\ndescription = \"Says it back\""
            .parse()
            .expect("a manifest")
    }

    #[test]
    fn a_packed_manifest_is_read_back() {
        let packed = pack(EMPTY, &manifest()).expect("packs");
        assert_eq!(read(&packed).expect("reads"), manifest());
    }

    #[test]
    fn what_is_not_one_of_ours_is_named() {
        let packed = pack(EMPTY, &manifest()).expect("packs");
        let mut twice = packed.clone();
        twice.extend_from_slice(&packed[EMPTY.len()..]);
        let table: [(&[u8], &str); 5] = [
            (b"hello", "not a WebAssembly component"),
            (b"\0asm\x01\0\0\0", "core WebAssembly module"),
            (EMPTY, "has no manifest"),
            (&twice, "has 2 manifests"),
            (&packed[..packed.len() - 3], "not a WebAssembly component"),
        ];
        for (bytes, expected) in table {
            let error = read(bytes).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(matches!(
            pack(&packed, &manifest()),
            Err(ManifestError::Several(2))
        ));
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_place() {
        let error = "name = \"echo\"\nversion = \"1.2.3\"\ndescription = \"x\"\nauthor = \"y\""
            .parse::<Manifest>()
            .expect_err("unknown key");
        assert!(
            error.contains("line 4") && error.contains("author"),
            "{error}"
        );
    }
}
