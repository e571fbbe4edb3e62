//! The machines and repositories that the server works with: a few, which have something of everything.

use super::Repository;
use crate::id::Id;
use crate::random::Random;

/// A repository and its state.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) host: Option<(Id, String)>,
    pub(crate) path: Option<String>,
    /// In gigabytes; not above zero where nobody knows.
    pub(crate) capacity: f64,
    pub(crate) free: f64,
    pub(crate) used: f64,
    pub(crate) online: bool,
    pub(crate) out_of_date: bool,
    /// The scale-out repository that it is an extent of.
    pub(crate) extent_of: Option<(Id, String)>,
}

/// An extent of the scale-out repository.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) status: &'static str,
}

/// A managed server.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) available: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) host: (Id, String),
    pub(crate) online: bool,
    pub(crate) disabled: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Estate {
    pub(crate) stores: Vec<Store>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) extents: Vec<Extent>,
}

impl Estate {
    /// Of a server with so many jobs: one that was just installed has itself and its first repository.
    pub(crate) fn generate(repositories: &[Repository], jobs: usize, random: &mut Random) -> Self {
        let hosts = hosts(random);
        let proxies = proxies(&hosts, random);
        let scale_out = (random.id(), "Scale-out Übersee".to_owned());
        let mut stores = plain_stores(repositories, &hosts);
        let extents = extents(&scale_out, &hosts, random, &mut stores);
        stores.push(Store {
            id: scale_out.0,
            name: scale_out.1,
            kind: "ExtendableRepository",
            host: None,
            path: None,
            capacity: 8192.0,
            free: 2560.0,
            used: 5000.0,
            online: true,
            out_of_date: false,
            extent_of: None,
        });
        let mut estate = Self {
            stores,
            hosts,
            proxies,
            extents,
        };
        if jobs == 0 {
            estate.stores.truncate(1);
            estate.hosts.truncate(1);
            estate.proxies.truncate(1);
            estate.extents.clear();
        }
        estate
    }

    /// The scale-out repository, if there is one.
    pub(crate) fn scale_out(&self) -> Option<&Store> {
        let mut stores = self.stores.iter();
        stores.find(|store| store.kind == "ExtendableRepository")
    }
}

fn hosts(random: &mut Random) -> Vec<Host> {
    [
        ("vbr01.example", "WindowsHost", true),
        ("vcenter01.example", "ViHost", true),
        ("proxy02.example", "WindowsHost", false),
        ("repo-linux.example", "LinuxHost", true),
    ]
    .into_iter()
    .map(|(name, kind, available)| Host {
        id: random.id(),
        name: name.to_owned(),
        kind,
        available,
    })
    .collect()
}

fn proxies(hosts: &[Host], random: &mut Random) -> Vec<Proxy> {
    [
        ("VMware Backup Proxy", "ViProxy", 0, true, false),
        ("proxy02.example", "ViProxy", 2, false, false),
        ("Прокси-03", "ViProxy", 3, true, true),
    ]
    .into_iter()
    .map(
        |(name, kind, host, online, disabled): (_, _, usize, _, _)| Proxy {
            id: random.id(),
            name: name.to_owned(),
            kind,
            host: (hosts[host].id, hosts[host].name.clone()),
            online,
            disabled,
        },
    )
    .collect()
}

fn plain_stores(repositories: &[Repository], hosts: &[Host]) -> Vec<Store> {
    let kinds = [
        ("WinLocal", 512.0, 4.2, 498.5),
        ("LinuxHardened", 10_240.0, 6144.0, 3900.0),
        ("S3Compatible", 0.0, 0.0, 812.4),
        ("Smb", 2048.0, 390.0, 1600.0),
    ];
    repositories
        .iter()
        .zip(kinds)
        .enumerate()
        .map(|(at, (repository, (kind, capacity, free, used)))| {
            let host = &hosts[if kind == "LinuxHardened" { 3 } else { 0 }];
            Store {
                id: repository.id,
                name: repository.name.clone(),
                kind,
                host: (kind != "S3Compatible").then(|| (host.id, host.name.clone())),
                path: (kind != "S3Compatible").then(|| format!("D:\\Backups\\{at}")),
                capacity,
                free,
                used,
                online: true,
                out_of_date: kind == "Smb",
                extent_of: None,
            }
        })
        .collect()
}

fn extents(
    scale_out: &(Id, String),
    hosts: &[Host],
    random: &mut Random,
    stores: &mut Vec<Store>,
) -> Vec<Extent> {
    let mut extents = Vec::new();
    for (name, capacity, free, online, status, extent) in [
        ("Extent A", 4096.0, 512.0, true, "Normal", true),
        ("Extent B", 4096.0, 2048.0, true, "Maintenance", true),
        ("Old NAS", -1.0, -1.0, false, "", false),
    ] {
        let id = random.id();
        stores.push(Store {
            id,
            name: name.to_owned(),
            kind: "Nfs",
            host: Some((hosts[3].id, hosts[3].name.clone())),
            path: Some("/mnt/backups".to_owned()),
            capacity,
            free,
            used: 100.0,
            online,
            out_of_date: false,
            extent_of: extent.then(|| scale_out.clone()),
        });
        if extent {
            extents.push(Extent {
                id,
                name: name.to_owned(),
                status,
            });
        }
    }
    extents
}
