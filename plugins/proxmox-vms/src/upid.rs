//! Names of tasks: `UPID:node:pid:pstart:starttime:type:id:user:`.

use toolward_sdk::ToolError;

/// A task's name, and what it tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Upid {
    pub(crate) text: String,
    /// Where the task is, whatever became of its guest.
    pub(crate) node: String,
    pub(crate) started: u64,
    pub(crate) kind: String,
    pub(crate) about: String,
    pub(crate) user: String,
}

impl Upid {
    pub(crate) fn parse(text: &str) -> Result<Self, ToolError> {
        let text = text.trim();
        let fields: Vec<&str> = text.split(':').collect();
        let started = fields
            .get(4)
            .and_then(|hex| u64::from_str_radix(hex, 16).ok());
        match (fields.as_slice(), started) {
            (["UPID", node, _, _, _, kind, about, user, ..], Some(started)) if !node.is_empty() => {
                Ok(Self {
                    text: text.to_owned(),
                    node: (*node).to_owned(),
                    started,
                    kind: (*kind).to_owned(),
                    about: (*about).to_owned(),
                    user: (*user).to_owned(),
                })
            }
            _ => Err(ToolError::invalid_input(format!(
                "{text:?} is not the name of a task. hint: it begins with UPID: and is found in pve_tasks and in \
                 what the tools answer that begin tasks"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_tells_its_node_whatever_it_is_about() {
        let upid =
            Upid::parse("UPID:pve2:00001000:0000A000:6741AAAA:qmigrate:101:root@pam!x:").unwrap();
        assert_eq!(
            (upid.node.as_str(), upid.kind.as_str(), upid.about.as_str()),
            ("pve2", "qmigrate", "101")
        );
        assert_eq!(
            (upid.started, upid.user.as_str()),
            (0x6741_AAAA, "root@pam!x")
        );
        for bad in [
            "",
            "UPID:a:b",
            "upid:pve2:1:2:3:qm:1:u:",
            "UPID:pve2:1:2:zz:qm:1:u:",
        ] {
            assert!(Upid::parse(bad).is_err(), "{bad}");
        }
    }
}
