//! Moving guests to other nodes: what stands in the way, moving some, and emptying a node.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use toolward_sdk::prelude::*;

use super::storage::online_nodes;
use crate::api::{self, Cluster};
use crate::guard::{self, Word};
use crate::guest::{self, Found, Guest, Kind, Label};
use crate::loose::Loose;
use crate::path;
use crate::plan::{Action, Plan};
use crate::report::Report;
use crate::run;
use crate::show::{self, Size};

/// Which guest, and where to.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct CheckArgs {
    /// The guest: number, name, or node/name.
    guest: String,
    /// A node that it could move to.
    target: Option<String>,
    /// The cluster, where several are bound and the name is not clear.
    cluster: Option<String>,
}

/// What stands between a guest and another node.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct Check {
    /// The cluster.
    cluster: String,
    /// Which guest.
    #[serde(flatten)]
    guest: Label,
    /// Whether it runs: then a machine moves while it runs, and a container is restarted.
    running: bool,
    /// How it would move: live, offline, or with a restart.
    how: String,
    /// Nodes that it can move to.
    targets: Vec<String>,
    /// Disks that only its own node has: they are copied, which takes time.
    local_disks: Vec<String>,
    /// How much that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    local_size: Option<Size>,
    /// What cannot move at all.
    blockers: Vec<String>,
}

/// Tells whether and how a guest can move to another node: live or with a restart, local disks, devices in the way.
#[tool(read_only, idempotent, open_world = false, title = "Can a guest move?")]
pub(crate) fn pve_migrate_check(cx: &Context, args: CheckArgs) -> Result<Check> {
    let Found { cluster, guest } = guest::find(cx, args.cluster.as_deref(), &args.guest)?;
    super::guest::there(&guest)?;
    let way = Way::of(&cluster, &guest, args.target.as_deref())?;
    Ok(Check {
        running: guest.is_running(),
        how: how(&guest).to_owned(),
        targets: way.targets,
        local_size: (!way.local.is_empty()).then(|| Size::of(way.local_bytes)),
        local_disks: way.local,
        blockers: way.blockers,
        guest: guest.label(),
        cluster: cluster.name,
    })
}

const fn how_moves(running: bool, kind: Kind) -> &'static str {
    match (running, kind) {
        (true, Kind::Machine) => "live",
        (true, Kind::Container) => "with a restart",
        (false, _) => "offline",
    }
}

fn how(guest: &Guest) -> &'static str {
    how_moves(guest.is_running(), guest.kind)
}

/// What a migration meets.
struct Way {
    targets: Vec<String>,
    local: Vec<String>,
    local_bytes: u64,
    blockers: Vec<String>,
}

impl Way {
    fn of(cluster: &Cluster<'_>, guest: &Guest, target: Option<&str>) -> Result<Self> {
        let mut targets = online_nodes(cluster)?;
        targets.retain(|node| *node != guest.node && target.is_none_or(|target| target == node));
        let mut way = Self {
            targets,
            local: Vec::new(),
            local_bytes: 0,
            blockers: Vec::new(),
        };
        match guest.kind {
            Kind::Machine => way.of_machine(cluster, guest, target)?,
            Kind::Container => way.of_container(cluster, guest)?,
        }
        if let Some(lock) = &guest.lock {
            way.blockers.push(format!("it is locked ({lock})"));
        }
        if way.targets.is_empty() {
            way.blockers.push(match target {
                Some(target) => {
                    format!("node {target} is not another node that is online and allowed")
                }
                None => "there is no other node that is online and allowed".to_owned(),
            });
        }
        Ok(way)
    }

