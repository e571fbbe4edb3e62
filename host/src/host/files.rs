//! The files that a host is made of, and whether they are still as they were.
//!
//! What the operating system tells of changes is only taken as a hint to look: it misses files on network shares and
//! behind symbolic links, says the same many times, and nothing of whether the writer is done. What counts is how the
//! files look, and that they have looked so for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use super::{Host, Trigger};

/// How often the files are looked at without a hint.
const POLL: Duration = Duration::from_secs(5);

/// After a hint, so that a folder where much happens costs little.
const BREATH: Duration = Duration::from_millis(20);

/// How a file looks from outside. Two different contents have different ones, but for a writer who takes pains.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stamp {
    file: (u64, u64),
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// Of the file that the path leads to; `None`: there is none.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(Self {
            file: (found.dev(), found.ino()),
            length: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

/// Files and how they look.
type Stamps = BTreeMap<PathBuf, Option<Stamp>>;

async fn stamps(files: BTreeSet<PathBuf>) -> Stamps {
    let look = move || {
        let stamps = files.into_iter().map(|path| {
            let stamp = Stamp::of(&path);
            (path, stamp)
        });
        stamps.collect()
    };
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}

/// How the files look once they have looked the same for `settle_time`.
async fn settled(files: &BTreeSet<PathBuf>, mut seen: Stamps, settle_time: Duration) -> Stamps {
    loop {
        tokio::time::sleep(settle_time).await;
        let now = stamps(files.clone()).await;
        if now == seen {
            return now;
        }
        seen = now;
    }
}

/// Hints that something in these folders changed.
struct Hints {
    /// `None`: the operating system does not tell, and the files are only looked at now and then.
    watcher: Option<RecommendedWatcher>,
    heard: mpsc::Receiver<()>,
    folders: BTreeSet<PathBuf>,
}

impl Hints {
    fn new() -> Self {
        // One hint is enough for any number of changes.
        let (hint, heard) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| is_change(event.kind)) {
                // Full: a hint waits already.
                let _ = hint.try_send(());
            }
        });
        if let Err(error) = &watcher {
            tracing::warn!(%error, "the system does not tell of changed files; they are looked at every {POLL:?}");
        }
        Self {
            watcher: watcher.ok(),
            heard,
            folders: BTreeSet::new(),
        }
    }

    /// Watches the folders of these files, not the files: a file that is replaced is another file.
    fn follow(&mut self, files: &BTreeSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let folders: BTreeSet<PathBuf> = files.iter().filter_map(|file| folder(file)).collect();
        for gone in self.folders.difference(&folders) {
            // It may be gone for good, and its watch with it.
            let _ = watcher.unwatch(gone);
        }
        // Again for those that are watched: a folder that was removed and made anew is another folder.
        let followed = folders.into_iter().filter(|folder| {
            let outcome = watcher.watch(folder, RecursiveMode::NonRecursive);
            if let Err(error) = &outcome {
                tracing::debug!(%error, folder = %folder.display(), "a folder cannot be watched; it is looked at every {POLL:?}");
            }
            outcome.is_ok()
        });
        self.folders = followed.collect();
    }

    /// Returns when it is time to look.
    async fn wait(&mut self) {
        let hint = async {
            match self.heard.recv().await {
                Some(()) => {}
                // Without a watcher nobody sends.
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = hint => tokio::time::sleep(BREATH).await,
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// Where the file is.
fn folder(file: &Path) -> Option<PathBuf> {
    let folder = file.parent()?;
    if folder.as_os_str().is_empty() {
        return Some(PathBuf::from("."));
    }
    Some(folder.to_owned())
}

/// Looking at a file is no change of it, and we look all the time.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

/// Reloads when files have changed and settled, until the host is gone.
pub(super) async fn watch(host: Weak<Host>) {
    let mut hints = Hints::new();
    let Some(files) = host.upgrade().map(|host| host.files()) else {
        return;
    };
    let mut known = stamps(files).await;
    loop {
        let Some(files) = host.upgrade().map(|host| host.files()) else {
            return;
        };
        hints.follow(&files);
        // What changed since the last look and before its folder was watched gives no hint.
        let mut seen = stamps(files.clone()).await;
        if seen == known {
            hints.wait().await;
            seen = stamps(files.clone()).await;
        }
        if seen == known {
            continue;
        }
        let Some(settings) = host.upgrade().map(|host| host.reload_settings()) else {
            return;
        };
        if !settings.watch {
            known = seen;
            continue;
        }
        known = settled(&files, seen, settings.settle_time).await;
        let Some(host) = host.upgrade() else { return };
        host.reload(&Trigger::Files).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_looks_different_and_a_missing_one_like_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        assert_eq!(Stamp::of(&path), None);
        std::fs::write(&path, "one").unwrap();
        let first = Stamp::of(&path);
        assert!(first.is_some());
        assert_eq!(Stamp::of(&path), first, "looking changes nothing");
        let beside = folder.path().join("b.wasm");
        std::fs::write(&beside, "two").unwrap();
        std::fs::rename(&beside, &path).unwrap();
        assert_ne!(Stamp::of(&path), first);
    }

    #[test]
    fn looking_is_no_change() {
        let open = EventKind::Access(AccessKind::Open(AccessMode::Any));
        let read = EventKind::Access(AccessKind::Close(AccessMode::Read));
        let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
        assert!(!is_change(open) && !is_change(read));
        assert!(is_change(written));
    }

    #[test]
    fn a_bare_name_is_in_the_folder_where_the_host_was_started() {
        let folder = |file: &str| folder(Path::new(file)).unwrap();
        assert_eq!(folder("toolward.toml"), Path::new("."));
        assert_eq!(folder("a/toolward.toml"), Path::new("a"));
        assert_eq!(folder("/toolward.toml"), Path::new("/"));
    }

    #[tokio::test(start_paused = true)]
    async fn files_have_settled_when_nothing_has_changed_for_the_whole_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        let files = BTreeSet::from([path.clone()]);
        let seen = stamps(files.clone()).await;
        let writer = tokio::spawn({
            let path = path.clone();
            async move {
                for length in 1..=4 {
                    tokio::time::sleep(Duration::from_millis(700)).await;
                    std::fs::write(&path, "x".repeat(length)).unwrap();
                }
            }
        });
        let settled = settled(&files, seen, Duration::from_secs(1)).await;
        assert!(writer.is_finished(), "it was still being written");
        assert_eq!(settled[&path], Stamp::of(&path));
    }

    async fn hinted(hints: &mut Hints) {
        let hint = tokio::time::timeout(Duration::from_mins(1), hints.heard.recv()).await;
        assert_eq!(hint.expect("a hint comes"), Some(()));
        // What was written once may be told twice.
        while hints.heard.try_recv().is_ok() {}
    }

    #[tokio::test]
    async fn a_file_that_comes_changes_or_goes_gives_a_hint() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("plugins");
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("a.wasm");
        let files = BTreeSet::from([path.clone()]);
        let mut hints = Hints::new();
        hints.follow(&files);
        std::fs::write(&path, "one").unwrap();
        hinted(&mut hints).await;
        std::fs::write(&path, "two").unwrap();
        hinted(&mut hints).await;
        std::fs::remove_file(&path).unwrap();
        hinted(&mut hints).await;

        // Another folder of the same name is followed once somebody has looked again.
        std::fs::remove_dir(&folder).unwrap();
        hints.follow(&files);
        std::fs::create_dir(&folder).unwrap();
        hints.follow(&files);
        while hints.heard.try_recv().is_ok() {}
        std::fs::write(&path, "three").unwrap();
        hinted(&mut hints).await;
    }
}
