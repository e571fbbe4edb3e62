//! A guest as it is, switched on and off, and changed.
#![expect(clippy::unnecessary_wraps, reason = "all handlers have one type")]

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::answer::{Outcome, Refusal};
use crate::call::{Call, with_guest};
use crate::cluster::uptime;
use crate::model::{Config, Guest, Kind, size_of};
use crate::options::Flavour;

pub(crate) fn current(call: &mut Call<'_>) -> Outcome {
    let world = &*call.world;
    let guest = call.guest()?;
    let running = guest.status != "stopped";
    let disk: u64 = guest.disks().iter().map(|(_, _, size)| size).sum();
    let mut shown = json!({
        "vmid": guest.id,
        "name": guest.name(),
        "status": if running { "running" } else { "stopped" },
        "cpus": guest.cpus(),
        "cpu": if running { json!(0.02) } else { json!(0) },
        "mem": world.loose(if running { guest.memory() / 4 } else { 0 }),
        "maxmem": guest.memory(),
        "disk": if guest.kind == Kind::Lxc { disk / 3 } else { 0 },
        "maxdisk": disk,
        "uptime": uptime(world, guest),
        "netin": 1_000_000,
        "netout": 2_000_000,
        "ha": { "managed": u8::from(guest.ha) },
    });
    if guest.kind == Kind::Qemu {
        shown["qmpstatus"] = json!(guest.status);
        if guest.config.contains_key("agent") {
            shown["agent"] = json!(1);
        }
        if running {
            shown["pid"] = json!(4711);
            shown["running-qemu"] = json!("9.2.0");
        }
    } else {
        shown["type"] = json!("lxc");
        shown["swap"] = json!(0);
        shown["maxswap"] = json!(536_870_912);
    }
    if guest.template {
        shown["template"] = json!(1);
    }
    let tags = guest.config.get("tags").filter(|tags| !tags.is_empty());
    for (key, value) in [("tags", tags), ("lock", guest.lock.as_ref())] {
        if let Some(value) = value {
            shown[key] = json!(value);
        }
    }
    if world.flavour == Flavour::V9 {
        shown["memhost"] = json!(guest.memory() / 3);
        shown["pressurecpusome"] = json!(0);
    }
    Ok(shown.into())
}

/// Keys that are numbers to the API; it writes some of them as texts.
fn value_of(call: &Call<'_>, key: &str, text: &str) -> Value {
    let numeric = matches!(
        key,
        "cores" | "sockets" | "onboot" | "swap" | "template" | "unprivileged" | "balloon"
    ) || (key == "memory"
        && (call.kind() == Kind::Lxc || call.world.flavour == Flavour::V7));
    match text.parse::<u64>() {
        Ok(number) if numeric => json!(number),
        _ => json!(text),
    }
}

pub(crate) fn config(call: &mut Call<'_>) -> Outcome {
    let guest = call.guest()?;
    let config = match call.text("snapshot") {
        None => &guest.config,
        Some(name) => {
            let found = guest.snapshots.iter().find(|one| one.name == name);
            &found
                .ok_or_else(|| Refusal::failed(format!("snapshot '{name}' does not exist")))?
                .config
        }
    };
    let mut shown: Map<String, Value> = config
        .iter()
        .map(|(key, text)| (key.clone(), value_of(call, key, text)))
        .collect();
    shown.insert("digest".to_owned(), json!(digest(guest)));
    for (key, value) in [("lock", &guest.lock), ("parent", &guest.current_parent)] {
        if let Some(value) = value {
            shown.insert(key.to_owned(), json!(value));
        }
    }
    if guest.template {
        shown.insert("template".to_owned(), json!(1));
    }
    Ok(Value::Object(shown).into())
}

/// Changes exactly when the configuration does.
pub(crate) fn digest(guest: &Guest) -> String {
    use sha2::{Digest as _, Sha256};
    let text = format!("{:?}{:?}", guest.config, guest.lock);
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(20).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn privilege(key: &str) -> &'static str {
    match key {
        "memory" | "balloon" | "swap" => "VM.Config.Memory",
        "cores" | "sockets" | "cpu" => "VM.Config.CPU",
        _ if key.starts_with("net") => "VM.Config.Network",
        _ => "VM.Config.Options",
    }
}

/// `PUT` changes at once; `POST`, for machines only, begins a task.
pub(crate) fn change(call: &mut Call<'_>) -> Outcome {
    let path = format!("/vms/{}", call.id());
    let given: Vec<(String, String)> = call
        .parameters
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "node" | "vmid"))
        .map(|(key, values)| (key.clone(), values.concat()))
        .collect();
    for (key, _) in &given {
        call.need(&path, privilege(key))?;
    }
    let guest = call.unlocked()?;
    if let Some(given) = call.text("digest")
        && given != digest(&guest)
    {
        return Err(Refusal::failed(
            "detected modified configuration - file changed by other user? Try again.",
        ));
    }
    let id = guest.id;
    let change = move |config: &mut Config| {
        for (key, value) in given {
            match key.as_str() {
                "digest" => {}
                "delete" => value.split(',').for_each(|key| {
                    config.remove(key);
                }),
                _ => {
                    config.insert(key, value);
                }
            }
        }
    };
    with_guest(call.world, id, |guest| change(&mut guest.config)).map_err(Refusal::failed)?;
    Ok(Value::Null.into())
}