    fn of_machine(
        &mut self,
        cluster: &Cluster<'_>,
        guest: &Guest,
        target: Option<&str>,
    ) -> Result<()> {
        let query: Vec<(&str, &str)> = target.iter().map(|target| ("target", *target)).collect();
        let raw = cluster
            .get_with(guest.path(&["migrate"]), &query)
            .map_err(|error| error.explain(&guest.needs("VM.Migrate")))?;
        if let Some(allowed) = raw.get("allowed_nodes").filter(|list| list.is_array()) {
            self.targets
                .retain(|node| allowed.items().iter().any(|one| one == node));
        }
        let list = |key: &str| raw.get(key).map_or(&[][..], |list| list.items());
        for disk in list("local_disks") {
            let volume = disk.text("volid").unwrap_or_default();
            if disk.flag("cdrom") {
                self.blockers.push(format!(
                    "its CD drive holds {volume}, which only its node has: eject it"
                ));
                continue;
            }
            let size = disk.whole("size").unwrap_or(0);
            self.local_bytes += size;
            self.local.push(format!("{volume} ({})", show::human(size)));
        }
        for resource in list("local_resources") {
            let name = resource
                .as_str()
                .map_or_else(|| resource.to_string(), str::to_owned);
            self.blockers
                .push(format!("it uses a device of its node: {name}"));
        }
        Ok(())
    }

    /// There is no such request for containers; the storage of its disks tells.
    fn of_container(&mut self, cluster: &Cluster<'_>, guest: &Guest) -> Result<()> {
        let config = cluster
            .get(guest.path(&["config"]))
            .map_err(|error| error.explain(&guest.needs("VM.Audit")))?;
        let storages = super::storage::list(cluster)?;
        for disk in guard::disks(&config) {
            let Some((storage, _)) = disk.volume.split_once(':') else {
                self.blockers.push(format!(
                    "{} is {}, a place of its node",
                    disk.key, disk.volume
                ));
                continue;
            };
            if !storages
                .iter()
                .any(|one| one.storage == storage && one.shared)
            {
                let size = disk.size.unwrap_or(0);
                self.local_bytes += size;
                self.local
                    .push(format!("{} ({})", disk.volume, show::human(size)));
            }
        }
        Ok(())
    }
}

/// What moves, and where to.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct MigrateArgs {
    /// The guests: numbers, names, or node/name.
    #[schemars(length(min = 1, max = 100))]
    guests: Vec<String>,
    /// The node they move to.
    target: String,
    /// The storage there for disks that only the present node has; the one of the same name where none is named.
    target_storage: Option<String>,
    /// Move guests with local disks as well: the disks are copied.
    #[serde(default)]
    with_local_disks: bool,
    /// The cluster, where several are bound and the names are not clear.
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

/// Moves guests to another node: machines that run move live, containers that run are restarted there, after
/// confirmation. Preconditions are checked before anything moves. Always a job.
#[tool(destructive = false, open_world = false, title = "Move guests")]
pub(crate) fn pve_guest_migrate(cx: &Context, args: MigrateArgs) -> Result<Work<Rendered<Report>>> {
    let found = guest::find_all(cx, args.cluster.as_deref(), &args.guests)?;
    guard::may_change(cx, &found)?;
    let mut plan = Plan::new(format!("move {} to {}", count(found.len()), args.target));
    let mut restarted = Vec::new();
    for Found { cluster, guest } in &found {
        if guest.node == args.target {
            plan.skipped.push((
                Some(guest.label()),
                format!("it is on {} already", args.target),
            ));
            continue;
        }
        let way = Way::of(cluster, guest, Some(&args.target))?;
        way.check(guest, args.with_local_disks)?;
        if guest.is_running() && guest.kind == Kind::Container {
            restarted.push((format!("Guest {}", guest.id), guest.shown()));
        }
        plan.actions.push(action(
            guest,
            &args.target,
            &way,
            args.target_storage.as_deref(),
        ));
        plan.notes.extend(note(guest, &way));
    }
    if args.dry_run {
        return Ok(Work::Done(Report::dry(&plan)));
    }
    if !restarted.is_empty()
        && let Some(one) = found.first()
    {
        let message = format!(
            "Containers move to {} and are restarted on the way.",
            args.target
        );
        guard::confirm(
            cx,
            &one.cluster.name,
            &message,
            &restarted,
            Word::of(args.confirm, args.reason.as_deref()),
        )?;
    }
    run::carry_out(cx, plan, Duration::ZERO)
}

