//! The plugin `proxmox-vms` in the real binary, against simulated clusters.

mod clusters;
mod logins;
mod safety;
mod stories;
mod support;
