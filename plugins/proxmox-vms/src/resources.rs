//! What clients can read and subscribe to: nodes, guests, storages and tasks of each cluster.

use std::time::Duration;

use serde_json::Value;
use toolward_sdk::prelude::*;
use toolward_sdk::{Blank, Cause, Json, Link, Page, RequestError, Sighting, Suggestions, Watched};

use crate::api::{self, ApiError, Cluster};
use crate::guest::{self as guests_of, Guest};
use crate::loose::Loose;
use crate::path;
use crate::run;
use crate::show;
use crate::upid::Upid;

/// How many guests are listed as resources; the rest is found with `pve_guests`.
const LISTED: usize = 500;

/// Which cluster.
#[derive(Deserialize)]
pub(crate) struct OfCluster {
    cluster: String,
}

/// The cluster of a URI. An unknown one is no such resource, rather than an error of a tool.
fn cluster_of<'a>(cx: &'a Context, name: &str) -> Result<Cluster<'a>> {
    api::one(cx, Some(name))
        .map_err(|_| RequestError::not_found(format!("there is no cluster {name:?}")).into())
}

/// Every failure to read: what does not exist is not found, the rest is told.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn told(error: ApiError) -> Failure {
    match error.explain("") {
        Failure::Tool(error) => {
            let cause = match error.kind {
                Trouble::NotFound | Trouble::InvalidInput => Cause::NotFound,
                Trouble::Unavailable | Trouble::TimedOut | Trouble::Limited => Cause::Unavailable,
                _ => Cause::Internal,
            };
            RequestError::new(cause, error.message).into()
        }
        other => other,
    }
}

fn links(cx: &Context, kind: &str, name: &str) -> Result<Page> {
    let all = api::all(cx)?.into_iter();
    Ok(Page::last(all.map(|cluster| {
        let uri = format!("pve://{}/{kind}", cluster.name);
        Link {
            mime_type: Some(JSON.to_owned()),
            ..Link::new(uri, format!("{name} of {}", cluster.name))
        }
    })))
}

const JSON: &str = "application/json";

/// The nodes of a cluster with their state, load and memory.
#[resource("pve://{cluster}/nodes", mime_type = "application/json", list = list_nodes, title = "Nodes")]
pub(crate) fn nodes(cx: &Context, of: OfCluster) -> Result<Json<Value>> {
    let cluster = cluster_of(cx, &of.cluster)?;
    let overview = crate::tools::cluster::look(&cluster).map_err(told)?;
    Ok(Json(serde_json::to_value(overview)?))
}

fn list_nodes(cx: &Context, _: Option<&str>) -> Result<Page> {
    links(cx, "nodes", "nodes")
}

/// The storages of a cluster and how full they are.
#[resource("pve://{cluster}/storage", mime_type = "application/json", list = list_storage, title = "Storages")]
pub(crate) fn storage(cx: &Context, of: OfCluster) -> Result<Json<Value>> {
    let cluster = cluster_of(cx, &of.cluster)?;
    let storages = crate::tools::storage::list(&cluster).map_err(told)?;
    Ok(Json(
        json!({ "cluster": cluster.name, "storages": storages }),
    ))
}

fn list_storage(cx: &Context, _: Option<&str>) -> Result<Page> {
    links(cx, "storage", "storages")
}

/// Which guest.
#[derive(Deserialize)]
pub(crate) struct OfGuest {
    cluster: String,
    id: u64,
}

/// A guest: state and configuration.
#[resource("pve://{cluster}/guests/{id}", mime_type = "application/json", list = list_guests, title = "Guest")]
pub(crate) fn guest(cx: &Context, of: OfGuest) -> Result<Json<Value>> {
    let cluster = cluster_of(cx, &of.cluster)?;
    let guests = guests_of::list(&cluster).map_err(told)?;
    let found = guests.into_iter().find(|guest| guest.id == of.id);
    let guest =
        found.ok_or_else(|| RequestError::not_found(format!("there is no guest {}", of.id)))?;
    let mut shown = json!({
        "cluster": cluster.name,
        "id": guest.id,
        "name": guest.name,
        "type": guest.kind,
        "node": guest.node,
        "status": guest.status,
        "template": guest.template,
        "tags": guest.tags,
        "lock": guest.lock,
        "ha": guest.ha,
    });
    if guest.status != "unknown" {
        let config = cluster.get(guest.path(&["config"])).map_err(told)?;
        let kept = config
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(key, _)| !key.contains("password"));
        shown["config"] = Value::Object(
            kept.map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        );
        let snapshots = cluster.get(guest.path(&["snapshot"])).map_err(told)?;
        shown["snapshots"] = json!(crate::guard::snapshot_names(&snapshots));
    }
    Ok(Json(shown))
}

