//! What the API knows: each request with its parameters and the rights it needs.
//!
//! Parameters are names with a type after the colon (`i` a whole number, `b` a boolean, none a text); `*` marks one
//! that must be there, `[n]` a family such as `net0`, `net1`.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use crate::answer::{Outcome, Refusal};
use crate::call::Call;
use crate::model::Kind;
use crate::{agent, backup, cluster, guests, lifecycle, nodes, snapshots, storage, tasks};

pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) parameters: &'static str,
    /// Paths, with the parameters of the request filled in, and one of several privileges there.
    pub(crate) needs: &'static [(&'static str, &'static str)],
    pub(crate) handler: fn(&mut Call<'_>) -> Outcome,
}

macro_rules! routes {
    ($($method:ident $path:literal ($parameters:literal) [$(($at:literal, $privilege:literal)),*] $handler:path;)*) => {
        pub(crate) const ROUTES: &[Route] = &[$(Route {
            method: stringify!($method),
            path: $path,
            parameters: $parameters,
            needs: &[$(($at, $privilege)),*],
            handler: $handler,
        }),*];
    };
}

routes! {
    GET "/version" ("") [] cluster::version;
    GET "/cluster/resources" ("type") [] cluster::resources;
    GET "/cluster/status" ("") [("/", "Sys.Audit")] cluster::status;
    GET "/cluster/nextid" ("vmid:i") [] cluster::next_id;
    GET "/cluster/tasks" ("") [] tasks::of_cluster;
    GET "/cluster/backup" ("") [("/", "Sys.Audit")] backup::jobs;
    GET "/cluster/backup-info/not-backed-up" ("") [("/", "Sys.Audit")] backup::not_covered;
    GET "/cluster/ha/resources" ("type") [("/", "Sys.Audit")] cluster::ha_resources;
    GET "/cluster/ha/status/current" ("") [("/", "Sys.Audit")] cluster::ha_status;
    GET "/access/permissions" ("path userid") [] cluster::permissions;
    GET "/nodes" ("") [] nodes::list;
    GET "/nodes/{node}/status" ("") [("/nodes/{node}", "Sys.Audit")] nodes::status;
    GET "/nodes/{node}/services" ("") [("/nodes/{node}", "Sys.Audit")] nodes::services;
    GET "/nodes/{node}/apt/update" ("") [("/nodes/{node}", "Sys.Modify")] nodes::updates;
    GET "/nodes/{node}/rrddata" ("timeframe* cf") [("/nodes/{node}", "Sys.Audit")] nodes::usage;
    GET "/nodes/{node}/aplinfo" ("") [] storage::templates;
    POST "/nodes/{node}/aplinfo" ("storage* template*") [("/storage/{storage}", "Datastore.AllocateTemplate")] storage::download_template;
    GET "/nodes/{node}/tasks" ("start:i limit:i since:i until:i errors:b source statusfilter typefilter userfilter vmid:i") [] tasks::of_node;
    GET "/nodes/{node}/tasks/{upid}/status" ("") [] tasks::status;
    GET "/nodes/{node}/tasks/{upid}/log" ("start:i limit:i") [] tasks::log;
    DELETE "/nodes/{node}/tasks/{upid}" ("") [] tasks::abort;
    GET "/nodes/{node}/storage" ("content enabled:b format:b storage target") [] storage::list;
    GET "/nodes/{node}/storage/{storage}/content" ("content vmid:i") [("/storage/{storage}", "Datastore.Audit|Datastore.AllocateSpace")] storage::content;
    DELETE "/nodes/{node}/storage/{storage}/content/{volume}" ("delay:i") [] storage::delete;
    POST "/nodes/{node}/storage/{storage}/download-url" ("url* content* filename* checksum checksum-algorithm compression verify-certificates:b") [("/storage/{storage}", "Datastore.AllocateTemplate"), ("/", "Sys.Audit|Sys.Modify")] storage::download;
    POST "/nodes/{node}/vzdump" ("vmid all:b bwlimit:i compress exclude mode notes-template pool protected:b prune-backups remove:b storage mailto mailnotification zstd:i") [] backup::run;

    GET "/nodes/{node}/qemu/{vmid}/status/current" ("") [("/vms/{vmid}", "VM.Audit")] guests::current;
    GET "/nodes/{node}/lxc/{vmid}/status/current" ("") [("/vms/{vmid}", "VM.Audit")] guests::current;
    GET "/nodes/{node}/qemu/{vmid}/config" ("current:b snapshot") [("/vms/{vmid}", "VM.Audit")] guests::config;
    GET "/nodes/{node}/lxc/{vmid}/config" ("current:b snapshot") [("/vms/{vmid}", "VM.Audit")] guests::config;
    PUT "/nodes/{node}/qemu/{vmid}/config" ("name memory cores:i sockets:i cpu tags description onboot:b delete digest agent balloon:i net[n] ciuser ipconfig[n]") [] guests::change;
    POST "/nodes/{node}/qemu/{vmid}/config" ("name memory cores:i sockets:i cpu tags description onboot:b delete digest agent balloon:i net[n] ciuser ipconfig[n]") [] guests::change;
    PUT "/nodes/{node}/lxc/{vmid}/config" ("hostname memory:i swap:i cores:i tags description onboot:b delete digest net[n]") [] guests::change;
    GET "/nodes/{node}/qemu/{vmid}/rrddata" ("timeframe* cf") [("/vms/{vmid}", "VM.Audit")] guests::usage;
    GET "/nodes/{node}/lxc/{vmid}/rrddata" ("timeframe* cf") [("/vms/{vmid}", "VM.Audit")] guests::usage;
    POST "/nodes/{node}/qemu/{vmid}/status/start" ("timeout:i machine force-cpu") [("/vms/{vmid}", "VM.PowerMgmt")] guests::start;
    POST "/nodes/{node}/lxc/{vmid}/status/start" ("debug:b") [("/vms/{vmid}", "VM.PowerMgmt")] guests::start;
    POST "/nodes/{node}/qemu/{vmid}/status/stop" ("timeout:i keepActive:b overrule-shutdown:b") [("/vms/{vmid}", "VM.PowerMgmt")] guests::stop;
    POST "/nodes/{node}/lxc/{vmid}/status/stop" ("overrule-shutdown:b") [("/vms/{vmid}", "VM.PowerMgmt")] guests::stop;
    POST "/nodes/{node}/qemu/{vmid}/status/shutdown" ("timeout:i forceStop:b keepActive:b") [("/vms/{vmid}", "VM.PowerMgmt")] guests::shutdown;
    POST "/nodes/{node}/lxc/{vmid}/status/shutdown" ("timeout:i forceStop:b") [("/vms/{vmid}", "VM.PowerMgmt")] guests::shutdown;
    POST "/nodes/{node}/qemu/{vmid}/status/reboot" ("timeout:i") [("/vms/{vmid}", "VM.PowerMgmt")] guests::reboot;
    POST "/nodes/{node}/lxc/{vmid}/status/reboot" ("timeout:i") [("/vms/{vmid}", "VM.PowerMgmt")] guests::reboot;
    POST "/nodes/{node}/qemu/{vmid}/status/reset" ("") [("/vms/{vmid}", "VM.PowerMgmt")] guests::reset;
    POST "/nodes/{node}/qemu/{vmid}/status/suspend" ("todisk:b statestorage") [("/vms/{vmid}", "VM.PowerMgmt")] guests::suspend;
    POST "/nodes/{node}/lxc/{vmid}/status/suspend" ("") [("/vms/{vmid}", "VM.PowerMgmt")] guests::suspend;
    POST "/nodes/{node}/qemu/{vmid}/status/resume" ("nocheck:b") [("/vms/{vmid}", "VM.PowerMgmt")] guests::resume;
    POST "/nodes/{node}/lxc/{vmid}/status/resume" ("") [("/vms/{vmid}", "VM.PowerMgmt")] guests::resume;
    PUT "/nodes/{node}/qemu/{vmid}/resize" ("disk* size* digest") [("/vms/{vmid}", "VM.Config.Disk")] guests::resize;
    PUT "/nodes/{node}/lxc/{vmid}/resize" ("disk* size* digest") [("/vms/{vmid}", "VM.Config.Disk")] guests::resize;
    POST "/nodes/{node}/qemu" ("vmid*:i name memory cores:i sockets:i cpu ostype scsihw bios boot agent onboot:b start:b pool tags description storage archive force:b unique:b live-restore:b bwlimit:i ciuser cipassword sshkeys net[n] scsi[n] virtio[n] sata[n] ide[n] ipconfig[n]") [] lifecycle::create;
    POST "/nodes/{node}/lxc" ("vmid*:i ostemplate* hostname memory:i swap:i cores:i rootfs onboot:b start:b pool tags description storage restore:b force:b unique:b bwlimit password ssh-public-keys unprivileged:b features nameserver net[n] mp[n]") [] lifecycle::create;
    DELETE "/nodes/{node}/qemu/{vmid}" ("purge:b destroy-unreferenced-disks:b") [("/vms/{vmid}", "VM.Allocate")] lifecycle::delete;
    DELETE "/nodes/{node}/lxc/{vmid}" ("purge:b destroy-unreferenced-disks:b force:b") [("/vms/{vmid}", "VM.Allocate")] lifecycle::delete;
    POST "/nodes/{node}/qemu/{vmid}/clone" ("newid*:i name full:b storage format target pool snapname description bwlimit:i") [("/vms/{vmid}", "VM.Clone"), ("/vms/{newid}", "VM.Allocate")] lifecycle::clone;
    POST "/nodes/{node}/lxc/{vmid}/clone" ("newid*:i hostname full:b storage target pool snapname description bwlimit:i") [("/vms/{vmid}", "VM.Clone"), ("/vms/{newid}", "VM.Allocate")] lifecycle::clone;
    POST "/nodes/{node}/qemu/{vmid}/template" ("disk") [("/vms/{vmid}", "VM.Allocate")] lifecycle::template;
    POST "/nodes/{node}/lxc/{vmid}/template" ("") [("/vms/{vmid}", "VM.Allocate")] lifecycle::template;
    GET "/nodes/{node}/qemu/{vmid}/migrate" ("target") [("/vms/{vmid}", "VM.Migrate")] lifecycle::preconditions;
    POST "/nodes/{node}/qemu/{vmid}/migrate" ("target* online:b with-local-disks:b targetstorage bwlimit:i migration_network migration_type") [("/vms/{vmid}", "VM.Migrate")] lifecycle::migrate;
    POST "/nodes/{node}/lxc/{vmid}/migrate" ("target* online:b restart:b timeout:i target-storage bwlimit") [("/vms/{vmid}", "VM.Migrate")] lifecycle::migrate;
    GET "/nodes/{node}/qemu/{vmid}/snapshot" ("") [("/vms/{vmid}", "VM.Audit")] snapshots::list;
    GET "/nodes/{node}/lxc/{vmid}/snapshot" ("") [("/vms/{vmid}", "VM.Audit")] snapshots::list;
    POST "/nodes/{node}/qemu/{vmid}/snapshot" ("snapname* description vmstate:b") [("/vms/{vmid}", "VM.Snapshot")] snapshots::create;
    POST "/nodes/{node}/lxc/{vmid}/snapshot" ("snapname* description") [("/vms/{vmid}", "VM.Snapshot")] snapshots::create;
    DELETE "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}" ("force:b") [("/vms/{vmid}", "VM.Snapshot")] snapshots::delete;
    DELETE "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}" ("force:b") [("/vms/{vmid}", "VM.Snapshot")] snapshots::delete;
    POST "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/rollback" ("start:b") [("/vms/{vmid}", "VM.Snapshot|VM.Snapshot.Rollback")] snapshots::roll_back;
    POST "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/rollback" ("start:b") [("/vms/{vmid}", "VM.Snapshot|VM.Snapshot.Rollback")] snapshots::roll_back;
    GET "/nodes/{node}/lxc/{vmid}/interfaces" ("") [("/vms/{vmid}", "VM.Audit")] agent::container_interfaces;
    GET "/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces" ("") [] agent::interfaces;
    POST "/nodes/{node}/qemu/{vmid}/agent/exec" ("command* input-data") [] agent::exec;
    GET "/nodes/{node}/qemu/{vmid}/agent/exec-status" ("pid*:i") [] agent::exec_status;
}

