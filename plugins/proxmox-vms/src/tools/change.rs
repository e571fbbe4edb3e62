//! Changing a guest: processors, memory, name and the like, disks, and making a template of it.

use serde_json::Value;
use toolward_sdk::prelude::*;

use crate::guard::{self, Word};
use crate::guest::{self, Found, Kind};
use crate::loose::Loose;
use crate::plan::{Action, Plan};
use crate::report::Report;
use crate::run;
use crate::show;

/// Which guest, and what is to be different. What is left out stays.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct SetArgs {
    /// The guest: number, name, or node/name.
    guest: String,
    /// The cluster, where several are bound and the name is not clear.
    cluster: Option<String>,
    /// Processor cores (of each socket).
    #[schemars(range(min = 1, max = 1024))]
    cores: Option<u64>,
    /// Memory, in MiB.
    #[schemars(range(min = 16, max = 16_777_216))]
    memory_mib: Option<u64>,
    /// Its name: letters, digits, `-` and dots.
    name: Option<String>,
    /// Its description.
    description: Option<String>,
    /// Its tags, in place of those it has.
    tags: Option<Vec<String>>,
    /// Whether it is started with its node.
    start_on_boot: Option<bool>,
    /// Only show what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// Changes processors, memory, name, description, tags or start on boot of a guest. Machines that run take on most of it
/// only when they are shut down and started again; the answer says so.
#[tool(
    destructive = false,
    idempotent,
    open_world = false,
    title = "Change a guest"
)]
pub(crate) fn pve_guest_set(cx: &Context, args: SetArgs) -> Result<Work<Rendered<Report>>> {
    let found = guest::find(cx, args.cluster.as_deref(), &args.guest)?;
    let settings = guard::may_change(cx, std::slice::from_ref(&found))?;
    let Found { cluster, guest } = &found;
    let config = cluster
        .get(guest.path(&["config"]))
        .map_err(|error| error.explain(&guest.needs("VM.Audit")))?;
    if let Some(tags) = &args.tags {
        check_tags(tags)?;
        // Whoever may set them could take the protection of other guests for a pattern, or lock people out.
        let sets = |tag: &&String| {
            settings
                .protected_tags
                .iter()
                .any(|one| one.eq_ignore_ascii_case(tag))
        };
        if let Some(tag) = tags.iter().find(sets) {
            return Err(ToolError::denied(format!(
                "tag {tag} protects guests from these tools, so only the operator sets it"
            ))
            .into());
        }
    }
    let wanted = wanted(&args, guest.kind);
    let changes: Vec<(&str, String)> = wanted
        .into_iter()
        .filter(|(key, value)| now(&config, key) != *value)
        .collect();
    if changes.is_empty() {
        return Err(ToolError::invalid_input(
            "nothing would change: nothing is set, or it is so already. hint: pve_guest_config shows it",
        )
        .into());
    }
    let shown: Vec<String> = changes
        .iter()
        .map(|(key, value)| {
            format!(
                "{key}: {} → {}",
                or_default(&now(&config, key)),
                show::line(value, 80)
            )
        })
        .collect();
    let title = format!("change the {} ({})", guest.shown(), shown.join("; "));
    let mut action = Action::on(guest, "PUT", &["config"], title.clone()).needs(format!(
        "VM.Config.CPU, VM.Config.Memory or VM.Config.Options on /vms/{}, as it is changed",
        guest.id
    ));
    for (key, value) in &changes {
        action = action.with(key, value);
    }
    // Nobody else changes it between the look and the change.
    action = action.with_opt("digest", config.text("digest"));
    let mut plan = Plan::of(title, action);
    let hardware = changes
        .iter()
        .any(|(key, _)| matches!(*key, "cores" | "memory"));
    if hardware && guest.kind == Kind::Machine && guest.is_running() {
        plan = plan.note(
            "the machine runs: unless hotplug is enabled for it, cores and memory change only when it is shut down and \
             started again (a reboot from inside is not enough)",
        );
    }
    if args.dry_run {
        return Ok(Work::Done(Report::dry(&plan)));
    }
    run::carry_out(cx, plan, run::PATIENCE)
}

fn wanted(args: &SetArgs, kind: Kind) -> Vec<(&'static str, String)> {
    let name = match kind {
        Kind::Machine => "name",
        Kind::Container => "hostname",
    };
    let all = [
        ("cores", args.cores.map(|cores| cores.to_string())),
        ("memory", args.memory_mib.map(|memory| memory.to_string())),
        (name, args.name.clone()),
        ("description", args.description.clone()),
        ("tags", args.tags.as_ref().map(|tags| tags.join(";"))),
        (
            "onboot",
            args.start_on_boot.map(|on| u8::from(on).to_string()),
        ),
    ];
    all.into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect()
}

fn now(config: &Value, key: &str) -> String {
    config.text(key).unwrap_or_default()
}

fn or_default(text: &str) -> String {
    if text.is_empty() {
        "(default)".to_owned()
    } else {
        show::line(text, 80)
    }
}

pub(crate) fn check_tags(tags: &[String]) -> Result<(), ToolError> {
    let good = |tag: &String| {
        !tag.is_empty()
            && tag
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-+.".contains(c))
            && tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
    };
    match tags.iter().find(|tag| !good(tag)) {
        None => Ok(()),
        Some(tag) => Err(ToolError::invalid_input(format!(
            "{tag:?} cannot be a tag. hint: letters, digits, `_`, `-`, `+` and `.`"
        ))),
    }
}

