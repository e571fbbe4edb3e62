//! Running a command inside a machine, through its guest agent.

use std::time::Duration;

use toolward_sdk::prelude::*;

use crate::guard::{self, Word};
use crate::guest::{self, Found, Kind};
use crate::loose::Loose;
use crate::plan::{Action, Plan};
use crate::report::Report;
use crate::show;

/// The longest output that is passed on, of each kind.
const OUTPUT: usize = 16 * 1024;

/// Where, and what.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct ExecArgs {
    /// The machine: number, name, or node/name.
    guest: String,
    /// The program and its arguments, one by one. There is no shell: for pipes and the like, `["sh", "-c", "…"]`.
    #[schemars(length(min = 1, max = 100))]
    command: Vec<String>,
    /// What the program reads from its standard input.
    input: Option<String>,
    /// How long its end is waited for: 30 seconds unless said otherwise.
    #[schemars(range(min = 1, max = 300))]
    timeout_seconds: Option<u64>,
    /// The cluster, where several are bound and the name is not clear.
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

/// What a command printed.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct Ran {
    /// In one line.
    summary: String,
    /// Nothing was run: this is what would be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<Report>,
    /// Its exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exit_code: Option<i64>,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signal: Option<u64>,
    /// What it printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    /// What it printed to its standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_output: Option<String>,
    /// Something is missing at the end of what is shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

/// Runs a command inside a running machine through its guest agent, after confirmation, and shows what it printed. The
/// operator has to allow it (guest-commands). Containers have no such door.
#[tool(destructive, title = "Run a command in a machine")]
pub(crate) fn pve_guest_exec(cx: &Context, args: ExecArgs) -> Result<Ran> {
    let found = guest::find(cx, args.cluster.as_deref(), &args.guest)?;
    let settings = guard::may_change(cx, std::slice::from_ref(&found))?;
    let Found { cluster, guest } = &found;
    if !settings.guest_commands {
        return Err(ToolError::denied(
            "the operator does not let commands run inside guests. hint: only the operator can allow it, with \
             guest-commands = true in plugins.proxmox-vms.settings",
        )
        .into());
    }
    if guest.kind == Kind::Container {
        return Err(ToolError::unsupported(
            "Proxmox VE has no way to run a command in a container through its API. hint: ask a person to use the console",
        )
        .into());
    }
    if !guest.is_running() {
        return Err(ToolError::conflict(format!(
            "the {} is {}. hint: start it with pve_guest_start",
            guest.shown(),
            guest.status
        ))
        .into());
    }
    let needs = guest.needs("VM.Monitor (up to version 8) or VM.GuestAgent.Unrestricted (from 9)");
    let line = show::line(&args.command.join(" "), 200);
    let mut action = Action::on(
        guest,
        "POST",
        &["agent", "exec"],
        format!("runs `{line}` in the {}", guest.shown()),
    )
    .needs(needs.clone());
    for word in &args.command {
        action = action.with("command", word);
    }
    action = action.with_opt("input-data", args.input.as_deref());
    let plan = Plan::of(format!("run `{line}`"), action.clone());
    if args.dry_run {
        return Ok(Ran::nothing(&plan));
    }
    let details = [
        ("Guest".to_owned(), guest.shown()),
        ("State".to_owned(), guest.status.clone()),
        (
            "Command".to_owned(),
            show::line(&format!("{:?}", args.command), 2000),
        ),
        (
            "Input".to_owned(),
            args.input
                .as_deref()
                .map_or_else(|| "none".to_owned(), |input| show::line(input, 500)),
        ),
    ];
    guard::confirm(
        cx,
        &cluster.name,
        "A command is run inside the machine, as its administrator.",
        &details,
        Word::of(args.confirm, args.reason.as_deref()),
    )?;
    let begun = cluster
        .send(&action.method, &action.path, &action.parameters)
        .map_err(|error| error.explain(&needs))?;
    let Some(pid) = begun.whole("pid") else {
        return Err(
            ToolError::internal(format!("cluster {} names no process", cluster.name)).into(),
        );
    };
    let pid = pid.to_string();
    let longest = Duration::from_secs(args.timeout_seconds.unwrap_or(30));
    let longest = longest.min(cx.time_left().saturating_sub(Duration::from_secs(3)));
    let mut waited = Duration::ZERO;
    let mut pause = Duration::from_millis(250);
    loop {
        let state = cluster
            .get_with(guest.path(&["agent", "exec-status"]), &[("pid", &pid)])
            .map_err(|error| error.explain(&needs))?;
        if state.flag("exited") {
            return Ok(Ran::ended(&state, &line));
        }
        if waited >= longest {
            return Err(ToolError::timed_out(format!(
                "`{line}` still runs in the {} (process {pid}) after {} s, and its output is not known. hint: run long work \
                 in the background there (nohup, systemd-run) and look at its result with another call",
                guest.shown(),
                longest.as_secs()
            ))
            .into());
        }
        cx.sleep(pause)?;
        waited += pause;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}

impl Ran {
    fn nothing(plan: &Plan) -> Self {
        let planned = plan.actions.iter().map(Into::into).collect();
        let summary = format!("Dry run, nothing was changed: {}", plan.title);
        Self {
            summary: summary.clone(),
            plan: Some(Report {
                summary,
                dry_run: true,
                plan: planned,
                results: Vec::new(),
                notes: Vec::new(),
            }),
            exit_code: None,
            signal: None,
            output: None,
            error_output: None,
            cut: false,
        }
    }

    fn ended(state: &serde_json::Value, line: &str) -> Self {
        let code = state.get("exitcode").and_then(serde_json::Value::as_i64);
        let signal = state.whole("signal");
        let mut cut = state.flag("out-truncated") || state.flag("err-truncated");
        let mut shorten = |text: Option<String>| {
            let text = text?;
            match text.char_indices().nth(OUTPUT) {
                None => Some(text),
                Some((at, _)) => {
                    cut = true;
                    Some(text[..at].to_owned())
                }
            }
        };
        let (output, error_output) = (
            shorten(state.text("out-data")),
            shorten(state.text("err-data")),
        );
        let end = match (code, signal) {
            (_, Some(signal)) => format!("was ended by signal {signal}"),
            (Some(code), None) => format!("ended with code {code}"),
            (None, None) => "ended".to_owned(),
        };
        Self {
            summary: format!("`{line}` {end}"),
            plan: None,
            exit_code: code,
            signal,
            output,
            error_output,
            cut,
        }
    }
}
