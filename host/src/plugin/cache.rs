//! The cache of compiled components: private, authenticated, and keyed by what was compiled and how.
//!
//! Compiled code is trusted input to the host, so nothing foreign may get in. The folder is readable by its owner
//! alone; every entry carries a keyed hash over its key and its bytes; the bytes that were checked are the bytes
//! that are loaded, from memory, never a second look at the file. An entry that does not check is compiled anew.

#![expect(
    unsafe_code,
    reason = "loading compiled code is unsafe; the hash checked right before makes it sound"
)]

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;
use zeroize::Zeroizing;

use super::compile::{CompileError, Compiler};
use super::files;
use crate::config::PluginName;

const TAG_BYTES: usize = 32;
const KEY_BYTES: usize = 32;
const KEY_FILE: &str = "key";

/// Why the cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The folder or the key in it.
    #[error("cannot use the cache folder `{path}`")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Somebody else can write there.
    #[error(
        "the cache folder `{path}` {problem}; compiled code in it could be planted\nhint: chmod 700 '{path}'"
    )]
    Exposed {
        /// The folder.
        path: PathBuf,
        /// Whose it is, or its mode.
        problem: String,
    },
    /// No randomness for the key.
    #[error("cannot make a key for the cache folder: {0}")]
    Random(String),
}

/// An open cache folder.
pub(super) struct Cache {
    folder: PathBuf,
    key: Zeroizing<[u8; KEY_BYTES]>,
    /// Changes with wasmtime's version and with every setting that changes the code.
    compatibility: u64,
}

impl Cache {
    /// Opens the folder, made with mode 0700 when it is not there, and its key.
    pub(super) fn open(folder: &Path, engine: &Engine) -> Result<Self, CacheError> {
        let failed = |source| CacheError::Folder {
            path: folder.to_owned(),
            source,
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed)?;
        check_private(folder, &fs::symlink_metadata(folder).map_err(failed)?)?;
        let mut hasher = std::hash::DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self {
            folder: folder.to_owned(),
            key: key(folder)?,
            compatibility: hasher.finish(),
        })
    }

    /// The compiled form of `component`, from the cache or compiled now. Blocks: compiling takes from 0.1 s to
    /// several seconds.
    pub(super) fn load(
        &self,
        engine: &Engine,
        plugin: &PluginName,
        component: &[u8],
        compiler: &Compiler,
    ) -> Result<Component, CompileError> {
        let name = self.entry_name(component);
        let path = self.folder.join(format!("{name}.cwasm"));
        if let Some(code) = self.checked(&name, &path) {
            // SAFETY: the keyed hash shows that this host wrote these very bytes as the output of
            // `Engine::precompile_component`; wasmtime itself checks version and settings.
            match unsafe { Component::deserialize(engine, &code) } {
                Ok(component) => return Ok(component),
                Err(error) => {
                    tracing::warn!(%error, entry = name, "a cached component does not load; compiling it anew");
                }
            }
        }
        // These two lines are what a person at a terminal is told from, too (`cli/loading.rs`).
        tracing::info!(%plugin, bytes = component.len(), "compiling; the result is kept");
        let begun = Instant::now();
        let code = compiler.compile(component).inspect_err(|_| {
            // Why is told where it is handled.
            tracing::info!(%plugin, elapsed = ?begun.elapsed(), "not compiled");
        })?;
        tracing::info!(%plugin, elapsed = ?begun.elapsed(), code_bytes = code.len(), "compiled");
        if let Err(error) = self.store(&name, &path, &code) {
            // Without the entry the next start compiles again; nothing else is lost.
            tracing::warn!(%error, entry = name, "cannot keep a compiled component");
        }
        // SAFETY: made by `precompile_component`, in this process or in one that this process started from its own
        // program and whose output came by a pipe; it has been in no file since.
        let loaded = unsafe { Component::deserialize(engine, &code) };
        loaded.map_err(|error| CompileError::Component(format!("{error:#}")))
    }

    fn entry_name(&self, component: &[u8]) -> String {
        let digest = Sha256::new()
            .chain_update(self.compatibility.to_le_bytes())
            .chain_update(component)
            .finalize();
        super::hex(&digest)
    }

    fn tag(&self, name: &str, code: &[u8]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&*self.key).expect("HMAC takes keys of any length");
        mac.update(name.as_bytes());
        mac.update(code);
        mac
    }

    /// The code of an entry whose hash is right.
    fn checked(&self, name: &str, path: &Path) -> Option<Vec<u8>> {
        let mut entry = match fs::read(path) {
            Ok(entry) => entry,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(%error, entry = name, "cannot read a cached component; compiling it anew");
                return None;
            }
        };
        let code_bytes = entry.len().checked_sub(TAG_BYTES)?;
        let tag = entry.split_off(code_bytes);
        if self.tag(name, &entry).verify_slice(&tag).is_err() {
            tracing::warn!(
                entry = name,
                "a cached component is not what this host wrote; compiling it anew"
            );
            return None;
        }
        Some(entry)
    }

    fn store(&self, name: &str, path: &Path, code: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(".new-")
            .tempfile_in(&self.folder)?;
        file.write_all(code)?;
        file.write_all(&self.tag(name, code).finalize().into_bytes())?;
        file.as_file().sync_all()?;
        // The rename is atomic: a reader sees the whole entry or none.
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }
}