/// A request's route and what stands in the blanks of its path.
pub(crate) fn find(method: &str, path: &str) -> Option<(&'static Route, BTreeMap<String, String>)> {
    ROUTES
        .iter()
        .filter(|route| route.method == method)
        .find_map(|route| Some((route, matches(route.path, path)?)))
}

/// The template of a path, whatever the method, for statistics.
pub(crate) fn template(method: &str, path: &str) -> String {
    find(method, path).map_or_else(|| path.to_owned(), |(route, _)| route.path.to_owned())
}

fn matches(template: &str, path: &str) -> Option<BTreeMap<String, String>> {
    // The name of a volume may hold slashes: there it goes on to the end.
    let most = if template.ends_with("/{volume}") {
        template.split('/').count()
    } else {
        usize::MAX
    };
    let (mut parts, mut blanks) = (path.splitn(most, '/'), BTreeMap::new());
    for wanted in template.split('/') {
        let part = parts.next()?;
        match wanted
            .strip_prefix('{')
            .and_then(|name| name.strip_suffix('}'))
        {
            Some(name) => {
                let value = percent_decode_str(part).decode_utf8().ok()?;
                blanks.insert(name.to_owned(), value.into_owned());
            }
            None if part == wanted => {}
            None => return None,
        }
    }
    parts.next().is_none().then_some(blanks)
}

