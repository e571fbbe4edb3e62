//! Deleting a guest.

use toolward_sdk::prelude::*;

use crate::api::{ApiError, Cluster};
use crate::guard::{self, Word};
use crate::guest::{self, Found, Guest, Kind};
use crate::loose::Loose;
use crate::path;
use crate::plan::{Action, Plan};
use crate::report::Report;
use crate::run;

/// Which guest.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct DeleteArgs {
    /// The guest: number, name, or node/name.
    guest: String,
    /// The cluster, where several are bound and the name is not clear.
    cluster: Option<String>,
    /// Take it out of backup jobs, replication and high availability as well. It is, unless said otherwise.
    #[serde(default = "yes")]
    purge: bool,
    /// Yes, do it. Takes the place of asking the person where the operator allows that, together with `reason`.
    #[serde(default)]
    confirm: bool,
    /// Why; goes into the operator's log.
    reason: Option<String>,
    /// Only show what would be done, and what depends on it.
    #[serde(default)]
    dry_run: bool,
}

const fn yes() -> bool {
    true
}

/// Deletes a stopped guest with all its disks and snapshots, after confirmation. Backups stay. Look at `dry_run` first: it
/// names what depends on the guest.
#[tool(destructive, open_world = false, title = "Delete a guest")]
pub(crate) fn pve_guest_delete(cx: &Context, args: DeleteArgs) -> Result<Work<Rendered<Report>>> {
    let found = guest::find(cx, args.cluster.as_deref(), &args.guest)?;
    guard::may_change(cx, std::slice::from_ref(&found))?;
    let Found { cluster, guest } = &found;
    if guest.is_running() {
        return Err(ToolError::conflict(format!(
            "the {} runs. hint: shut it down with pve_guest_shutdown first",
            guest.shown()
        ))
        .into());
    }
    let config = cluster
        .get(guest.path(&["config"]))
        .map_err(|error| error.explain(&guest.needs("VM.Audit")))?;
    if config.flag("protection") {
        return Err(ToolError::denied(format!(
            "the {} is protected in its own configuration. hint: only a person should take that off, at the console",
            guest.shown()
        ))
        .into());
    }
    let title = format!("delete the {} with its disks and snapshots", guest.shown());
    let action = Action::on(guest, "DELETE", &[], title.clone())
        .flag("purge", args.purge)
        .begins(&guest.node, guest.kind.task("destroy"), guest.id)
        .needs(guest.needs("VM.Allocate"));
    let mut plan = Plan::of(title, action).note("its backups stay");
    let dependents = dependents(cluster, guest)?;
    for one in &dependents.others {
        plan = plan.note(one.clone());
    }
    if args.dry_run {
        if !dependents.clones.is_empty() {
            plan = plan.note(format!(
                "the cluster will refuse: linked clones depend on it: {}",
                dependents.clones.join(", ")
            ));
        }
        return Ok(Work::Done(Report::dry(&plan)));
    }
    if !dependents.clones.is_empty() {
        return Err(ToolError::conflict(format!(
            "the {} cannot be deleted: linked clones depend on it: {}. hint: delete those first, or make full copies of them",
            guest.shown(),
            dependents.clones.join(", ")
        ))
        .into());
    }
    let mut details = guard::portrait(cluster, guest)?;
    for one in &dependents.others {
        details.push(("Depends on it".to_owned(), one.clone()));
    }
    let message = format!(
        "The {} is deleted with its disks and snapshots, for good.",
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

struct Dependents {
    clones: Vec<String>,
    others: Vec<String>,
}

/// Who would miss the guest. What the account may not look at is said.
fn dependents(cluster: &Cluster<'_>, guest: &Guest) -> Result<Dependents> {
    let mut found = Dependents {
        clones: Vec::new(),
        others: Vec::new(),
    };
    if let Some(state) = &guest.ha {
        found
            .others
            .push(format!("high availability manages it ({state})"));
    }
    match cluster.get(path!["cluster", "backup"]) {
        Ok(jobs) => {
            let id = guest.id.to_string();
            for job in jobs.items() {
                let list = job.text("vmid").unwrap_or_default();
                if list.split(',').any(|one| one.trim() == id) {
                    let name = job.text("id").unwrap_or_default();
                    found.others.push(format!("backup job {name} names it"));
                }
            }
        }
        Err(error) if error.is_cancelled() => return Err(Failure::Cancelled),
        Err(error) => found
            .others
            .push(format!("backup jobs could not be looked at: {error}")),
    }
    if guest.template {
        match clones(cluster, guest) {
            Ok(clones) => found.clones = clones,
            Err(error) => found
                .others
                .push(format!("linked clones could not be looked for: {error}")),
        }
    }
    Ok(found)
}

/// Guests whose disks are made on the disks of a template.
fn clones(cluster: &Cluster<'_>, guest: &Guest) -> Result<Vec<String>, ApiError> {
    let config = cluster.get(guest.path(&["config"]))?;
    let content = match guest.kind {
        Kind::Machine => "images",
        Kind::Container => "rootdir",
    };
    let mut storages: Vec<String> = guard::disks(&config)
        .iter()
        .filter_map(|disk| Some(disk.volume.split_once(':')?.0.to_owned()))
        .collect();
    storages.sort();
    storages.dedup();
    let base = format!("base-{}-", guest.id);
    let mut clones = Vec::new();
    for storage in storages {
        let path = path!["nodes", guest.node, "storage", storage, "content"];
        let list = cluster.get_with(path, &[("content", content)])?;
        for one in list.items() {
            let owner = one.whole("vmid").filter(|owner| *owner != guest.id);
            let parent = format!(
                "{} {}",
                one.text("volid").unwrap_or_default(),
                one.text("parent").unwrap_or_default()
            );
            if let (Some(owner), true) = (owner, parent.contains(&base)) {
                clones.push(format!("guest {owner}"));
            }
        }
    }
    clones.sort();
    clones.dedup();
    Ok(clones)
}
