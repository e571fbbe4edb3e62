//! What a new cluster holds: a few guests of every kind, and as many more as a test wants.

use serde_json::json;

use crate::model::{BackupJob, Config, GIB, Guest, Kind, Node, Storage, Volume};
use crate::options::Options;
use crate::world::World;

pub(crate) fn fill(world: &mut World, options: &Options) {
    let count = if options.cluster.is_some() {
        options.nodes.max(1)
    } else {
        1
    };
    for number in 1..=count {
        let id = u32::try_from(number).unwrap_or(1);
        world.nodes.push(Node {
            name: format!("pve{number}"),
            id,
            online: true,
            cpus: 16,
            memory: 64 * GIB,
        });
    }
    world.storages = storages();
    fixed(world);
    more(world, options.more_guests);
    volumes(world);
    world.jobs.push(BackupJob {
        id: "backup-nightly".to_owned(),
        shown: json!({
            "schedule": "02:00", "storage": "nas", "mode": "snapshot", "enabled": 1, "type": "vzdump",
            "vmid": "101,200", "compress": "zstd",
        }),
        guests: vec![101, 200],
    });
}

fn storages() -> Vec<Storage> {
    let storage = |name: &str, kind, content, shared, total: u64, used: u64| Storage {
        name: name.to_owned(),
        kind,
        content,
        shared,
        total: total * GIB,
        used: used * GIB,
    };
    vec![
        storage("local", "dir", "iso,vztmpl,backup", false, 200, 40),
        storage("local-lvm", "lvmthin", "images,rootdir", false, 800, 300),
        storage("ceph", "rbd", "images,rootdir", true, 4000, 1000),
        storage(
            "nas",
            "nfs",
            "iso,vztmpl,backup,images",
            true,
            10_000,
            9_200,
        ),
        storage("pbs", "pbs", "backup", true, 20_000, 5_000),
    ]
}

