//! The one thread that writes: batches, rotation, checkpoints, and what happens when the disk does not take a line.
//!
//! A line that could not be written is kept and tried again every second; nothing is written behind its back, so the
//! chain has no holes. While that lasts, calls are refused or not, as configured ([`Audit::begin`](super::Audit::begin)).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use sha2::{Digest as _, Sha256};

use super::anchor::{self, Anchor};
use super::line::{self, BEGINNING, End, Keys, Parsed, hex};
use super::{Event, Kind, Message, Settings, Shared};

/// The file that is written to. Those set aside are `audit-N.jsonl`, by the number of their last line.
pub(super) const CURRENT: &str = "audit.jsonl";
const LOCK: &str = "audit.lock";

/// Lines of one write.
const BATCH: usize = 512;
/// Lines after which a checkpoint is due, whatever the time.
const ANCHOR_LINES: u64 = 1000;
/// Between two tries to write.
const AGAIN: Duration = Duration::from_secs(1);
/// What is read of a file's end: longer than two lines.
const TAIL: u64 = 1 << 20;

pub(super) struct Writer {
    folder: PathBuf,
    keys: Arc<Keys>,
    shared: Arc<Shared>,
    anchor: Option<Anchor>,
    anchor_interval: Duration,
    max_file_bytes: u64,
    keep_files: Option<u32>,
    lock: File,
    file: Option<Open>,
    /// The last line on disk, as far as is known.
    end: End,
    anchored: u64,
    anchored_at: Instant,
}

struct Open {
    file: File,
    inode: u64,
    length: u64,
}

