//! What concerns one node.
#![expect(clippy::unnecessary_wraps, reason = "all handlers have one type")]

use serde_json::{Value, json};

use crate::answer::Outcome;
use crate::call::Call;
use crate::cluster::node_resource;
use crate::model::GIB;
use crate::options::Flavour;

pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let nodes = call.world.nodes.iter().map(|node| {
        let audit = call.may(&format!("/nodes/{}", node.name), &["Sys.Audit"]);
        let mut shown = node_resource(call.world, node, audit);
        if node.online {
            shown["ssl_fingerprint"] = json!("AA:BB:CC");
        }
        shown
    });
    Ok(Value::Array(nodes.collect()).into())
}

pub(crate) fn status(call: &mut Call<'_>) -> Outcome {
    let name = call.node();
    let world = &*call.world;
    let node = world.node(&name);
    let (cpus, memory) = node.map_or((1, GIB), |node| (node.cpus, node.memory));
    let mut shown = json!({
        "uptime": 2_000_000 + world.now().as_secs(),
        "cpu": 0.125,
        "wait": 0.001,
        // Texts in every version.
        "loadavg": ["0.10", "0.20", "0.30"],
        "cpuinfo": { "model": "Simulated CPU", "sockets": 1, "cores": cpus / 2, "cpus": cpus, "mhz": "3000.000", "flags": "fpu" },
        "memory": { "total": memory, "used": memory / 3, "free": memory - memory / 3 },
        "swap": { "total": 8 * GIB, "used": 0, "free": 8 * GIB },
        "rootfs": { "total": 94 * GIB, "used": 3 * GIB, "free": 91 * GIB, "avail": 86 * GIB },
        "kversion": "Linux 6.8.12-10-pve #1 SMP",
        "pveversion": format!("pve-manager/{}/0123456789abcdef", world.flavour.version()),
        "ksm": { "shared": 0 },
    });
    if world.flavour != Flavour::V7 {
        shown["current-kernel"] = json!({ "sysname": "Linux", "release": "6.8.12-10-pve", "version": "#1 SMP", "machine": "x86_64" });
        shown["boot-info"] = json!({ "mode": "efi", "secureboot": 0 });
    }
    Ok(shown.into())
}

pub(crate) fn services(_: &mut Call<'_>) -> Outcome {
    let service = |(name, state): (&str, &str)| {
        json!({
            "service": name, "name": name, "desc": format!("{name} service"), "state": state,
            "active-state": if state == "running" { "active" } else { "inactive" },
            "unit-state": "enabled",
        })
    };
    let all = [
        ("pveproxy", "running"),
        ("pvedaemon", "running"),
        ("pvestatd", "running"),
        ("corosync", "running"),
        ("pve-ha-crm", "running"),
        ("postfix", "dead"),
    ];
    Ok(Value::Array(all.into_iter().map(service).collect()).into())
}

pub(crate) fn updates(_: &mut Call<'_>) -> Outcome {
    Ok(json!([
        {
            "Package": "pve-manager", "Title": "Virtual Environment Management Tools", "Version": "9.9.9",
            "OldVersion": "8.4.5", "Priority": "optional", "Section": "admin", "Origin": "Proxmox", "Arch": "all",
            "Description": "long",
        },
        {
            "Package": "openssl", "Title": "cryptography", "Version": "3.0.17", "OldVersion": "3.0.16",
            "Priority": "important", "Section": "utils", "Origin": "Debian", "Arch": "amd64", "Description": "long",
        },
    ])
    .into())
}

/// The last entry is often without values: it is still being gathered.
pub(crate) fn usage(call: &mut Call<'_>) -> Outcome {
    let epoch = call.world.epoch() / 60 * 60;
    let memory = call
        .world
        .node(&call.node())
        .map_or(GIB, |node| node.memory);
    let mut points: Vec<Value> = (1..=70_u64)
        .rev()
        .map(|back| {
            let time = epoch - back * 60;
            let load = f64::from(u32::try_from(back % 10).unwrap_or(0)) / 20.0;
            json!({ "time": time, "cpu": load, "maxcpu": 16, "memused": memory / 3, "memtotal": memory, "netin": 1000.5, "netout": 2000.5, "iowait": 0.01, "loadavg": 0.2, "roottotal": 94 * GIB, "rootused": 3 * GIB })
        })
        .collect();
    points.push(json!({ "time": epoch }));
    Ok(Value::Array(points).into())
}
