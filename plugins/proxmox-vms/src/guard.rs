//! What stands between a call and a change: read-only clusters, protected guests, locks, running tasks, the person.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;
use toolward_sdk::ask::Confirm;
use toolward_sdk::prelude::*;

use crate::api::Cluster;
use crate::guest::{Found, Guest};
use crate::loose::Loose;
use crate::path;
use crate::settings::Settings;
use crate::show;

/// Whether the cluster may be changed at all.
pub(crate) fn writable(cx: &Context, cluster: &Cluster<'_>) -> Result<Settings> {
    let settings = Settings::of(cx)?;
    if settings.read_only {
        return Err(ToolError::denied(
            "the operator set this plugin to look only (plugins.proxmox-vms.settings.read-only). hint: only the \
             operator can change that",
        )
        .into());
    }
    if cluster.read_only {
        return Err(ToolError::denied(format!(
            "cluster {} is bound for reading only. hint: only the operator can change that",
            cluster.name
        ))
        .into());
    }
    Ok(settings)
}

/// Whether the operator's settings let calls touch this guest. A tag that is not seen protects nothing, so a guest
/// whose node is away is not touched either.
pub(crate) fn unprotected(settings: &Settings, guest: &Guest) -> Result<(), ToolError> {
    let refused = |why: String| {
        ToolError::denied(format!(
            "the {} is protected by the operator's settings ({why}): it is only looked at. hint: only the operator can \
             change that",
            guest.shown()
        ))
    };
    let same = |tag: &&String| {
        settings
            .protected_tags
            .iter()
            .any(|protected| protected.eq_ignore_ascii_case(tag))
    };
    if let Some(tag) = guest.tags.iter().find(same) {
        return Err(refused(format!("tag {tag}")));
    }
    unprotected_id(settings, guest.id)
        .map_err(|_| refused(format!("its number is in {ID_SETTING}")))
}

const ID_SETTING: &str = "protected-ids";

/// The same for a number that is to be used.
pub(crate) fn unprotected_id(settings: &Settings, id: u64) -> Result<(), ToolError> {
    if settings.protected_ids.iter().any(|range| range.holds(id)) {
        return Err(ToolError::denied(format!(
            "number {id} is protected by the operator's settings ({ID_SETTING}). hint: choose another; pve_next_id \
             gives a free one"
        )));
    }
    Ok(())
}

/// What works on guests of a node right now: their numbers, and the tasks.
pub(crate) fn busy(cluster: &Cluster<'_>, node: &str) -> Result<BTreeMap<u64, String>> {
    let query = [("source", "active"), ("limit", "500")];
    let running = cluster.get_with(path!["nodes", node, "tasks"], &query)?;
    let about = |task: &Value| {
        // A console is open, nothing is changed.
        let kind = task.text("type")?;
        if kind.ends_with("proxy") || kind.ends_with("shell") {
            return None;
        }
        Some((task.whole("id")?, format!("{kind}, {}", task.text("upid")?)))
    };
    Ok(running.items().iter().filter_map(about).collect())
}

