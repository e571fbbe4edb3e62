//! `/api/v1/backupInfrastructure`: repositories, scale-out repositories, proxies, managed servers.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::id::Id;
use crate::jobs::{self, Key};
use crate::model::{Host, Proxy, Store, Work, World};
use crate::render::{self, Cx};
use crate::revision::Revision;
use crate::routes::Request;

pub(crate) fn repository_states(world: &World, request: &Request<'_>) -> Result<Answer, Answer> {
    let (cx, query) = (request.cx, &request.query);
    let id = query.id("idFilter")?;
    let name = query.pattern("nameFilter")?;
    let kinds = query.all("typeFilter");
    // Before 1.2 nobody asks, because nobody is told.
    let online = if cx.revision.is_1_1() {
        None
    } else {
        query.flag("isOnlineFilter")?
    };
    let order = query.order(&[
        "Name",
        "Type",
        "Host",
        "Path",
        "CapacityGB",
        "FreeGB",
        "UsedSpaceGB",
        "Description",
    ])?;
    let page = query.page()?;
    let mut found: Vec<&Store> = world
        .estate()
        .stores
        .iter()
        .filter(|store| {
            id.is_none_or(|id| id == store.id)
                && name.as_ref().is_none_or(|name| name.matches(&store.name))
                && (kinds.is_empty() || kinds.contains(&store.kind))
                && online.is_none_or(|online| online == store.online)
        })
        .collect();
    if let Some(order) = order {
        #[expect(clippy::cast_possible_truncation, reason = "sizes of tests")]
        let size = |size: f64| Key::Number(size as i128);
        order.sort(&mut found, |store, column| match column {
            "Type" => Key::Text(store.kind.to_owned()),
            "CapacityGB" => size(store.capacity),
            "FreeGB" => size(store.free),
            "UsedSpaceGB" => size(store.used),
            _ => Key::Text(store.name.to_lowercase()),
        });
    }
    Ok(page.envelope(&found, |store| state(cx, store)))
}

fn state(cx: Cx, store: &Store) -> Value {
    let Value::Object(mut state) = json!({
        "id": store.id.to_string(),
        "name": store.name,
        "type": store.kind,
        "description": "",
        "capacityGB": store.capacity,
        "freeGB": store.free,
        "usedSpaceGB": store.used,
    }) else {
        return Value::Null;
    };
    let host = store.host.as_ref();
    cx.extend(
        &mut state,
        [
            ("hostId", host.map(|(id, _)| id.to_string().into())),
            ("hostName", host.map(|(_, name)| name.clone().into())),
            ("path", store.path.clone().map(Value::from)),
        ],
    );
    if !cx.revision.is_1_1() {
        state.insert("isOnline".to_owned(), store.online.into());
    }
    if cx.revision.is_1_3() {
        state.insert("isOutOfDate".to_owned(), store.out_of_date.into());
        let details = store.extent_of.as_ref().map(|(id, name)| {
            json!({ "membership": name, "scaleOutRepositoryId": id.to_string(), "extentType": "Performance" })
        });
        cx.extend(&mut state, [("scaleOutRepositoryDetails", details)]);
    }
    Value::Object(state)
}

pub(crate) fn rescan(world: &mut World, request: &Request<'_>) -> Result<Answer, Answer> {
    jobs::administrator(request)?;
    let body = request.json()?.unwrap_or_default();
    let ids = body["repositoryIds"]
        .as_array()
        .ok_or_else(|| Answer::bad_request("repositoryIds is required"))?;
    for id in ids {
        let id: Id = id
            .as_str()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Answer::bad_request("repositoryIds holds something that is no UUID"))?;
        if !world.estate().stores.iter().any(|store| store.id == id) {
            return Err(Answer::not_found(id));
        }
    }
    let user = request.caller.user.clone();
    let session = world
        .work(Work::Rescan, "Repository rescan", &user, request.cx.now)
        .clone();
    let body = render::session(request.cx, &session, None);
    Ok(Answer::json(http::StatusCode::CREATED, body))
}