fn count(guests: usize) -> String {
    if guests == 1 {
        "one guest".to_owned()
    } else {
        format!("{guests} guests")
    }
}

impl Way {
    fn check(&self, guest: &Guest, with_local_disks: bool) -> Result<(), ToolError> {
        if !self.blockers.is_empty() {
            return Err(ToolError::conflict(format!(
                "the {} cannot move: {}. hint: pve_migrate_check shows it all",
                guest.shown(),
                self.blockers.join("; ")
            )));
        }
        if !self.local.is_empty() && !with_local_disks {
            return Err(ToolError::conflict(format!(
                "the {} has disks that only its node has: {}. hint: set with_local_disks to copy them, {} in all",
                guest.shown(),
                self.local.join(", "),
                show::human(self.local_bytes)
            )));
        }
        Ok(())
    }
}

fn action(guest: &Guest, target: &str, way: &Way, storage: Option<&str>) -> Action {
    let effect = format!("moves the {} to {target}, {}", guest.shown(), how(guest));
    let action = Action::on(guest, "POST", &["migrate"], effect)
        .with("target", target)
        .needs(guest.needs("VM.Migrate"));
    // High availability moves what it manages by itself: another task begins.
    let task = if guest.ha.is_some() {
        "hamigrate".to_owned()
    } else {
        guest.kind.task("migrate")
    };
    let local = !way.local.is_empty();
    let running = guest.is_running();
    let action = match guest.kind {
        Kind::Machine => action
            .flag("online", running)
            .flag("with-local-disks", local && running)
            .with_opt("targetstorage", storage.filter(|_| local)),
        Kind::Container => action
            .flag("restart", running)
            .with_opt("target-storage", storage.filter(|_| local)),
    };
    action.begins(&guest.node, task, guest.id)
}

fn note(guest: &Guest, way: &Way) -> Option<String> {
    (!way.local.is_empty()).then(|| {
        format!(
            "guest {}: {} of disks are copied, which takes time",
            guest.id,
            show::human(way.local_bytes)
        )
    })
}

