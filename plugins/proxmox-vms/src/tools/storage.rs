//! Storage: what there is, what lies there, and fetching and deleting ISO images and templates.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;
use toolward_sdk::prelude::*;

use super::{Away, across, away_lines};
use crate::api::{self, ApiError, Cluster};
use crate::guard::{self, Word};
use crate::loose::Loose;
use crate::path;
use crate::plan::{Action, Plan};
use crate::report::Report;
use crate::run;
use crate::show::{self, Size};

/// Which storages.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct StoragesArgs {
    /// Only this cluster.
    cluster: Option<String>,
    /// Only those that this node sees.
    node: Option<String>,
    /// Only those that take this: images, rootdir, iso, vztmpl, backup, snippets, import.
    content: Option<String>,
}

/// Storages.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct Storages {
    /// A shared one is listed once.
    storages: Vec<Storage>,
    /// Clusters that do not answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<Away>,
}

/// A storage.
#[derive(Deserialize, JsonSchema, Serialize)]
#[expect(clippy::struct_field_names, reason = "as the model knows it")]
pub(crate) struct Storage {
    /// The cluster.
    pub(crate) cluster: String,
    /// Its name.
    pub(crate) storage: String,
    /// The nodes that see it.
    pub(crate) nodes: Vec<String>,
    /// Its type: dir, nfs, rbd, pbs and so on.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    /// What it takes.
    pub(crate) content: Vec<String>,
    /// All nodes see the same.
    pub(crate) shared: bool,
    /// Whether it can be used now.
    pub(crate) available: bool,
    /// In use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) used: Option<Size>,
    /// Its size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<Size>,
    /// In use, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) used_percent: Option<f64>,
}

/// Lists storages with what they take and how full they are, from one request to each cluster. A shared one is listed
/// once.
#[tool(read_only, idempotent, open_world = false, title = "Storages")]
pub(crate) fn pve_storage(cx: &Context, args: StoragesArgs) -> Result<Rendered<Storages>> {
    let (answers, unreachable) = across(
        cx,
        args.cluster.as_deref(),
        "Datastore.Audit on /storage",
        list,
    )?;
    let mut storages: Vec<Storage> = answers.into_iter().flat_map(|(_, list)| list).collect();
    storages.retain(|one| {
        args.node
            .as_ref()
            .is_none_or(|node| one.nodes.contains(node))
            && args
                .content
                .as_ref()
                .is_none_or(|content| one.content.contains(content))
    });
    let list = Storages {
        storages,
        unreachable,
    };
    let mut text = format!("{} storages", list.storages.len());
    for one in &list.storages {
        let kind = one.kind.as_deref().unwrap_or("?");
        let place = if one.shared {
            "shared".to_owned()
        } else {
            one.nodes.join(",")
        };
        let _ = write!(
            text,
            "\n{} {kind} ({place}): {}",
            one.storage,
            one.content.join(",")
        );
        if let (Some(used), Some(total), Some(percent)) = (&one.used, &one.total, one.used_percent)
        {
            let _ = write!(
                text,
                ", {} of {} used ({percent} %)",
                used.human, total.human
            );
        }
        if !one.available {
            text.push_str(", NOT AVAILABLE");
        }
    }
    away_lines(&mut text, &list.unreachable);
    Ok(Rendered::new(list, text))
}

