//! The cluster as a whole: nodes, quorum, high availability, and what the account may do there.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;
use toolward_sdk::prelude::*;

use super::{Away, across, away_lines};
use crate::api::{self, ApiError, Cluster};
use crate::loose::Loose;
use crate::path;
use crate::show::{self, Size};

/// Which cluster.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ClusterArgs {
    /// Only this one; all of them where none is named.
    pub(crate) cluster: Option<String>,
}

/// Clusters.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct Overview {
    /// Those that answer.
    clusters: Vec<One>,
    /// Those that do not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<Away>,
}

/// A cluster or a standalone node.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct One {
    /// By which name tools know it.
    cluster: String,
    /// What it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The version of Proxmox VE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// `standalone`: one node that is in no cluster. `quorate`: a cluster that can be changed. `no quorum`: too few of
    /// its nodes are online, nothing can be changed. `unknown`: the account may not see it.
    state: String,
    /// Its nodes.
    nodes: Vec<Node>,
    /// How many guests run, of how many.
    guests: Guests,
    /// High availability, if it manages guests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ha: Option<Ha>,
    /// Storages that are nearly full.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    full_storages: Vec<String>,
    /// Can be changed with these tools.
    writable: bool,
    /// What could not be looked at, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// Counts of guests.
#[derive(Deserialize, JsonSchema, Serialize)]
struct Guests {
    /// Running.
    running: usize,
    /// Stopped.
    stopped: usize,
    /// On nodes that do not answer.
    #[serde(default, skip_serializing_if = "is_zero")]
    unknown: usize,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A node.
#[derive(Deserialize, JsonSchema, Serialize)]
struct Node {
    /// Its name.
    name: String,
    /// Whether it is a part of the cluster at the moment.
    online: bool,
    /// Processor in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpu_percent: Option<f64>,
    /// Processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpus: Option<u64>,
    /// Memory in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory_used: Option<Size>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory: Option<Size>,
    /// How long it is up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uptime: Option<String>,
    /// Running guests.
    running: usize,
}

/// High availability.
#[derive(Deserialize, JsonSchema, Serialize)]
struct Ha {
    /// How many guests it manages.
    managed: usize,
    /// Those that are not in the state in which they should be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
}

/// Shows each cluster: version, quorum (a standalone node is told apart from a cluster without quorum), nodes with load
/// and memory, counts of guests, high availability, storages that are nearly full. Start here.
#[tool(read_only, idempotent, open_world = false, title = "Cluster overview")]
pub(crate) fn pve_cluster(cx: &Context, args: ClusterArgs) -> Result<Rendered<Overview>> {
    let (answers, unreachable) = across(cx, args.cluster.as_deref(), "Sys.Audit on /", look)?;
    let overview = Overview {
        clusters: answers.into_iter().map(|(_, one)| one).collect(),
        unreachable,
    };
    let text = text(&overview);
    Ok(Rendered::new(overview, text))
}

/// Three requests tell it all; two of them may be denied to the account.
pub(crate) fn look(cluster: &Cluster<'_>) -> Result<One, ApiError> {
    let resources = cluster.get(path!["cluster", "resources"])?;
    let mut missed = Vec::new();
    let mut may = |answer: Result<Value, ApiError>, what: &str| match answer {
        Ok(answer) => Some(answer),
        Err(error) => {
            missed.push(format!("{what}: {error}"));
            None
        }
    };
    let version = may(cluster.get(path!["version"]), "version");
    let status = may(cluster.get(path!["cluster", "status"]), "quorum");
    let entry = |kind: &str| {
        let all = status.as_ref().map_or(&[][..], |status| status.items());
        all.iter()
            .find(|one| one.text("type").as_deref() == Some(kind))
            .cloned()
    };
    let in_cluster = entry("cluster");
    let ha = match &in_cluster {
        Some(_) => may(
            cluster.get(path!["cluster", "ha", "status", "current"]),
            "high availability",
        ),
        None => None,
    };
    let state = match (&status, &in_cluster) {
        (None, _) => "unknown",
        (Some(_), None) => "standalone",
        (Some(_), Some(entry)) if entry.flag("quorate") => "quorate",
        (Some(_), Some(_)) => "no quorum",
    };
    let (nodes, guests) = nodes(resources.items(), status.as_ref());
    if nodes
        .iter()
        .any(|node| node.online && node.memory.is_none())
    {
        missed.push(
            "load and memory of nodes are shown to accounts with Sys.Audit on /nodes only"
                .to_owned(),
        );
    }
    let settings_allow = !cluster.read_only;
    Ok(One {
        cluster: cluster.name.clone(),
        name: in_cluster.as_ref().and_then(|entry| entry.text("name")),
        version: version.as_ref().and_then(|version| version.text("version")),
        state: state.to_owned(),
        nodes,
        guests,
        ha: ha.as_ref().and_then(managed),
        full_storages: nearly_full(resources.items()),
        writable: settings_allow,
        notes: missed,
    })
}

fn of_kind<'v>(all: &'v [Value], kind: &'v str) -> impl Iterator<Item = &'v Value> {
    all.iter().filter(move |one| one["type"] == kind)
}

fn nodes(all: &[Value], status: Option<&Value>) -> (Vec<Node>, Guests) {
    let mut guests = Guests {
        running: 0,
        stopped: 0,
        unknown: 0,
    };
    let mut running: BTreeMap<String, usize> = BTreeMap::new();
    for guest in of_kind(all, "qemu").chain(of_kind(all, "lxc")) {
        match guest.text("status").as_deref() {
            Some("running") => {
                guests.running += 1;
                *running
                    .entry(guest.text("node").unwrap_or_default())
                    .or_default() += 1;
            }
            Some("stopped") => guests.stopped += 1,
            _ => guests.unknown += 1,
        }
    }
    let members = status.map_or(&[][..], |status| status.items());
    let mut nodes: Vec<Node> = of_kind(all, "node")
        .filter_map(|raw| {
            let name = raw.text("node")?;
            let member =
                of_kind(members, "node").find(|one| one.text("name").as_ref() == Some(&name));
            Some(Node {
                online: match member {
                    Some(member) if member.get("online").is_some() => member.flag("online"),
                    _ => raw.text("status").as_deref() == Some("online"),
                },
                cpu_percent: raw.number("cpu").map(show::percent),
                cpus: raw.whole("maxcpu"),
                memory_used: raw.whole("mem").map(Size::of),
                memory: raw.whole("maxmem").map(Size::of),
                uptime: raw
                    .whole("uptime")
                    .filter(|time| *time > 0)
                    .map(show::duration),
                running: running.get(&name).copied().unwrap_or(0),
                name,
            })
        })
        .collect();
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    (nodes, guests)
}

fn managed(ha: &Value) -> Option<Ha> {
    let services: Vec<&Value> = of_kind(ha.items(), "service").collect();
    let problem = |one: &&Value| {
        let state = one.text("state")?;
        let wanted = one.text("request_state").unwrap_or_else(|| state.clone());
        let well = state == wanted || (state == "stopped" && wanted == "disabled");
        (!well).then(|| {
            format!(
                "{}: {state}, should be {wanted}",
                one.text("sid").unwrap_or_default()
            )
        })
    };
    (!services.is_empty()).then(|| Ha {
        managed: services.len(),
        problems: services.iter().filter_map(problem).collect(),
    })
}

/// Above nine tenths; a shared one counts once.
fn nearly_full(all: &[Value]) -> Vec<String> {
    let mut full = BTreeMap::new();
    for one in of_kind(all, "storage") {
        let (Some(used), Some(total)) = (one.whole("disk"), one.whole("maxdisk")) else {
            continue;
        };
        let name = one.text("storage").unwrap_or_default();
        let place = if one.flag("shared") {
            name
        } else {
            format!("{}/{name}", one.text("node").unwrap_or_default())
        };
        match show::percent_of(used, total) {
            Some(share) if share >= 90.0 => {
                full.insert(
                    place.clone(),
                    format!("{place}: {share} % of {}", show::human(total)),
                );
            }
            _ => {}
        }
    }
    full.into_values().collect()
}

fn text(overview: &Overview) -> String {
    let mut text = String::new();
    for one in &overview.clusters {
        if !text.is_empty() {
            text.push('\n');
        }
        let version = one.version.as_deref().unwrap_or("unknown version");
        let _ = write!(text, "{}: {}, Proxmox VE {version}", one.cluster, one.state);
        let unknown = if one.guests.unknown > 0 {
            format!(", {} unknown", one.guests.unknown)
        } else {
            String::new()
        };
        let _ = write!(
            text,
            "; guests: {} running, {} stopped{unknown}",
            one.guests.running, one.guests.stopped
        );
        for node in &one.nodes {
            let state = if node.online { "online" } else { "OFFLINE" };
            let _ = write!(
                text,
                "\n- node {} {state}, {} guests running",
                node.name, node.running
            );
            if let (Some(cpu), Some(used), Some(memory)) =
                (node.cpu_percent, &node.memory_used, &node.memory)
            {
                let _ = write!(
                    text,
                    ", cpu {cpu} %, memory {} of {}",
                    used.human, memory.human
                );
            }
        }
        if let Some(ha) = &one.ha {
            let _ = write!(text, "\n- high availability manages {} guests", ha.managed);
            for problem in &ha.problems {
                let _ = write!(text, "; {problem}");
            }
        }
        for storage in &one.full_storages {
            let _ = write!(text, "\n- nearly full: storage {storage}");
        }
        for note in &one.notes {
            let _ = write!(text, "\n- {note}");
        }
    }
    away_lines(&mut text, &overview.unreachable);
    text
}

/// What the account may do.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct Permissions {
    /// The cluster.
    cluster: String,
    /// Privileges by path. They hold below the path as well.
    paths: BTreeMap<String, Vec<String>>,
    /// What that means, if it means something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// Shows which privileges the account has that the host logs in with, by path. Use it when lists are empty or calls are
/// denied.
#[tool(
    read_only,
    idempotent,
    open_world = false,
    title = "The account's rights"
)]
pub(crate) fn pve_permissions(cx: &Context, args: ClusterArgs) -> Result<Permissions> {
    let cluster = api::one(cx, args.cluster.as_deref())?;
    let answer = cluster.get(path!["access", "permissions"])?;
    let mut paths = BTreeMap::new();
    for (path, privileges) in answer.as_object().into_iter().flatten() {
        let names: Vec<String> = privileges
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .collect();
        if !names.is_empty() {
            paths.insert(path.clone(), names);
        }
    }
    let note = paths.is_empty().then(|| {
        "the account has no rights at all. An API token with privilege separation has only what was granted to the \
         token itself: its user's rights are not enough, and lists are then empty without an error. hint: ask the \
         operator to grant it rights (pveum acl modify / --tokens … --roles PVEAuditor)"
            .to_owned()
    });
    Ok(Permissions {
        cluster: cluster.name,
        paths,
        note,
    })
}

