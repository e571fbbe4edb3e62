//! One guest: state, configuration, addresses.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use toolward_sdk::prelude::*;

use super::OneGuest;
use crate::api::ApiError;
use crate::guard;
use crate::guest::{self, Found, Guest, Kind, Label};
use crate::loose::Loose;
use crate::show::{self, Size};

/// Which guest, and how much of it.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct StatusArgs {
    /// Its number (101), its name (web01), or either after its node (pve1/web01).
    guest: String,
    /// The cluster, where several are bound and the name is not clear.
    cluster: Option<String>,
    /// Everything that the cluster tells, as it tells it.
    #[serde(default)]
    full: bool,
}

/// A guest's state.
#[derive(Deserialize, JsonSchema, Serialize)]
#[expect(clippy::struct_field_names, reason = "as the model knows it")]
pub(crate) struct Status {
    /// The cluster.
    cluster: String,
    /// Which guest.
    #[serde(flatten)]
    guest: Label,
    /// running or stopped.
    status: String,
    /// More exactly, for machines: paused, suspended and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// It is a template.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    template: bool,
    /// What holds it at the moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lock: Option<String>,
    /// Tasks that work on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task: Option<String>,
    /// How long it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uptime: Option<String>,
    /// Processor in percent of what it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpu_percent: Option<f64>,
    /// Its processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpus: Option<u64>,
    /// Memory in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory_used: Option<Size>,
    /// Its memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory: Option<Size>,
    /// Its disk; how much of it a machine uses only its agent knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    disk: Option<Size>,
    /// For containers: how much of it is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    disk_used: Option<Size>,
    /// Whether high availability manages it.
    ha_managed: bool,
    /// For machines: whether the guest agent is enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<bool>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    /// With `full`: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    everything: Option<Map<String, Value>>,
}

/// Shows how one machine or container is: state, lock, running task, load, memory, disk, uptime.
#[tool(read_only, idempotent, open_world = false, title = "State of a guest")]
pub(crate) fn pve_guest_status(cx: &Context, args: StatusArgs) -> Result<Status> {
    let Found { cluster, guest } = guest::find(cx, args.cluster.as_deref(), &args.guest)?;
    there(&guest)?;
    let raw = cluster
        .get(guest.path(&["status", "current"]))
        .map_err(|error| error.explain(&guest.needs("VM.Audit")))?;
    // Without the right to see tasks there is just nothing to tell about them.
    let task = guard::busy(&cluster, &guest.node)
        .ok()
        .and_then(|mut tasks| tasks.remove(&guest.id));
    let size = |key| raw.whole(key).map(Size::of);
    let status = raw.text("status").unwrap_or_else(|| guest.status.clone());
    Ok(Status {
        cluster: cluster.name,
        detail: raw.text("qmpstatus").filter(|detail| *detail != status),
        status,
        template: guest.template,
        lock: raw.text("lock"),
        task,
        uptime: raw
            .whole("uptime")
            .filter(|time| *time > 0)
            .map(show::duration),
        cpu_percent: raw.number("cpu").map(show::percent),
        cpus: raw.whole("cpus"),
        memory_used: size("mem"),
        memory: size("maxmem"),
        disk: size("maxdisk"),
        disk_used: size("disk").filter(|_| guest.kind == Kind::Container),
        ha_managed: raw.get("ha").is_some_and(|ha| ha.flag("managed")),
        agent: (guest.kind == Kind::Machine).then(|| raw.flag("agent")),
        tags: guest.tags.clone(),
        guest: guest.label(),
        everything: raw.as_object().filter(|_| args.full).cloned(),
    })
}

/// A guest whose node is away can be listed and nothing more.
pub(crate) fn there(guest: &Guest) -> Result<(), ToolError> {
    if guest.status == "unknown" {
        return Err(ToolError::unavailable(format!(
            "the {} cannot be looked at: its node does not answer. hint: pve_cluster shows which nodes are online",
            guest.shown()
        )));
    }
    Ok(())
}

