//! Copies of one small plugin of the SDK, each with a tool of its own name: as many plugins as are wanted, and versions
//! that can be told apart.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::load::{Call, Request};
use crate::site::{Site, SiteError};

/// The name of the tool in `tests/fixtures/copy`.
const NAME: &[u8] = b"copy_0000";

/// The fixture, as it was built.
#[derive(Debug)]
pub(crate) struct Copies {
    component: Vec<u8>,
}

impl Copies {
    pub(crate) fn of(site: &Site) -> Result<Self, SiteError> {
        let component = fs::read(site.fixture("copy")?)?;
        Ok(Self { component })
    }

    /// Bytes of each.
    pub(crate) fn size(&self) -> usize {
        self.component.len()
    }

    /// Puts a signed copy into a folder.
    pub(crate) async fn put(
        &self,
        site: &Site,
        folder: &Path,
        number: u16,
    ) -> Result<PathBuf, Box<dyn Error>> {
        let path = folder.join(format!("{}.wasm", tool(number)));
        fs::write(&path, renamed(&self.component, tool(number).as_bytes()))?;
        let mut sign = site.host();
        sign.args(["plugin", "sign"]).arg(&path).arg("--key");
        let signed = sign.arg(site.key()).output().await?;
        if signed.status.success() {
            return Ok(path);
        }
        let said = String::from_utf8_lossy(&signed.stderr).into_owned();
        let command = "plugin sign";
        Err(SiteError::Command { command, said }.into())
    }

    /// Puts the first so many into a folder; the tables that load them.
    pub(crate) async fn tables(
        &self,
        site: &Site,
        folder: &Path,
        number: u16,
    ) -> Result<String, Box<dyn Error>> {
        let mut tables = String::new();
        for number in 1..=number {
            let path = json!(self.put(site, folder, number).await?);
            tables += &format!("[plugins.copy-{number}]\ncomponent = {path}\n");
        }
        Ok(tables)
    }
}

/// The tool of a copy.
fn tool(number: u16) -> String {
    format!("copy_{:04}", number % 10_000)
}

/// A call of it.
pub(crate) fn call(number: u16) -> Request {
    Request::of(Call::echo_by(tool(number)), None)
}

/// Of the same length, so that nothing else in the component changes.
fn renamed(component: &[u8], name: &[u8]) -> Vec<u8> {
    let mut copy = component.to_vec();
    let mut at = 0;
    while let Some(found) = copy[at..].windows(NAME.len()).position(|it| it == NAME) {
        at += found;
        copy[at..at + NAME.len()].copy_from_slice(name);
        at += NAME.len();
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occurrence_is_renamed() {
        let renamed = renamed(b"..copy_0000copy_0000.copy_000", tool(17).as_bytes());
        assert_eq!(renamed, b"..copy_0017copy_0017.copy_000");
    }
}
