//! Backups: list with their verification, create, restore, delete; the jobs of the scheduler and what they leave out.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;
use toolward_sdk::prelude::*;

use super::cluster::ClusterArgs;
use super::create::free_id;
use super::storage::{self, find_volume, online_nodes};
use super::{Away, across, away_lines};
use crate::api::{self, ApiError, Cluster};
use crate::guard::{self, Word};
use crate::guest::{self, Found, Kind};
use crate::loose::Loose;
use crate::path;
use crate::plan::{Action, Plan};
use crate::report::Report;
use crate::run;
use crate::show::{self, Size};

/// Which backups.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct BackupsArgs {
    /// Only those of this guest: number, name, or node/name; the number also where the guest is gone.
    guest: Option<String>,
    /// Only those on this storage.
    storage: Option<String>,
    /// Only this cluster.
    cluster: Option<String>,
    /// How many at most, the latest first: 50 unless said otherwise.
    #[schemars(range(min = 1, max = 2000))]
    limit: Option<usize>,
}

/// Backups.
#[derive(Deserialize, JsonSchema, Serialize)]
#[expect(clippy::struct_field_names, reason = "as the model knows it")]
pub(crate) struct Backups {
    /// How many fit.
    total: usize,
    /// The latest first.
    backups: Vec<Backup>,
    /// Storages that could not be looked at, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// Clusters that do not answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<Away>,
}

/// A backup.
#[derive(Clone, Deserialize, JsonSchema, Serialize)]
#[expect(clippy::struct_field_names, reason = "as the model knows it")]
pub(crate) struct Backup {
    /// The cluster.
    cluster: String,
    /// Its name, for `pve_backup_restore` and `pve_backup_delete`.
    backup: String,
    /// The number of the guest that it was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    guest: Option<u64>,
    /// Machine or container.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    /// Its size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<Size>,
    /// Notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notes: Option<String>,
    /// It cannot be deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    protected: bool,
    /// `ok`, `failed`, or missing where it was never verified: only a Proxmox Backup Server verifies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verification: Option<String>,
    /// It is encrypted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    encrypted: bool,
}

/// Lists backups of all guests or of one, the latest first, with size, protection and whether a Proxmox Backup Server
/// has verified them.
#[tool(read_only, idempotent, open_world = false, title = "Backups")]
pub(crate) fn pve_backups(cx: &Context, args: BackupsArgs) -> Result<Rendered<Backups>> {
    let (mut cluster, mut id) = (args.cluster.clone(), None);
    if let Some(wanted) = &args.guest {
        if let Ok(number) = wanted.trim().parse() {
            id = Some(number);
        } else {
            let found = guest::find(cx, cluster.as_deref(), wanted)?;
            id = Some(found.guest.id);
            cluster = Some(found.cluster.name);
        }
    }
    let (answers, unreachable) = across(
        cx,
        cluster.as_deref(),
        "Datastore.Audit on /storage",
        |cluster| list(cluster, args.storage.as_deref(), id),
    )?;
    let (mut all, mut notes) = (Vec::new(), Vec::new());
    for (_, (backups, missed)) in answers {
        all.extend(backups);
        notes.extend(missed);
    }
    all.sort_by(|a: &Backup, b| {
        b.created
            .cmp(&a.created)
            .then_with(|| a.backup.cmp(&b.backup))
    });
    let total = all.len();
    all.truncate(args.limit.unwrap_or(50));
    let list = Backups {
        total,
        backups: all,
        notes,
        unreachable,
    };
    let mut text = format!("{} backups", list.total);
    for one in &list.backups {
        let (guest, created) = (
            one.guest.unwrap_or(0),
            one.created.as_deref().unwrap_or("?"),
        );
        let _ = write!(text, "\n{created} guest {guest} {}", one.backup);
        if let Some(size) = &one.size {
            let _ = write!(text, " {}", size.human);
        }
        if let Some(state) = &one.verification {
            let _ = write!(text, " verification={state}");
        }
        if one.protected {
            text.push_str(" protected");
        }
    }
    for note in &list.notes {
        let _ = write!(text, "\nnote: {note}");
    }
    away_lines(&mut text, &list.unreachable);
    Ok(Rendered::new(list, text))
}

type Listed = (Vec<Backup>, Vec<String>);

