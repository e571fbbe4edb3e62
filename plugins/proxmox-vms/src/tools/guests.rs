//! The inventory: every machine and container, filtered, from one request to each cluster.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use toolward_sdk::prelude::*;

use super::{Away, across, away_lines};
use crate::guest::{self, Guest, Kind};
use crate::loose::Loose;
use crate::show::{self, Size};

/// Which guests. Without anything, all of them.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct GuestsArgs {
    /// A part of the name, or a pattern with `*` and `?`; a number finds that guest.
    name: Option<String>,
    /// Only those on this node.
    node: Option<String>,
    /// Only machines, or only containers.
    #[serde(rename = "type")]
    kind: Option<Kind>,
    /// Only those in this state; `unknown` are those whose node does not answer.
    status: Option<Status>,
    /// Only those with this tag.
    tag: Option<String>,
    /// Only those of this resource pool.
    pool: Option<String>,
    /// Only templates, or none of them.
    template: Option<bool>,
    /// Only this cluster.
    cluster: Option<String>,
    /// What comes first.
    sort: Sort,
    /// How many at most: 50 unless said otherwise.
    #[schemars(range(min = 1, max = 5000))]
    limit: Option<usize>,
    /// How many to leave out first, for the next page.
    skip: usize,
    /// With memory, disk, processor and uptime of each.
    full: bool,
}

/// A guest's state.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Running,
    Stopped,
    Unknown,
}

/// An order.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Sort {
    /// By number.
    #[default]
    Id,
    /// By name.
    Name,
    /// The busiest first.
    Cpu,
    /// The largest use of memory first.
    Memory,
}

/// Guests that fit.
#[derive(Deserialize, JsonSchema, Serialize)]
#[expect(clippy::struct_field_names, reason = "as the model knows it")]
pub(crate) struct Guests {
    /// How many fit, on all pages.
    total: usize,
    /// How many of those are running.
    running: usize,
    /// Those of this page.
    guests: Vec<Entry>,
    /// What to set `skip` to for the next page; missing on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_skip: Option<usize>,
    /// Nodes that do not answer, as cluster/node, with how many guests: what they run is not known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    nodes_down: BTreeMap<String, usize>,
    /// Clusters that do not answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<Away>,
}

/// A guest.
#[derive(Deserialize, JsonSchema, Serialize)]
struct Entry {
    /// The cluster, where several are bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
    /// Its number.
    id: u64,
    /// Its name; missing while its node does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Machine or container.
    #[serde(rename = "type")]
    kind: Kind,
    /// Where it is.
    node: String,
    /// running, stopped, or unknown.
    status: String,
    /// It is a template.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    template: bool,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    /// Its resource pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pool: Option<String>,
    /// What holds it at the moment: backup, migrate, snapshot and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lock: Option<String>,
    /// Its state for high availability, if that manages it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ha: Option<String>,
    /// With `full`: processor in percent of what it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpu_percent: Option<f64>,
    /// With `full`: its virtual processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpus: Option<u64>,
    /// With `full`: memory in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory_used: Option<Size>,
    /// With `full`: its memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory: Option<Size>,
    /// With `full`: its disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    disk: Option<Size>,
    /// With `full`: how long it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uptime: Option<String>,
}

/// Lists virtual machines and containers of all clusters, by part of the name, node, type, status, tag or pool, page by
/// page. Use it to find a guest before anything else. Nodes and clusters that do not answer are named, and do not fail
/// the list.
#[tool(
    read_only,
    idempotent,
    open_world = false,
    title = "Machines and containers"
)]
pub(crate) fn pve_guests(cx: &Context, args: GuestsArgs) -> Result<Rendered<Guests>> {
    let (answers, unreachable) =
        across(cx, args.cluster.as_deref(), "VM.Audit on /vms", |cluster| {
            guest::list(cluster)
        })?;
    let several = answers.len() + unreachable.len() > 1;
    let mut nodes_down = BTreeMap::new();
    let mut all: Vec<Guest> = Vec::new();
    for (_, guests) in answers {
        for guest in guests.iter().filter(|guest| guest.status == "unknown") {
            let node = if several {
                format!("{}/{}", guest.cluster, guest.node)
            } else {
                guest.node.clone()
            };
            *nodes_down.entry(node).or_default() += 1;
        }
        all.extend(guests.into_iter().filter(|guest| args.fits(guest)));
    }
    sort(&mut all, args.sort);
    let (total, running) = (
        all.len(),
        all.iter().filter(|guest| guest.is_running()).count(),
    );
    let limit = args.limit.unwrap_or(50);
    let next = args.skip.saturating_add(limit);
    let page = all.iter().skip(args.skip).take(limit);
    let list = Guests {
        total,
        running,
        guests: page.map(|guest| entry(guest, several, args.full)).collect(),
        next_skip: (next < total).then_some(next),
        nodes_down,
        unreachable,
    };
    let text = text(&list);
    Ok(Rendered::new(list, text))
}

