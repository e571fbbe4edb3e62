//! What needs the agent inside a machine, and what containers have in its place.

use serde_json::{Value, json};

use crate::answer::{Outcome, Refusal};
use crate::call::Call;
use crate::options::Flavour;
use crate::world::Command;

/// The agent answers, and the caller may ask it.
fn ready(call: &Call<'_>, newer: &str) -> Result<u32, Refusal> {
    let path = format!("/vms/{}", call.id());
    if call.world.flavour == Flavour::V9 {
        call.need(&path, newer)?;
    } else {
        call.need(&path, "VM.Monitor")?;
    }
    let guest = call.guest()?;
    if guest.status == "stopped" {
        return Err(Refusal::failed(format!("VM {} is not running", guest.id)));
    }
    if !guest.config.contains_key("agent") {
        return Err(Refusal::failed("No QEMU guest agent configured"));
    }
    if !guest.agent {
        return Err(Refusal::failed("QEMU guest agent is not running"));
    }
    Ok(guest.id)
}

pub(crate) fn interfaces(call: &mut Call<'_>) -> Outcome {
    let id = ready(call, "VM.GuestAgent.Audit|VM.GuestAgent.Unrestricted")?;
    Ok(json!({ "result": [
        { "name": "lo", "hardware-address": "00:00:00:00:00:00", "ip-addresses": [
            { "ip-address": "127.0.0.1", "ip-address-type": "ipv4", "prefix": 8 },
        ] },
        { "name": "eth0", "hardware-address": format!("bc:24:11:00:00:{:02x}", id % 256), "ip-addresses": [
            { "ip-address": format!("198.51.100.{}", id % 250), "ip-address-type": "ipv4", "prefix": 24 },
            { "ip-address": format!("2001:db8::{id:x}"), "ip-address-type": "ipv6", "prefix": 64 },
        ] },
        // An interface that is down has no addresses.
        { "name": "eth1", "hardware-address": "bc:24:11:ff:ff:ff" },
    ] })
    .into())
}

pub(crate) fn container_interfaces(call: &mut Call<'_>) -> Outcome {
    let guest = call.guest()?;
    if guest.status == "stopped" {
        // No error: nothing.
        return Ok(Value::Null.into());
    }
    let number = guest.id;
    let mut shown = json!([
        { "name": "lo", "hwaddr": "00:00:00:00:00:00", "inet": "127.0.0.1/8" },
        { "name": "eth0", "hwaddr": format!("bc:24:11:00:01:{:02x}", number % 256), "inet": format!("198.51.100.{}/24", number % 250) },
    ]);
    if call.world.flavour != Flavour::V7 {
        for one in shown.as_array_mut().into_iter().flatten() {
            let inet = one["inet"].as_str().unwrap_or_default().to_owned();
            let (address, prefix) = inet.split_once('/').unwrap_or((&inet, "24"));
            one["ip-addresses"] = json!([
                { "ip-address": address, "ip-address-type": "inet", "prefix": prefix.parse::<u8>().unwrap_or(24) },
            ]);
            one["hardware-address"] = one["hwaddr"].clone();
        }
    }
    Ok(shown.into())
}

/// Knows `echo`, `false`, and `sleep`.
pub(crate) fn exec(call: &mut Call<'_>) -> Outcome {
    let guest = ready(call, "VM.GuestAgent.Unrestricted")?;
    let words = call.parameters.get("command").cloned().unwrap_or_default();
    let (out, err, code) = match words.first().map(String::as_str) {
        Some("echo") => (format!("{}\n", words[1..].join(" ")), String::new(), 0),
        Some("cat") => (call.required("input-data"), String::new(), 0),
        Some("sleep") => (String::new(), String::new(), 0),
        Some("false") => (String::new(), "it is false\n".to_owned(), 1),
        other => (
            String::new(),
            format!("{}: not found\n", other.unwrap_or_default()),
            127,
        ),
    };
    let due = call.world.now() + call.world.task_time;
    let pid = call.world.pid();
    call.world.commands.insert(
        pid,
        Command {
            guest,
            due,
            out,
            err,
            code,
        },
    );
    Ok(json!({ "pid": pid }).into())
}

pub(crate) fn exec_status(call: &mut Call<'_>) -> Outcome {
    let guest = ready(call, "VM.GuestAgent.Unrestricted")?;
    let pid = call
        .number("pid")
        .and_then(|pid| u32::try_from(pid).ok())
        .unwrap_or(0);
    let now = call.world.now();
    let command = call
        .world
        .commands
        .get(&pid)
        .filter(|command| command.guest == guest);
    let command =
        command.ok_or_else(|| Refusal::failed(format!("Agent error: PID {pid} does not exist")))?;
    if command.due > now {
        return Ok(json!({ "exited": 0 }).into());
    }
    let mut shown = json!({ "exited": 1, "exitcode": command.code });
    for (key, text) in [("out-data", &command.out), ("err-data", &command.err)] {
        if !text.is_empty() {
            shown[key] = json!(text);
        }
    }
    Ok(shown.into())
}