/// Everything that must hold before a guest is changed.
pub(crate) fn may_change(cx: &Context, found: &[Found<'_>]) -> Result<Settings> {
    let mut settings = None;
    let mut nodes: BTreeMap<(String, String), BTreeMap<u64, String>> = BTreeMap::new();
    for Found { cluster, guest } in found {
        let checked = writable(cx, cluster)?;
        unprotected(&checked, guest)?;
        if guest.status == "unknown" {
            return Err(ToolError::unavailable(format!(
                "the {} cannot be changed now: its node does not answer. hint: pve_cluster shows which nodes are online",
                guest.shown()
            ))
            .into());
        }
        let key = (cluster.name.clone(), guest.node.clone());
        if !nodes.contains_key(&key) {
            let tasks = busy(cluster, &guest.node)?;
            nodes.insert(key.clone(), tasks);
        }
        let task = nodes.get(&key).and_then(|tasks| tasks.get(&guest.id));
        free(guest, task.map(String::as_str))?;
        settings = Some(checked);
    }
    match settings {
        Some(settings) => Ok(settings),
        None => Settings::of(cx),
    }
}

/// Whether nothing works on the guest.
pub(crate) fn free(guest: &Guest, task: Option<&str>) -> Result<(), ToolError> {
    let hint = "hint: wait for it with pve_task_wait (pve_tasks finds it), then call again";
    match (task, &guest.lock) {
        (Some(task), _) => Err(ToolError::conflict(format!(
            "a task works on the {} ({task}). {hint}",
            guest.shown()
        ))),
        (None, Some(lock)) => Err(ToolError::conflict(format!(
            "the {} is locked ({lock}). {hint}",
            guest.shown()
        ))),
        (None, None) => Ok(()),
    }
}

/// What a call's own arguments say about a change: that it is meant, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word<'a>(Option<&'a str>);

impl<'a> Word<'a> {
    /// A reason without a yes says nothing, and neither does a yes without a reason.
    pub(crate) fn of(confirm: bool, reason: Option<&'a str>) -> Self {
        Self(reason.filter(|reason| confirm && !reason.trim().is_empty()))
    }

    /// Of tools that destroy nothing.
    pub(crate) const fn none() -> Self {
        Self(None)
    }
}

/// Asks the person; where the operator lets it, the host takes the call's own word instead. What is shown is part of the
/// question's name: when it has changed by the time of the answer, the question is asked anew.
pub(crate) fn confirm(
    cx: &Context,
    cluster: &str,
    message: &str,
    details: &[(String, String)],
    word: Word<'_>,
) -> Result<()> {
    let mut question = Confirm::new(message).backend(cluster).reason_given(word.0);
    let mut shown = message.to_owned();
    for (label, value) in details {
        let _ = write!(shown, "\n{label}: {value}");
        question = question.detail(label, value);
    }
    cx.ask(&format!("confirm-{:016x}", fingerprint(&shown)), question)?
        .accepted()?;
    Ok(())
}

/// FNV-1a. Not a secret: the host seals what was shown.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Name, node, state, disks and snapshots, for the person.
pub(crate) fn portrait(cluster: &Cluster<'_>, guest: &Guest) -> Result<Vec<(String, String)>> {
    let config = cluster
        .get(guest.path(&["config"]))
        .map_err(|error| error.explain(&guest.needs("VM.Audit")))?;
    let snapshots = cluster
        .get(guest.path(&["snapshot"]))
        .map_err(|error| error.explain(&guest.needs("VM.Audit")))?;
    let names = snapshot_names(&snapshots);
    let disks: Vec<String> = disks(&config)
        .into_iter()
        .map(|disk| {
            format!(
                "{} {} ({})",
                disk.key,
                disk.volume,
                show::human(disk.size.unwrap_or(0))
            )
        })
        .collect();
    let or_none = |list: Vec<String>| {
        if list.is_empty() {
            "none".to_owned()
        } else {
            list.join(", ")
        }
    };
    let mut all = vec![
        ("Guest".to_owned(), guest.shown()),
        ("State".to_owned(), guest.status.clone()),
        ("Disks".to_owned(), or_none(disks)),
        ("Snapshots".to_owned(), or_none(names)),
    ];
    if !guest.tags.is_empty() {
        all.push(("Tags".to_owned(), guest.tags.join(", ")));
    }
    Ok(all)
}

/// Without the entry that is none.
pub(crate) fn snapshot_names(list: &Value) -> Vec<String> {
    let names = list.items().iter().filter_map(|one| one.text("name"));
    names.filter(|name| name != "current").collect()
}

/// A disk in a configuration.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Disk {
    pub(crate) key: String,
    pub(crate) volume: String,
    pub(crate) size: Option<u64>,
}

/// The disks of a configuration, CD drives aside.
pub(crate) fn disks(config: &Value) -> Vec<Disk> {
    let fields = config.as_object().into_iter().flatten();
    fields
        .filter_map(|(key, value)| {
            let value = value.as_str()?;
            let letters = key.trim_end_matches(|c: char| c.is_ascii_digit());
            let is_disk = key == "rootfs"
                || (letters.len() < key.len()
                    && matches!(
                        letters,
                        "scsi"
                            | "virtio"
                            | "sata"
                            | "ide"
                            | "mp"
                            | "efidisk"
                            | "tpmstate"
                            | "unused"
                    ));
            if !is_disk || value.contains("media=cdrom") || value == "none" {
                return None;
            }
            let mut parts = value.split(',');
            let volume = parts.next()?.to_owned();
            let size = parts
                .find_map(|part| part.strip_prefix("size="))
                .and_then(show::bytes_of);
            Some(Disk {
                key: key.clone(),
                volume,
                size,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_are_told_from_drives_and_from_other_keys() {
        let config = json!({
            "scsi0": "ceph:vm-101-disk-0,iothread=1,size=32G", "ide2": "local:iso/x.iso,media=cdrom,size=1M",
            "scsihw": "virtio-scsi-single", "rootfs": "local:8", "net0": "virtio", "memory": 512, "mp0": "a:b,mp=/x",
        });
        let found = disks(&config);
        let keys: Vec<&str> = found.iter().map(|disk| disk.key.as_str()).collect();
        assert_eq!(keys, ["mp0", "rootfs", "scsi0"]);
        assert_eq!(found[2].size, Some(34_359_738_368));
    }

    #[test]
    fn another_text_has_another_fingerprint() {
        assert_ne!(fingerprint("a"), fingerprint("b"));
    }
}
