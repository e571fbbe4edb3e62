//! What a cluster consists of.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::world::World;

pub(crate) const GIB: u64 = 1024 * 1024 * 1024;
pub(crate) const MIB: u64 = 1024 * 1024;

/// Machine or container.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A virtual machine.
    Qemu,
    /// A container.
    Lxc,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Qemu => "qemu",
            Self::Lxc => "lxc",
        }
    }

    /// The prefix of its tasks.
    pub(crate) const fn task(self) -> &'static str {
        match self {
            Self::Qemu => "qm",
            Self::Lxc => "vz",
        }
    }

    pub(crate) const fn folder(self) -> &'static str {
        match self {
            Self::Qemu => "qemu-server",
            Self::Lxc => "lxc",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) id: u32,
    pub(crate) online: bool,
    pub(crate) cpus: u32,
    pub(crate) memory: u64,
}

/// Values of a guest's configuration, as texts.
pub(crate) type Config = BTreeMap<String, String>;

#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) time: u64,
    pub(crate) parent: Option<String>,
    pub(crate) vmstate: bool,
    pub(crate) config: Config,
}

#[derive(Clone, Debug)]
pub(crate) struct Guest {
    pub(crate) id: u32,
    pub(crate) kind: Kind,
    pub(crate) node: String,
    /// `running`, `stopped`, `paused`.
    pub(crate) status: String,
    pub(crate) since: Duration,
    pub(crate) template: bool,
    pub(crate) pool: Option<String>,
    pub(crate) lock: Option<String>,
    pub(crate) config: Config,
    pub(crate) snapshots: Vec<Snapshot>,
    pub(crate) current_parent: Option<String>,
    /// Whether the agent inside answers.
    pub(crate) agent: bool,
    pub(crate) ha: bool,
}

impl Guest {
    pub(crate) fn name(&self) -> &str {
        let key = match self.kind {
            Kind::Qemu => "name",
            Kind::Lxc => "hostname",
        };
        self.config.get(key).map_or("", String::as_str)
    }

    pub(crate) fn memory(&self) -> u64 {
        self.number("memory", 512) * MIB
    }

    pub(crate) fn cpus(&self) -> u64 {
        self.number("cores", 1) * self.number("sockets", 1)
    }

    fn number(&self, key: &str, default: u64) -> u64 {
        let text = self.config.get(key);
        text.and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    /// The keys that hold disks, with volume and size.
    pub(crate) fn disks(&self) -> Vec<(String, String, u64)> {
        let disk = |(key, value): (&String, &String)| {
            if !is_disk(key) || value.contains("media=cdrom") {
                return None;
            }
            let (volume, options) = value.split_once(',').unwrap_or((value, ""));
            let size = options
                .split(',')
                .find_map(|option| option.strip_prefix("size="))
                .and_then(size_of)
                .unwrap_or(0);
            Some((key.clone(), volume.to_owned(), size))
        };
        self.config.iter().filter_map(disk).collect()
    }
}

pub(crate) fn is_disk(key: &str) -> bool {
    let letters = key.trim_end_matches(|c: char| c.is_ascii_digit());
    key == "rootfs"
        || (letters.len() < key.len()
            && matches!(
                letters,
                "scsi" | "virtio" | "sata" | "ide" | "mp" | "efidisk" | "tpmstate"
            ))
}

/// `32G` and the like, in bytes.
pub(crate) fn size_of(text: &str) -> Option<u64> {
    let (digits, unit) = match text.char_indices().last()? {
        (at, 'K') => (&text[..at], 1024),
        (at, 'M') => (&text[..at], MIB),
        (at, 'G') => (&text[..at], GIB),
        (at, 'T') => (&text[..at], GIB * 1024),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[derive(Clone, Debug)]
pub(crate) struct Storage {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) content: &'static str,
    pub(crate) shared: bool,
    pub(crate) total: u64,
    pub(crate) used: u64,
}

impl Storage {
    pub(crate) fn takes(&self, content: &str) -> bool {
        self.content.split(',').any(|one| one == content)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Volume {
    pub(crate) storage: String,
    /// Where it is, if its storage is not shared.
    pub(crate) node: Option<String>,
    pub(crate) volid: String,
    pub(crate) content: &'static str,
    pub(crate) format: String,
    pub(crate) size: u64,
    pub(crate) time: u64,
    pub(crate) guest: Option<u32>,
    pub(crate) notes: Option<String>,
    pub(crate) protected: bool,
    pub(crate) verification: Option<&'static str>,
    /// What a backup holds.
    pub(crate) saved: Option<(Kind, Config)>,
}

/// What a task does when its time has come. An error is the task's own text.
pub(crate) type Effect = Box<dyn FnOnce(&mut World) -> Result<(), String> + Send>;

pub(crate) struct Task {
    pub(crate) upid: String,
    pub(crate) node: String,
    pub(crate) pid: u32,
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) user: String,
    pub(crate) token: Option<String>,
    pub(crate) started: u64,
    pub(crate) due: Duration,
    pub(crate) ended: Option<u64>,
    pub(crate) exit: Option<String>,
    pub(crate) log: Vec<String>,
    pub(crate) effect: Option<Effect>,
    /// The guest whose lock goes when it ends.
    pub(crate) locks: Option<u32>,
    pub(crate) fate: Fate,
}

/// How a task is to end, decided when it begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fate {
    /// As it should.
    Well,
    /// Done, with so many warnings.
    Warnings(u32),
    /// Not done, with this text.
    Fails(String),
    /// Never, until it is aborted.
    Hangs,
}

/// A job of the scheduler, as the API shows it.
#[derive(Clone, Debug)]
pub(crate) struct BackupJob {
    pub(crate) id: String,
    pub(crate) shown: Value,
    pub(crate) guests: Vec<u32>,
}
