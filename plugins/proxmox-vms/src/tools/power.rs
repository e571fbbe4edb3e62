//! Switching guests on and off. One verb serves machines and containers, and several guests at once.

use toolward_sdk::prelude::*;

use crate::guard::{self, Word};
use crate::guest::{self, Found, Guest, Kind};
use crate::plan::{Action, Plan};
use crate::report::Report;
use crate::run;

/// Which guests.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct PowerArgs {
    /// The guests: numbers, names, or node/name.
    #[schemars(length(min = 1, max = 100))]
    guests: Vec<String>,
    /// The cluster, where several are bound and the names are not clear.
    cluster: Option<String>,
    /// Only show what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// Which guests, and that it is meant.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct HardArgs {
    /// The guests: numbers, names, or node/name.
    #[schemars(length(min = 1, max = 100))]
    guests: Vec<String>,
    /// The cluster, where several are bound and the names are not clear.
    cluster: Option<String>,
    /// Yes, do it. Takes the place of asking the person where the operator allows that, together with `reason`.
    #[serde(default)]
    confirm: bool,
    /// Why; goes into the operator's log.
    reason: Option<String>,
    /// Only show what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// Which guests, and how long they are given.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ShutdownArgs {
    /// The guests: numbers, names, or node/name.
    #[schemars(length(min = 1, max = 100))]
    guests: Vec<String>,
    /// The cluster, where several are bound and the names are not clear.
    cluster: Option<String>,
    /// How long the guest is given: 180 seconds for machines and 60 for containers unless said otherwise.
    #[schemars(range(min = 1, max = 3600))]
    timeout_seconds: Option<u64>,
    /// Only show what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// Which guests, and where their memory goes.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct SuspendArgs {
    /// The guests: numbers, names, or node/name.
    #[schemars(length(min = 1, max = 100))]
    guests: Vec<String>,
    /// The cluster, where several are bound and the names are not clear.
    cluster: Option<String>,
    /// For machines: write the memory to disk and stop (hibernate), rather than only pause.
    #[serde(default)]
    to_disk: bool,
    /// Only show what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// A verb.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verb {
    Start,
    Shutdown,
    Stop,
    Reboot,
    Reset,
    Suspend { to_disk: bool },
    Resume,
}

impl Verb {
    const fn segment(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Shutdown => "shutdown",
            Self::Stop => "stop",
            Self::Reboot => "reboot",
            Self::Reset => "reset",
            Self::Suspend { .. } => "suspend",
            Self::Resume => "resume",
        }
    }

    fn effect(self, guest: &Guest) -> String {
        let guest = guest.shown();
        match self {
            Self::Start => format!("starts the {guest}"),
            Self::Shutdown => format!("shuts the {guest} down cleanly"),
            Self::Stop => format!("stops the {guest} hard, as if its plug were pulled"),
            Self::Reboot => format!("shuts the {guest} down cleanly and starts it again"),
            Self::Reset => format!("resets the {guest} hard, as with its reset button"),
            Self::Suspend { to_disk: false } => format!("pauses the {guest}"),
            Self::Suspend { to_disk: true } => {
                format!("writes the memory of the {guest} to disk and stops it")
            }
            Self::Resume => format!("resumes the {guest}"),
        }
    }

    /// The task's type, as the cluster names it.
    fn task(self, kind: Kind) -> String {
        match (self, kind) {
            (Self::Suspend { to_disk: false }, Kind::Machine) => "qmpause".to_owned(),
            _ => kind.task(self.segment()),
        }
    }

    /// Why there is nothing to do for the guest; an error where it cannot be done.
    fn needless(self, guest: &Guest) -> Result<Option<String>, ToolError> {
        if guest.template {
            return Err(ToolError::conflict(format!(
                "the {} is a template, which never runs. hint: make a guest of it with pve_guest_clone",
                guest.shown()
            )));
        }
        if self == Self::Reset && guest.kind == Kind::Container {
            return Err(ToolError::unsupported(format!(
                "the {} cannot be reset: containers have no reset button. hint: pve_guest_reboot, or pve_guest_stop and \
                 pve_guest_start",
                guest.shown()
            )));
        }
        let running = guest.is_running();
        Ok(match self {
            Self::Start if running => Some("it runs already".to_owned()),
            Self::Shutdown | Self::Stop if !running => Some("it is stopped already".to_owned()),
            Self::Reboot | Self::Reset | Self::Suspend { .. } if !running => Some(format!(
                "it is {}, so there is nothing to {}",
                guest.status,
                self.segment()
            )),
            _ => None,
        })
    }
}

