//! Snapshots of guests.

use serde_json::{Value, json};

use crate::answer::{Outcome, Refusal};
use crate::call::{Call, with_guest};
use crate::model::{Guest, Kind, Snapshot};

/// With the entry that is none: where the guest stands now.
pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let guest = call.guest()?;
    let mut all: Vec<Value> = guest
        .snapshots
        .iter()
        .map(|one| shown(guest, one))
        .collect();
    let mut current = json!({
        "name": "current",
        "description": "You are here!",
        "digest": crate::guests::digest(guest),
    });
    if guest.kind == Kind::Qemu {
        current["running"] = json!(u8::from(guest.status != "stopped"));
    }
    if let Some(parent) = &guest.current_parent {
        current["parent"] = json!(parent);
    }
    all.push(current);
    Ok(Value::Array(all).into())
}

fn shown(guest: &Guest, one: &Snapshot) -> Value {
    let mut shown = json!({
        "name": one.name,
        "description": one.description,
        "snaptime": one.time,
    });
    if guest.kind == Kind::Qemu {
        shown["vmstate"] = json!(u8::from(one.vmstate));
    }
    if let Some(parent) = &one.parent {
        shown["parent"] = json!(parent);
    }
    shown
}

pub(crate) fn create(call: &mut Call<'_>) -> Outcome {
    let guest = call.unlocked()?;
    let name = call.required("snapname");
    let good = name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if !good {
        let what = format!("invalid format - invalid configuration ID '{name}'");
        return Err(Refusal::parameters([("snapname".to_owned(), what)]));
    }
    if name == "current" || guest.snapshots.iter().any(|one| one.name == name) {
        return Err(Refusal::failed(format!(
            "snapshot name '{name}' already used"
        )));
    }
    if guest
        .config
        .values()
        .any(|value| value.starts_with("nosnap:"))
    {
        return Err(Refusal::failed("snapshot feature is not available"));
    }
    let id = guest.id;
    let snapshot = Snapshot {
        name: name.clone(),
        description: call.required("description"),
        time: call.world.epoch(),
        parent: guest.current_parent.clone(),
        vmstate: call.flag("vmstate"),
        config: guest.config.clone(),
    };
    let upid = call.guest_task("snapshot", Some("snapshot"), move |world| {
        with_guest(world, id, |guest| {
            guest.snapshots.push(snapshot);
            guest.current_parent = Some(name);
        })
    });
    Ok(json!(upid).into())
}

fn known(call: &Call<'_>) -> Result<(Guest, Snapshot), Refusal> {
    let guest = call.unlocked()?;
    let name = call.required("snapname");
    let found = guest.snapshots.iter().find(|one| one.name == name).cloned();
    let snapshot =
        found.ok_or_else(|| Refusal::failed(format!("snapshot '{name}' does not exist")))?;
    Ok((guest, snapshot))
}

pub(crate) fn delete(call: &mut Call<'_>) -> Outcome {
    let (guest, snapshot) = known(call)?;
    let id = guest.id;
    let upid = call.guest_task("delsnapshot", Some("snapshot-delete"), move |world| {
        with_guest(world, id, |guest| {
            guest.snapshots.retain(|one| one.name != snapshot.name);
            for one in &mut guest.snapshots {
                if one.parent.as_deref() == Some(&snapshot.name) {
                    one.parent.clone_from(&snapshot.parent);
                }
            }
            if guest.current_parent.as_deref() == Some(&snapshot.name) {
                guest.current_parent = snapshot.parent;
            }
        })
    });
    Ok(json!(upid).into())
}

pub(crate) fn roll_back(call: &mut Call<'_>) -> Outcome {
    let (guest, snapshot) = known(call)?;
    let start = call.flag("start");
    let id = guest.id;
    let upid = call.guest_task("rollback", Some("rollback"), move |world| {
        with_guest(world, id, |guest| {
            guest.config = snapshot.config;
            guest.current_parent = Some(snapshot.name);
            let status = if snapshot.vmstate || start {
                "running"
            } else {
                "stopped"
            };
            status.clone_into(&mut guest.status);
        })
    });
    Ok(json!(upid).into())
}
