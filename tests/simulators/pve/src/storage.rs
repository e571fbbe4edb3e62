//! Storage and what lies there.
#![expect(clippy::unnecessary_wraps, reason = "all handlers have one type")]

use serde_json::{Value, json};

use crate::answer::{Outcome, Refusal};
use crate::call::Call;
use crate::model::{Storage, Volume};
use crate::options::Flavour;
use crate::world::NewTask;

pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let world = &*call.world;
    let (content, name) = (call.text("content"), call.text("storage"));
    let wanted = |storage: &&Storage| {
        name.is_none_or(|name| name == storage.name)
            && content.is_none_or(|content| content.split(',').any(|one| storage.takes(one)))
            && call.may(
                &format!("/storage/{}", storage.name),
                &["Datastore.Audit", "Datastore.AllocateSpace"],
            )
    };
    let shown = |storage: &Storage| {
        #[expect(clippy::cast_precision_loss, reason = "a share of a simulated disk")]
        let fraction = storage.used as f64 / storage.total as f64;
        json!({
            "storage": storage.name, "type": storage.kind, "content": storage.content, "active": 1, "enabled": 1,
            "shared": u8::from(storage.shared), "total": world.loose(storage.total), "used": world.loose(storage.used),
            "avail": world.loose(storage.total - storage.used), "used_fraction": fraction,
        })
    };
    Ok(Value::Array(world.storages.iter().filter(wanted).map(shown).collect()).into())
}

pub(crate) fn content(call: &mut Call<'_>) -> Outcome {
    let (node, storage) = (call.node(), call.required("storage"));
    call.world.storage(&storage)?;
    let (content, id) = (call.text("content"), call.number("vmid"));
    let world = &*call.world;
    let here = |volume: &&Volume| {
        volume.storage == storage
            && volume.node.as_ref().is_none_or(|at| *at == node)
            && content.is_none_or(|content| volume.content == content)
            && id.is_none_or(|id| volume.guest.map(u64::from) == Some(id))
    };
    let mut all: Vec<Value> = world
        .volumes
        .iter()
        .filter(here)
        .map(|one| shown(one, world.flavour))
        .collect();
    if content.is_none_or(|content| content == "images" || content == "rootdir") {
        for guest in world.guests.values() {
            if id.is_some_and(|id| id != u64::from(guest.id)) {
                continue;
            }
            for (_, volume, size) in guest.disks() {
                let shared = world.storage(&storage).is_ok_and(|storage| storage.shared);
                if volume.starts_with(&format!("{storage}:")) && (shared || guest.node == node) {
                    all.push(json!({
                        "volid": volume, "content": "images", "format": "raw", "size": size, "vmid": guest.id,
                    }));
                }
            }
        }
    }
    Ok(Value::Array(all).into())
}

fn shown(volume: &Volume, flavour: Flavour) -> Value {
    let mut shown = json!({
        "volid": volume.volid, "content": volume.content, "format": volume.format, "size": volume.size,
        "ctime": volume.time,
    });
    if let Some(id) = volume.guest {
        shown["vmid"] = if flavour == Flavour::V7 {
            json!(id.to_string())
        } else {
            json!(id)
        };
    }
    if let Some(notes) = &volume.notes {
        shown["notes"] = json!(notes);
    }
    if volume.protected {
        shown["protected"] = json!(1);
    }
    if let Some(state) = volume.verification {
        shown["verification"] =
            json!({ "state": state, "upid": "UPID:pbs:0:0:0:0:verify:x:root@pam:" });
    }
    shown
}

