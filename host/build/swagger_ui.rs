//! Puts Swagger UI into the binary: three files of the archive that the crate `utoipa-swagger-ui-vendored` holds, so
//! that `Cargo.lock` pins them with a hash and a build needs nothing from the network but crates.
//!
//! They are deflated in the archive and stay so: with a head and a tail around them they are what browsers take as gzip.

use std::error::Error;
use std::io::{Cursor, Read as _};
use std::path::Path;

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::{CompressionMethod, ZipArchive};

/// In the archive, below its only folder, and here.
const FILES: [(&str, &str); 4] = [
    ("dist/swagger-ui-bundle.js", "swagger-ui-bundle.js.gz"),
    ("dist/swagger-ui.css", "swagger-ui.css.gz"),
    ("LICENSE", "LICENSE.gz"),
    ("NOTICE", "NOTICE.gz"),
];

/// Writes them to where the compiler finds them.
pub(crate) fn unpack() -> Result<(), Box<dyn Error>> {
    let out = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    let folder = archive
        .file_names()
        .find_map(|name| Some(name.ok()?.split_once('/')?.0.to_owned()))
        .ok_or("the archive has no folder")?;
    for (inside, outside) in FILES {
        let gzip = gzip(&mut archive, &format!("{folder}/{inside}"))?;
        std::fs::write(Path::new(&out).join(outside), gzip)?;
    }
    let version = folder
        .strip_prefix("swagger-ui-")
        .ok_or("the archive's folder has no version")?;
    println!("cargo::rustc-env=SWAGGER_UI_VERSION={version}");
    Ok(())
}

/// RFC 1952: a head that says nothing but «deflate», the data, its checksum and its length.
fn gzip(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let index = archive
        .index_for_name(name)
        .ok_or_else(|| format!("the archive has no `{name}`"))?;
    let mut file = archive.by_index_raw(index)?;
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let (checksum, length) = (file.crc32(), u32::try_from(file.size())?);
    match file.compression() {
        CompressionMethod::DEFLATE => {}
        // What is too short to become shorter: one block, stored (RFC 1951, section 3.2.4).
        CompressionMethod::STORE => {
            let length = u16::try_from(length)?;
            gzip.push(1);
            gzip.extend(length.to_le_bytes());
            gzip.extend((!length).to_le_bytes());
        }
        other => return Err(format!("`{name}` is packed as {other}").into()),
    }
    file.read_to_end(&mut gzip)?;
    gzip.extend(checksum.to_le_bytes());
    gzip.extend(length.to_le_bytes());
    Ok(gzip)
}