/// The parameters of the request against those that the route knows.
pub(crate) fn check(
    route: &Route,
    given: &BTreeMap<String, Vec<String>>,
    blanks: &BTreeMap<String, String>,
) -> Result<(), Refusal> {
    let mut errors = Vec::new();
    let known: Vec<Parameter> = route
        .parameters
        .split_whitespace()
        .map(Parameter::of)
        .collect();
    for (name, values) in given {
        let Some(parameter) = known.iter().find(|one| one.takes(name)) else {
            let what = "property is not defined in schema and the schema does not allow additional properties";
            errors.push((name.clone(), what.to_owned()));
            continue;
        };
        for value in values {
            if let Some(what) = parameter.misfit(value) {
                errors.push((name.clone(), what));
            }
        }
    }
    for parameter in known.iter().filter(|one| one.required) {
        if !given.contains_key(parameter.name) {
            let what = "property is missing and it is not optional";
            errors.push((parameter.name.to_owned(), what.to_owned()));
        }
    }
    if let Some(id) = blanks.get("vmid")
        && id.parse::<u32>().is_err()
    {
        errors.push((
            "vmid".to_owned(),
            format!("type check ('integer') failed - got '{id}'"),
        ));
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Refusal::parameters(errors))
    }
}

pub(crate) struct Parameter<'r> {
    pub(crate) name: &'r str,
    pub(crate) required: bool,
    kind: &'r str,
    family: bool,
}