/// Which guest, and which of its configurations.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ConfigArgs {
    /// Its number (101), its name (web01), or either after its node (pve1/web01).
    guest: String,
    /// The cluster, where several are bound and the name is not clear.
    cluster: Option<String>,
    /// The configuration at the time of this snapshot.
    snapshot: Option<String>,
    /// Every key, as the cluster has it.
    #[serde(default)]
    full: bool,
}

/// A guest's configuration.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct Config {
    /// The cluster.
    cluster: String,
    /// Which guest.
    #[serde(flatten)]
    guest: Label,
    /// Processor cores, over all sockets.
    cores: u64,
    /// Memory.
    memory: Size,
    /// The kind of operating system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ostype: Option<String>,
    /// Its disks.
    disks: Vec<Disk>,
    /// CD drives and what is in them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    cdroms: BTreeMap<String, String>,
    /// Its network cards, as the cluster writes them.
    networks: BTreeMap<String, String>,
    /// Started with its node.
    start_on_boot: bool,
    /// For machines: whether the guest agent is enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<bool>,
    /// For containers: whether it is unprivileged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unprivileged: Option<bool>,
    /// Deleting is refused by the cluster itself.
    protection: bool,
    /// Its description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    /// Changes whenever the configuration does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// With `full`: every key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    everything: Option<Map<String, Value>>,
}

/// A disk.
#[derive(Deserialize, JsonSchema, Serialize)]
#[expect(clippy::struct_field_names, reason = "as the model knows it")]
struct Disk {
    /// Its name, for `pve_guest_resize`.
    disk: String,
    /// Where it is.
    volume: String,
    /// Its size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<Size>,
}

/// Shows the configuration of one machine or container: cores, memory, disks, networks, boot; on request every key, or
/// as it was in a snapshot.
#[tool(
    read_only,
    idempotent,
    open_world = false,
    title = "Configuration of a guest"
)]
pub(crate) fn pve_guest_config(cx: &Context, args: ConfigArgs) -> Result<Config> {
    let Found { cluster, guest } = guest::find(cx, args.cluster.as_deref(), &args.guest)?;
    there(&guest)?;
    let query: Vec<(&str, &str)> = args
        .snapshot
        .iter()
        .map(|name| ("snapshot", name.as_str()))
        .collect();
    let raw = cluster
        .get_with(guest.path(&["config"]), &query)
        .map_err(|error| error.explain(&guest.needs("VM.Audit")))?;
    let text = |key: &str| raw.text(key);
    let numbered = |prefix: &str| -> BTreeMap<String, String> {
        let fields = raw.as_object().into_iter().flatten();
        fields
            .filter(|(key, _)| {
                key.strip_prefix(prefix).is_some_and(|rest| {
                    !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit())
                })
            })
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect()
    };
    let cdroms = ["ide", "sata", "scsi"]
        .into_iter()
        .flat_map(numbered)
        .filter(|(_, value)| value.contains("media=cdrom"))
        .map(|(key, value)| (key, value.split(',').next().unwrap_or_default().to_owned()))
        .collect();
    Ok(Config {
        cluster: cluster.name,
        cores: cores(&raw),
        memory: Size::of(memory(&raw)),
        ostype: text("ostype"),
        disks: guard::disks(&raw)
            .into_iter()
            .map(|disk| Disk {
                disk: disk.key,
                volume: disk.volume,
                size: disk.size.map(Size::of),
            })
            .collect(),
        cdroms,
        networks: numbered("net"),
        start_on_boot: raw.flag("onboot"),
        agent: (guest.kind == Kind::Machine).then(|| {
            text("agent").is_some_and(|agent| {
                agent
                    .split(',')
                    .any(|part| part == "1" || part == "enabled=1")
            })
        }),
        unprivileged: (guest.kind == Kind::Container).then(|| raw.flag("unprivileged")),
        protection: raw.flag("protection"),
        description: text("description").map(|text| show::line(&text, 500)),
        tags: guest.tags.clone(),
        digest: text("digest"),
        guest: guest.label(),
        everything: raw.as_object().filter(|_| args.full).map(without_secrets),
    })
}

