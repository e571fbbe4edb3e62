//! What concerns the cluster as a whole.
#![expect(clippy::unnecessary_wraps, reason = "all handlers have one type")]

use serde_json::{Map, Value, json};

use crate::answer::{Outcome, Refusal};
use crate::call::Call;
use crate::model::{GIB, Guest, Kind, Node};
use crate::options::Flavour;
use crate::world::World;

pub(crate) fn version(call: &mut Call<'_>) -> Outcome {
    let flavour = call.world.flavour;
    Ok(json!({
        "version": flavour.version(),
        "release": flavour.release(),
        "repoid": "0123456789abcdef",
    })
    .into())
}

/// The one list of everything, filtered by what the caller may see.
pub(crate) fn resources(call: &mut Call<'_>) -> Outcome {
    let wanted = call.text("type").map(str::to_owned);
    if let Some(kind) = wanted.as_deref()
        && !matches!(kind, "vm" | "storage" | "node" | "sdn")
    {
        let what = format!(
            "value '{kind}' does not have a value in the enumeration 'vm, storage, node, sdn'"
        );
        return Err(Refusal::parameters([("type".to_owned(), what)]));
    }
    let wants = |kind: &str| wanted.as_deref().is_none_or(|wanted| wanted == kind);
    let mut all = Vec::new();
    if wants("vm") {
        for guest in call.world.guests.values() {
            if call.may(&format!("/vms/{}", guest.id), &["VM.Audit"]) {
                all.push(guest_resource(call.world, guest));
            }
        }
    }
    if wants("node") {
        for node in &call.world.nodes {
            let audit = call.may(&format!("/nodes/{}", node.name), &["Sys.Audit"]);
            all.push(node_resource(call.world, node, audit));
        }
    }
    if wants("storage") {
        all.extend(storage_resources(call));
    }
    Ok(Value::Array(all).into())
}

fn guest_resource(world: &World, guest: &Guest) -> Value {
    let kind = guest.kind.as_str();
    let mut shown = json!({
        "type": kind,
        "id": format!("{kind}/{}", guest.id),
        "vmid": guest.id,
        "node": guest.node,
        "template": u8::from(guest.template),
    });
    if !world.is_online(&guest.node) {
        shown["status"] = json!("unknown");
        return shown;
    }
    let running = guest.status != "stopped";
    let disk: u64 = guest.disks().iter().map(|(_, _, size)| size).sum();
    let set = [
        ("name", json!(guest.name())),
        ("status", json!(if running { "running" } else { "stopped" })),
        ("maxcpu", json!(guest.cpus())),
        ("maxmem", world.loose(guest.memory())),
        ("maxdisk", world.loose(disk)),
        (
            "cpu",
            world.loose(if running { json!(0.02) } else { json!(0) }),
        ),
        (
            "mem",
            world.loose(if running { guest.memory() / 4 } else { 0 }),
        ),
        (
            "disk",
            json!(if guest.kind == Kind::Lxc { disk / 3 } else { 0 }),
        ),
        ("uptime", json!(uptime(world, guest))),
        ("netin", json!(1_000_000)),
        ("netout", json!(2_000_000)),
        ("diskread", json!(3_000_000)),
        ("diskwrite", json!(4_000_000)),
    ];
    for (key, value) in set {
        shown[key] = value;
    }
    if world.flavour == Flavour::V9 {
        shown["memhost"] = json!(guest.memory() / 3);
    }
    let tags = guest.config.get("tags").filter(|tags| !tags.is_empty());
    for (key, value) in [
        ("tags", tags),
        ("pool", guest.pool.as_ref()),
        ("lock", guest.lock.as_ref()),
    ] {
        if let Some(value) = value {
            shown[key] = json!(value);
        }
    }
    if guest.ha {
        shown["hastate"] = json!(if running { "started" } else { "stopped" });
    }
    shown
}

pub(crate) fn uptime(world: &World, guest: &Guest) -> u64 {
    if guest.status == "stopped" {
        0
    } else {
        3600 + world.now().saturating_sub(guest.since).as_secs()
    }
}

pub(crate) fn node_resource(world: &World, node: &Node, audit: bool) -> Value {
    let mut shown = json!({
        "type": "node",
        "id": format!("node/{}", node.name),
        "node": node.name,
        "status": if node.online { "online" } else { "offline" },
    });
    if node.online && audit {
        let used: u64 = world
            .guests
            .values()
            .filter(|guest| guest.node == node.name && guest.status != "stopped")
            .map(Guest::memory)
            .sum();
        let set = [
            ("cpu", world.loose(json!(0.125))),
            ("maxcpu", json!(node.cpus)),
            ("mem", json!(2 * GIB + used / 2)),
            ("maxmem", json!(node.memory)),
            ("disk", json!(3 * GIB)),
            ("maxdisk", json!(94 * GIB)),
            ("uptime", json!(2_000_000 + world.now().as_secs())),
            ("level", json!("")),
        ];
        for (key, value) in set {
            shown[key] = value;
        }
        if world.flavour != Flavour::V7 {
            shown["cgroup-mode"] = json!(2);
        }
    }
    shown
}

