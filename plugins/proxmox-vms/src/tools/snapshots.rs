//! Snapshots: list, create, roll back, delete.

use serde_json::Value;
use toolward_sdk::prelude::*;

use super::OneGuest;
use crate::guard::{self, Word};
use crate::guest::{self, Found, Guest, Kind, Label};
use crate::loose::Loose;
use crate::plan::{Action, Plan};
use crate::report::Report;
use crate::run;
use crate::show;

/// A guest's snapshots.
#[derive(Deserialize, JsonSchema, Serialize)]
#[expect(clippy::struct_field_names, reason = "as the model knows it")]
pub(crate) struct Snapshots {
    /// The cluster.
    cluster: String,
    /// Which guest.
    #[serde(flatten)]
    guest: Label,
    /// Oldest first.
    snapshots: Vec<Snapshot>,
    /// The one that the guest goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current_parent: Option<String>,
}

/// A snapshot.
#[derive(Deserialize, JsonSchema, Serialize)]
struct Snapshot {
    /// Its name.
    name: String,
    /// Its description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// When it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    taken: Option<String>,
    /// The one before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    /// Holds the memory as well: after a roll-back the machine runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    with_memory: bool,
}

/// Lists the snapshots of a guest.
#[tool(
    read_only,
    idempotent,
    open_world = false,
    title = "Snapshots of a guest"
)]
pub(crate) fn pve_snapshots(cx: &Context, args: OneGuest) -> Result<Snapshots> {
    let Found { cluster, guest } = guest::find(cx, args.cluster.as_deref(), &args.guest)?;
    super::guest::there(&guest)?;
    let raw = cluster
        .get(guest.path(&["snapshot"]))
        .map_err(|error| error.explain(&guest.needs("VM.Audit")))?;
    let mut all: Vec<&Value> = raw
        .items()
        .iter()
        .filter(|one| one["name"] != "current")
        .collect();
    all.sort_by_key(|one| one.whole("snaptime"));
    let current = raw.items().iter().find(|one| one["name"] == "current");
    Ok(Snapshots {
        cluster: cluster.name,
        guest: guest.label(),
        snapshots: all
            .into_iter()
            .filter_map(|one| {
                Some(Snapshot {
                    name: one.text("name")?,
                    description: one.text("description").map(|text| show::line(&text, 200)),
                    taken: one.whole("snaptime").map(show::time),
                    parent: one.text("parent"),
                    with_memory: one.flag("vmstate"),
                })
            })
            .collect(),
        current_parent: current.and_then(|one| one.text("parent")),
    })
}

/// What to take snapshots of.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct CreateArgs {
    /// The guests: numbers, names, or node/name.
    #[schemars(length(min = 1, max = 50))]
    guests: Vec<String>,
    /// The cluster, where several are bound and the names are not clear.
    cluster: Option<String>,
    /// The snapshot's name: a letter, then letters, digits, `_` and `-`; at most 40.
    name: String,
    /// What it is for.
    description: Option<String>,
    /// For running machines: keep the memory as well. Takes longer, and room.
    #[serde(default)]
    with_memory: bool,
    /// Only show what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// Takes a snapshot of one or several guests. Several are worked on side by side, and each result is told.