pub(crate) fn cores(config: &Value) -> u64 {
    config.whole("cores").unwrap_or(1) * config.whole("sockets").unwrap_or(1)
}

/// In bytes. Newer versions may write `current=2048`.
pub(crate) fn memory(config: &Value) -> u64 {
    let text = config.text("memory").unwrap_or_default();
    let text = text.strip_prefix("current=").unwrap_or(&text);
    text.split(',')
        .next()
        .and_then(|text| text.parse::<u64>().ok())
        .unwrap_or(512)
        << 20
}

/// The cluster hides passwords itself; nobody depends on that here.
fn without_secrets(all: &Map<String, Value>) -> Map<String, Value> {
    let kept = all.iter().filter(|(key, _)| !key.contains("password"));
    kept.map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Addresses of a guest.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct Addresses {
    /// The cluster.
    cluster: String,
    /// Which guest.
    #[serde(flatten)]
    guest: Label,
    /// Who told: the agent inside a machine, or the node of a container.
    source: String,
    /// By interface, without the loopback.
    interfaces: Vec<Interface>,
}

/// A network interface.
#[derive(Deserialize, JsonSchema, Serialize)]
struct Interface {
    /// Its name inside the guest.
    name: String,
    /// Its hardware address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
    /// Its addresses with their prefix.
    addresses: Vec<String>,
}

/// Shows the network addresses of a running machine (its guest agent must run) or container.
#[tool(
    read_only,
    idempotent,
    open_world = false,
    title = "Addresses of a guest"
)]
pub(crate) fn pve_guest_addresses(cx: &Context, args: OneGuest) -> Result<Addresses> {
    let Found { cluster, guest } = guest::find(cx, args.cluster.as_deref(), &args.guest)?;
    there(&guest)?;
    if !guest.is_running() {
        return Err(ToolError::conflict(format!(
            "the {} is {}: it has addresses only while it runs. hint: start it with pve_guest_start",
            guest.shown(),
            guest.status
        ))
        .into());
    }
    let (source, raw, needs) = match guest.kind {
        Kind::Machine => (
            "guest agent",
            cluster.get(guest.path(&["agent", "network-get-interfaces"])),
            guest.needs("VM.Monitor (up to version 8) or VM.GuestAgent.Audit (from 9)"),
        ),
        Kind::Container => (
            "node",
            cluster.get(guest.path(&["interfaces"])),
            guest.needs("VM.Audit"),
        ),
    };
    let raw = raw.map_err(|error: ApiError| error.explain(&needs))?;
    let list = raw.get("result").unwrap_or(&raw);
    let interfaces = list
        .items()
        .iter()
        .filter_map(interface)
        .filter(|one| one.name != "lo")
        .collect();
    Ok(Addresses {
        cluster: cluster.name,
        guest: guest.label(),
        source: source.to_owned(),
        interfaces,
    })
}

fn interface(raw: &Value) -> Option<Interface> {
    let listed = raw.get("ip-addresses").map_or(&[][..], |list| list.items());
    let mut addresses: Vec<String> = listed
        .iter()
        .filter_map(|one| {
            let address = one.text("ip-address")?;
            Some(
                one.text("prefix")
                    .map_or(address.clone(), |prefix| format!("{address}/{prefix}")),
            )
        })
        .collect();
    // What older versions say of containers.
    if addresses.is_empty() {
        addresses.extend(
            ["inet", "inet6"]
                .into_iter()
                .filter_map(|key| raw.text(key)),
        );
    }
    Some(Interface {
        name: raw.text("name")?,
        mac: raw.text("hardware-address").or_else(|| raw.text("hwaddr")),
        addresses,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_cores_are_read_in_every_form() {
        for memory_text in [json!(2048), json!("2048"), json!("current=2048,x=1")] {
            assert_eq!(memory(&json!({ "memory": memory_text })), 2 << 30);
        }
        assert_eq!(memory(&json!({})), 512 << 20);
        assert_eq!(cores(&json!({"cores": "2", "sockets": 2})), 4);
    }
}