/// A shared storage is looked at once, another one from each node that is online.
pub(crate) fn list(
    cluster: &Cluster<'_>,
    wanted: Option<&str>,
    id: Option<u64>,
) -> Result<Listed, ApiError> {
    let storages = storage::list(cluster)?;
    let online = online_nodes(cluster)?;
    let id_text = id.map(|id| id.to_string());
    let (mut all, mut notes) = (Vec::new(), Vec::new());
    let fits = storages.iter().filter(|one| {
        one.content.iter().any(|content| content == "backup")
            && wanted.is_none_or(|name| name == one.storage)
    });
    for one in fits {
        let seen = one.nodes.iter().filter(|node| online.contains(node));
        for node in seen.take(if one.shared { 1 } else { usize::MAX }) {
            let mut query = vec![("content", "backup")];
            query.extend(id_text.as_deref().map(|id| ("vmid", id)));
            match cluster.get_with(
                path!["nodes", node, "storage", one.storage, "content"],
                &query,
            ) {
                Ok(list) => all.extend(
                    list.items()
                        .iter()
                        .filter_map(|raw| Backup::read(cluster, raw)),
                ),
                Err(error) if error.is_cancelled() => return Err(error),
                Err(error) => notes.push(format!("storage {} on {node}: {error}", one.storage)),
            }
        }
    }
    all.retain(|backup| id.is_none_or(|id| backup.guest == Some(id)));
    Ok((all, notes))
}

impl Backup {
    fn read(cluster: &Cluster<'_>, raw: &Value) -> Option<Self> {
        let backup = raw.text("volid")?;
        let verification = raw.get("verification").and_then(|one| one.text("state"));
        Some(Self {
            cluster: cluster.name.clone(),
            kind: kind_of(&backup, raw.text("format").as_deref()),
            guest: raw.whole("vmid"),
            created: raw.whole("ctime").map(show::time),
            size: raw.whole("size").map(Size::of),
            notes: raw.text("notes").map(|text| show::line(&text, 100)),
            protected: raw.flag("protected"),
            verification,
            encrypted: raw.flag("encrypted"),
            backup,
        })
    }
}

/// From the archive's name; the format of one on a backup server tells as well.
fn kind_of(volume: &str, format: Option<&str>) -> Option<Kind> {
    let rest = volume.split_once(':').map_or(volume, |(_, rest)| rest);
    if rest.contains("vzdump-qemu-") || rest.starts_with("backup/vm/") || format == Some("pbs-vm") {
        Some(Kind::Machine)
    } else if rest.contains("vzdump-lxc-")
        || rest.contains("vzdump-openvz-")
        || rest.starts_with("backup/ct/")
        || format == Some("pbs-ct")
    {
        Some(Kind::Container)
    } else {
        None
    }
}

/// The scheduler's jobs.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct BackupJobs {
    /// The jobs.
    jobs: Vec<BackupJob>,
    /// Guests that no job backs up.
    not_covered: Vec<Uncovered>,
    /// What could not be looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// Clusters that do not answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<Away>,
}

/// A job of the scheduler.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct BackupJob {
    /// The cluster.
    cluster: String,
    /// Its name.
    job: String,
    /// Whether it runs.
    enabled: bool,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schedule: Option<String>,
    /// When it runs next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_run: Option<String>,
    /// What it backs up: all, numbers, or a pool.
    selection: String,
    /// Where to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    storage: Option<String>,
    /// How: snapshot, suspend, stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    /// What is kept, as the cluster writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keeps: Option<String>,
}

/// A guest that no job backs up.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct Uncovered {
    /// The cluster.
    cluster: String,
    /// Its number.
    guest: u64,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// Lists the backup jobs of the cluster's scheduler, and the guests that none of them backs up.
#[tool(read_only, idempotent, open_world = false, title = "Backup jobs")]
pub(crate) fn pve_backup_jobs(cx: &Context, args: ClusterArgs) -> Result<BackupJobs> {
    let (answers, unreachable) =
        across(cx, args.cluster.as_deref(), "Sys.Audit on /", |cluster| {
            let jobs = cluster.get(path!["cluster", "backup"])?;
            Ok((
                jobs,
                cluster.get(path!["cluster", "backup-info", "not-backed-up"]),
            ))
        })?;
    let mut all = BackupJobs {
        jobs: Vec::new(),
        not_covered: Vec::new(),
        notes: Vec::new(),
        unreachable,
    };
    for (cluster, (jobs, open)) in answers {
        all.jobs
            .extend(jobs.items().iter().map(|raw| job(&cluster.name, raw)));
        match open {
            Ok(open) => all
                .not_covered
                .extend(open.items().iter().filter_map(|raw| {
                    Some(Uncovered {
                        cluster: cluster.name.clone(),
                        guest: raw.whole("vmid")?,
                        name: raw.text("name"),
                    })
                })),
            Err(error) => all.notes.push(format!("guests without a job: {error}")),
        }
    }
    Ok(all)
}

