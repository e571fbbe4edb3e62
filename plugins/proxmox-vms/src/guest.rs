//! Guests: the list of all, and finding the one that somebody means.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt::Write as _;
use toolward_sdk::JsonSchema;
use toolward_sdk::prelude::*;

use crate::api::{self, ApiError, Cluster};
use crate::loose::Loose;
use crate::path;

/// Machine or container.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A virtual machine.
    Machine,
    /// A container.
    Container,
}

impl Kind {
    /// In paths of the API.
    pub(crate) const fn segment(self) -> &'static str {
        match self {
            Self::Machine => "qemu",
            Self::Container => "lxc",
        }
    }

    /// The type of a task about it: `start` is `qmstart` or `vzstart`.
    pub(crate) fn task(self, what: &str) -> String {
        match self {
            Self::Machine => format!("qm{what}"),
            Self::Container => format!("vz{what}"),
        }
    }

    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Container => "container",
        }
    }
}

/// A guest as the cluster's one list has it.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    pub(crate) cluster: String,
    pub(crate) id: u64,
    /// Missing while its node is away.
    pub(crate) name: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) node: String,
    /// `running`, `stopped`, or `unknown` while its node is away.
    pub(crate) status: String,
    pub(crate) template: bool,
    pub(crate) tags: Vec<String>,
    pub(crate) pool: Option<String>,
    pub(crate) lock: Option<String>,
    pub(crate) ha: Option<String>,
    pub(crate) raw: Value,
}

impl Guest {
    fn read(cluster: &str, raw: &Value) -> Option<Self> {
        let kind = match raw["type"].as_str()? {
            "qemu" => Kind::Machine,
            "lxc" => Kind::Container,
            _ => return None,
        };
        Some(Self {
            cluster: cluster.to_owned(),
            id: raw.whole("vmid")?,
            name: raw.text("name"),
            kind,
            node: raw.text("node")?,
            status: raw.text("status").unwrap_or_else(|| "unknown".to_owned()),
            template: raw.flag("template"),
            tags: tags(raw.text("tags")),
            pool: raw.text("pool"),
            lock: raw.text("lock"),
            ha: raw.text("hastate"),
            raw: raw.clone(),
        })
    }

    pub(crate) fn is_running(&self) -> bool {
        self.status == "running"
    }

    /// `machine web01 (101) on pve1`.
    pub(crate) fn shown(&self) -> String {
        let name = self.name.as_deref().unwrap_or("without a name");
        format!("{} {name} ({}) on {}", self.kind.noun(), self.id, self.node)
    }

    /// The path of a request about it.
    pub(crate) fn path(&self, rest: &[&str]) -> Vec<String> {
        let mut path = path!["nodes", self.node, self.kind.segment(), self.id];
        path.extend(rest.iter().map(|&segment| segment.to_owned()));
        path
    }

    /// `VM.Audit on /vms/101`.
    pub(crate) fn needs(&self, privilege: &str) -> String {
        format!("{privilege} on /vms/{}", self.id)
    }

    pub(crate) fn label(&self) -> Label {
        Label {
            id: self.id,
            name: self.name.clone(),
            kind: self.kind,
            node: self.node.clone(),
        }
    }
}

/// Which guest.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Label {
    /// Its number.
    pub(crate) id: u64,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Machine or container.
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    /// The node it is on.
    pub(crate) node: String,
}

fn tags(text: Option<String>) -> Vec<String> {
    let text = text.unwrap_or_default();
    // Separated by semicolons when read, by commas when people write them.
    text.split([';', ',', ' '])
        .filter(|tag| !tag.is_empty())
        .map(str::to_owned)
        .collect()
}

/// All guests of a cluster that the account may see, by number: one request.
pub(crate) fn list(cluster: &Cluster<'_>) -> Result<Vec<Guest>, ApiError> {
    let all = cluster.get_with(path!["cluster", "resources"], &[("type", "vm")])?;
    let mut guests: Vec<_> = all
        .items()
        .iter()
        .filter_map(|raw| Guest::read(&cluster.name, raw))
        .collect();
    guests.sort_by_key(|guest| guest.id);
    Ok(guests)
}

/// A guest and its cluster.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub(crate) cluster: Cluster<'a>,
    pub(crate) guest: Guest,
}

/// The guest that is meant by a number, a name, or `node/` and either.
pub(crate) fn find<'a>(cx: &'a Context, cluster: Option<&str>, wanted: &str) -> Result<Found<'a>> {
    let mut found = find_all(cx, cluster, &[wanted.to_owned()])?;
    found
        .pop()
        .ok_or_else(|| ToolError::not_found("no guest was asked for").into())
}

