//! What the messages of failed runs mostly mean, and what helps.

use toolward_sdk::prelude::*;

/// A cause that is known.
#[answer]
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct KnownCause {
    /// What it is.
    pub(crate) cause: String,
    /// What helps.
    pub(crate) remedy: String,
    /// The message that points to it.
    pub(crate) seen: String,
}

/// Words of messages, in small letters, each row's all together; what they mean; what helps.
const KNOWN: &[(&[&str], &str, &str)] = &[
    (
        &["is locked"],
        "another process holds a disk of the machine: a second backup, a replica, or a proxy that did not detach it",
        "look for other jobs with this machine, and for its disks on the proxies; then retry the job",
    ),
    (
        &["insufficient free space"],
        "the repository is nearly full",
        "look at repositories_below; free space, shorten retention, or add an extent, before the next run",
    ),
    (
        &["not enough space"],
        "the repository or the datastore is full",
        "look at repositories_below and at the datastore of the machine; free space, then retry the job",
    ),
    (
        &["no space left"],
        "the repository or the datastore is full",
        "look at repositories_below and at the datastore of the machine; free space, then retry the job",
    ),
    (
        &["snapshot", "fail"],
        "the hypervisor could not make or remove the machine's snapshot",
        "look at the machine's snapshots and the free space of its datastore; consolidate, then retry the job",
    ),
    (
        &["vss"],
        "an application in the machine could not be brought to a consistent state (VSS)",
        "look at the VSS writers in the machine; restart the service of the one that failed, then retry the job",
    ),
    (
        &["rpc", "unavailable"],
        "the machine or a component cannot be reached over RPC: network, firewall, or it is switched off",
        "check that it runs and that the ports are open; then retry the job",
    ),
    (
        &["network path was not found"],
        "a share or an administrative share cannot be reached",
        "check name resolution, the firewall and that the server runs; then retry the job",
    ),
    (
        &["timed out"],
        "something did not answer in time",
        "look whether it is overloaded or the network is; retry the job outside busy hours",
    ),
    (
        &["timeout"],
        "something did not answer in time",
        "look whether it is overloaded or the network is; retry the job outside busy hours",
    ),
    (
        &["access is denied"],
        "the account of the job lacks a right, or its password changed",
        "check the credentials of the machine or the repository on the backup server",
    ),
    (
        &["logon failure"],
        "the password of the account is wrong or was changed",
        "set it anew in the credentials on the backup server, then retry the job",
    ),
    (
        &["license"],
        "the licence has expired, or more is protected than it covers",
        "look at repositories_license",
    ),
    (
        &["proxy", "not available"],
        "no backup proxy is there for the machine",
        "look at repositories_proxies",
    ),
    (
        &["connection", "refused"],
        "a service does not listen where it is expected",
        "check that the service runs on the server that is named, then retry the job",
    ),
    (
        &["canceled by user"],
        "somebody stopped the run",
        "ask who did, and why, before it is started again",
    ),
    (
        &["stopped gracefully"],
        "somebody stopped the run",
        "ask who did, and why, before it is started again",
    ),
    (
        &["corrupt"],
        "a backup file is damaged",
        "run a health check; the next run may have to be a full backup",
    ),
    (
        &["malware"],
        "something suspicious was found in the machine or its backup",
        "look at repositories_malware before anything is restored",
    ),
];

/// The causes that these messages point to, each once.
pub(crate) fn known<'m>(messages: impl IntoIterator<Item = &'m str>) -> Vec<KnownCause> {
    let mut found: Vec<KnownCause> = Vec::new();
    for message in messages {
        let small = message.to_lowercase();
        for (words, cause, remedy) in KNOWN {
            let fits = words.iter().all(|word| small.contains(word));
            if fits && !found.iter().any(|known| known.cause == *cause) {
                found.push(KnownCause {
                    cause: (*cause).to_owned(),
                    remedy: (*remedy).to_owned(),
                    seen: message.to_owned(),
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_point_to_causes_and_each_is_named_once() {
        let causes = known([
            "Failed to open VDDK disk: \"[ds01] srv/srv.vmdk\" is locked",
            "Disk [ds01] other.vmdk IS LOCKED",
            "Processing srv1",
            "Failed to create VM snapshot",
        ]);
        assert_eq!(causes.len(), 2, "{causes:?}");
        assert!(causes[0].seen.contains("VDDK") && causes[1].cause.contains("snapshot"));
    }
}
