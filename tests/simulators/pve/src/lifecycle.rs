//! Guests come, go and move: create, restore, clone, template, delete, migrate.

use serde_json::{Value, json};

use crate::answer::{Outcome, Refusal};
use crate::call::{Call, with_guest};
use crate::model::{Config, GIB, Guest, Kind, is_disk};
use crate::world::{NewTask, World};

/// `POST` of a new guest, from nothing or from a backup.
pub(crate) fn create(call: &mut Call<'_>) -> Outcome {
    let (node, kind, id) = (call.node(), call.kind(), call.id());
    let archive = match kind {
        Kind::Qemu => call.text("archive").map(str::to_owned),
        Kind::Lxc => call.flag("restore").then(|| call.required("ostemplate")),
    };
    let path = format!("/vms/{id}");
    let pool = call.text("pool").map(|pool| format!("/pool/{pool}"));
    let by_pool = pool
        .as_deref()
        .is_some_and(|pool| call.may(pool, &["VM.Allocate"]));
    // Whoever may restore its own guest need not be allowed to make new ones.
    let restores = archive.is_some() && call.world.guests.contains_key(&id) && call.flag("force");
    let may = by_pool || (restores && call.may(&path, &["VM.Backup"]));
    if !may {
        call.need(&path, "VM.Allocate")?;
    }
    let exists = call.world.guests.get(&id);
    if let Some(guest) = exists
        && !(restores && guest.status == "stopped")
    {
        let text = if guest.status != "stopped" && restores {
            format!("unable to restore VM {id} - VM {id} is running")
        } else {
            format!(
                "unable to create VM {id}: VM {id} already exists on node '{}'",
                guest.node
            )
        };
        return Err(Refusal::failed(text));
    }
    let (config, what) = match &archive {
        Some(archive) => (restored(call, archive, kind)?, "restore"),
        None => (made(call, kind)?, "create"),
    };
    for (_, volume) in disks_of(&config) {
        let storage = volume.split(':').next().unwrap_or_default().to_owned();
        call.need(&format!("/storage/{storage}"), "Datastore.AllocateSpace")?;
    }
    let status = if call.flag("start") {
        "running"
    } else {
        "stopped"
    };
    let guest = Guest {
        id,
        kind,
        node: node.clone(),
        status: status.to_owned(),
        since: call.world.now(),
        template: false,
        pool: call.text("pool").map(str::to_owned),
        lock: None,
        config,
        snapshots: Vec::new(),
        current_parent: None,
        agent: false,
        ha: false,
    };
    let new = NewTask {
        node: &node,
        kind: format!("{}{what}", kind.task()),
        id: id.to_string(),
        lock: None,
    };
    let upid = call.world.begin(&call.caller, new, move |world| {
        world.guests.insert(id, guest);
        Ok(())
    });
    Ok(json!(upid).into())
}

