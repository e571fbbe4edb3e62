//! The folder and the file, for their owner alone: states and results are the plugins' users' data.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

pub(super) const FILE: &str = "jobs.redb";

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or the file.
    #[error("cannot use the state folder `{path}`")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Others can get in.
    #[error(
        "the state folder `{path}` {problem}; what jobs keep could be read or changed there\nhint: chmod 700 '{path}'"
    )]
    Exposed {
        /// The folder.
        path: PathBuf,
        /// Whose it is, or its mode.
        problem: String,
    },
    /// Another host has it.
    #[error(
        "another host uses the state folder `{path}`\nhint: give this one its own with runtime.state-dir"
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Damaged, or of another version.
    #[error("cannot use the job store `{path}`: {problem}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

/// Opens the file in `folder`, which is made with mode 0700 when it is not there.
pub(super) fn open(folder: &Path) -> Result<fs::File, OpenError> {
    let refused = |source| OpenError::Folder {
        path: folder.to_owned(),
        source,
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(refused)?;
    let found = fs::symlink_metadata(folder).map_err(refused)?;
    let exposed = |problem: String| OpenError::Exposed {
        path: folder.to_owned(),
        problem,
    };
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(exposed("belongs to somebody else".to_owned()));
    }
    if found.mode() & 0o077 != 0 {
        return Err(exposed(format!("has mode {:o}", found.mode() & 0o777)));
    }
    fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(folder.join(FILE))
        .map_err(refused)
}