fn storage_resources(call: &Call<'_>) -> Vec<Value> {
    let world = &*call.world;
    let mut all = Vec::new();
    for node in &world.nodes {
        for storage in &world.storages {
            if !call.may(
                &format!("/storage/{}", storage.name),
                &["Datastore.Audit", "Datastore.AllocateSpace"],
            ) {
                continue;
            }
            let mut shown = json!({
                "type": "storage",
                "id": format!("storage/{}/{}", node.name, storage.name),
                "storage": storage.name,
                "node": node.name,
                "status": if node.online { "available" } else { "unknown" },
            });
            if node.online {
                shown["plugintype"] = json!(storage.kind);
                shown["content"] = json!(storage.content);
                shown["shared"] = json!(u8::from(storage.shared));
                shown["disk"] = world.loose(storage.used);
                shown["maxdisk"] = world.loose(storage.total);
            }
            all.push(shown);
        }
    }
    all
}

/// A standalone node has no entry for a cluster.
pub(crate) fn status(call: &mut Call<'_>) -> Outcome {
    let world = &*call.world;
    let mut all = Vec::new();
    if let Some(name) = &world.cluster {
        all.push(json!({
            "type": "cluster", "id": "cluster", "name": name, "nodes": world.nodes.len(),
            "quorate": u8::from(world.quorate), "version": 7,
        }));
    }
    for (at, node) in world.nodes.iter().enumerate() {
        let id = if world.cluster.is_some() { node.id } else { 0 };
        all.push(json!({
            "type": "node", "id": format!("node/{}", node.name), "name": node.name, "nodeid": id,
            "ip": format!("192.0.2.{}", 10 + at), "online": u8::from(node.online),
            "local": u8::from(at == 0), "level": "",
        }));
    }
    Ok(Value::Array(all).into())
}

/// A text, not a number.
pub(crate) fn next_id(call: &mut Call<'_>) -> Outcome {
    match call.number("vmid") {
        Some(id) => {
            let taken = u32::try_from(id).is_ok_and(|id| call.world.guests.contains_key(&id));
            if taken {
                let what = format!("VM {id} already exists");
                return Err(Refusal::parameters([("vmid".to_owned(), what)]));
            }
            Ok(json!(id.to_string()).into())
        }
        None => Ok(json!(call.world.next_id().to_string()).into()),
    }
}

pub(crate) fn ha_resources(call: &mut Call<'_>) -> Outcome {
    let managed = call.world.guests.values().filter(|guest| guest.ha);
    let shown = managed.map(|guest| {
        let prefix = if guest.kind == Kind::Qemu { "vm" } else { "ct" };
        let mut shown = json!({
            "sid": format!("{prefix}:{}", guest.id), "type": prefix, "state": "started", "digest": "abc",
        });
        if call.world.flavour != Flavour::V9 {
            shown["group"] = json!("all");
        }
        shown
    });
    Ok(Value::Array(shown.collect()).into())
}

pub(crate) fn ha_status(call: &mut Call<'_>) -> Outcome {
    let world = &*call.world;
    let Some(first) = world.nodes.iter().find(|node| node.online) else {
        return Ok(json!([]).into());
    };
    let mut all = vec![
        json!({ "id": "quorum", "type": "quorum", "node": first.name, "status": "OK", "quorate": u8::from(world.quorate) }),
        json!({ "id": "master", "type": "master", "node": first.name, "status": format!("{} (active)", first.name) }),
    ];
    for guest in world.guests.values().filter(|guest| guest.ha) {
        let prefix = if guest.kind == Kind::Qemu { "vm" } else { "ct" };
        let sid = format!("{prefix}:{}", guest.id);
        all.push(json!({
            "id": format!("service:{sid}"), "type": "service", "sid": sid, "node": guest.node,
            "status": format!("{sid} ({}, started)", guest.node), "state": "started", "request_state": "started",
        }));
    }
    Ok(Value::Array(all).into())
}

pub(crate) fn permissions(call: &mut Call<'_>) -> Outcome {
    let all = call.world.auth.permissions(&call.caller);
    Ok(match call.text("path") {
        None => all,
        Some(path) => {
            let mut one = Map::new();
            one.insert(
                path.to_owned(),
                all.get(path).cloned().unwrap_or_else(|| json!({})),
            );
            Value::Object(one)
        }
    }
    .into())
}
