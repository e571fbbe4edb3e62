//! Copies of a small plugin, each with a name and tools of its own: as many plugins as are wanted, and versions that can
//! be told apart.
//!
//! The host serves a plugin only under the name in its manifest, so each copy is a component of its own, and is compiled.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::load::{Call, Request};
use crate::site::{Site, SiteError};

/// The name of the plugin in `tests/fixtures/copy`, and of its tool.
const COPY: [&str; 2] = ["copy-0000", "copy_0000"];
/// The name of the plugin in `tests/fixtures/many`, whose tools have the names that its settings say.
const MANY: &str = "many-0000";

/// A configuration that takes plugins which nobody signed: a thousand signatures take longer than all else.
pub(crate) const UNSIGNED: &str = "[trust]\nallow-unsigned = true\n";

/// Both fixtures, as they were built.
#[derive(Debug)]
pub(crate) struct Copies {
    copy: Vec<u8>,
    many: Vec<u8>,
}

impl Copies {
    pub(crate) fn of(site: &Site) -> Result<Self, SiteError> {
        Ok(Self {
            copy: fs::read(site.fixture("copy")?)?,
            many: fs::read(site.fixture("many")?)?,
        })
    }

    /// Puts the first so many plugins of the SDK into a folder, signed; the tables that load them. Each has one tool.
    pub(crate) async fn tables(
        &self,
        site: &Site,
        folder: &Path,
        number: u16,
    ) -> Result<String, Box<dyn Error>> {
        let mut tables = String::new();
        for number in 1..=number {
            let component = COPY.into_iter().fold(self.copy.clone(), |bytes, name| {
                renamed(bytes, name, &numbered(name, number))
            });
            let name = numbered(COPY[0], number);
            let path = folder.join(format!("{name}.wasm"));
            fs::write(&path, component)?;
            sign(site, &path).await?;
            tables += &table(&name, &path);
        }
        Ok(tables)
    }

    /// Puts so many plugins with one tool each into a folder, unsigned; the tables that load them.
    pub(crate) fn crowd(&self, folder: &Path, number: u16) -> Result<String, Box<dyn Error>> {
        let mut tables = UNSIGNED.to_owned();
        for number in 1..=number {
            let name = numbered(MANY, number);
            let path = folder.join(format!("{name}.wasm"));
            fs::write(&path, renamed(self.many.clone(), MANY, &name))?;
            tables += &table(&name, &path);
            tables += &settings(&format!("crowd_{number}"), 1);
        }
        Ok(tables)
    }

    /// The table of one plugin with so many tools.
    pub(crate) fn tools(site: &Site, number: usize) -> Result<String, Box<dyn Error>> {
        Ok(table(MANY, &site.fixture("many")?) + &settings("tool", number))
    }

    /// Puts a signed version of the plugin of the SDK into a folder: the same plugin with another tool.
    pub(crate) async fn version(
        &self,
        site: &Site,
        folder: &Path,
        number: u16,
    ) -> Result<PathBuf, Box<dyn Error>> {
        let tool = numbered(COPY[1], number);
        let path = folder.join(format!("{tool}.wasm"));
        fs::write(&path, renamed(self.copy.clone(), COPY[1], &tool))?;
        sign(site, &path).await?;
        Ok(path)
    }

    /// The table that loads whatever version is there.
    pub(crate) fn table(component: &Path) -> String {
        table(COPY[0], component)
    }

    /// Bytes of a version.
    pub(crate) fn size(&self) -> usize {
        self.copy.len()
    }
}

fn table(name: &str, component: &Path) -> String {
    format!("[plugins.{name}]\ncomponent = {}\n", json!(component))
}

/// Goes on with the table of a plugin that has as many tools.
fn settings(prefix: &str, tools: usize) -> String {
    format!("settings = {{ prefix = \"{prefix}\", tools = {tools} }}\n")
}

/// A call of the tool that a version has.
pub(crate) fn call(number: u16) -> Request {
    Request::of(Call::echo_by(numbered(COPY[1], number)), None)
}

/// The name with another number, of the same length.
fn numbered(name: &str, number: u16) -> String {
    let (text, digits) = name.split_at(name.len() - 4);
    debug_assert_eq!(digits, "0000");
    format!("{text}{:04}", number % 10_000)
}

/// Of the same length, so that nothing else in the component changes.
fn renamed(mut component: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    debug_assert_eq!(from.len(), to.len());
    let mut at = 0;
    while let Some(found) = component[at..]
        .windows(from.len())
        .position(|part| part == from)
    {
        at += found;
        component[at..at + from.len()].copy_from_slice(to);
        at += from.len();
    }
    component
}

/// With the key of this target folder.
async fn sign(site: &Site, path: &Path) -> Result<(), Box<dyn Error>> {
    let mut sign = site.host();
    sign.args(["plugin", "sign"]).arg(path).arg("--key");
    let signed = sign.arg(site.key()).output().await?;
    if signed.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&signed.stderr).into_owned();
    let command = "plugin sign";
    Err(SiteError::Command { command, said }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occurrence_is_renamed_and_no_other() {
        let tool = numbered(COPY[1], 17);
        let renamed = renamed(b"..copy_0000copy_0000.copy-0000".to_vec(), COPY[1], &tool);
        assert_eq!(renamed, b"..copy_0017copy_0017.copy-0000");
    }
}
