//! `repositories_proxies`: the backup proxies and their state.

use std::collections::HashMap;

use toolward_sdk::prelude::*;
use vbr::page::Span;
use vbr::revision::Feature;
use vbr::{Client, read};

use super::list;

/// Which proxies to list; all of them when nothing is said.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ProxiesArgs {
    /// A part of the proxy's name.
    name: Option<String>,
    /// How many to return at most.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 200))]
    limit: u64,
    /// How many to skip: `next_skip` of the previous answer.
    #[serde(default)]
    skip: u64,
    /// Which backup server; the first one if nothing is said.
    server: Option<String>,
}

fn default_limit() -> u64 {
    50
}

/// A backup proxy.
#[answer]
pub(crate) struct Proxy {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// `ViProxy` for `VMware`, `HvProxy` for Hyper-V, `GeneralPurposeProxy`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// The server that it runs on.
    host: Option<String>,
    /// Whether it can be reached. Before 1.3 that is whether its server can.
    online: Option<bool>,
    /// Whether it is switched off; from 1.3 on.
    disabled: Option<bool>,
    /// Whether its components are older than the backup server; only where they are.
    out_of_date: Option<bool>,
    /// How many disks it processes at a time.
    max_tasks: Option<i64>,
    /// How it reads from the datastores, such as `auto`, `hotAdd`, `network`.
    transport: Option<String>,
}

/// Backup proxies.
#[answer]
pub(crate) struct ProxyList {
    /// The backup server; only where there are several.
    server: Option<String>,
    /// The proxies.
    proxies: Vec<Proxy>,
    /// How many match in all, where that is known.
    total: Option<u64>,
    /// There is more: call again with this as `skip`.
    next_skip: Option<u64>,
    /// Where the state comes from, where it is not the proxies' own.
    note: Option<String>,
}

/// Lists backup proxies with their state: online, disabled, how many tasks at a time.
#[tool(read_only, idempotent, open_world = false, title = "Backup proxies")]
pub(crate) fn repositories_proxies(cx: &Context, args: ProxiesArgs) -> Result<ProxyList> {
    let client = Client::to(cx, args.server.as_deref())?;
    let span = Span {
        skip: args.skip,
        limit: args.limit,
    };
    let part = list(&client, span, args.name.as_deref(), |http, _| {
        Ok(http
            .get("/api/v1/backupInfrastructure/proxies")
            .query("orderColumn", "Name")
            .query("orderAsc", true))
    })?;
    let own = client.revision().has(Feature::ProxyStates);
    let place = if own {
        "/api/v1/backupInfrastructure/proxies/states"
    } else {
        "/api/v1/backupInfrastructure/managedServers"
    };
    let mut states: HashMap<String, Value> = HashMap::new();
    if !part.data.is_empty() {
        client.walk(
            |http, _| Ok(http.get(place)),
            |state| {
                states.insert(read::always(&state, "id"), state);
                true
            },
        )?;
    }
    let proxies = part.data.iter().map(|proxy| {
        let server = &proxy["server"];
        let found = if own {
            read::always(proxy, "id")
        } else {
            read::always(server, "hostId")
        };
        of(proxy, states.get(&found), own)
    });
    Ok(ProxyList {
        server: client.server().label(),
        proxies: proxies.collect(),
        total: part.total,
        next_skip: part.next_skip,
        note: (!own).then(|| {
            format!(
                "revision {} of the backup server's API has no states of proxies: `online` is whether the server that \
                 a proxy runs on can be reached",
                client.revision()
            )
        }),
    })
}

fn of(proxy: &Value, state: Option<&Value>, own: bool) -> Proxy {
    let server = &proxy["server"];
    let nothing = Value::Null;
    let state = state.unwrap_or(&nothing);
    let host = if own {
        read::text(state, "hostName").or_else(|| read::text(server, "hostName"))
    } else {
        read::text(state, "name")
    };
    let online = if own {
        state["isOnline"].as_bool()
    } else {
        read::word(state, "status").map(|status| status == "available")
    };
    Proxy {
        id: read::always(proxy, "id"),
        name: read::always(proxy, "name"),
        kind: read::text(proxy, "type"),
        host,
        online,
        disabled: state["isDisabled"].as_bool(),
        out_of_date: state["isOutOfDate"].as_bool().filter(|old| *old),
        max_tasks: server["maxTaskCount"].as_i64(),
        transport: read::text(server, "transportMode"),
    }
}