impl GuestsArgs {
    fn fits(&self, guest: &Guest) -> bool {
        let is = |wanted: &Option<String>, value: Option<&str>| {
            wanted
                .as_deref()
                .is_none_or(|wanted| value.is_some_and(|value| value.eq_ignore_ascii_case(wanted)))
        };
        self.name.as_deref().is_none_or(|name| named(guest, name))
            && is(&self.node, Some(&guest.node))
            && is(&self.pool, guest.pool.as_deref())
            && self.kind.is_none_or(|kind| kind == guest.kind)
            && self
                .template
                .is_none_or(|template| template == guest.template)
            && self
                .tag
                .as_deref()
                .is_none_or(|tag| guest.tags.iter().any(|one| one.eq_ignore_ascii_case(tag)))
            && self.status.is_none_or(|status| {
                guest.status
                    == match status {
                        Status::Running => "running",
                        Status::Stopped => "stopped",
                        Status::Unknown => "unknown",
                    }
            })
    }
}

fn named(guest: &Guest, wanted: &str) -> bool {
    let wanted = wanted.trim().to_lowercase();
    let name = guest.name.as_deref().unwrap_or_default().to_lowercase();
    if wanted.contains(['*', '?']) {
        return matches(&wanted, &name);
    }
    name.contains(&wanted) || wanted.parse() == Ok(guest.id)
}

/// `*` stands for anything, `?` for one character. Goes back to the last `*` only, so it takes no longer than the
/// product of both lengths.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut here) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while here < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, here));
                at += 1;
            }
            Some(c) if *c == '?' || *c == text[here] => {
                at += 1;
                here += 1;
            }
            _ => match star {
                Some((star_at, taken)) => {
                    at = star_at + 1;
                    here = taken + 1;
                    star = Some((star_at, taken + 1));
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

fn sort(guests: &mut [Guest], by: Sort) {
    let number = |guest: &Guest, key: &str| guest.raw.number(key).unwrap_or(-1.0);
    match by {
        Sort::Id => guests.sort_by(|a, b| (&a.cluster, a.id).cmp(&(&b.cluster, b.id))),
        Sort::Name => {
            guests.sort_by_key(|guest| guest.name.clone().unwrap_or_default().to_lowercase());
        }
        Sort::Cpu => guests.sort_by(|a, b| number(b, "cpu").total_cmp(&number(a, "cpu"))),
        Sort::Memory => guests.sort_by(|a, b| number(b, "mem").total_cmp(&number(a, "mem"))),
    }
}

fn entry(guest: &Guest, several: bool, full: bool) -> Entry {
    let raw = &guest.raw;
    let size = |key| raw.whole(key).filter(|_| full).map(Size::of);
    Entry {
        cluster: several.then(|| guest.cluster.clone()),
        id: guest.id,
        name: guest.name.clone(),
        kind: guest.kind,
        node: guest.node.clone(),
        status: guest.status.clone(),
        template: guest.template,
        tags: guest.tags.clone(),
        pool: guest.pool.clone(),
        lock: guest.lock.clone(),
        ha: guest.ha.clone(),
        cpu_percent: raw.number("cpu").filter(|_| full).map(show::percent),
        cpus: raw.whole("maxcpu").filter(|_| full),
        memory_used: size("mem"),
        memory: size("maxmem"),
        disk: size("maxdisk"),
        uptime: raw
            .whole("uptime")
            .filter(|time| full && *time > 0)
            .map(show::duration),
    }
}

fn text(list: &Guests) -> String {
    let mut text = format!("{} guests, {} running", list.total, list.running);
    for guest in &list.guests {
        let name = guest.name.as_deref().unwrap_or("?");
        let _ = write!(
            text,
            "\n{} {name} {} {} {}",
            guest.id,
            guest.kind.noun(),
            guest.node,
            guest.status
        );
        if let Some(cluster) = &guest.cluster {
            let _ = write!(text, " cluster={cluster}");
        }
        if guest.template {
            text.push_str(" template");
        }
        if !guest.tags.is_empty() {
            let _ = write!(text, " tags={}", guest.tags.join(","));
        }
        if let Some(lock) = &guest.lock {
            let _ = write!(text, " locked={lock}");
        }
        if let (Some(cpu), Some(memory)) = (guest.cpu_percent, &guest.memory) {
            let _ = write!(text, " cpu={cpu}%");
            if let Some(used) = &guest.memory_used {
                let _ = write!(text, " memory={} of {}", used.human, memory.human);
            }
        }
    }
    if let Some(next) = list.next_skip {
        let _ = write!(text, "\nmore: call again with skip={next}");
    }
    for (node, guests) in &list.nodes_down {
        let _ = write!(
            text,
            "\nnode {node} does not answer; the state of its {guests} guests is not known"
        );
    }
    away_lines(&mut text, &list.unreachable);
    if list.total == 0 && list.nodes_down.is_empty() && list.unreachable.is_empty() {
        text.push_str("\nhint: nothing fits the filters, or the account may see nothing; pve_permissions shows its rights");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, text, expected) in [
            ("web*", "web01", true),
            ("*01", "web01", true),
            ("w?b01", "web01", true),
            ("web", "web01", false),
            ("*b*1", "web01", true),
            ("**", "", true),
            ("a*a*a*b", "aaaaaaaaaaaa", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