pub(crate) fn list(cluster: &Cluster<'_>) -> Result<Vec<Storage>, ApiError> {
    let all = cluster.get_with(path!["cluster", "resources"], &[("type", "storage")])?;
    let mut found: BTreeMap<(String, String), Storage> = BTreeMap::new();
    for raw in all.items() {
        let (Some(name), Some(node)) = (raw.text("storage"), raw.text("node")) else {
            continue;
        };
        let available = raw.text("status").as_deref() == Some("available");
        let shared = raw.flag("shared");
        // What a node that is away says of a shared one is nothing.
        let silent = raw.get("plugintype").is_none();
        let known = found
            .iter()
            .find(|(key, one)| key.0 == name && one.shared)
            .map(|(key, _)| key.clone());
        let key = match known {
            Some(key) if shared || silent => key,
            _ => (
                name.clone(),
                if shared { String::new() } else { node.clone() },
            ),
        };
        let (used, total) = (raw.whole("disk"), raw.whole("maxdisk"));
        let entry = found.entry(key).or_insert_with(|| Storage {
            cluster: cluster.name.clone(),
            storage: name,
            nodes: Vec::new(),
            kind: raw.text("plugintype"),
            content: raw.text("content").map_or_else(Vec::new, |list| {
                list.split(',').map(str::to_owned).collect()
            }),
            shared,
            available,
            used: used.map(Size::of),
            total: total.map(Size::of),
            used_percent: used
                .zip(total)
                .and_then(|(used, total)| show::percent_of(used, total)),
        });
        entry.available |= available;
        entry.nodes.push(node);
    }
    Ok(found.into_values().collect())
}

/// Which storage, and what of it.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ContentArgs {
    /// The storage.
    storage: String,
    /// The node that looks; any that sees it where none is named.
    node: Option<String>,
    /// The cluster, where several are bound.
    cluster: Option<String>,
    /// Only this kind.
    content: Option<ContentKind>,
    /// Only what belongs to the guest of this number.
    guest: Option<u64>,
    /// A part of the name.
    name: Option<String>,
    /// How many at most: 50 unless said otherwise.
    #[schemars(range(min = 1, max = 2000))]
    limit: Option<usize>,
}

/// What lies on a storage.
#[derive(Clone, Copy, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ContentKind {
    /// Disks of machines.
    Images,
    /// Disks of containers.
    Rootdir,
    /// ISO images.
    Iso,
    /// Templates of containers.
    Vztmpl,
    /// Backups.
    Backup,
    /// Snippets.
    Snippets,
    /// Images to import.
    Import,
}

impl ContentKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Rootdir => "rootdir",
            Self::Iso => "iso",
            Self::Vztmpl => "vztmpl",
            Self::Backup => "backup",
            Self::Snippets => "snippets",
            Self::Import => "import",
        }
    }
}

/// What lies on a storage.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct Contents {
    /// The cluster.
    cluster: String,
    /// The node that looked.
    node: String,
    /// The storage.
    storage: String,
    /// How much fits.
    total: usize,
    /// Volumes.
    volumes: Vec<Volume>,
}

/// A volume.
#[derive(Deserialize, JsonSchema, Serialize)]
#[expect(clippy::struct_field_names, reason = "as the model knows it")]
pub(crate) struct Volume {
    /// Its name, for other tools.
    pub(crate) volume: String,
    /// What it is.
    pub(crate) content: String,
    /// Its format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) format: Option<String>,
    /// Its size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<Size>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created: Option<String>,
    /// The guest that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) guest: Option<u64>,
    /// It cannot be deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) protected: bool,
    /// The volume that it is a linked clone of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<String>,
}

pub(crate) fn volume(raw: &Value) -> Option<Volume> {
    Some(Volume {
        volume: raw.text("volid")?,
        content: raw.text("content").unwrap_or_default(),
        format: raw.text("format"),
        size: raw.whole("size").map(Size::of),
        created: raw.whole("ctime").map(show::time),
        guest: raw.whole("vmid"),
        protected: raw.flag("protected"),
        parent: raw.text("parent"),
    })
}

