//! Tasks: lists, state, log, abort.
#![expect(clippy::unnecessary_wraps, reason = "all handlers have one type")]

use serde_json::{Value, json};

use crate::answer::{Data, Outcome, Refusal};
use crate::call::Call;
use crate::model::{Fate, Task};

fn sees(call: &Call<'_>, task: &Task) -> bool {
    task.user == call.caller.user || call.may(&format!("/nodes/{}", task.node), &["Sys.Audit"])
}

/// In lists, `status` is how the task ended.
fn listed(task: &Task) -> Value {
    let mut shown = json!({
        "upid": task.upid, "node": task.node, "pid": task.pid, "pstart": task.pid * 7, "starttime": task.started,
        "type": task.kind, "id": task.id, "user": task.user,
    });
    if let Some(token) = &task.token {
        shown["tokenid"] = json!(token);
    }
    if let (Some(exit), Some(ended)) = (&task.exit, task.ended) {
        shown["status"] = json!(exit);
        shown["endtime"] = json!(ended);
    }
    shown
}

pub(crate) fn of_cluster(call: &mut Call<'_>) -> Outcome {
    let tasks = call
        .world
        .tasks
        .iter()
        .rev()
        .filter(|task| sees(call, task))
        .take(25);
    Ok(Value::Array(tasks.map(listed).collect()).into())
}

pub(crate) fn of_node(call: &mut Call<'_>) -> Outcome {
    let node = call.node();
    let id = call.text("vmid");
    let source = call.text("source").unwrap_or("archive");
    let kind = call.text("typefilter");
    let wanted = |task: &&Task| {
        task.node == node
            && sees(call, task)
            && id.is_none_or(|id| task.id == id)
            && kind.is_none_or(|kind| task.kind.contains(kind))
            && call
                .number("since")
                .is_none_or(|since| task.started >= since)
            && match source {
                "active" => task.exit.is_none(),
                "archive" => task.exit.is_some(),
                _ => true,
            }
            && (!call.flag("errors") || task.exit.as_deref().is_some_and(|exit| exit != "OK"))
    };
    let all: Vec<Value> = call
        .world
        .tasks
        .iter()
        .rev()
        .filter(wanted)
        .map(listed)
        .collect();
    let total = all.len();
    let at = |name: &str, default: u64| {
        usize::try_from(call.number(name).unwrap_or(default)).unwrap_or(usize::MAX)
    };
    let page = all
        .into_iter()
        .skip(at("start", 0))
        .take(at("limit", 50))
        .collect();
    Ok(Data {
        value: Value::Array(page),
        total: Some(total),
    })
}

fn task<'c>(call: &'c Call<'_>) -> Result<&'c Task, Refusal> {
    let upid = call.required("upid");
    let fields: Vec<&str> = upid.split(':').collect();
    if fields.len() != 9 || fields[0] != "UPID" {
        let what = format!("unable to parse worker upid '{upid}'");
        return Err(Refusal::parameters([("upid".to_owned(), what)]));
    }
    if fields[1] != call.node() {
        return Err(Refusal::failed("no such task"));
    }
    let found = call.world.tasks.iter().find(|task| task.upid == upid);
    let task = found.ok_or_else(|| Refusal::failed("no such task"))?;
    if sees(call, task) {
        Ok(task)
    } else {
        Err(Refusal::permission(
            &format!("/nodes/{}", task.node),
            "Sys.Audit",
        ))
    }
}

pub(crate) fn status(call: &mut Call<'_>) -> Outcome {
    let task = task(call)?;
    let mut shown = listed(task);
    if let Some(object) = shown.as_object_mut() {
        object.remove("endtime");
    }
    match &task.exit {
        None => shown["status"] = json!("running"),
        Some(exit) => {
            shown["status"] = json!("stopped");
            shown["exitstatus"] = json!(exit);
        }
    }
    Ok(shown.into())
}

pub(crate) fn log(call: &mut Call<'_>) -> Outcome {
    let task = task(call)?;
    let at = |name: &str, default: u64| {
        usize::try_from(call.number(name).unwrap_or(default)).unwrap_or(usize::MAX)
    };
    let lines = task
        .log
        .iter()
        .enumerate()
        .skip(at("start", 0))
        .take(at("limit", 50));
    let lines = lines.map(|(at, text)| json!({ "n": at + 1, "t": text }));
    Ok(Data {
        value: Value::Array(lines.collect()),
        total: Some(task.log.len()),
    })
}

pub(crate) fn abort(call: &mut Call<'_>) -> Outcome {
    let task = task(call)?;
    let (upid, user, node) = (task.upid.clone(), task.user.clone(), task.node.clone());
    if user != call.caller.user {
        call.need(&format!("/nodes/{node}"), "Sys.Modify")?;
    }
    if let Some(task) = call
        .world
        .tasks
        .iter_mut()
        .find(|task| task.upid == upid && task.exit.is_none())
    {
        task.fate = Fate::Well;
        call.world.unlock(&upid);
        call.world.end(&upid, "received interrupt".to_owned());
    }
    Ok(Value::Null.into())
}