/// Starts guests. One that runs already is left as it is.
#[tool(
    destructive = false,
    idempotent,
    open_world = false,
    title = "Start guests"
)]
pub(crate) fn pve_guest_start(cx: &Context, args: PowerArgs) -> Result<Work<Rendered<Report>>> {
    switch(
        cx,
        Verb::Start,
        &args.guests,
        args.cluster.as_deref(),
        How {
            timeout: None,
            word: Word::none(),
            dry_run: args.dry_run,
        },
    )
}

/// Shuts guests down cleanly, from inside. One that does not react within its time stays running: then decide about
/// `pve_guest_stop`.
#[tool(
    destructive = false,
    idempotent,
    open_world = false,
    title = "Shut guests down"
)]
pub(crate) fn pve_guest_shutdown(
    cx: &Context,
    args: ShutdownArgs,
) -> Result<Work<Rendered<Report>>> {
    switch(
        cx,
        Verb::Shutdown,
        &args.guests,
        args.cluster.as_deref(),
        How {
            timeout: args.timeout_seconds,
            word: Word::none(),
            dry_run: args.dry_run,
        },
    )
}

/// Stops guests hard, after confirmation, as if the plug were pulled: data that was not written is lost. Try
/// `pve_guest_shutdown` first.
#[tool(
    destructive,
    idempotent,
    open_world = false,
    title = "Stop guests hard"
)]
pub(crate) fn pve_guest_stop(cx: &Context, args: HardArgs) -> Result<Work<Rendered<Report>>> {
    switch(
        cx,
        Verb::Stop,
        &args.guests,
        args.cluster.as_deref(),
        How {
            timeout: None,
            word: Word::of(args.confirm, args.reason.as_deref()),
            dry_run: args.dry_run,
        },
    )
}

/// Shuts guests down cleanly and starts them again.
#[tool(destructive = false, open_world = false, title = "Reboot guests")]
pub(crate) fn pve_guest_reboot(cx: &Context, args: ShutdownArgs) -> Result<Work<Rendered<Report>>> {
    switch(
        cx,
        Verb::Reboot,
        &args.guests,
        args.cluster.as_deref(),
        How {
            timeout: args.timeout_seconds,
            word: Word::none(),
            dry_run: args.dry_run,
        },
    )
}

/// Resets machines hard, after confirmation: data that was not written is lost. Containers cannot be reset.
#[tool(destructive, open_world = false, title = "Reset machines")]
pub(crate) fn pve_guest_reset(cx: &Context, args: HardArgs) -> Result<Work<Rendered<Report>>> {
    switch(
        cx,
        Verb::Reset,
        &args.guests,
        args.cluster.as_deref(),
        How {
            timeout: None,
            word: Word::of(args.confirm, args.reason.as_deref()),
            dry_run: args.dry_run,
        },
    )
}

/// Pauses guests; machines can also be written to disk (hibernated).
#[tool(
    destructive = false,
    idempotent,
    open_world = false,
    title = "Suspend guests"
)]
pub(crate) fn pve_guest_suspend(cx: &Context, args: SuspendArgs) -> Result<Work<Rendered<Report>>> {
    let verb = Verb::Suspend {
        to_disk: args.to_disk,
    };
    switch(
        cx,
        verb,
        &args.guests,
        args.cluster.as_deref(),
        How {
            timeout: None,
            word: Word::none(),
            dry_run: args.dry_run,
        },
    )
}