/// The guests of all clusters that answer.
fn list_guests(cx: &Context, _: Option<&str>) -> Result<Page> {
    let mut entries = Vec::new();
    for cluster in api::all(cx)? {
        let Ok(guests) = guests_of::list(&cluster) else {
            continue;
        };
        entries.extend(guests.iter().filter(|guest| !guest.template).map(|guest| {
            let name = guest.name.clone().unwrap_or_else(|| guest.id.to_string());
            Link {
                title: Some(guest.shown()),
                mime_type: Some(JSON.to_owned()),
                ..Link::new(format!("pve://{}/guests/{}", cluster.name, guest.id), name)
            }
        }));
    }
    entries.truncate(LISTED);
    Ok(Page::last(entries))
}

/// Which task.
#[derive(Deserialize)]
pub(crate) struct OfTask {
    cluster: String,
    upid: String,
}

/// A task: whether it runs, how it ended, and its log so far.
#[resource(
    "pve://{cluster}/tasks/{upid}",
    mime_type = "application/json",
    title = "Task"
)]
pub(crate) fn task(cx: &Context, of: OfTask) -> Result<Json<Value>> {
    let cluster = cluster_of(cx, &of.cluster)?;
    let upid = Upid::parse(&of.upid).map_err(|error| RequestError::not_found(error.message))?;
    let state = run::task_state(&cluster, &upid.text).map_err(told)?;
    let log = run::task_log(&cluster, &upid.text, 0).map_err(told)?;
    Ok(Json(json!({
        "cluster": cluster.name,
        "upid": upid.text,
        "type": upid.kind,
        "about": upid.about,
        "node": upid.node,
        "user": upid.user,
        "started": show::time(upid.started),
        "running": state.is_none(),
        "exit": state,
        "log": log,
    })))
}

/// What a URI of ours is about.
enum Place<'u> {
    Nodes,
    Storage,
    Guest(u64),
    Task(&'u str),
}

fn place(uri: &str) -> Option<(&str, Place<'_>)> {
    let (cluster, rest) = uri.strip_prefix("pve://")?.split_once('/')?;
    let place = match rest.split_once('/') {
        None if rest == "nodes" => Place::Nodes,
        None if rest == "storage" => Place::Storage,
        Some(("guests", id)) => Place::Guest(id.parse().ok()?),
        Some(("tasks", upid)) => Place::Task(upid),
        _ => return None,
    };
    Some((cluster, place))
}

/// Looks at what is subscribed to. All guests, nodes and storages of a cluster are seen with one request.
#[expect(clippy::unnecessary_wraps, reason = "as `plugin!` has it")]
pub(crate) fn look(cx: &Context, watched: &[Watched]) -> Result<Vec<Result<Sighting>>> {
    let mut seen: Vec<(String, Result<Value, ApiError>)> = Vec::new();
    let mut sightings = Vec::new();
    for one in watched {
        let Some((name, place)) = place(&one.uri) else {
            sightings.push(Err(RequestError::not_found(format!(
                "{} is no resource",
                one.uri
            ))
            .into()));
            continue;
        };
        let cluster = match cluster_of(cx, name) {
            Ok(cluster) => cluster,
            Err(failure) => {
                sightings.push(Err(failure));
                continue;
            }
        };
        if let Place::Task(upid) = place {
            sightings.push(look_at_task(&cluster, upid));
            continue;
        }
        let at = if let Some(at) = seen.iter().position(|(known, _)| *known == cluster.name) {
            at
        } else {
            seen.push((
                cluster.name.clone(),
                cluster.get(path!["cluster", "resources"]),
            ));
            seen.len() - 1
        };
        sightings.push(match &seen[at].1 {
            Err(error) => Err(told(error.clone())),
            Ok(all) => sighting(all, &place),
        });
    }
    Ok(sightings)
}

