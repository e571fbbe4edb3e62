//! Nodes: state, services, updates.

use serde_json::Value;
use toolward_sdk::prelude::*;

use crate::api::{self, Cluster};
use crate::loose::Loose;
use crate::path;
use crate::show::{self, Size};

/// Which node.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct NodeArgs {
    /// Its name.
    node: String,
    /// The cluster, where several are bound.
    cluster: Option<String>,
}

/// A node.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct NodeStatus {
    /// The cluster.
    cluster: String,
    /// Its name.
    node: String,
    /// How long it is up.
    uptime: String,
    /// Processor in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpu_percent: Option<f64>,
    /// Time spent waiting for disks, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    io_wait_percent: Option<f64>,
    /// Load over 1, 5 and 15 minutes.
    load: Vec<f64>,
    /// Processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpus: Option<u64>,
    /// Their model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpu_model: Option<String>,
    /// Memory in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory_used: Option<Size>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory: Option<Size>,
    /// Swap in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    swap_used: Option<Size>,
    /// Root file system in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root_used: Option<Size>,
    /// Root file system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root: Option<Size>,
    /// The running kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kernel: Option<String>,
    /// The version of Proxmox VE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// How it boots, and whether securely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    boot: Option<String>,
}

/// Shows one node: load, memory, root file system, kernel, version.
#[tool(read_only, idempotent, open_world = false, title = "State of a node")]
pub(crate) fn pve_node(cx: &Context, args: NodeArgs) -> Result<NodeStatus> {
    let (cluster, raw) = ask(cx, &args, &["status"], "Sys.Audit")?;
    let part = |name: &str| raw.get(name).cloned().unwrap_or(Value::Null);
    let (memory, root, boot) = (part("memory"), part("rootfs"), part("boot-info"));
    let size = |value: &Value, key: &str| value.whole(key).map(Size::of);
    let load = part("loadavg");
    // Texts, in every version.
    let load = load.items().iter().filter_map(|one| match one {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    });
    Ok(NodeStatus {
        cluster: cluster.name,
        node: args.node,
        uptime: show::duration(raw.whole("uptime").unwrap_or(0)),
        cpu_percent: raw.number("cpu").map(show::percent),
        io_wait_percent: raw.number("wait").map(show::percent),
        load: load.collect(),
        cpus: part("cpuinfo").whole("cpus"),
        cpu_model: part("cpuinfo").text("model"),
        memory_used: size(&memory, "used"),
        memory: size(&memory, "total"),
        swap_used: size(&part("swap"), "used"),
        root_used: size(&root, "used"),
        root: size(&root, "total"),
        kernel: part("current-kernel")
            .text("release")
            .or_else(|| raw.text("kversion")),
        version: raw.text("pveversion"),
        boot: boot.text("mode").map(|mode| {
            if boot.flag("secureboot") {
                format!("{mode}, secure boot")
            } else {
                mode
            }
        }),
    })
}

fn ask<'a>(
    cx: &'a Context,
    args: &NodeArgs,
    rest: &[&str],
    privilege: &str,
) -> Result<(Cluster<'a>, Value)> {
    let cluster = api::one(cx, args.cluster.as_deref())?;
    let mut path = path!["nodes", args.node];
    path.extend(rest.iter().map(|&segment| segment.to_owned()));
    let raw = cluster.get(path).map_err(|error| {
        if error.says("hostname lookup") {
            return ToolError::not_found(format!(
                "cluster {} has no node {:?}. hint: pve_cluster lists its nodes",
                cluster.name, args.node
            ))
            .into();
        }
        error.explain(&format!("{privilege} on /nodes/{}", args.node))
    })?;
    Ok((cluster, raw))
}

/// A node's services.
#[derive(Deserialize, JsonSchema, Serialize)]
#[expect(clippy::struct_field_names, reason = "as the model knows it")]
pub(crate) struct Services {
    /// The cluster.
    cluster: String,
    /// The node.
    node: String,
    /// Those that are enabled and do not run.
    not_running: Vec<String>,
    /// All of them.
    services: Vec<Service>,
}

/// A service.
#[derive(Deserialize, JsonSchema, Serialize)]
struct Service {
    /// Its name.
    name: String,
    /// running, dead and so on.
    state: String,
    /// Whether it is started with the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
}

/// Lists the services of a node, and first those that should run and do not.
#[tool(
    read_only,
    idempotent,
    open_world = false,
    title = "Services of a node"
)]
pub(crate) fn pve_node_services(cx: &Context, args: NodeArgs) -> Result<Services> {
    let (cluster, raw) = ask(cx, &args, &["services"], "Sys.Audit")?;
    let services: Vec<Service> = raw
        .items()
        .iter()
        .filter_map(|one| {
            Some(Service {
                name: one.text("service").or_else(|| one.text("name"))?,
                state: one.text("state")?,
                enabled: one.text("unit-state").map(|state| state == "enabled"),
            })
        })
        .collect();
    let not_running = services
        .iter()
        .filter(|one| one.enabled == Some(true) && one.state != "running");
    Ok(Services {
        cluster: cluster.name,
        node: args.node,
        not_running: not_running.map(|one| one.name.clone()).collect(),
        services,
    })
}

/// Updates that a node knows of.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct Updates {
    /// The cluster.
    cluster: String,
    /// The node.
    node: String,
    /// How many.
    count: usize,
    /// The packages.
    packages: Vec<Package>,
    /// What to know about the list.
    note: String,
}

/// A package.
#[derive(Deserialize, JsonSchema, Serialize)]
struct Package {
    /// Its name.
    name: String,
    /// The installed version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// The version that there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
}

/// Lists the updates of packages that a node knows of. Nothing is installed.
#[tool(read_only, idempotent, open_world = false, title = "Updates of a node")]
pub(crate) fn pve_node_updates(cx: &Context, args: NodeArgs) -> Result<Updates> {
    let (cluster, raw) = ask(cx, &args, &["apt", "update"], "Sys.Modify")?;
    let packages: Vec<Package> = raw
        .items()
        .iter()
        .filter_map(|one| {
            Some(Package {
                name: one.text("Package")?,
                from: one.text("OldVersion"),
                to: one.text("Version"),
                origin: one.text("Origin"),
            })
        })
        .collect();
    Ok(Updates {
        cluster: cluster.name,
        node: args.node,
        count: packages.len(),
        packages,
        note: "as of the node's last look at its package sources, which it takes daily".to_owned(),
    })
}