#[tool(destructive = false, open_world = false, title = "Take snapshots")]
pub(crate) fn pve_snapshot_create(
    cx: &Context,
    args: CreateArgs,
) -> Result<Work<Rendered<Report>>> {
    check_name(&args.name)?;
    let found = guest::find_all(cx, args.cluster.as_deref(), &args.guests)?;
    guard::may_change(cx, &found)?;
    let mut plan = Plan::new(format!("take snapshot {}", args.name));
    for Found { guest, .. } in &found {
        let memory = args.with_memory && guest.kind == Kind::Machine && guest.is_running();
        let what = if memory {
            "with its memory"
        } else {
            "without its memory"
        };
        let effect = match guest.kind {
            Kind::Machine => format!(
                "takes snapshot {} of the {}, {what}",
                args.name,
                guest.shown()
            ),
            Kind::Container => format!("takes snapshot {} of the {}", args.name, guest.shown()),
        };
        let action = Action::on(guest, "POST", &["snapshot"], effect)
            .with("snapname", &args.name)
            .with_opt("description", args.description.as_deref())
            .flag("vmstate", memory)
            .begins(&guest.node, guest.kind.task("snapshot"), guest.id)
            .needs(guest.needs("VM.Snapshot"));
        plan.actions.push(action);
    }
    if args.dry_run {
        return Ok(Work::Done(Report::dry(&plan)));
    }
    run::carry_out(cx, plan, run::PATIENCE)
}

fn check_name(name: &str) -> Result<(), ToolError> {
    let good = (2..=40).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        && name != "current";
    if good {
        return Ok(());
    }
    Err(ToolError::invalid_input(format!(
        "{name:?} cannot be the name of a snapshot. hint: a letter, then letters, digits, `_` and `-`; 2 to 40 in all; not \
         `current`"
    )))
}

/// Which snapshot.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct SnapshotArgs {
    /// The guest: number, name, or node/name.
    guest: String,
    /// The snapshot's name.
    snapshot: String,
    /// The cluster, where several are bound and the name is not clear.
    cluster: Option<String>,
    /// For a roll-back: start the guest afterwards.
    #[serde(default)]
    start: bool,
    /// Yes, do it. Takes the place of asking the person where the operator allows that, together with `reason`.
    #[serde(default)]
    confirm: bool,
    /// Why; goes into the operator's log.
    reason: Option<String>,
    /// Only show what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// The guest with its snapshots, and the one that is meant.
fn known<'a>(cx: &'a Context, args: &SnapshotArgs) -> Result<(Found<'a>, Value, Vec<Value>)> {
    let found = guest::find(cx, args.cluster.as_deref(), &args.guest)?;
    super::guest::there(&found.guest)?;
    let raw = found
        .cluster
        .get(found.guest.path(&["snapshot"]))
        .map_err(|error| error.explain(&found.guest.needs("VM.Audit")))?;
    let all = raw.items().to_vec();
    let one = all.iter().find(|one| {
        one.text("name").as_deref() == Some(&args.snapshot) && args.snapshot != "current"
    });
    let Some(one) = one.cloned() else {
        let names = guard::snapshot_names(&raw);
        let has = if names.is_empty() {
            "it has none".to_owned()
        } else {
            format!("it has {}", names.join(", "))
        };
        return Err(ToolError::not_found(format!(
            "the {} has no snapshot {:?}. hint: {has}",
            found.guest.shown(),
            args.snapshot
        ))
        .into());
    };
    Ok((found, one, all))
}

fn shown(one: &Value) -> String {
    let taken = one
        .whole("snaptime")
        .map_or_else(|| "at an unknown time".to_owned(), show::time);
    let name = one.text("name").unwrap_or_default();
    match one.text("description") {
        Some(text) => format!("{name}, taken {taken} ({})", show::line(&text, 100)),
        None => format!("{name}, taken {taken}"),
    }
}