/// Resumes guests that are paused.
#[tool(
    destructive = false,
    idempotent,
    open_world = false,
    title = "Resume guests"
)]
pub(crate) fn pve_guest_resume(cx: &Context, args: PowerArgs) -> Result<Work<Rendered<Report>>> {
    switch(
        cx,
        Verb::Resume,
        &args.guests,
        args.cluster.as_deref(),
        How {
            timeout: None,
            word: Word::none(),
            dry_run: args.dry_run,
        },
    )
}

/// How guests are switched.
#[derive(Clone, Copy)]
struct How<'a> {
    timeout: Option<u64>,
    word: Word<'a>,
    dry_run: bool,
}

fn switch(
    cx: &Context,
    verb: Verb,
    guests: &[String],
    cluster: Option<&str>,
    how: How<'_>,
) -> Result<Work<Rendered<Report>>> {
    let How {
        timeout,
        word,
        dry_run,
    } = how;
    let found = guest::find_all(cx, cluster, guests)?;
    guard::may_change(cx, &found)?;
    let what = match found.as_slice() {
        [one] => format!("the {}", one.guest.shown()),
        several => format!("{} guests", several.len()),
    };
    let mut plan = Plan::new(format!("{} {what}", verb.segment()));
    let mut asked = Vec::new();
    for one in &found {
        let guest = &one.guest;
        if let Some(why) = verb.needless(guest)? {
            if found.len() == 1 {
                return Ok(Work::Done(nothing_to_do(guest, &why, dry_run)));
            }
            plan.skipped.push((Some(guest.label()), why));
            continue;
        }
        asked.push(one);
        let to_disk = verb == Verb::Suspend { to_disk: true } && guest.kind == Kind::Machine;
        let action = Action::on(
            guest,
            "POST",
            &["status", verb.segment()],
            verb.effect(guest),
        )
        .with_opt("timeout", timeout)
        .flag("todisk", to_disk)
        .begins(&guest.node, verb.task(guest.kind), guest.id)
        .needs(guest.needs("VM.PowerMgmt"));
        plan.actions.push(action);
        if let Some(state) = &guest.ha {
            plan.notes.push(format!(
                "high availability manages guest {} ({state}): the cluster's manager carries the order out",
                guest.id
            ));
        }
    }
    if dry_run {
        return Ok(Work::Done(Report::dry(&plan)));
    }
    if matches!(verb, Verb::Stop | Verb::Reset) && !asked.is_empty() {
        confirm(cx, verb, &asked, word)?;
    }
    run::carry_out(cx, plan, run::PATIENCE)
}

fn nothing_to_do(guest: &Guest, why: &str, dry_run: bool) -> Rendered<Report> {
    let summary = format!("nothing to do for the {}: {why}", guest.shown());
    let report = Report {
        summary: summary.clone(),
        dry_run,
        plan: Vec::new(),
        results: Vec::new(),
        notes: Vec::new(),
    };
    Rendered::new(report, summary)
}

fn confirm(cx: &Context, verb: Verb, guests: &[&Found<'_>], word: Word<'_>) -> Result<()> {
    let what = if verb == Verb::Stop {
        "stopped hard"
    } else {
        "reset hard"
    };
    if let [Found { cluster, guest }] = guests {
        let message = format!(
            "The {} is {what}. What it has not written to disk is lost.",
            guest.kind.noun()
        );
        return guard::confirm(
            cx,
            &cluster.name,
            &message,
            &guard::portrait(cluster, guest)?,
            word,
        );
    }
    let details: Vec<(String, String)> = guests
        .iter()
        .map(|one| (format!("Guest {}", one.guest.id), one.guest.shown()))
        .collect();
    let message = format!(
        "{} guests are {what}. What they have not written to disk is lost.",
        guests.len()
    );
    let cluster = guests.first().map_or("", |one| one.cluster.name.as_str());
    guard::confirm(cx, cluster, &message, &details, word)
}