/// Lists what lies on a storage: disks, ISO images, templates of containers, backups.
#[tool(
    read_only,
    idempotent,
    open_world = false,
    title = "Content of a storage"
)]
pub(crate) fn pve_storage_content(cx: &Context, args: ContentArgs) -> Result<Contents> {
    let cluster = api::one(cx, args.cluster.as_deref())?;
    let node = node_of(&cluster, &args.storage, args.node.as_deref())?;
    let id = args.guest.map(|id| id.to_string());
    let mut query = Vec::new();
    query.extend(args.content.map(|content| ("content", content.as_str())));
    query.extend(id.as_deref().map(|id| ("vmid", id)));
    let raw = cluster
        .get_with(
            path!["nodes", node, "storage", args.storage, "content"],
            &query,
        )
        .map_err(|error| error.explain(&format!("Datastore.Audit on /storage/{}", args.storage)))?;
    let mut volumes: Vec<Volume> = raw.items().iter().filter_map(volume).collect();
    if let Some(name) = &args.name {
        let name = name.to_lowercase();
        volumes.retain(|one| one.volume.to_lowercase().contains(&name));
    }
    volumes.sort_by(|a, b| a.volume.cmp(&b.volume));
    let total = volumes.len();
    volumes.truncate(args.limit.unwrap_or(50));
    Ok(Contents {
        cluster: cluster.name,
        node,
        storage: args.storage,
        total,
        volumes,
    })
}

/// The node that is to look at a storage: the one that is named, or one that sees it and answers.
pub(crate) fn node_of(cluster: &Cluster<'_>, storage: &str, node: Option<&str>) -> Result<String> {
    if let Some(node) = node {
        return Ok(node.to_owned());
    }
    let all = list(cluster)?;
    let seen: Vec<&Storage> = all.iter().filter(|one| one.storage == storage).collect();
    match seen.as_slice() {
        [] => {
            let mut names: Vec<&str> = all.iter().map(|one| one.storage.as_str()).collect();
            names.dedup();
            Err(ToolError::not_found(format!(
                "cluster {} has no storage {storage:?}, or the account may not see it. hint: it has {}",
                cluster.name,
                names.join(", ")
            ))
            .into())
        }
        [one] if one.shared => {
            let online = online_nodes(cluster)?;
            let node = one.nodes.iter().find(|node| online.contains(node));
            node.cloned().ok_or_else(|| {
                ToolError::unavailable(format!("no node that sees storage {storage} answers"))
                    .into()
            })
        }
        [one] => one.nodes.first().cloned().ok_or_else(|| {
            ToolError::unavailable(format!("no node sees storage {storage}")).into()
        }),
        several => {
            let nodes: Vec<&str> = several
                .iter()
                .flat_map(|one| &one.nodes)
                .map(String::as_str)
                .collect();
            Err(ToolError::invalid_input(format!(
                "storage {storage} is another one on each node. hint: set `node` to one of {}",
                nodes.join(", ")
            ))
            .into())
        }
    }
}

pub(crate) fn online_nodes(cluster: &Cluster<'_>) -> Result<Vec<String>, ApiError> {
    let all = cluster.get_with(path!["cluster", "resources"], &[("type", "node")])?;
    let online = all
        .items()
        .iter()
        .filter(|one| one.text("status").as_deref() == Some("online"));
    let mut names: Vec<String> = online.filter_map(|one| one.text("node")).collect();
    names.sort();
    Ok(names)
}

/// What to fetch, and where to.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct DownloadArgs {
    /// An address of an ISO image or a container template (https://…), or the name of a template of the vendor's own
    /// list, such as debian-12-standard_12.7-1_amd64.tar.zst.
    source: String,
    /// The storage.
    storage: String,
    /// The node that fetches it.
    node: Option<String>,
    /// The cluster, where several are bound.
    cluster: Option<String>,
    /// The name of the file; that of the address unless said otherwise.
    filename: Option<String>,
    /// Its SHA-256 or SHA-512 in hexadecimal, which is checked.
    checksum: Option<String>,
    /// Only show what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// Has a node fetch an ISO image or a container template from an address, or a template of the vendor's own list, to a
/// storage. Give a checksum where there is one.
#[tool(destructive = false, title = "Fetch an ISO image or a template")]
pub(crate) fn pve_download(cx: &Context, args: DownloadArgs) -> Result<Work<Rendered<Report>>> {
    let cluster = api::one(cx, args.cluster.as_deref())?;
    guard::writable(cx, &cluster)?;
    let node = node_of(&cluster, &args.storage, args.node.as_deref())?;
    let right = format!("Datastore.AllocateTemplate on /storage/{}", args.storage);
    let action = if args.source.contains("://") {
        from_address(&cluster, &node, &args, &right)?
    } else {
        from_list(&cluster, &node, &args)?.needs(right)
    };
    let plan = Plan::of(format!("fetch {} to {}", args.source, args.storage), action);
    if args.dry_run {
        return Ok(Work::Done(Report::dry(&plan)));
    }
    run::carry_out(cx, plan, run::PATIENCE)
}

