//! Files that tests compare with: shown whole on a difference, rewritten with `TOOLWARD_UPDATE=1`.

use std::path::{Path, PathBuf};

/// A path of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Fails when the file does not hold exactly `text`.
#[track_caller]
#[expect(
    clippy::disallowed_methods,
    reason = "a switch for people who run tests, not a setting of the host"
)]
pub(crate) fn check(path: &Path, text: &str) {
    if std::env::var_os("TOOLWARD_UPDATE").is_some() {
        std::fs::write(path, text).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        expected == text,
        "{} is stale; TOOLWARD_UPDATE=1 cargo test -p toolward rewrites it. It should be:\n{text}",
        path.display()
    );
}