impl Writer {
    pub(super) fn open(
        settings: &Settings,
        keys: Arc<Keys>,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&settings.folder)?;
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(settings.folder.join(LOCK))?;
        let mut writer = Self {
            folder: settings.folder.clone(),
            keys,
            shared,
            anchor: settings.anchor.clone(),
            anchor_interval: settings.anchor_interval,
            max_file_bytes: settings.max_file_bytes,
            keep_files: settings.keep_files,
            lock,
            file: None,
            end: last_anchor(settings.anchor.as_ref())?.unwrap_or(End::NOTHING),
            anchored: 0,
            anchored_at: Instant::now(),
        };
        writer.anchored = writer.end.seq;
        // Whatever is wrong with the folder is found now, not at the first line.
        writer.append(&mut Vec::new())?;
        Ok(writer)
    }

    /// Writes until there are no senders any more.
    pub(super) fn run(mut self, receiver: &Receiver<Message>) {
        let mut waiting: Vec<Message> = Vec::new();
        let mut wait = self.anchor_interval;
        loop {
            let ended = match receiver.recv_timeout(wait) {
                Ok(message) => {
                    waiting.push(message);
                    false
                }
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            // Bounded by the places in the queue.
            waiting.extend(receiver.try_iter());
            wait = match self.write_all(&mut waiting) {
                Ok(()) => self
                    .anchor_interval
                    .saturating_sub(self.anchored_at.elapsed()),
                Err(_) => AGAIN,
            };
            self.anchor_if_due(ended);
            if ended {
                if !waiting.is_empty() {
                    tracing::error!(
                        lines = waiting.len(),
                        "lines of the audit log are lost: the host ends and the disk does not take them"
                    );
                }
                return;
            }
            // An interval that has passed is waited for anew when there is nothing to anchor.
            wait = wait.max(Duration::from_millis(1));
            if self.anchored == self.end.seq && waiting.is_empty() {
                wait = self.anchor_interval;
            }
        }
    }

    /// Writes all that wait; what could not be written still waits.
    fn write_all(&mut self, waiting: &mut Vec<Message>) -> io::Result<()> {
        while !waiting.is_empty() {
            let size = waiting.len().min(BATCH);
            let mut events: Vec<Event> = waiting[..size]
                .iter()
                .map(|one| one.event.clone())
                .collect();
            let lost = self.shared.lost.swap(0, Ordering::AcqRel);
            if lost > 0
                && let Some(first) = events.first_mut()
            {
                *first = first.clone().with("lost", lost);
            }
            let was_failing = self.shared.failing.load(Ordering::Acquire);
            match self.append(&mut events) {
                Ok(()) => {
                    // The places are free from here on.
                    waiting.drain(..size);
                    if was_failing {
                        self.shared.failing.store(false, Ordering::Release);
                        tracing::warn!("the audit log is written again");
                    }
                }
                Err(error) => {
                    self.shared.lost.fetch_add(lost, Ordering::AcqRel);
                    self.shared.failing.store(true, Ordering::Release);
                    if !was_failing {
                        tracing::error!(%error, folder = %self.folder.display(), "cannot write the audit log");
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Appends events to the log, all or none.
    fn append(&mut self, events: &mut Vec<Event>) -> io::Result<()> {
        rustix::fs::flock(&self.lock, FlockOperation::LockExclusive)?;
        let done = self.append_locked(events);
        rustix::fs::flock(&self.lock, FlockOperation::Unlock)?;
        done
    }

    fn append_locked(&mut self, events: &mut Vec<Event>) -> io::Result<()> {
        let mut text = String::new();
        let (mut file, found) = match self.file.take() {
            Some(open) if open.is_current(&self.folder) => (open, Vec::new()),
            Some(_) | None => self.catch_up(&mut text)?,
        };
        let mut end = self.end;
        for event in found.iter().chain(&*events) {
            end = line::write(&self.keys, &end, event, &mut text);
        }
        let outcome = file.write(text.as_bytes());
        if outcome.is_ok() {
            self.end = end;
        }
        let length = file.length;
        self.file = Some(file);
        outcome?;
        events.clear();
        // The lines are on disk: that a file cannot be set aside must not make them be written twice.
        if length > self.max_file_bytes
            && let Err(error) = self.rotate()
        {
            tracing::error!(%error, folder = %self.folder.display(), "cannot set a file of the audit log aside");
        }
        Ok(())
    }

    /// Opens the current file, and learns what others have written since; what is found to be wrong becomes events.
    fn catch_up(&mut self, text: &mut String) -> io::Result<(Open, Vec<Event>)> {
        let path = self.folder.join(CURRENT);
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(&path)?;
        let metadata = file.metadata()?;
        let mut open = Open {
            inode: metadata.ino(),
            length: metadata.len(),
            file,
        };
        let mut tail = Tail::of(&mut open.file, &self.keys)?;
        if tail.end.is_none()
            && let Some(newest) = set_aside(&self.folder)?.pop()
        {
            let torn = tail.torn.take();
            tail = Tail::of(&mut File::open(newest)?, &self.keys)?;
            tail.torn = torn;
        }
        let mut found = Vec::new();
        if let Some(torn) = tail.torn {
            // What is there stays there; the line that follows vouches for it.
            text.push('\n');
            tracing::warn!(
                bytes = torn.len(),
                "the audit log ended in the middle of a line"
            );
            found.push(
                Event::new(Kind::Torn)
                    .with("bytes", torn.len())
                    .with("sha256", hex(&Sha256::digest(&torn))),
            );
        }
        let end = tail.end.unwrap_or(End::NOTHING);
        let problem = if !tail.is_genuine {
            Some("the last line is not one that this host wrote with this key")
        } else if end.seq < self.end.seq {
            Some("lines are missing at the end")
        } else if end.seq == self.end.seq && end.tag != self.end.tag {
            Some("the last line is another one than was written")
        } else {
            None
        };
        if end.seq >= self.end.seq {
            self.end = end;
        }
        if let Some(problem) = problem {
            tracing::error!(folder = %self.folder.display(), "the audit log was changed: {problem}; run `toolward audit verify`");
            found.push(Event::new(Kind::Tampered).with("problem", problem));
        }
        Ok((open, found))
    }

    fn rotate(&mut self) -> io::Result<()> {
        let aside = self
            .folder
            .join(format!("audit-{:012}.jsonl", self.end.seq));
        fs::rename(self.folder.join(CURRENT), aside)?;
        self.file = None;
        let Some(keep) = self.keep_files else {
            return Ok(());
        };
        let files = set_aside(&self.folder)?;
        let old = files.len().saturating_sub(keep as usize);
        for path in &files[..old] {
            let tail = Tail::of(&mut File::open(path)?, &self.keys)?;
            let Some(end) = tail.end else { continue };
            // First the line that vouches for what is gone, then the removal.
            let mut event = vec![
                Event::new(Kind::Pruned)
                    .with("through", end.seq)
                    .with("through_mac", hex(&end.tag)),
            ];
            self.append_locked(&mut event)?;
            fs::remove_file(path)?;
        }
        Ok(())
    }

    fn anchor_if_due(&mut self, now: bool) {
        let Some(anchor) = &self.anchor else { return };
        let new = self.end.seq.saturating_sub(self.anchored);
        let is_due =
            now || new >= ANCHOR_LINES || self.anchored_at.elapsed() >= self.anchor_interval;
        if new == 0 || !is_due {
            return;
        }
        self.anchored_at = Instant::now();
        match anchor.set(&self.end) {
            Ok(()) => self.anchored = self.end.seq,
            Err(error) => tracing::error!(%error, "cannot anchor the audit log"),
        }
    }
}

impl Open {
    /// Whether nobody has written, removed or replaced the file since.
    fn is_current(&self, folder: &Path) -> bool {
        fs::symlink_metadata(folder.join(CURRENT))
            .is_ok_and(|found| found.ino() == self.inode && found.len() == self.length)
    }

    /// Appends, and waits until it is on disk. On failure the file is as it was.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let written = self
            .file
            .write_all(bytes)
            .and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.length += bytes.len() as u64;
                Ok(())
            }
            Err(error) => {
                // Nobody was told of these bytes. If they cannot be taken back, they are found as a torn line.
                let _ = self.file.set_len(self.length);
                Err(error)
            }
        }
    }
}

/// How a file ends.
struct Tail {
    end: Option<End>,
    /// Whether the last line follows the one before it, as far as that can be seen.
    is_genuine: bool,
    torn: Option<Vec<u8>>,
}

impl Tail {
    fn of(file: &mut File, keys: &Keys) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let from = length.saturating_sub(TAIL);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let torn = (whole < bytes.len()).then(|| bytes[whole..].to_vec());
        let text = String::from_utf8_lossy(&bytes[..whole]);
        let mut lines = text.lines().rev();
        let Some(last) = lines.next() else {
            return Ok(Self {
                end: None,
                is_genuine: true,
                torn,
            });
        };
        let last = Parsed::of(last);
        let before = lines.find_map(Parsed::of).map(|line| line.end());
        let is_genuine = last.as_ref().is_some_and(|last| match before {
            Some(before) => keys.follows(&before.tag, last),
            None if last.seq == 1 => keys.follows(&BEGINNING, last),
            // The first line of a file: its predecessor is elsewhere.
            None => true,
        });
        Ok(Self {
            end: last.map(|line| line.end()).or(before),
            is_genuine,
            torn,
        })
    }
}

/// The files set aside, oldest first.
pub(super) fn set_aside(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let number = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_prefix("audit-")?.strip_suffix(".jsonl"));
        if let Some(number) = number.and_then(|number| number.parse::<u64>().ok()) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

fn last_anchor(anchor: Option<&Anchor>) -> io::Result<Option<End>> {
    match anchor {
        Some(Anchor::File(path)) if path.exists() => Ok(anchor::read(path)?.pop()),
        Some(Anchor::File(_) | Anchor::Syslog) | None => Ok(None),
    }
}