fn check_private(folder: &Path, metadata: &fs::Metadata) -> Result<(), CacheError> {
    match files::exposed(metadata) {
        Some(problem) => Err(CacheError::Exposed {
            path: folder.to_owned(),
            problem,
        }),
        None => Ok(()),
    }
}

/// The folder's key, made when there is none. Two hosts that start at once end up with the same one.
fn key(folder: &Path) -> Result<Zeroizing<[u8; KEY_BYTES]>, CacheError> {
    let failed = |source| CacheError::Folder {
        path: folder.to_owned(),
        source,
    };
    let path = folder.join(KEY_FILE);
    if !path.exists() {
        let mut fresh = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(&mut *fresh).map_err(|error| CacheError::Random(error.to_string()))?;
        let mut file = tempfile::Builder::new()
            .prefix(".key-")
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(folder)
            .map_err(failed)?;
        file.write_all(&*fresh)
            .and_then(|()| file.as_file().sync_all())
            .map_err(failed)?;
        match file.persist_noclobber(&path) {
            Ok(_) => {}
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error.error)),
        }
    }
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let mut file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(&path)
        .map_err(failed)?;
    io::Read::read_exact(&mut file, &mut *key).map_err(failed)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn plugin() -> PluginName {
        "smallest".parse().expect("a name")
    }

    fn entry(folder: &Path) -> PathBuf {
        fs::read_dir(folder)
            .expect("the folder")
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "cwasm")
            })
            .expect("an entry")
    }

    #[test]
    fn a_planted_or_damaged_entry_is_compiled_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("cache");
        let engine = Engine::new(&crate::plugin::engine::code_settings()).expect("an engine");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let here = config::Compile {
            program: None,
            memory: 1 << 30,
            time: std::time::Duration::from_mins(1),
        };
        let compiler = Compiler::new(here, runtime.handle().clone());
        let cache = Cache::open(&folder, &engine).expect("opens");
        cache
            .load(&engine, &plugin(), COMPONENT, &compiler)
            .expect("compiles");
        let path = entry(&folder);
        let good = fs::read(&path).expect("the entry");

        let name = cache.entry_name(COMPONENT);
        assert!(
            cache.checked(&name, &path).is_some(),
            "an untouched entry is taken"
        );
        for spoil in [0, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[spoil] ^= 1;
            fs::write(&path, &bad).expect("spoils");
            assert!(
                cache.checked(&name, &path).is_none(),
                "byte {spoil} was changed"
            );
            cache
                .load(&engine, &plugin(), COMPONENT, &compiler)
                .expect("compiles anew");
            assert_eq!(fs::read(&path).expect("the entry").len(), good.len());
        }
        // An entry of the same folder under another component's name.
        assert!(cache.checked("another", &path).is_none());
        // The same bytes under another key.
        fs::remove_file(folder.join(KEY_FILE)).expect("removes the key");
        let other = Cache::open(&folder, &engine).expect("opens");
        assert!(other.checked(&name, &path).is_none());
    }

    #[test]
    fn a_folder_open_to_others_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("opens it up");
        let error = Cache::open(folder.path(), &Engine::default())
            .err()
            .expect("refused")
            .to_string();
        assert!(
            error.contains("mode 755") && error.contains("hint: chmod 700"),
            "{error}"
        );
    }
}
