//! The plugin `proxmox-vms` in the real binary, against simulated clusters.

mod clusters;
mod installed;
mod inventory;
mod logins;
mod news;
mod safety;
mod stories;
mod support;
mod tls;
mod tools;