/// Rolls a guest back to a snapshot, after confirmation. Everything since then is lost, configuration included; a running
/// guest is stopped hard.
#[tool(destructive, open_world = false, title = "Roll back to a snapshot")]
pub(crate) fn pve_snapshot_rollback(
    cx: &Context,
    args: SnapshotArgs,
) -> Result<Work<Rendered<Report>>> {
    let (found, one, all) = known(cx, &args)?;
    guard::may_change(cx, std::slice::from_ref(&found))?;
    let Found { cluster, guest } = &found;
    let title = format!(
        "roll the {} back to snapshot {}",
        guest.shown(),
        args.snapshot
    );
    let action = Action::on(
        guest,
        "POST",
        &["snapshot", &args.snapshot, "rollback"],
        title.clone(),
    )
    .flag("start", args.start)
    .begins(&guest.node, guest.kind.task("rollback"), guest.id)
    .needs(guest.needs("VM.Snapshot or VM.Snapshot.Rollback"));
    let mut plan = Plan::of(title, action)
        .note("everything that changed in the guest since the snapshot is lost, its configuration included");
    let later: Vec<String> = newer(&one, &all);
    if !later.is_empty() {
        plan = plan.note(format!(
            "later snapshots stay in the list: {}; on some storages (ZFS) a roll-back to an older one is refused until they \
             are deleted",
            later.join(", ")
        ));
    }
    if guest.is_running() {
        plan = plan.note("the guest runs, and is stopped hard");
    }
    if args.dry_run {
        return Ok(Work::Done(Report::dry(&plan)));
    }
    let mut details = guard::portrait(cluster, guest)?;
    details.push(("Back to".to_owned(), shown(&one)));
    let message = format!(
        "The {} is rolled back. Everything since the snapshot is lost.",
        guest.kind.noun()
    );
    guard::confirm(
        cx,
        &cluster.name,
        &message,
        &details,
        Word::of(args.confirm, args.reason.as_deref()),
    )?;
    run::carry_out(cx, plan, run::PATIENCE)
}

fn newer(one: &Value, all: &[Value]) -> Vec<String> {
    let time = one.whole("snaptime");
    all.iter()
        .filter(|other| other["name"] != "current" && other.whole("snaptime") > time)
        .filter_map(|other| other.text("name"))
        .collect()
}

/// Deletes a snapshot, after confirmation. The guest itself stays as it is.
#[tool(destructive, open_world = false, title = "Delete a snapshot")]
pub(crate) fn pve_snapshot_delete(
    cx: &Context,
    args: SnapshotArgs,
) -> Result<Work<Rendered<Report>>> {
    let (found, one, all) = known(cx, &args)?;
    guard::may_change(cx, std::slice::from_ref(&found))?;
    let Found { cluster, guest } = &found;
    let title = format!("delete snapshot {} of the {}", args.snapshot, guest.shown());
    let action = Action::on(
        guest,
        "DELETE",
        &["snapshot", &args.snapshot],
        title.clone(),
    )
    .begins(&guest.node, guest.kind.task("delsnapshot"), guest.id)
    .needs(guest.needs("VM.Snapshot"));
    let mut plan = Plan::of(title, action)
        .note("the state of that time cannot be brought back; the guest stays as it is");
    let children = all
        .iter()
        .filter(|other| {
            other["name"] != "current" && other.text("parent").as_deref() == Some(&args.snapshot)
        })
        .filter_map(|other| other.text("name"))
        .collect::<Vec<_>>();
    if !children.is_empty() {
        plan = plan.note(format!("snapshots after it stay: {}", children.join(", ")));
    }
    if args.dry_run {
        return Ok(Work::Done(Report::dry(&plan)));
    }
    let mut details = guard::portrait(cluster, guest)?;
    details.push(("Snapshot".to_owned(), shown(&one)));
    guard::confirm(
        cx,
        &cluster.name,
        "A snapshot is deleted for good.",
        &details,
        Word::of(args.confirm, args.reason.as_deref()),
    )?;
    run::carry_out(cx, plan, run::PATIENCE)
}

/// For listings of links: names only.
pub(crate) fn names(cluster: &crate::api::Cluster<'_>, guest: &Guest) -> Result<Vec<String>> {
    let raw = cluster.get(guest.path(&["snapshot"]))?;
    Ok(guard::snapshot_names(&raw))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_before_anything_is_asked() {
        assert!(check_name("before-upgrade_1").is_ok());
        for bad in ["", "a", "1a", "a b", "current", "ä1", &"a".repeat(41)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
