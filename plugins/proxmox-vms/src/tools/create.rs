//! New guests: from nothing, and as clones.

use toolward_sdk::prelude::*;

use super::change::check_tags;
use super::cluster::next_id;
use crate::api::{self, Cluster};
use crate::guard;
use crate::guest::{self, Found, Kind};
use crate::path;
use crate::plan::{Action, Plan};
use crate::report::Report;
use crate::run;

/// What kind of guest, and what it has.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct CreateArgs {
    /// Machine or container.
    #[serde(rename = "type")]
    kind: Kind,
    /// Its name: letters, digits, `-` and dots.
    name: String,
    /// The node.
    node: String,
    /// Where its disk goes: a storage that takes images (machines) or rootdir (containers).
    storage: String,
    /// Its number; the next free one where none is named.
    #[schemars(range(min = 100, max = 999_999_999))]
    id: Option<u64>,
    /// The cluster, where several are bound.
    cluster: Option<String>,
    /// Size of its disk, in GiB.
    #[schemars(range(min = 1, max = 65_536))]
    disk_gib: u64,
    /// Processor cores.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1024))]
    cores: u64,
    /// Memory, in MiB.
    #[schemars(range(min = 16, max = 16_777_216))]
    memory_mib: u64,
    /// For containers, and required there: the template, such as local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst;
    /// `pve_storage_content` lists them, `pve_download` fetches one.
    template: Option<String>,
    /// For machines: an ISO image for the CD drive, such as local:iso/debian-12.iso.
    iso: Option<String>,
    /// For machines: the operating system, such as l26 (Linux, the default) or win11.
    ostype: Option<String>,
    /// The bridge of its network card; none: no network card.
    #[serde(default = "bridge")]
    bridge: Option<String>,
    /// VLAN of its network card.
    #[schemars(range(min = 1, max = 4094))]
    vlan: Option<u64>,
    /// For containers: address and prefix (192.0.2.10/24), or dhcp, the default.
    ip: Option<String>,
    /// For containers: gateway.
    gateway: Option<String>,
    /// For containers: public SSH keys of root, one in a line. Without them nobody can log in but through the console.
    ssh_public_keys: Option<String>,
    /// A resource pool.
    pool: Option<String>,
    /// Tags.
    #[serde(default)]
    tags: Vec<String>,
    /// A description.
    description: Option<String>,
    /// Started with its node.
    #[serde(default)]
    start_on_boot: bool,
    /// Start it once it is there.
    #[serde(default)]
    start: bool,
    /// Only show what would be done.
    #[serde(default)]
    dry_run: bool,
}

const fn one() -> u64 {
    1
}

#[expect(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn bridge() -> Option<String> {
    Some("vmbr0".to_owned())
}

/// Creates a machine (empty disk, perhaps an ISO image to install from) or a container (from a template). No password is
/// set: give SSH keys for containers.
#[tool(destructive = false, open_world = false, title = "Create a guest")]
pub(crate) fn pve_guest_create(cx: &Context, args: CreateArgs) -> Result<Work<Rendered<Report>>> {
    let cluster = api::one(cx, args.cluster.as_deref())?;
    guard::writable(cx, &cluster)?;
    check_name(&args.name)?;
    check_tags(&args.tags)?;
    for text in [&args.bridge, &args.ip, &args.gateway, &args.iso]
        .into_iter()
        .flatten()
    {
        plain(text)?;
    }
    let id = free_id(cx, &cluster, args.id)?;
    let title = format!(
        "create the {} {} ({id}) on {}",
        args.kind.noun(),
        args.name,
        args.node
    );
    let mut action = Action::new(
        &cluster.name,
        "POST",
        path!["nodes", args.node, args.kind.segment()],
        title.clone(),
    )
    .with("vmid", id)
    .with("memory", args.memory_mib)
    .with("cores", args.cores)
    .with_opt("pool", args.pool.as_deref())
    .with_opt("description", args.description.as_deref())
    .flag("onboot", args.start_on_boot)
    .flag("start", args.start);
    if !args.tags.is_empty() {
        action = action.with("tags", args.tags.join(";"));
    }
    action = match args.kind {
        Kind::Machine => machine(action, &args)?,
        Kind::Container => container(action, &args)?,
    };
    action = action.begins(&args.node, args.kind.task("create"), id).needs(format!(
        "VM.Allocate on /vms/{id} or the pool, VM.Config.* there, Datastore.AllocateSpace on /storage/{}",
        args.storage
    ));
    let plan = Plan::of(title, action);
    if args.dry_run {
        return Ok(Work::Done(Report::dry(&plan)));
    }
    run::carry_out(cx, plan, run::PATIENCE)
}