pub(crate) fn usage(call: &mut Call<'_>) -> Outcome {
    let memory = call.guest()?.memory();
    let epoch = call.world.epoch() / 60 * 60;
    let mut points: Vec<Value> = (1..=70_u64)
        .rev()
        .map(|back| {
            let load = f64::from(u32::try_from(back % 10).unwrap_or(0)) / 50.0;
            json!({ "time": epoch - back * 60, "cpu": load, "maxcpu": 2, "mem": memory / 2, "maxmem": memory, "netin": 10.5, "netout": 20.5, "diskread": 1.5, "diskwrite": 2.5, "disk": 0, "maxdisk": 34_359_738_368_u64 })
        })
        .collect();
    points.push(json!({ "time": epoch }));
    Ok(Value::Array(points).into())
}

/// A task that leaves the guest in another state.
fn switch(call: &mut Call<'_>, what: &str, status: &'static str) -> Outcome {
    let id = call.id();
    let upid = call.guest_task(what, None, move |world| {
        let now = world.now();
        with_guest(world, id, |guest| {
            status.clone_into(&mut guest.status);
            guest.since = now;
        })
    });
    Ok(json!(upid).into())
}

fn must_run(guest: &Guest) -> Result<(), Refusal> {
    if guest.status == "stopped" {
        let what = if guest.kind == Kind::Qemu { "VM" } else { "CT" };
        return Err(Refusal::failed(format!("{what} {} not running", guest.id)));
    }
    Ok(())
}

pub(crate) fn start(call: &mut Call<'_>) -> Outcome {
    let guest = call.unlocked()?;
    if guest.template {
        return Err(Refusal::failed("you can't start a vm if it's a template"));
    }
    if guest.status != "stopped" {
        return Err(Refusal::failed(format!("VM {} already running", guest.id)));
    }
    switch(call, "start", "running")
}

pub(crate) fn stop(call: &mut Call<'_>) -> Outcome {
    must_run(call.guest()?)?;
    switch(call, "stop", "stopped")
}

pub(crate) fn shutdown(call: &mut Call<'_>) -> Outcome {
    must_run(&call.unlocked()?)?;
    switch(call, "shutdown", "stopped")
}

pub(crate) fn reboot(call: &mut Call<'_>) -> Outcome {
    must_run(&call.unlocked()?)?;
    switch(call, "reboot", "running")
}

pub(crate) fn reset(call: &mut Call<'_>) -> Outcome {
    must_run(&call.unlocked()?)?;
    switch(call, "reset", "running")
}

pub(crate) fn suspend(call: &mut Call<'_>) -> Outcome {
    must_run(&call.unlocked()?)?;
    if call.flag("todisk") {
        return switch(call, "suspend", "stopped");
    }
    let what = if call.kind() == Kind::Qemu {
        "pause"
    } else {
        "suspend"
    };
    switch(call, what, "paused")
}

pub(crate) fn resume(call: &mut Call<'_>) -> Outcome {
    must_run(&call.unlocked()?)?;
    switch(call, "resume", "running")
}

pub(crate) fn resize(call: &mut Call<'_>) -> Outcome {
    let guest = call.unlocked()?;
    let (disk, size) = (call.required("disk"), call.required("size"));
    let current = guest
        .disks()
        .into_iter()
        .find(|(key, _, _)| *key == disk)
        .ok_or_else(|| Refusal::failed(format!("disk '{disk}' does not exist")))?;
    let wanted = match size.strip_prefix('+') {
        Some(more) => size_of(more).map(|more| current.2 + more),
        None => size_of(&size),
    };
    let wanted = wanted.ok_or_else(|| {
        let what = "value does not match the regex pattern".to_owned();
        Refusal::parameters([("size".to_owned(), what)])
    })?;
    if wanted < current.2 {
        return Err(Refusal::failed("shrinking disks is not supported"));
    }
    let id = guest.id;
    let value = format!("{},size={}M", current.1, wanted / (1024 * 1024));
    let change = move |guest: &mut Guest| {
        guest.config.insert(disk, value);
    };
    if call.world.flavour == Flavour::V7 && guest.kind == Kind::Qemu {
        with_guest(call.world, id, change).map_err(Refusal::failed)?;
        return Ok(Value::Null.into());
    }
    let node = call.node();
    let new = crate::world::NewTask {
        node: &node,
        kind: "resize".to_owned(),
        id: id.to_string(),
        lock: None,
    };
    let upid = call.world.begin(&call.caller, new, move |world| {
        with_guest(world, id, change)
    });
    Ok(json!(upid).into())
}
