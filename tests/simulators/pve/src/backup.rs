//! Backups: single ones, and the jobs of the scheduler.
#![expect(clippy::unnecessary_wraps, reason = "all handlers have one type")]

use serde_json::{Value, json};

use crate::answer::{Outcome, Refusal};
use crate::call::Call;
use crate::model::{Kind, Volume};
use crate::world::{NewTask, World};

pub(crate) fn jobs(call: &mut Call<'_>) -> Outcome {
    let jobs = call.world.jobs.iter().map(|job| {
        let mut shown = job.shown.clone();
        shown["id"] = json!(job.id);
        shown
    });
    Ok(Value::Array(jobs.collect()).into())
}

pub(crate) fn not_covered(call: &mut Call<'_>) -> Outcome {
    let world = &*call.world;
    let covered = |id: &u32| world.jobs.iter().any(|job| job.guests.contains(id));
    let open = world.guests.values().filter(|guest| !covered(&guest.id));
    let shown = open.map(
        |guest| json!({ "vmid": guest.id, "name": guest.name(), "type": guest.kind.as_str() }),
    );
    Ok(Value::Array(shown.collect()).into())
}

/// `POST …/vzdump`: one task for all guests that it names.
pub(crate) fn run(call: &mut Call<'_>) -> Outcome {
    let node = call.node();
    let list = call.required("vmid");
    let ids: Vec<u32> = list
        .split(',')
        .filter_map(|id| id.trim().parse().ok())
        .collect();
    if ids.is_empty() && !call.flag("all") && call.text("pool").is_none() {
        return Err(Refusal::failed(
            "you must specify at least one guest, a pool, or all",
        ));
    }
    for id in &ids {
        call.need(&format!("/vms/{id}"), "VM.Backup")?;
        let guest = call.world.guests.get(id);
        if guest.is_none() {
            return Err(Refusal::failed(format!("guest {id} does not exist")));
        }
    }
    let name = call.text("storage").unwrap_or("local").to_owned();
    call.need(&format!("/storage/{name}"), "Datastore.AllocateSpace")?;
    if !call.world.storage(&name)?.takes("backup") {
        return Err(Refusal::failed(format!(
            "storage '{name}' does not support backups"
        )));
    }
    let (notes, protected) = (
        call.text("notes-template").map(str::to_owned),
        call.flag("protected"),
    );
    let new = NewTask {
        node: &node,
        kind: "vzdump".to_owned(),
        id: if ids.len() == 1 {
            list.clone()
        } else {
            String::new()
        },
        lock: ids.first().map(|id| (*id, "backup")),
    };
    let upid = call.world.begin(&call.caller, new, move |world| {
        for id in ids {
            let volume = saved(world, id, &name, notes.clone(), protected)?;
            world.volumes.push(volume);
        }
        Ok(())
    });
    Ok(json!(upid).into())
}

pub(crate) fn saved(
    world: &World,
    id: u32,
    storage: &str,
    notes: Option<String>,
    protected: bool,
) -> Result<Volume, String> {
    let guest = world
        .guests
        .get(&id)
        .ok_or_else(|| format!("unable to find VM '{id}'"))?;
    let place = world
        .storage(storage)
        .map_err(|_| format!("storage '{storage}' does not exist"))?;
    let time = world.epoch();
    let (kind, suffix) = match guest.kind {
        Kind::Qemu => ("vm", "vma.zst"),
        Kind::Lxc => ("ct", "tar.zst"),
    };
    let stamp = crate::clock::stamp(time);
    let volid = if place.kind == "pbs" {
        format!("{storage}:backup/{kind}/{id}/{}", crate::clock::iso(time))
    } else {
        format!(
            "{storage}:backup/vzdump-{}-{id}-{stamp}.{suffix}",
            guest.kind.as_str()
        )
    };
    Ok(Volume {
        storage: storage.to_owned(),
        node: (!place.shared).then(|| guest.node.clone()),
        volid,
        content: "backup",
        format: if place.kind == "pbs" {
            format!("pbs-{kind}")
        } else {
            suffix.to_owned()
        },
        size: guest.disks().iter().map(|(_, _, size)| size / 4).sum(),
        time,
        guest: Some(id),
        notes: notes.or_else(|| Some(guest.name().to_owned())),
        protected,
        verification: (place.kind == "pbs").then_some("ok"),
        saved: Some((guest.kind, guest.config.clone())),
    })
}