fn network(args: &CreateArgs, first: &str) -> Option<String> {
    let bridge = args.bridge.as_deref().filter(|bridge| !bridge.is_empty())?;
    let vlan = args
        .vlan
        .map_or_else(String::new, |vlan| format!(",tag={vlan}"));
    Some(format!("{first},bridge={bridge},firewall=1{vlan}"))
}

fn machine(action: Action, args: &CreateArgs) -> Result<Action, ToolError> {
    let other = [
        ("template", args.template.is_some()),
        ("ip", args.ip.is_some()),
        ("gateway", args.gateway.is_some()),
        ("ssh_public_keys", args.ssh_public_keys.is_some()),
    ];
    refuse(
        &other,
        "containers",
        "machines are made from a template with pve_guest_clone",
    )?;
    let mut action = action
        .with("name", &args.name)
        .with("ostype", args.ostype.as_deref().unwrap_or("l26"))
        .with("scsihw", "virtio-scsi-single")
        .with("scsi0", format!("{}:{}", args.storage, args.disk_gib))
        .with("agent", "1")
        .with_opt("net0", network(args, "virtio"));
    let mut order = vec!["scsi0"];
    if let Some(iso) = &args.iso {
        action = action.with("ide2", format!("{iso},media=cdrom"));
        order.push("ide2");
    }
    if args.bridge.is_some() {
        order.push("net0");
    }
    Ok(action.with("boot", format!("order={}", order.join(";"))))
}

fn container(action: Action, args: &CreateArgs) -> Result<Action, ToolError> {
    let other = [
        ("iso", args.iso.is_some()),
        ("ostype", args.ostype.is_some()),
    ];
    refuse(&other, "machines", "containers are made from `template`")?;
    let Some(template) = &args.template else {
        return Err(ToolError::invalid_input(
            "a container needs `template`. hint: pve_storage_content with content=vztmpl lists them, pve_download fetches one",
        ));
    };
    let ip = args.ip.as_deref().unwrap_or("dhcp");
    let gateway = args
        .gateway
        .as_deref()
        .map_or_else(String::new, |gateway| format!(",gw={gateway}"));
    let net = network(args, "name=eth0").map(|net| format!("{net},ip={ip}{gateway}"));
    Ok(action
        .with("hostname", &args.name)
        .with("ostemplate", template)
        .with("rootfs", format!("{}:{}", args.storage, args.disk_gib))
        .with("unprivileged", 1)
        .with_opt("net0", net)
        .with_opt("ssh-public-keys", args.ssh_public_keys.as_deref()))
}

fn refuse(given: &[(&str, bool)], belongs: &str, hint: &str) -> Result<(), ToolError> {
    match given.iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(ToolError::invalid_input(format!(
            "`{name}` is for {belongs} only. hint: {hint}"
        ))),
        None => Ok(()),
    }
}