impl<'r> Parameter<'r> {
    pub(crate) fn of(text: &'r str) -> Self {
        let (name, kind) = text.split_once(':').unwrap_or((text, ""));
        let (name, required) = name
            .strip_suffix('*')
            .map_or((name, false), |name| (name, true));
        let (name, family) = name
            .strip_suffix("[n]")
            .map_or((name, false), |name| (name, true));
        Self {
            name,
            required,
            kind,
            family,
        }
    }

    /// The name that the vendor's document has for it.
    #[cfg(test)]
    fn documented(&self) -> String {
        if self.family {
            format!("{}[n]", self.name)
        } else {
            self.name.to_owned()
        }
    }

    fn takes(&self, name: &str) -> bool {
        if !self.family {
            return name == self.name;
        }
        name.strip_prefix(self.name)
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    }

    fn misfit(&self, value: &str) -> Option<String> {
        let fits = match self.kind {
            "i" => value.parse::<i64>().is_ok(),
            "b" => matches!(
                value,
                "0" | "1" | "true" | "false" | "yes" | "no" | "on" | "off"
            ),
            _ => true,
        };
        let kind = if self.kind == "i" {
            "integer"
        } else {
            "boolean"
        };
        (!fits).then(|| format!("type check ('{kind}') failed - got '{value}'"))
    }
}

/// Machine or container, from the path.
pub(crate) fn kind(path: &str) -> Option<Kind> {
    match path.split('/').nth(3) {
        Some("qemu") => Some(Kind::Qemu),
        Some("lxc") => Some(Kind::Lxc),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_and_their_blanks_unescaped() {
        for volume in ["local%3Aiso%2Fx.iso", "local%3Aiso/x.iso"] {
            let path = format!("/nodes/pve1/storage/local/content/{volume}");
            let (route, blanks) = find("DELETE", &path).unwrap();
            assert!(route.path.ends_with("{volume}"));
            assert_eq!(blanks["volume"], "local:iso/x.iso");
        }
        assert!(find("GET", "/nodes/pve1/qemu/1/status/current/x").is_none());
    }

    #[test]
    fn parameters_are_known_by_name_and_type() {
        let (route, blanks) = find("POST", "/nodes/a/qemu").unwrap();
        let given = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            let owned = pairs.map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]));
            check(route, &owned.collect(), &blanks).is_ok()
        };
        assert!(given(&[("vmid", "100"), ("net0", "virtio")]));
        assert!(!given(&[("vmid", "abc")]));
        assert!(!given(&[("vmid", "100"), ("netx", "virtio")]));
        assert!(!given(&[("name", "a")]));
    }

    /// Where the vendor's description is present, it knows every request here, each of its parameters, and which of
    /// them must be there.
    #[test]
    fn the_vendor_describes_what_is_known_here() {
        use crate::options::Flavour;
        let Some(checker) = crate::schema::Checker::load(Flavour::V8) else {
            return;
        };
        for route in ROUTES {
            let described = checker.operation(route.method, route.path);
            let described = described.unwrap_or_else(|| panic!("{} {}", route.method, route.path));
            let known = &described["parameters"]["properties"];
            for parameter in route.parameters.split_whitespace().map(Parameter::of) {
                let name = parameter.documented();
                let schema = &known[&name];
                assert!(
                    schema.is_object(),
                    "{} {}: {name}",
                    route.method,
                    route.path
                );
                let optional = schema["optional"].as_i64() == Some(1);
                assert_eq!(
                    optional, !parameter.required,
                    "{} {}: {name}",
                    route.method, route.path
                );
            }
        }
    }
}