/// A free number.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct NextId {
    /// The cluster.
    cluster: String,
    /// The number.
    id: u64,
}

/// Gives the lowest number that no guest has, and that the operator has not protected. It is not reserved.
#[tool(read_only, idempotent, open_world = false, title = "Next free number")]
pub(crate) fn pve_next_id(cx: &Context, args: ClusterArgs) -> Result<NextId> {
    let cluster = api::one(cx, args.cluster.as_deref())?;
    let id = next_id(cx, &cluster)?;
    Ok(NextId {
        cluster: cluster.name,
        id,
    })
}

/// The cluster's own choice, or the next one that is not protected.
pub(crate) fn next_id(cx: &Context, cluster: &Cluster<'_>) -> Result<u64> {
    let settings = crate::settings::Settings::of(cx)?;
    let answer = cluster.get(path!["cluster", "nextid"])?;
    let first = crate::loose::whole(&answer).ok_or_else(|| {
        ToolError::internal(format!("cluster {} names no free number", cluster.name))
    })?;
    if crate::guard::unprotected_id(&settings, first).is_ok() {
        return Ok(first);
    }
    let taken: Vec<u64> = crate::guest::list(cluster)?
        .into_iter()
        .map(|guest| guest.id)
        .collect();
    let free =
        |id: &u64| !taken.contains(id) && crate::guard::unprotected_id(&settings, *id).is_ok();
    (first..1_000_000_000)
        .find(free)
        .ok_or_else(|| ToolError::limited("there is no free number").into())
}