/// A value inside a list of options: a comma would begin another one.
fn plain(text: &str) -> Result<(), ToolError> {
    if text.contains([',', '\n', '\r', ' ']) {
        return Err(ToolError::invalid_input(format!(
            "{text:?} holds a comma or a space. hint: give one plain value"
        )));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), ToolError> {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.split('.').all(label) {
        return Ok(());
    }
    Err(ToolError::invalid_input(format!(
        "{name:?} cannot be a guest's name. hint: letters, digits and `-`, with dots between, as a host's name"
    )))
}

/// The number that is asked for, if it is free and not protected, or the next one.
pub(crate) fn free_id(cx: &Context, cluster: &Cluster<'_>, wanted: Option<u64>) -> Result<u64> {
    let Some(id) = wanted else {
        return next_id(cx, cluster);
    };
    guard::unprotected_id(&crate::settings::Settings::of(cx)?, id)?;
    let taken = guest::list(cluster)?
        .into_iter()
        .find(|guest| guest.id == id);
    match taken {
        None => Ok(id),
        Some(guest) => Err(ToolError::conflict(format!(
            "number {id} is taken by the {}. hint: leave `id` out for the next free one",
            guest.shown()
        ))
        .into()),
    }
}

/// What is cloned, and into what.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct CloneArgs {
    /// The guest or template: number, name, or node/name.
    guest: String,
    /// The name of the clone.
    name: String,
    /// Its number; the next free one where none is named.
    #[schemars(range(min = 100, max = 999_999_999))]
    id: Option<u64>,
    /// The cluster, where several are bound and the name is not clear.
    cluster: Option<String>,
    /// A full copy, or a linked clone that shares the template's disks: quick, small, and only of templates. Where
    /// nothing is said, linked for templates and full for others.
    full: Option<bool>,
    /// For full copies: the storage of its disks.
    storage: Option<String>,
    /// The node of the clone, if its disks are on shared storage.
    target_node: Option<String>,
    /// The state of this snapshot rather than the present one.
    snapshot: Option<String>,
    /// A resource pool.
    pool: Option<String>,
    /// A description.
    description: Option<String>,
    /// Only show what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// Clones a guest or a template, fully or linked. The clone is stopped.
#[tool(destructive = false, open_world = false, title = "Clone a guest")]
pub(crate) fn pve_guest_clone(cx: &Context, args: CloneArgs) -> Result<Work<Rendered<Report>>> {
    let found = guest::find(cx, args.cluster.as_deref(), &args.guest)?;
    let Found { cluster, guest } = &found;
    guard::writable(cx, cluster)?;
    super::guest::there(guest)?;
    // A copy leaves the guest as it is, so a protected one may be copied; a locked one may not.
    let task = guard::busy(cluster, &guest.node)?.remove(&guest.id);
    guard::free(guest, task.as_deref())?;
    check_name(&args.name)?;
    let full = args.full.unwrap_or(!guest.template);
    if !full && !guest.template {
        return Err(ToolError::invalid_input(format!(
            "the {} is no template, and only templates have linked clones. hint: full=true",
            guest.shown()
        ))
        .into());
    }
    if !full && args.storage.is_some() {
        return Err(ToolError::invalid_input(
            "a linked clone has its disks where the template has them. hint: full=true, or leave `storage` out",
        )
        .into());
    }
    let id = free_id(cx, cluster, args.id)?;
    let what = if full {
        "a full copy"
    } else {
        "a linked clone"
    };
    let title = format!("make {} ({id}), {what} of the {}", args.name, guest.shown());
    let name = match guest.kind {
        Kind::Machine => "name",
        Kind::Container => "hostname",
    };
    let target = args
        .target_node
        .as_deref()
        .filter(|target| *target != guest.node);
    let action = Action::on(guest, "POST", &["clone"], title.clone())
        .with("newid", id)
        .with(name, &args.name)
        .flag("full", full)
        .with_opt("storage", args.storage.as_deref())
        .with_opt("target", target)
        .with_opt("snapname", args.snapshot.as_deref())
        .with_opt("pool", args.pool.as_deref())
        .with_opt("description", args.description.as_deref())
        .begins(&guest.node, guest.kind.task("clone"), guest.id)
        .needs(format!(
            "VM.Clone on /vms/{}, VM.Allocate on /vms/{id} or the pool, Datastore.AllocateSpace on the storage",
            guest.id
        ));
    let mut plan = Plan::of(title, action);
    if !full {
        plan = plan.note("as long as the linked clone exists, its template cannot be deleted");
    }
    if args.dry_run {
        return Ok(Work::Done(Report::dry(&plan)));
    }
    run::carry_out(cx, plan, run::PATIENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_cannot_smuggle_options() {
        assert!(check_name("web-01.example").is_ok());
        for bad in ["", "-a", "a-", "a_b", "a,b", "a b", "a..b"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert!(plain("vmbr0").is_ok());
        assert!(plain("vmbr0,firewall=0").is_err());
    }
}