/// Which disk, and how large it becomes.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ResizeArgs {
    /// The guest: number, name, or node/name.
    guest: String,
    /// The disk, such as scsi0, virtio0 or rootfs; its only one where none is named.
    disk: Option<String>,
    /// The new size (64G), or how much more (+10G).
    size: String,
    /// The cluster, where several are bound and the name is not clear.
    cluster: Option<String>,
    /// Only show what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// Makes a disk of a guest larger. It can never be made smaller again. The file system inside a machine has to be
/// extended there.
#[tool(destructive = false, open_world = false, title = "Enlarge a disk")]
pub(crate) fn pve_guest_resize(cx: &Context, args: ResizeArgs) -> Result<Work<Rendered<Report>>> {
    let found = guest::find(cx, args.cluster.as_deref(), &args.guest)?;
    guard::may_change(cx, std::slice::from_ref(&found))?;
    let Found { cluster, guest } = &found;
    let config = cluster
        .get(guest.path(&["config"]))
        .map_err(|error| error.explain(&guest.needs("VM.Audit")))?;
    let mut disks = guard::disks(&config);
    disks.retain(|disk| !disk.key.starts_with("unused"));
    let names = || {
        disks
            .iter()
            .map(|disk| disk.key.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let disk = match &args.disk {
        Some(name) => disks
            .iter()
            .find(|disk| disk.key.eq_ignore_ascii_case(name)),
        None if disks.len() == 1 => disks.first(),
        None => {
            return Err(ToolError::invalid_input(format!(
                "hint: set `disk` to one of {}",
                names()
            ))
            .into());
        }
    };
    let Some(disk) = disk else {
        let wanted = args.disk.as_deref().unwrap_or_default();
        return Err(ToolError::not_found(format!(
            "the {} has no disk {wanted:?}. hint: it has {}",
            guest.shown(),
            names()
        ))
        .into());
    };
    let size = args.size.trim().to_uppercase();
    let amount = show::bytes_of(size.trim_start_matches('+')).filter(|bytes| *bytes > 0);
    let amount = amount.ok_or_else(|| {
        ToolError::invalid_input(format!(
            "{:?} is not a size. hint: 64G, or +10G for so much more",
            args.size
        ))
    })?;
    let before = disk.size.unwrap_or(0);
    let after = if size.starts_with('+') {
        before + amount
    } else {
        amount
    };
    if after <= before && disk.size.is_some() {
        return Err(ToolError::invalid_input(format!(
            "{} has {} already, and a disk cannot be made smaller. hint: a size above that, or +10G for so much more",
            disk.key,
            show::human(before)
        ))
        .into());
    }
    let title = format!(
        "enlarge {} of the {} from {} to {}",
        disk.key,
        guest.shown(),
        show::human(before),
        show::human(after)
    );
    let action = Action::on(guest, "PUT", &["resize"], title.clone())
        .with("disk", &disk.key)
        .with("size", &size)
        .begins(&guest.node, "resize", guest.id)
        .needs(guest.needs("VM.Config.Disk"));
    let mut plan = Plan::of(title, action).note("a disk cannot be made smaller again");
    if guest.kind == Kind::Machine {
        plan =
            plan.note("inside the machine, partition and file system have to be extended as well");
    }
    if args.dry_run {
        return Ok(Work::Done(Report::dry(&plan)));
    }
    run::carry_out(cx, plan, run::PATIENCE)
}

/// Which guest becomes a template.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct TemplateArgs {
    /// The guest: number, name, or node/name.
    guest: String,
    /// The cluster, where several are bound and the name is not clear.
    cluster: Option<String>,
    /// Yes, do it. Takes the place of asking the person where the operator allows that, together with `reason`.
    #[serde(default)]
    confirm: bool,
    /// Why; goes into the operator's log.
    reason: Option<String>,
    /// Only show what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// Makes a template of a stopped guest, after confirmation. It cannot be undone: a template never runs again, guests are
/// cloned from it.
#[tool(destructive, open_world = false, title = "Make a template")]
pub(crate) fn pve_guest_template(
    cx: &Context,
    args: TemplateArgs,
) -> Result<Work<Rendered<Report>>> {
    let found = guest::find(cx, args.cluster.as_deref(), &args.guest)?;
    guard::may_change(cx, std::slice::from_ref(&found))?;
    let Found { cluster, guest } = &found;
    if guest.template {
        return Err(
            ToolError::conflict(format!("the {} is a template already", guest.shown())).into(),
        );
    }
    if guest.is_running() {
        return Err(ToolError::conflict(format!(
            "the {} runs. hint: shut it down with pve_guest_shutdown first",
            guest.shown()
        ))
        .into());
    }
    let snapshots = super::snapshots::names(cluster, guest)?;
    if !snapshots.is_empty() {
        return Err(ToolError::conflict(format!(
            "the {} has snapshots ({}), and a template has none. hint: delete them with pve_snapshot_delete first, or make \
             the template of a clone",
            guest.shown(),
            snapshots.join(", ")
        ))
        .into());
    }
    let title = format!("make a template of the {}", guest.shown());
    let mut action =
        Action::on(guest, "POST", &["template"], title.clone()).needs(guest.needs("VM.Allocate"));
    if guest.kind == Kind::Machine {
        action = action.begins(&guest.node, "qmtemplate", guest.id);
    }
    let plan = Plan::of(title, action).note("this cannot be undone: a template never runs again");
    if args.dry_run {
        return Ok(Work::Done(Report::dry(&plan)));
    }
    let message = format!("The {} becomes a template for good.", guest.kind.noun());
    guard::confirm(
        cx,
        &cluster.name,
        &message,
        &guard::portrait(cluster, guest)?,
        Word::of(args.confirm, args.reason.as_deref()),
    )?;
    run::carry_out(cx, plan, run::PATIENCE)
}