pub(crate) fn delete(call: &mut Call<'_>) -> Outcome {
    let (node, name) = (call.node(), call.required("storage"));
    let given = call.required("volume");
    let volid = if given.contains(':') {
        given
    } else {
        format!("{name}:{given}")
    };
    let volume = call
        .world
        .volumes
        .iter()
        .find(|volume| volume.volid == volid)
        .cloned();
    let volume =
        volume.ok_or_else(|| Refusal::failed(format!("volume '{volid}' does not exist")))?;
    let path = format!("/storage/{name}");
    // A backup may be removed by whoever may back its guest up.
    let by_guest = volume.guest.filter(|_| volume.content == "backup");
    let own = by_guest.is_some_and(|id| {
        call.may(&format!("/vms/{id}"), &["VM.Backup"])
            && call.may(&path, &["Datastore.AllocateSpace"])
    });
    if !own {
        call.need(&path, "Datastore.Allocate")?;
    }
    if volume.protected {
        return Err(Refusal::failed(format!(
            "can't remove protected volume '{volid}'"
        )));
    }
    let new = NewTask {
        node: &node,
        kind: "imgdel".to_owned(),
        id: format!("{volid}@{name}").replace([':', '/'], "_"),
        lock: None,
    };
    let upid = call.world.begin(&call.caller, new, move |world| {
        world.volumes.retain(|volume| volume.volid != volid);
        Ok(())
    });
    Ok(json!(upid).into())
}

pub(crate) fn download(call: &mut Call<'_>) -> Outcome {
    let name = call.required("storage");
    let content = match call.required("content").as_str() {
        "iso" => "iso",
        "vztmpl" => "vztmpl",
        other => {
            let what = format!(
                "value '{other}' does not have a value in the enumeration 'iso, vztmpl, import'"
            );
            return Err(Refusal::parameters([("content".to_owned(), what)]));
        }
    };
    if call.text("checksum").is_some() != call.text("checksum-algorithm").is_some() {
        let what = "missing checksum or algorithm".to_owned();
        return Err(Refusal::parameters([("checksum".to_owned(), what)]));
    }
    let file = call.required("filename");
    fetched(call, &name, content, &file, "download")
}

pub(crate) fn download_template(call: &mut Call<'_>) -> Outcome {
    let (name, file) = (call.required("storage"), call.required("template"));
    if !TEMPLATES.contains(&file.as_str()) {
        let what = "no such template".to_owned();
        return Err(Refusal::parameters([("template".to_owned(), what)]));
    }
    fetched(call, &name, "vztmpl", &file, "download")
}

fn fetched(
    call: &mut Call<'_>,
    name: &str,
    content: &'static str,
    file: &str,
    kind: &str,
) -> Outcome {
    let storage = call.world.storage(name)?.clone();
    if !storage.takes(content) {
        return Err(Refusal::failed(format!(
            "storage '{name}' is not configured for content-type '{content}'"
        )));
    }
    let node = call.node();
    let volid = format!("{name}:{content}/{file}");
    if call
        .world
        .volumes
        .iter()
        .any(|volume| volume.volid == volid)
    {
        return Err(Refusal::failed(format!(
            "refusing to override existing file '{file}'"
        )));
    }
    let volume = Volume {
        storage: name.to_owned(),
        node: (!storage.shared).then(|| node.clone()),
        volid,
        content,
        format: if content == "iso" { "iso" } else { "tgz" }.to_owned(),
        size: 600 * crate::model::MIB,
        time: call.world.epoch(),
        guest: None,
        notes: None,
        protected: false,
        verification: None,
        saved: None,
    };
    let new = NewTask {
        node: &node,
        kind: kind.to_owned(),
        id: file.to_owned(),
        lock: None,
    };
    let upid = call.world.begin(&call.caller, new, move |world| {
        world.volumes.push(volume);
        Ok(())
    });
    Ok(json!(upid).into())
}

const TEMPLATES: [&str; 2] = [
    "debian-12-standard_12.7-1_amd64.tar.zst",
    "alpine-3.20-default_20240908_amd64.tar.xz",
];

pub(crate) fn templates(_: &mut Call<'_>) -> Outcome {
    let shown = TEMPLATES.map(|file| {
        let os = file.split('_').next().unwrap_or(file);
        json!({ "template": file, "package": os, "os": os, "section": "system", "headline": format!("{os} base system"), "version": "1", "type": "lxc", "architecture": "amd64" })
    });
    Ok(Value::Array(shown.to_vec()).into())
}