fn job(cluster: &str, raw: &Value) -> BackupJob {
    let selection = if raw.flag("all") {
        match raw.text("exclude") {
            Some(left_out) => format!("all but {left_out}"),
            None => "all".to_owned(),
        }
    } else if let Some(pool) = raw.text("pool") {
        format!("pool {pool}")
    } else {
        raw.text("vmid").unwrap_or_default()
    };
    let keeps = raw.get("prune-backups").map(|keeps| match keeps {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    BackupJob {
        cluster: cluster.to_owned(),
        job: raw.text("id").unwrap_or_default(),
        enabled: raw.get("enabled").is_none() || raw.flag("enabled"),
        schedule: raw.text("schedule"),
        next_run: raw.whole("next-run").map(show::time),
        selection,
        storage: raw.text("storage"),
        mode: raw.text("mode"),
        keeps,
    }
}

/// How a guest is while it is backed up.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// It runs on.
    #[default]
    Snapshot,
    /// It is paused for a moment.
    Suspend,
    /// It is shut down and started again.
    Stop,
}

/// What is backed up, and where to.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct CreateArgs {
    /// The guests: numbers, names, or node/name.
    #[schemars(length(min = 1, max = 50))]
    guests: Vec<String>,
    /// A storage that takes backups.
    storage: String,
    /// How the guests are meanwhile.
    #[serde(default)]
    mode: Mode,
    /// Notes; {{guestname}}, {{node}} and {{vmid}} are filled in.
    notes: Option<String>,
    /// It cannot be deleted, nor does a retention rule delete it.
    #[serde(default)]
    protected: bool,
    /// The cluster, where several are bound and the names are not clear.
    cluster: Option<String>,
    /// Only show what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// Backs guests up to a storage. Always a job. Older backups are not deleted by it.
#[tool(destructive = false, open_world = false, title = "Back guests up")]
pub(crate) fn pve_backup_create(cx: &Context, args: CreateArgs) -> Result<Work<Rendered<Report>>> {
    let found = guest::find_all(cx, args.cluster.as_deref(), &args.guests)?;
    let mode = match args.mode {
        Mode::Snapshot => "snapshot",
        Mode::Suspend => "suspend",
        Mode::Stop => "stop",
    };
    let mut plan = Plan::new(format!("back up to {}", args.storage));
    for Found { cluster, guest } in &found {
        let settings = guard::writable(cx, cluster)?;
        super::guest::there(guest)?;
        // A backup leaves a guest as it is, unless it stops it.
        if !matches!(args.mode, Mode::Snapshot) {
            guard::unprotected(&settings, guest)?;
        }
        let task = guard::busy(cluster, &guest.node)?.remove(&guest.id);
        guard::free(guest, task.as_deref())?;
        let effect = format!(
            "backs the {} up to {} (mode {mode})",
            guest.shown(),
            args.storage
        );
        let mut action = Action::new(
            &cluster.name,
            "POST",
            path!["nodes", guest.node, "vzdump"],
            effect,
        )
        .with("vmid", guest.id)
        .with("storage", &args.storage)
        .with("mode", mode)
        .with("compress", "zstd")
        .with("remove", 0)
        .with_opt("notes-template", args.notes.as_deref())
        .flag("protected", args.protected)
        .begins(&guest.node, "vzdump", guest.id)
        .needs(format!(
            "VM.Backup on /vms/{}, Datastore.AllocateSpace on /storage/{}",
            guest.id, args.storage
        ));
        action.guest = Some(guest.label());
        plan.actions.push(action);
    }
    if !matches!(args.mode, Mode::Snapshot) {
        plan = plan.note(format!("mode {mode} interrupts guests that run"));
    }
    if args.dry_run {
        return Ok(Work::Done(Report::dry(&plan)));
    }
    run::carry_out(cx, plan, Duration::ZERO)
}

/// What is restored, and as what.
#[derive(Deserialize, JsonSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of the caller"
)]
pub(crate) struct RestoreArgs {
    /// The backup, as `pve_backups` lists it.
    backup: String,
    /// The number of the new guest; the next free one where none is named. That of a guest that exists only with
    /// `overwrite`.
    #[schemars(range(min = 100, max = 999_999_999))]
    id: Option<u64>,
    /// Its name; the one in the backup where none is named.
    name: Option<String>,
    /// The node; one that sees the backup where none is named.
    node: Option<String>,
    /// The storage of its disks; where they were where none is named.
    storage: Option<String>,
    /// Replace the guest of that number: its present disks and snapshots are lost.
    #[serde(default)]
    overwrite: bool,
    /// New hardware addresses, so that it can run beside the original. It has them for a new number unless said
    /// otherwise.
    unique: Option<bool>,
    /// Start it once it is there.
    #[serde(default)]
    start: bool,
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

/// Restores a backup as a new guest, or, after confirmation, over the one that exists. Always a job. Restoring under a
/// new number and looking at the result is the test that a backup is good.
#[tool(destructive, open_world = false, title = "Restore a backup")]
pub(crate) fn pve_backup_restore(
    cx: &Context,
    args: RestoreArgs,
) -> Result<Work<Rendered<Report>>> {
    let cluster = api::one(cx, args.cluster.as_deref())?;
    guard::writable(cx, &cluster)?;
    let (place, raw) = find_volume(&cluster, &args.backup, args.node.as_deref())?;
    let kind = kind_of(&args.backup, raw.text("format").as_deref()).ok_or_else(|| {
        ToolError::invalid_input(format!(
            "{} is no backup of a guest. hint: pve_backups lists them",
            args.backup
        ))
    })?;
    let replaced = match (args.overwrite, args.id) {
        (true, None) => {
            return Err(ToolError::invalid_input(
                "hint: `overwrite` needs the `id` of the guest that is replaced",
            )
            .into());
        }
        (true, Some(id)) => guest::list(&cluster)?
            .into_iter()
            .find(|guest| guest.id == id),
        (false, _) => None,
    };
    let id = match &replaced {
        Some(guest) => {
            let found = Found {
                cluster: cluster.clone(),
                guest: guest.clone(),
            };
            guard::may_change(cx, std::slice::from_ref(&found))?;
            if guest.is_running() {
                return Err(ToolError::conflict(format!(
                    "the {} runs, and only a stopped guest can be replaced. hint: pve_guest_shutdown",
                    guest.shown()
                ))
                .into());
            }
            if guest.kind != kind {
                return Err(ToolError::conflict(format!(
                    "the backup holds a {}, and number {id} is the {}",
                    kind.noun(),
                    guest.shown(),
                    id = guest.id
                ))
                .into());
            }
            guest.id
        }
        None => free_id(cx, &cluster, args.id)?,
    };
    let node = match &replaced {
        Some(guest) => guest.node.clone(),
        None => place,
    };
    let title = match &replaced {
        Some(guest) => format!("replace the {} by backup {}", guest.shown(), args.backup),
        None => format!(
            "restore backup {} as {} {id} on {node}",
            args.backup,
            kind.noun()
        ),
    };
    let unique = args.unique.unwrap_or(replaced.is_none());
    let action = restore(&cluster, &node, id, kind, &args, &title)
        .flag("force", replaced.is_some())
        .flag("unique", unique)
        .flag("start", args.start);
    let mut plan = Plan::of(title, action);
    if let Some(state) = raw
        .get("verification")
        .and_then(|one| one.text("state"))
        .filter(|state| state != "ok")
    {
        plan = plan.note(format!(
            "the backup server says of this backup: verification {state}"
        ));
    }
    if replaced.is_some() {
        plan = plan.note("the guest's present disks and snapshots are lost");
    } else if args.start && !unique {
        plan = plan.note("with the same hardware addresses it disturbs the original if both run");
    }
    if args.dry_run {
        return Ok(Work::Done(Report::dry(&plan)));
    }
    if let Some(guest) = &replaced {
        let mut details = guard::portrait(&cluster, guest)?;
        details.push(("Replaced by".to_owned(), args.backup.clone()));
        let message = format!(
            "The {} is replaced by a backup. Its present disks and snapshots are lost.",
            kind.noun()
        );
        guard::confirm(
            cx,
            &cluster.name,
            &message,
            &details,
            Word::of(args.confirm, args.reason.as_deref()),
        )?;
    }
    run::carry_out(cx, plan, Duration::ZERO)
}

fn restore(
    cluster: &Cluster<'_>,
    node: &str,
    id: u64,
    kind: Kind,
    args: &RestoreArgs,
    title: &str,
) -> Action {
    let action = Action::new(
        &cluster.name,
        "POST",
        path!["nodes", node, kind.segment()],
        title,
    )
    .with("vmid", id)
    .with_opt("storage", args.storage.as_deref());
    let action = match kind {
        Kind::Machine => action
            .with("archive", &args.backup)
            .with_opt("name", args.name.as_deref()),
        Kind::Container => action
            .with("ostemplate", &args.backup)
            .with("restore", 1)
            .with_opt("hostname", args.name.as_deref()),
    };
    action.begins(node, kind.task("restore"), id).needs(format!(
        "VM.Allocate on /vms/{id} (or VM.Backup to replace), Datastore.AllocateSpace on the storage, and Datastore.Audit on \
         the backup's"
    ))
}

/// Which backup.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct DeleteArgs {
    /// The backup, as `pve_backups` lists it.
    backup: String,
    /// The node, where the storage is another one on each.
    node: Option<String>,
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

/// Deletes a backup for good, after confirmation. One that is protected is not deleted.
#[tool(destructive, open_world = false, title = "Delete a backup")]
pub(crate) fn pve_backup_delete(cx: &Context, args: DeleteArgs) -> Result<Work<Rendered<Report>>> {
    let cluster = api::one(cx, args.cluster.as_deref())?;
    let settings = guard::writable(cx, &cluster)?;
    let (node, raw) = find_volume(&cluster, &args.backup, args.node.as_deref())?;
    if raw.text("content").as_deref() != Some("backup") {
        return Err(ToolError::invalid_input(format!(
            "{} is no backup. hint: pve_storage_delete for ISO images and templates",
            args.backup
        ))
        .into());
    }
    if raw.flag("protected") {
        return Err(ToolError::denied(format!(
            "{} is protected. hint: only a person should take that off, at the console",
            args.backup
        ))
        .into());
    }
    let id = raw.whole("vmid");
    if let Some(id) = id {
        guard::unprotected_id(&settings, id)?;
        let guests = guest::list(&cluster)?;
        if let Some(guest) = guests.iter().find(|guest| guest.id == id) {
            guard::unprotected(&settings, guest)?;
        }
    }
    let storage = args.backup.split(':').next().unwrap_or_default();
    let title = format!("delete backup {}", args.backup);
    let action = storage::delete_volume(&cluster, &node, &args.backup, &title).needs(format!(
        "Datastore.Allocate on /storage/{storage}, or VM.Backup on the guest and Datastore.AllocateSpace there"
    ));
    let mut plan = Plan::of(title, action);
    let others = match id {
        Some(id) => {
            let (mut others, _) = list(&cluster, None, Some(id))?;
            others.retain(|other| other.backup != args.backup);
            let told = match others.len() {
                0 => format!("it is the only backup of guest {id} that is seen here"),
                count => format!("{count} other backups of guest {id} stay"),
            };
            plan = plan.note(told.clone());
            told
        }
        None => "unknown".to_owned(),
    };
    if args.dry_run {
        return Ok(Work::Done(Report::dry(&plan)));
    }
    let created = raw
        .whole("ctime")
        .map_or_else(|| "unknown".to_owned(), show::time);
    let size = raw
        .whole("size")
        .map_or_else(|| "unknown".to_owned(), show::human);
    let details = [
        ("Backup".to_owned(), args.backup.clone()),
        (
            "Guest".to_owned(),
            id.map_or_else(|| "unknown".to_owned(), |id| id.to_string()),
        ),
        ("Made".to_owned(), created),
        ("Size".to_owned(), size),
        ("Others".to_owned(), others),
    ];
    guard::confirm(
        cx,
        &cluster.name,
        "A backup is deleted for good.",
        &details,
        Word::of(args.confirm, args.reason.as_deref()),
    )?;
    run::carry_out(cx, plan, run::PATIENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_tell_what_they_hold() {
        let machine = [
            "local:backup/vzdump-qemu-101-2026_11_20-02_00_01.vma.zst",
            "pbs:backup/vm/101/2026-11-20T01:00:01Z",
        ];
        let container = [
            "local:backup/vzdump-lxc-200-2026_11_20-02_00_01.tar.zst",
            "pbs:backup/ct/200/2026-11-20T01:00:01Z",
        ];
        assert!(
            machine
                .iter()
                .all(|name| kind_of(name, None) == Some(Kind::Machine))
        );
        assert!(
            container
                .iter()
                .all(|name| kind_of(name, None) == Some(Kind::Container))
        );
        assert_eq!(kind_of("local:iso/x.iso", Some("iso")), None);
    }
}