/// The guests that are meant, each once, in the order in which they were named.
pub(crate) fn find_all<'a>(
    cx: &'a Context,
    cluster: Option<&str>,
    wanted: &[String],
) -> Result<Vec<Found<'a>>> {
    let clusters = api::wanted(cx, cluster)?;
    let mut known = Vec::new();
    let mut away = Vec::new();
    let several = clusters.len() > 1;
    for cluster in clusters {
        match list(&cluster) {
            Ok(guests) => known.push((cluster, guests)),
            // What is asked for may be on another one.
            Err(error) if several && error.is_away() => away.push(cluster.name.clone()),
            Err(error) => return Err(error.explain("VM.Audit on /vms")),
        }
    }
    let mut found: Vec<Found<'a>> = Vec::new();
    for text in wanted {
        let selector = Selector::of(text)?;
        let mut fits: Vec<_> = known
            .iter()
            .flat_map(|(cluster, guests)| {
                let fits = guests.iter().filter(|guest| selector.fits(guest));
                fits.map(move |guest| (cluster, guest))
            })
            .collect();
        let (cluster, guest) = match (fits.pop(), fits.is_empty()) {
            (None, _) => return Err(nothing_fits(text, &known, &away)),
            (Some(one), true) => one,
            (Some(last), false) => {
                fits.push(last);
                return Err(several_fit(text, &fits));
            }
        };
        let twice = found
            .iter()
            .any(|one| one.guest.id == guest.id && one.guest.cluster == guest.cluster);
        if !twice {
            found.push(Found {
                cluster: cluster.clone(),
                guest: guest.clone(),
            });
        }
    }
    Ok(found)
}

fn nothing_fits(text: &str, known: &[(Cluster<'_>, Vec<Guest>)], away: &[String]) -> Failure {
    let lower = text.to_lowercase();
    let mut near: Vec<String> = known
        .iter()
        .flat_map(|(_, guests)| guests)
        .filter(|guest| {
            guest.name.as_deref().is_some_and(|name| {
                let name = name.to_lowercase();
                name.contains(&lower) || (name.len() > 2 && lower.contains(&name))
            })
        })
        .map(|guest| {
            format!(
                "{} ({})",
                guest.name.as_deref().unwrap_or_default(),
                guest.id
            )
        })
        .take(5)
        .collect();
    near.dedup();
    let mut message = format!("there is no guest {text:?}, or the account may not see it");
    if !away.is_empty() {
        let _ = write!(
            message,
            "; clusters that do not answer: {}",
            away.join(", ")
        );
    }
    if !known
        .iter()
        .flat_map(|(_, guests)| guests)
        .any(|guest| guest.status != "unknown")
    {
        message
            .push_str(". hint: the account sees no guest at all; pve_permissions shows its rights");
    } else if near.is_empty() {
        message.push_str(". hint: pve_guests lists them");
    } else {
        let _ = write!(message, ". hint: did you mean {}?", near.join(", "));
    }
    ToolError::not_found(message).into()
}

fn several_fit(text: &str, fits: &[(&Cluster<'_>, &Guest)]) -> Failure {
    let clusters: std::collections::BTreeSet<&str> = fits
        .iter()
        .map(|(cluster, _)| cluster.name.as_str())
        .collect();
    let shown: Vec<String> = fits
        .iter()
        .take(10)
        .map(|(cluster, guest)| {
            if clusters.len() > 1 {
                format!("{} of cluster {}", guest.shown(), cluster.name)
            } else {
                guest.shown()
            }
        })
        .collect();
    let hint = if clusters.len() > 1 {
        "set `cluster`, or name it by its number"
    } else {
        "name it by its number"
    };
    ToolError::invalid_input(format!(
        "{text:?} is the name of several guests: {}. hint: {hint}",
        shown.join(", ")
    ))
    .into()
}

/// How a guest is named.
#[derive(Debug)]
struct Selector<'t> {
    node: Option<&'t str>,
    what: &'t str,
    id: Option<u64>,
}

impl<'t> Selector<'t> {
    fn of(text: &'t str) -> Result<Self> {
        let text = text.trim();
        let (node, what) = match text.split_once(['/', ':']) {
            // `qemu/101` is how the API itself writes it.
            Some(("qemu" | "lxc", what)) => (None, what),
            Some((node, what)) => (Some(node), what),
            None => (None, text),
        };
        if what.is_empty() {
            return Err(ToolError::invalid_input(format!(
                "{text:?} names no guest. hint: a number such as 101, a name, or node/name"
            ))
            .into());
        }
        Ok(Self {
            node,
            what,
            id: what.parse().ok(),
        })
    }

    fn fits(&self, guest: &Guest) -> bool {
        let right_node = self
            .node
            .is_none_or(|node| guest.node.eq_ignore_ascii_case(node));
        let named = || {
            guest
                .name
                .as_deref()
                .is_some_and(|name| name.eq_ignore_ascii_case(self.what))
        };
        right_node && self.id.map_or_else(named, |id| guest.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest() -> Guest {
        let raw = json!({"type": "qemu", "vmid": "101", "name": "web01", "node": "pve1", "status": "running", "tags": "a;b"});
        Guest::read("lab", &raw).unwrap()
    }

    #[test]
    fn a_guest_is_found_by_number_and_name_with_and_without_its_node() {
        for text in [
            "101",
            "WEB01",
            "pve1/101",
            "pve1/web01",
            "PVE1:web01",
            "qemu/101",
            " 101 ",
        ] {
            assert!(Selector::of(text).unwrap().fits(&guest()), "{text}");
        }
        for text in ["102", "web", "pve2/101", "pve2/web01"] {
            assert!(!Selector::of(text).unwrap().fits(&guest()), "{text}");
        }
        assert!(Selector::of("").is_err() && Selector::of("pve1/").is_err());
    }

    #[test]
    fn numbers_that_are_texts_and_tags_are_read() {
        assert_eq!(
            (guest().id, guest().tags),
            (101, vec!["a".to_owned(), "b".to_owned()])
        );
        assert!(Guest::read("lab", &json!({"type": "storage", "vmid": 1, "node": "a"})).is_none());
    }
}