fn config(pairs: &[(&str, &str)]) -> Config {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn machine(id: u32, node: &str, status: &str, pairs: &[(&str, &str)]) -> Guest {
    let mut all = config(&[
        ("ostype", "l26"),
        ("scsihw", "virtio-scsi-single"),
        ("boot", "order=scsi0;net0"),
        ("net0", "virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1"),
    ]);
    all.extend(config(pairs));
    guest(id, Kind::Qemu, node, status, all)
}

fn container(id: u32, node: &str, status: &str, pairs: &[(&str, &str)]) -> Guest {
    let mut all = config(&[
        ("arch", "amd64"),
        ("ostype", "debian"),
        ("unprivileged", "1"),
        ("swap", "512"),
        (
            "net0",
            "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:02,ip=dhcp,type=veth",
        ),
    ]);
    all.extend(config(pairs));
    guest(id, Kind::Lxc, node, status, all)
}

fn guest(id: u32, kind: Kind, node: &str, status: &str, config: Config) -> Guest {
    Guest {
        id,
        kind,
        node: node.to_owned(),
        status: status.to_owned(),
        since: std::time::Duration::ZERO,
        template: false,
        pool: None,
        lock: None,
        agent: config.contains_key("agent") && status == "running",
        config,
        snapshots: Vec::new(),
        current_parent: None,
        ha: false,
    }
}

/// The guests that every test knows.
fn fixed(world: &mut World) {
    let at = |number: usize| {
        world.nodes[(number - 1).min(world.nodes.len() - 1)]
            .name
            .clone()
    };
    let (one, two, three) = (at(1), at(2), at(3));
    let mut web = machine(
        101,
        &one,
        "running",
        &[
            ("name", "web01"),
            ("memory", "2048"),
            ("cores", "2"),
            ("scsi0", "ceph:vm-101-disk-0,size=32G"),
            ("agent", "1"),
            ("tags", "prod;web"),
            ("onboot", "1"),
        ],
    );
    web.pool = Some("dev".to_owned());
    web.ha = world.cluster.is_some();
    let database = machine(
        102,
        &one,
        "running",
        &[
            ("name", "db01"),
            ("memory", "8192"),
            ("cores", "4"),
            ("scsi0", "ceph:vm-102-disk-0,size=100G"),
            ("scsi1", "ceph:vm-102-disk-1,size=500G"),
            ("agent", "enabled=1,fstrim_cloned_disks=1"),
            ("tags", "prod;protected"),
        ],
    );
    let stopped = machine(
        103,
        &two,
        "stopped",
        &[
            ("name", "test"),
            ("memory", "1024"),
            ("cores", "1"),
            ("scsi0", "local-lvm:vm-103-disk-0,size=8G"),
            ("ide2", "local:iso/debian-12.iso,media=cdrom,size=600M"),
        ],
    );
    let twin = machine(
        104,
        &three,
        "running",
        &[
            ("name", "test"),
            ("memory", "1024"),
            ("cores", "1"),
            ("scsi0", "local-lvm:vm-104-disk-0,size=8G"),
        ],
    );
    let dns = container(
        200,
        &two,
        "running",
        &[
            ("hostname", "dns"),
            ("memory", "512"),
            ("cores", "1"),
            ("rootfs", "ceph:vm-200-disk-0,size=8G"),
            ("tags", "prod"),
        ],
    );
    let proxy = container(
        201,
        &one,
        "stopped",
        &[
            ("hostname", "proxy"),
            ("memory", "256"),
            ("rootfs", "local-lvm:vm-201-disk-0,size=4G"),
        ],
    );
    let mut template = machine(
        9000,
        &one,
        "stopped",
        &[
            ("name", "debian-12-template"),
            ("memory", "1024"),
            ("cores", "1"),
            ("scsi0", "ceph:base-9000-disk-0,size=10G"),
        ],
    );
    template.template = true;
    for guest in [web, database, stopped, twin, dns, proxy, template] {
        world.guests.insert(guest.id, guest);
    }
}

fn more(world: &mut World, count: usize) {
    for number in 0..count {
        let id = 10_000 + u32::try_from(number).unwrap_or(0);
        let node = world.nodes[number % world.nodes.len()].name.clone();
        let name = format!("farm-{number:04}");
        let status = if number % 3 == 0 {
            "stopped"
        } else {
            "running"
        };
        let disk = format!("ceph:vm-{id}-disk-0,size=20G");
        let pairs = [
            ("name", name.as_str()),
            ("memory", "1024"),
            ("cores", "1"),
            ("scsi0", disk.as_str()),
            ("tags", "farm"),
        ];
        world.guests.insert(id, machine(id, &node, status, &pairs));
    }
}

fn volumes(world: &mut World) {
    let epoch = world.epoch();
    let file = |volid: &str, content, format: &str| Volume {
        storage: volid.split(':').next().unwrap_or_default().to_owned(),
        node: None,
        volid: volid.to_owned(),
        content,
        format: format.to_owned(),
        size: 600 * crate::model::MIB,
        time: epoch - 900_000,
        guest: None,
        notes: None,
        protected: false,
        verification: None,
        saved: None,
    };
    world
        .volumes
        .push(file("local:iso/debian-12.iso", "iso", "iso"));
    world
        .volumes
        .push(file("nas:iso/windows-11.iso", "iso", "iso"));
    world.volumes.push(file(
        "nas:vztmpl/debian-12-standard_12.2-1_amd64.tar.zst",
        "vztmpl",
        "tzst",
    ));
    let old = [(101, "nas", false), (101, "pbs", false), (200, "nas", true)];
    for (id, storage, protected) in old {
        if let Ok(mut volume) = crate::backup::saved(world, id, storage, None, protected) {
            volume.time = epoch - 86_400;
            volume.volid = volume.volid.replace(
                &crate::clock::stamp(epoch),
                &crate::clock::stamp(epoch - 86_400),
            );
            volume.volid = volume.volid.replace(
                &crate::clock::iso(epoch),
                &crate::clock::iso(epoch - 86_400),
            );
            if storage == "pbs" {
                volume.verification = Some("failed");
            }
            world.volumes.push(volume);
        }
    }
}