pub(crate) fn scale_out(world: &World, request: &Request<'_>) -> Result<Answer, Answer> {
    let cx = request.cx;
    let name = request.query.pattern("nameFilter")?;
    let page = request.query.page()?;
    let found: Vec<&Store> = world
        .estate()
        .scale_out()
        .into_iter()
        .filter(|store| name.as_ref().is_none_or(|name| name.matches(&store.name)))
        .collect();
    let extents: Vec<Value> = world
        .estate()
        .extents
        .iter()
        .map(|extent| {
            // Several at a time since 1.3.
            let status = if cx.revision.is_1_3() {
                json!([extent.status])
            } else {
                json!(extent.status)
            };
            json!({ "id": extent.id.to_string(), "name": extent.name, "status": status })
        })
        .collect();
    Ok(page.envelope(&found, |store| {
        json!({
            "id": store.id.to_string(),
            "name": store.name,
            "description": "Two extents",
            "performanceTier": { "performanceExtents": extents },
            "placementPolicy": { "type": "DataLocality" },
        })
    }))
}

pub(crate) fn proxies(world: &World, request: &Request<'_>) -> Result<Answer, Answer> {
    let found = named(&world.estate().proxies, request, |proxy| &proxy.name)?;
    let cx = request.cx;
    Ok(request.query.page()?.envelope(&found, |proxy: &&Proxy| {
        let mut server = json!({
            "hostId": proxy.host.0.to_string(),
            "transportMode": if cx.revision.is_1_3() { "Auto" } else { "auto" },
            "failoverToNetwork": true,
            "maxTaskCount": 4,
        });
        if cx.revision.is_1_3() {
            server["hostName"] = proxy.host.1.clone().into();
        }
        json!({
            "id": proxy.id.to_string(),
            "name": proxy.name,
            "description": "",
            "type": proxy.kind,
            "server": server,
        })
    }))
}

pub(crate) fn proxy_states(world: &World, request: &Request<'_>) -> Result<Answer, Answer> {
    let found = named(&world.estate().proxies, request, |proxy| &proxy.name)?;
    Ok(request.query.page()?.envelope(&found, |proxy: &&Proxy| {
        json!({
            "id": proxy.id.to_string(),
            "name": proxy.name,
            "description": "",
            "type": proxy.kind,
            "hostId": proxy.host.0.to_string(),
            "hostName": proxy.host.1,
            "isDisabled": proxy.disabled,
            "isOnline": proxy.online,
            "isOutOfDate": false,
        })
    }))
}

pub(crate) fn servers(world: &World, request: &Request<'_>) -> Result<Answer, Answer> {
    let kinds = request.query.all("typeFilter");
    let mut found = named(&world.estate().hosts, request, |host| &host.name)?;
    found.retain(|host| kinds.is_empty() || kinds.contains(&host.kind));
    let cx = request.cx;
    Ok(request
        .query
        .page()?
        .envelope(&found, |host: &&Host| server(cx, host)))
}

fn server(cx: Cx, host: &Host) -> Value {
    let mut server = json!({
        "id": host.id.to_string(),
        "name": host.name,
        "description": "Created by VBR01\\admin",
        "type": host.kind,
        "status": if host.available { "Available" } else { "Unavailable" },
        "credentialsId": host.id.derived(1).to_string(),
    });
    match host.kind {
        "ViHost" => {
            server["viHostType"] = "VC".into();
            server["port"] = 443.into();
        }
        "LinuxHost" => server["credentialsStorageType"] = "Permanent".into(),
        _ if cx.revision >= Revision::V1_3Rev0 => {
            server["credentialsStorageType"] = "Permanent".into();
            server["isBackupServer"] = (host.name == "vbr01.example").into();
        }
        _ => {}
    }
    server
}

/// Those whose name fits the filter, by name where that is asked for.
fn named<'a, T>(
    all: &'a [T],
    request: &Request<'_>,
    name: impl Fn(&T) -> &String,
) -> Result<Vec<&'a T>, Answer> {
    let pattern = request.query.pattern("nameFilter")?;
    let order = request.query.order(&["Name", "Type", "Description"])?;
    let mut found: Vec<&T> = all
        .iter()
        .filter(|one| {
            pattern
                .as_ref()
                .is_none_or(|pattern| pattern.matches(name(one)))
        })
        .collect();
    if let Some(order) = order {
        order.sort(&mut found, |one, _| Key::Text(name(one).to_lowercase()));
    }
    Ok(found)
}