/// Which node is emptied.
#[derive(Deserialize, JsonSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of the caller"
)]
pub(crate) struct DrainArgs {
    /// The node.
    node: String,
    /// Where its guests go; to whichever of the others has the most free memory where none is named.
    #[serde(default)]
    targets: Vec<String>,
    /// Move stopped guests as well, not only those that run.
    #[serde(default)]
    stopped_too: bool,
    /// Move guests with local disks as well: the disks are copied.
    #[serde(default)]
    with_local_disks: bool,
    /// The cluster, where several are bound.
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

/// Empties a node for maintenance, after confirmation: moves its running guests to the other nodes, those with the most
/// free memory first. Guests that cannot move are named beforehand and stay. Always a job. Look at `dry_run` first.
#[tool(destructive, open_world = false, title = "Empty a node")]
pub(crate) fn pve_node_drain(cx: &Context, args: DrainArgs) -> Result<Work<Rendered<Report>>> {
    let cluster = api::one(cx, args.cluster.as_deref())?;
    let settings = guard::writable(cx, &cluster)?;
    let mut room = room(&cluster, &args)?;
    let guests = guest::list(&cluster)?;
    let busy = guard::busy(&cluster, &args.node)?;
    let mut plan = Plan::new(format!(
        "empty node {} of cluster {}",
        args.node, cluster.name
    ));
    let mut moves = Vec::new();
    let mine = guests.iter().filter(|guest| {
        guest.node == args.node && !guest.template && (guest.is_running() || args.stopped_too)
    });
    let mut mine: Vec<&Guest> = mine.collect();
    // The largest first: they fit the worst.
    mine.sort_by_key(|guest| std::cmp::Reverse(guest.raw.whole("maxmem").unwrap_or(0)));
    for guest in mine {
        let task = busy.get(&guest.id).map(String::as_str);
        let open = guard::unprotected(&settings, guest).and_then(|()| guard::free(guest, task));
        if let Err(error) = open {
            plan.skipped.push((Some(guest.label()), error.message));
            continue;
        }
        let way = Way::of(&cluster, guest, None)?;
        let memory = if guest.is_running() {
            guest.raw.whole("maxmem").unwrap_or(0)
        } else {
            0
        };
        let target = room
            .iter()
            .filter(|(node, free)| way.targets.contains(node) && **free >= memory)
            .max_by_key(|(_, free)| **free)
            .map(|(node, _)| node.clone());
        let checked = way.check(guest, args.with_local_disks);
        let (Ok(()), Some(target)) = (&checked, target) else {
            let why = match checked {
                Err(error) => error.message,
                Ok(()) => format!("no other node has {} of memory free", show::human(memory)),
            };
            plan.skipped.push((Some(guest.label()), why));
            continue;
        };
        if let Some(free) = room.get_mut(&target) {
            *free -= memory;
        }
        moves.push((
            format!("Guest {}", guest.id),
            format!("{} → {target}, {}", guest.shown(), how(guest)),
        ));
        plan.actions.push(action(guest, &target, &way, None));
        plan.notes.extend(note(guest, &way));
    }
    if args.dry_run {
        return Ok(Work::Done(Report::dry(&plan)));
    }
    if plan.actions.is_empty() {
        return nothing(&args, &plan);
    }
    let message = format!(
        "Node {} is emptied: {} move.",
        args.node,
        count(moves.len())
    );
    moves.extend(plan.skipped.iter().filter_map(|(guest, why)| {
        Some((
            format!("Guest {} stays", guest.as_ref()?.id),
            show::line(why, 200),
        ))
    }));
    guard::confirm(
        cx,
        &cluster.name,
        &message,
        &moves,
        Word::of(args.confirm, args.reason.as_deref()),
    )?;
    run::carry_out(cx, plan, Duration::ZERO)
}

fn nothing(args: &DrainArgs, plan: &Plan) -> Result<Work<Rendered<Report>>> {
    if plan.skipped.is_empty() {
        return Ok(Work::Done(Report::finished(
            &format!("empty node {}: no guest runs there", args.node),
            Vec::new(),
            Vec::new(),
        )?));
    }
    let why: Vec<String> = plan
        .skipped
        .iter()
        .filter_map(|(guest, why)| Some(format!("guest {}: {why}", guest.as_ref()?.id)))
        .collect();
    Err(ToolError::conflict(format!(
        "no guest of node {} can move: {}",
        args.node,
        why.join("; ")
    ))
    .into())
}

/// Free memory of the nodes that guests may go to.
fn room(cluster: &Cluster<'_>, args: &DrainArgs) -> Result<BTreeMap<String, u64>> {
    let all = cluster.get_with(path!["cluster", "resources"], &[("type", "node")])?;
    let online = |one: &&Value| one.text("status").as_deref() == Some("online");
    let names: Vec<String> = all
        .items()
        .iter()
        .filter_map(|one| one.text("node"))
        .collect();
    for node in args.targets.iter().chain([&args.node]) {
        if !names.contains(node) {
            return Err(ToolError::not_found(format!(
                "cluster {} has no node {node:?}. hint: it has {}",
                cluster.name,
                names.join(", ")
            ))
            .into());
        }
    }
    let room: BTreeMap<String, u64> = all
        .items()
        .iter()
        .filter(online)
        .filter_map(|one| {
            let node = one.text("node").filter(|node| *node != args.node)?;
            let wanted = args.targets.is_empty() || args.targets.contains(&node);
            // An account that may not see it leaves the choice to the cluster's own checks.
            let free = match (one.whole("maxmem"), one.whole("mem")) {
                (Some(all), Some(used)) => all.saturating_sub(used),
                _ => u64::MAX / 2,
            };
            wanted.then_some((node, free))
        })
        .collect();
    if room.is_empty() {
        return Err(ToolError::unavailable(format!(
            "no other node of cluster {} is online. hint: pve_cluster shows them",
            cluster.name
        ))
        .into());
    }
    Ok(room)
}