fn disks_of(config: &Config) -> Vec<(String, String)> {
    let disks = config
        .iter()
        .filter(|(key, value)| is_disk(key) && !value.contains("media=cdrom"));
    disks
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn made(call: &Call<'_>, kind: Kind) -> Result<Config, Refusal> {
    let mut config = Config::new();
    let mut count = 0;
    for (key, values) in &call.parameters {
        let value = values.concat();
        let kept = !matches!(
            key.as_str(),
            "node"
                | "vmid"
                | "start"
                | "pool"
                | "ostemplate"
                | "storage"
                | "force"
                | "unique"
                | "restore"
                | "password"
                | "cipassword"
                | "ssh-public-keys"
                | "bwlimit"
                | "live-restore"
        );
        if !kept {
            continue;
        }
        let value = if is_disk(key) && !value.contains("media=cdrom") {
            allocated(call, &value, call.id(), &mut count)?
        } else {
            value
        };
        config.insert(key.clone(), value);
    }
    if kind == Kind::Lxc {
        let template = call.required("ostemplate");
        if !call
            .world
            .volumes
            .iter()
            .any(|volume| volume.volid == template)
        {
            return Err(Refusal::failed(format!(
                "volume '{template}' does not exist"
            )));
        }
        if !config.contains_key("rootfs") {
            let storage = call.text("storage").unwrap_or("local-lvm");
            config.insert(
                "rootfs".to_owned(),
                format!("{storage}:vm-{}-disk-0,size=4G", call.id()),
            );
        }
    }
    Ok(config)
}

/// `local-lvm:32` allocates 32 GiB.
fn allocated(call: &Call<'_>, value: &str, id: u32, count: &mut u32) -> Result<String, Refusal> {
    let (place, options) = value.split_once(',').unwrap_or((value, ""));
    let Some((storage, size)) = place.split_once(':') else {
        return Err(Refusal::failed(format!(
            "unable to parse volume ID '{place}'"
        )));
    };
    call.world.storage(storage)?;
    let Ok(size) = size.parse::<u64>() else {
        return Ok(value.to_owned());
    };
    let number = *count;
    *count += 1;
    let rest = if options.is_empty() {
        String::new()
    } else {
        format!(",{options}")
    };
    Ok(format!(
        "{storage}:vm-{id}-disk-{number}{rest},size={size}G"
    ))
}

fn restored(call: &Call<'_>, archive: &str, kind: Kind) -> Result<Config, Refusal> {
    let volume = call
        .world
        .volumes
        .iter()
        .find(|volume| volume.volid == archive);
    let volume =
        volume.ok_or_else(|| Refusal::failed(format!("volume '{archive}' does not exist")))?;
    let Some((saved, config)) = &volume.saved else {
        return Err(Refusal::failed(format!("{archive} is not a backup")));
    };
    if *saved != kind {
        return Err(Refusal::failed(format!(
            "{archive} holds a {} guest",
            saved.as_str()
        )));
    }
    let from = volume.guest.unwrap_or(0);
    let id = call.id();
    let mut config = config.clone();
    for (key, value) in disks_of(&config) {
        let value = value.replace(&format!("vm-{from}-"), &format!("vm-{id}-"));
        let value = match (call.text("storage"), value.split_once(':')) {
            (Some(storage), Some((_, rest))) => format!("{storage}:{rest}"),
            _ => value,
        };
        config.insert(key, value);
    }
    for (key, values) in &call.parameters {
        if matches!(key.as_str(), "name" | "hostname" | "memory" | "cores") {
            config.insert(key.clone(), values.concat());
        }
    }
    Ok(config)
}

pub(crate) fn delete(call: &mut Call<'_>) -> Outcome {
    let guest = call.unlocked()?;
    let what = if guest.kind == Kind::Qemu { "VM" } else { "CT" };
    if guest.status != "stopped" && !call.flag("force") {
        return Err(Refusal::failed(format!(
            "{what} {} is running - destroy failed",
            guest.id
        )));
    }
    if guest.config.get("protection").is_some_and(|on| on == "1") {
        return Err(Refusal::failed(format!(
            "can't remove {what} {} - protection mode enabled",
            guest.id
        )));
    }
    let based = call.world.guests.values().find(|other| {
        other
            .config
            .values()
            .any(|value| value.contains(&format!("base-{}-", guest.id)))
            && other.id != guest.id
    });
    if let Some(other) = based {
        return Err(Refusal::failed(format!(
            "base volume is still in use by linked clone {}",
            other.id
        )));
    }
    let id = guest.id;
    let upid = call.guest_task("destroy", Some("destroyed"), move |world| {
        world.guests.remove(&id);
        Ok(())
    });
    Ok(json!(upid).into())
}

pub(crate) fn clone(call: &mut Call<'_>) -> Outcome {
    let guest = call.unlocked()?;
    let new_id = call
        .number("newid")
        .and_then(|id| u32::try_from(id).ok())
        .unwrap_or(0);
    if call.world.guests.contains_key(&new_id) {
        return Err(Refusal::failed(format!(
            "unable to create VM {new_id}: config file already exists"
        )));
    }
    let full = call.flag("full");
    if !full && !guest.template {
        return Err(Refusal::failed(
            "linked clones are possible from templates only; use full=1",
        ));
    }
    if !full && call.text("storage").is_some() {
        let what = "parameter 'storage' requires 'full'".to_owned();
        return Err(Refusal::parameters([("storage".to_owned(), what)]));
    }
    let target = call
        .text("target")
        .map_or_else(|| guest.node.clone(), str::to_owned);
    if target != guest.node && !on_shared_storage(call.world, &guest) {
        return Err(Refusal::failed(format!(
            "can't clone VM to node '{target}' (VM uses local storage)"
        )));
    }
    let mut copy = guest.clone();
    copy.id = new_id;
    copy.node = target;
    copy.template = false;
    "stopped".clone_into(&mut copy.status);
    copy.snapshots.clear();
    copy.current_parent = None;
    copy.pool = call.text("pool").map(str::to_owned).or(copy.pool);
    for (key, value) in disks_of(&copy.config) {
        let own = format!("vm-{}-", guest.id);
        let value = if full {
            value
                .replace(&format!("base-{}-", guest.id), &own)
                .replace(&own, &format!("vm-{new_id}-"))
        } else {
            // `ceph:base-9000-disk-0/vm-302-disk-0`.
            let (base, options) = value.split_once(',').unwrap_or((&value, ""));
            let disk = base.rsplit('-').next().unwrap_or("0");
            format!("{base}/vm-{new_id}-disk-{disk},{options}")
        };
        copy.config.insert(key, value);
    }
    let key = if guest.kind == Kind::Qemu {
        "name"
    } else {
        "hostname"
    };
    let name = call
        .text(key)
        .map_or_else(|| format!("Copy-of-{}", guest.name()), str::to_owned);
    copy.config.insert(key.to_owned(), name);
    let upid = call.guest_task("clone", Some("clone"), move |world| {
        world.guests.insert(new_id, copy);
        Ok(())
    });
    Ok(json!(upid).into())
}

pub(crate) fn on_shared_storage(world: &World, guest: &Guest) -> bool {
    guest
        .disks()
        .iter()
        .all(|(_, volume, _)| is_shared(world, volume))
}

fn is_shared(world: &World, volume: &str) -> bool {
    let name = volume.split(':').next().unwrap_or_default();
    world.storage(name).is_ok_and(|storage| storage.shared)
}

pub(crate) fn template(call: &mut Call<'_>) -> Outcome {
    let guest = call.unlocked()?;
    if !guest.snapshots.is_empty() {
        return Err(Refusal::failed(format!(
            "unable to create template {}: has snapshots",
            guest.id
        )));
    }
    if guest.status != "stopped" {
        return Err(Refusal::failed("unable to create template: it is running"));
    }
    let id = guest.id;
    let make = move |world: &mut World| {
        with_guest(world, id, |guest| {
            guest.template = true;
            for (key, value) in disks_of(&guest.config) {
                let value = value.replace(&format!("vm-{id}-"), &format!("base-{id}-"));
                guest.config.insert(key, value);
            }
        })
    };
    if guest.kind == Kind::Lxc {
        make(call.world).map_err(Refusal::failed)?;
        return Ok(Value::Null.into());
    }
    let upid = call.guest_task("template", None, make);
    Ok(json!(upid).into())
}

pub(crate) fn preconditions(call: &mut Call<'_>) -> Outcome {
    let guest = call.guest()?;
    let world = &*call.world;
    let running = guest.status != "stopped";
    let local: Vec<Value> = guest
        .disks()
        .into_iter()
        .filter(|(_, volume, _)| !is_shared(world, volume))
        .map(|(_, volume, size)| json!({ "volid": volume, "size": size, "cdrom": 0, "is_unused": 0 }))
        .collect();
    let resources: Vec<&str> = guest
        .config
        .keys()
        .filter(|key| key.starts_with("hostpci"))
        .map(String::as_str)
        .collect();
    let mut shown = json!({
        "running": u8::from(running),
        "local_disks": local,
        "local_resources": resources,
        "mapped-resources": [],
        "mapped-resource-info": {},
    });
    if !running {
        let others = world
            .nodes
            .iter()
            .filter(|node| node.name != guest.node && node.online);
        let names: Vec<&str> = others.map(|node| node.name.as_str()).collect();
        shown["allowed_nodes"] = json!(names);
        shown["not_allowed_nodes"] = json!({});
    }
    Ok(shown.into())
}

pub(crate) fn migrate(call: &mut Call<'_>) -> Outcome {
    let guest = call.unlocked()?;
    let target = call.required("target");
    if target == guest.node {
        let what = "target is local node.".to_owned();
        return Err(Refusal::parameters([("target".to_owned(), what)]));
    }
    match call.world.node(&target) {
        None => return Err(Refusal::failed(format!("no such cluster node '{target}'"))),
        Some(node) if !node.online => {
            return Err(Refusal::failed(format!("node '{target}' is not online")));
        }
        Some(_) => {}
    }
    let running = guest.status != "stopped";
    match guest.kind {
        Kind::Qemu if running && !call.flag("online") => {
            return Err(Refusal::failed("can't migrate running VM without --online"));
        }
        Kind::Lxc if running && !call.flag("restart") && !call.flag("online") => {
            return Err(Refusal::failed(
                "can't migrate running container without --online or --restart",
            ));
        }
        Kind::Qemu | Kind::Lxc => {}
    }
    if guest.kind == Kind::Qemu
        && !on_shared_storage(call.world, &guest)
        && running
        && !call.flag("with-local-disks")
    {
        return Err(Refusal::failed(
            "can't live migrate VM which uses local disks. Use --with-local-disks",
        ));
    }
    let id = guest.id;
    let to = target.clone();
    let what = if guest.ha { "ha" } else { "" };
    let upid = if what.is_empty() {
        call.guest_task("migrate", Some("migrate"), move |world| {
            with_guest(world, id, |guest| guest.node = to)
        })
    } else {
        let node = call.node();
        let new = NewTask {
            node: &node,
            kind: "hamigrate".to_owned(),
            id: id.to_string(),
            lock: Some((id, "migrate")),
        };
        call.world.begin(&call.caller, new, move |world| {
            with_guest(world, id, |guest| guest.node = to)
        })
    };
    if let Some(task) = call.world.tasks.last_mut() {
        task.log.push(format!(
            "migrating {} of memory to {target}",
            guest.memory() / GIB
        ));
    }
    Ok(json!(upid).into())
}