fn from_address(
    cluster: &Cluster<'_>,
    node: &str,
    args: &DownloadArgs,
    right: &str,
) -> Result<Action> {
    let lower = args.source.to_lowercase();
    if !lower.starts_with("https://") && !lower.starts_with("http://") {
        return Err(
            ToolError::invalid_input("hint: an address begins with https:// or http://").into(),
        );
    }
    let path = args.source.split(['?', '#']).next().unwrap_or_default();
    let last = path.rsplit('/').next().filter(|name| name.contains('.'));
    let Some(file) = args.filename.as_deref().or(last) else {
        return Err(
            ToolError::invalid_input("the address names no file. hint: set `filename`").into(),
        );
    };
    let kind = file.to_lowercase();
    let ends_in = |endings: &[&str]| endings.iter().any(|ending| kind.ends_with(ending));
    let content = if ends_in(&[".iso", ".img"]) {
        "iso"
    } else if ends_in(&[".tar.gz", ".tar.xz", ".tar.zst", ".tar.bz2", ".tgz"]) {
        "vztmpl"
    } else {
        return Err(ToolError::invalid_input(format!(
            "{file:?} is neither an ISO image (.iso, .img) nor a container template (.tar.gz, .tar.xz, .tar.zst). hint: \
             set `filename`"
        ))
        .into());
    };
    let algorithm = match args.checksum.as_deref().map(str::len) {
        None => None,
        Some(64) => Some("sha256"),
        Some(128) => Some("sha512"),
        Some(_) => {
            return Err(ToolError::invalid_input(
                "hint: `checksum` is a SHA-256 (64 digits) or a SHA-512 (128)",
            )
            .into());
        }
    };
    Ok(Action::new(
        &cluster.name,
        "POST",
        path!["nodes", node, "storage", args.storage, "download-url"],
        format!("node {node} fetches {file} to {}", args.storage),
    )
    .with("url", &args.source)
    .with("content", content)
    .with("filename", file)
    .with_opt("checksum", args.checksum.as_deref())
    .with_opt("checksum-algorithm", algorithm)
    .begins(node, "download", file)
    .needs(format!("{right}, and Sys.Audit and Sys.Modify on /")))
}

fn from_list(cluster: &Cluster<'_>, node: &str, args: &DownloadArgs) -> Result<Action> {
    let known = cluster.get(path!["nodes", node, "aplinfo"])?;
    let names: Vec<String> = known
        .items()
        .iter()
        .filter_map(|one| one.text("template"))
        .collect();
    let wanted = args.source.to_lowercase();
    let found = names
        .iter()
        .find(|name| name.to_lowercase() == wanted)
        .or_else(|| {
            let mut near = names
                .iter()
                .filter(|name| name.to_lowercase().contains(&wanted));
            near.next().filter(|_| near.next().is_none())
        });
    let Some(template) = found else {
        let near: Vec<&str> = names
            .iter()
            .filter(|name| {
                name.to_lowercase()
                    .contains(wanted.split(['-', '_']).next().unwrap_or_default())
            })
            .take(10)
            .map(String::as_str)
            .collect();
        return Err(ToolError::not_found(format!(
            "the vendor's list has no one template {:?}. hint: it has {}",
            args.source,
            if near.is_empty() {
                "none like it".to_owned()
            } else {
                near.join(", ")
            }
        ))
        .into());
    };
    Ok(Action::new(
        &cluster.name,
        "POST",
        path!["nodes", node, "aplinfo"],
        format!(
            "node {node} fetches the template {template} to {}",
            args.storage
        ),
    )
    .with("storage", &args.storage)
    .with("template", template)
    .begins(node, "download", template))
}

/// What to delete.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct DeleteVolumeArgs {
    /// The volume, such as local:iso/debian.iso.
    volume: String,
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