fn look_at_task(cluster: &Cluster<'_>, upid: &str) -> Result<Sighting> {
    let upid = Upid::parse(upid).map_err(|error| RequestError::not_found(error.message))?;
    let Some(exit) = run::task_state(cluster, &upid.text).map_err(told)? else {
        let log = run::task_log(cluster, &upid.text, 0).map_err(told)?;
        let lines = format!("running, {} lines", log.len());
        return Ok(Sighting::new(lines, Duration::from_secs(3)));
    };
    // An ended task never changes again.
    Ok(Sighting::new(
        show::line(&exit, 500),
        Duration::from_hours(1),
    ))
}

/// What differs exactly when somebody would want to know: not load or uptime, which differ each time.
fn sighting(all: &Value, place: &Place<'_>) -> Result<Sighting> {
    let keys: &[&str] = match place {
        Place::Nodes => &["node", "status"],
        Place::Storage => &["storage", "node", "status", "content"],
        Place::Guest(_) | Place::Task(_) => &[
            "vmid", "name", "node", "status", "template", "tags", "pool", "lock", "hastate",
            "maxmem", "maxcpu", "maxdisk",
        ],
    };
    let kinds: &[&str] = match place {
        Place::Nodes => &["node"],
        Place::Storage => &["storage"],
        Place::Guest(_) | Place::Task(_) => &["qemu", "lxc"],
    };
    let mut text = String::new();
    for one in all
        .items()
        .iter()
        .filter(|one| kinds.iter().any(|kind| one["type"] == *kind))
    {
        if let Place::Guest(id) = place
            && one.whole("vmid") != Some(*id)
        {
            continue;
        }
        for key in keys {
            text.push_str(&one.text(key).unwrap_or_default());
            text.push('\u{1f}');
        }
        // In steps of five percent: it grows with every write.
        if let (Place::Storage, Some(used), Some(total)) =
            (place, one.whole("disk"), one.whole("maxdisk"))
        {
            text.push_str(&(used * 20 / total.max(1)).to_string());
        }
    }
    if let (Place::Guest(id), true) = (place, text.is_empty()) {
        return Err(RequestError::not_found(format!("there is no guest {id}")).into());
    }
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    Ok(Sighting::new(
        format!("{hash:016x}"),
        Duration::from_secs(10),
    ))
}

/// Suggests clusters, nodes, guests and tasks for blanks of prompts and of URIs.
pub(crate) fn complete(cx: &Context, blank: &Blank) -> Result<Suggestions> {
    let named = blank.filled("cluster").map(str::to_owned);
    match blank.argument.as_str() {
        "cluster" => Ok(blank.among(api::all(cx)?.into_iter().map(|cluster| cluster.name))),
        "node" => {
            let mut nodes = Vec::new();
            for cluster in api::wanted(cx, named.as_deref())? {
                let all = cluster.get_with(path!["cluster", "resources"], &[("type", "node")]);
                let all = all.unwrap_or_default();
                nodes.extend(all.items().iter().filter_map(|one| one.text("node")));
            }
            nodes.sort();
            nodes.dedup();
            Ok(blank.among(nodes))
        }
        "guest" => {
            let name = |guest: &Guest| guest.name.clone().unwrap_or_else(|| guest.id.to_string());
            Ok(blank.among(guests(cx, named.as_deref())?.iter().map(name)))
        }
        "id" => Ok(blank.among(
            guests(cx, named.as_deref())?
                .iter()
                .map(|guest| guest.id.to_string()),
        )),
        "upid" => {
            let mut tasks = Vec::new();
            for cluster in api::wanted(cx, named.as_deref())? {
                let all = cluster.get(path!["cluster", "tasks"]).unwrap_or_default();
                tasks.extend(all.items().iter().filter_map(|one| one.text("upid")));
            }
            Ok(blank.among(tasks))
        }
        _ => Ok(Suggestions::default()),
    }
}

/// Those of the clusters that answer.
fn guests(cx: &Context, cluster: Option<&str>) -> Result<Vec<Guest>> {
    let clusters = api::wanted(cx, cluster)?.into_iter();
    Ok(clusters
        .filter_map(|cluster| guests_of::list(&cluster).ok())
        .flatten()
        .collect())
}
