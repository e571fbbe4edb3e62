//! One request with its parameters, as a handler sees it.

use std::collections::BTreeMap;

use crate::answer::Refusal;
use crate::auth::Caller;
use crate::model::{Guest, Kind};
use crate::world::{NewTask, World};

pub(crate) struct Call<'w> {
    pub(crate) world: &'w mut World,
    pub(crate) caller: Caller,
    /// Those of the path, the query and the body together, as the API sees them.
    pub(crate) parameters: BTreeMap<String, Vec<String>>,
    pub(crate) kind: Option<Kind>,
}

impl Call<'_> {
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.parameters.get(name)?.first().map(String::as_str)
    }

    /// One that the route requires.
    pub(crate) fn required(&self, name: &str) -> String {
        self.text(name).unwrap_or_default().to_owned()
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.text(name), Some("1" | "true" | "yes" | "on"))
    }

    pub(crate) fn node(&self) -> String {
        self.required("node")
    }

    pub(crate) fn id(&self) -> u32 {
        self.text("vmid")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind.unwrap_or(Kind::Qemu)
    }

    /// The guest of the path.
    pub(crate) fn guest(&self) -> Result<&Guest, Refusal> {
        self.world.guest_at(&self.node(), self.kind(), self.id())
    }

    pub(crate) fn may(&self, path: &str, privileges: &[&str]) -> bool {
        self.world.auth.may(&self.caller, path, privileges)
    }

    pub(crate) fn need(&self, path: &str, privilege: &str) -> Result<(), Refusal> {
        let any: Vec<&str> = privilege.split('|').collect();
        if self.may(path, &any) {
            Ok(())
        } else {
            Err(Refusal::permission(path, privilege))
        }
    }

    /// A task about the guest of the path. `what` is the second half of its type: `start` of `qmstart`.
    pub(crate) fn guest_task(
        &mut self,
        what: &str,
        lock: Option<&str>,
        effect: impl FnOnce(&mut World) -> Result<(), String> + Send + 'static,
    ) -> String {
        let (node, id, kind) = (self.node(), self.id(), self.kind());
        let new = NewTask {
            node: &node,
            kind: format!("{}{what}", kind.task()),
            id: id.to_string(),
            lock: lock.map(|lock| (id, lock)),
        };
        self.world.begin(&self.caller, new, effect)
    }

    /// The guest of the path, if nothing has locked it.
    pub(crate) fn unlocked(&self) -> Result<Guest, Refusal> {
        let guest = self.guest()?;
        match &guest.lock {
            None => Ok(guest.clone()),
            Some(lock) => {
                let what = match guest.kind {
                    Kind::Qemu => "VM",
                    Kind::Lxc => "CT",
                };
                Err(Refusal::failed(format!("{what} is locked ({lock})")))
            }
        }
    }
}

/// For an effect: the guest, wherever it is by then.
pub(crate) fn with_guest(
    world: &mut World,
    id: u32,
    change: impl FnOnce(&mut Guest),
) -> Result<(), String> {
    let guest = world.guests.get_mut(&id);
    change(guest.ok_or_else(|| format!("unable to find configuration file for VM {id}"))?);
    Ok(())
}