/// Deletes an ISO image or a container template from a storage, after confirmation. Disks of guests are deleted with
/// their guests only, backups with `pve_backup_delete`.
#[tool(
    destructive,
    open_world = false,
    title = "Delete an ISO image or a template"
)]
pub(crate) fn pve_storage_delete(
    cx: &Context,
    args: DeleteVolumeArgs,
) -> Result<Work<Rendered<Report>>> {
    let cluster = api::one(cx, args.cluster.as_deref())?;
    guard::writable(cx, &cluster)?;
    let (node, raw) = find_volume(&cluster, &args.volume, args.node.as_deref())?;
    let content = raw.text("content").unwrap_or_default();
    if !matches!(content.as_str(), "iso" | "vztmpl") {
        return Err(ToolError::denied(format!(
            "{} is of kind {content}, and this tool deletes ISO images and templates only. hint: pve_backup_delete for \
             backups, pve_guest_delete for guests with their disks",
            args.volume
        ))
        .into());
    }
    let storage = args.volume.split(':').next().unwrap_or_default();
    let title = format!("delete {}", args.volume);
    let action = delete_volume(&cluster, &node, &args.volume, &title)
        .needs(format!("Datastore.Allocate on /storage/{storage}"));
    let plan = Plan::of(title, action)
        .note("a machine whose CD drive holds the image does not start without it");
    if args.dry_run {
        return Ok(Work::Done(Report::dry(&plan)));
    }
    let size = raw
        .whole("size")
        .map_or_else(|| "unknown".to_owned(), show::human);
    let details = [
        ("Volume".to_owned(), args.volume.clone()),
        ("Node".to_owned(), node),
        ("Size".to_owned(), size),
    ];
    guard::confirm(
        cx,
        &cluster.name,
        "A file is deleted for good.",
        &details,
        Word::of(args.confirm, args.reason.as_deref()),
    )?;
    run::carry_out(cx, plan, run::PATIENCE)
}

/// A volume as its storage lists it, and the node that sees it.
pub(crate) fn find_volume(
    cluster: &Cluster<'_>,
    volume: &str,
    node: Option<&str>,
) -> Result<(String, Value)> {
    let Some((storage, _)) = volume.split_once(':') else {
        return Err(ToolError::invalid_input(format!(
            "{volume:?} names no volume. hint: storage:rest, as pve_storage_content and pve_backups list them"
        ))
        .into());
    };
    let nodes = if let Some(node) = node {
        vec![node.to_owned()]
    } else {
        let online = online_nodes(cluster)?;
        let all = list(cluster)?;
        let mut nodes: Vec<String> = Vec::new();
        for one in all.iter().filter(|one| one.storage == storage) {
            let seen = one.nodes.iter().filter(|node| online.contains(node));
            nodes.extend(seen.take(if one.shared { 1 } else { usize::MAX }).cloned());
        }
        nodes
    };
    for node in &nodes {
        let list = cluster
            .get(path!["nodes", node, "storage", storage, "content"])
            .map_err(|error| error.explain(&format!("Datastore.Audit on /storage/{storage}")))?;
        if let Some(raw) = list
            .items()
            .iter()
            .find(|one| one.text("volid").as_deref() == Some(volume))
        {
            return Ok((node.clone(), raw.clone()));
        }
    }
    Err(ToolError::not_found(format!(
        "there is no volume {volume:?}, or the account may not see it. hint: pve_storage_content and pve_backups list them"
    ))
    .into())
}

pub(crate) fn delete_volume(
    cluster: &Cluster<'_>,
    node: &str,
    volume: &str,
    effect: &str,
) -> Action {
    let storage = volume.split(':').next().unwrap_or_default();
    let mut path = path!["nodes", node, "storage", storage, "content"];
    // The API takes the slashes of a volume as they are, and the host lets no escaped ones pass.
    path.extend(volume.split('/').map(str::to_owned));
    Action::new(&cluster.name, "DELETE", path, effect).begins(node, "imgdel", volume)
}
