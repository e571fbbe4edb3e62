//! Calls that nobody wants any more stop: the plugin's instance, and the requests it sent. In the new era a client that
//! goes away cancels; in the old one it only loses its stream, and says so when it wants a call to stop. The product
//! promises 100 ms; what was measured is printed, and the bound here is generous.

use std::time::{Duration, Instant};

use e2e::control::{Control, eventually};
use e2e::session::{Opening, Session};
use e2e::sse::Events;
use e2e::stdio::{Pipes, new_era};
use e2e::{Deployment, Host, mcp};
use serde_json::{Value, json};

const BOUND: Duration = Duration::from_secs(3);

/// What a call does when it is cancelled.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// It waits for a backend.
    Request,
    /// It waits for the clock.
    Sleep,
    /// It computes.
    Loop,
}

const ALL: [Work; 3] = [Work::Request, Work::Sleep, Work::Loop];

impl Work {
    /// The call, which would take an hour.
    fn params(self) -> Value {
        let (name, arguments) = match self {
            Self::Request => ("erratic_get", json!({ "path": "/slow" })),
            Self::Sleep => ("erratic_sleep", json!({ "milliseconds": 3_600_000 })),
            Self::Loop => ("hostile_loop", json!({})),
        };
        json!({ "name": name, "arguments": arguments })
    }

    /// A short call of the same plugin, which gets the only instance there may be.
    fn next(self) -> Value {
        let name = match self {
            Self::Request | Self::Sleep => "erratic_sleep",
            Self::Loop => "hostile_sleep",
        };
        json!({ "name": name, "arguments": { "milliseconds": 0 } })
    }

    /// Waits until it is certainly at work.
    async fn at_work(self, control: &Control, times: usize) {
        match self {
            Self::Request => control.asked("/slow", times).await,
            // Nobody sees it from outside; sooner it would be cancelled on its way there, and nothing be shown.
            Self::Sleep | Self::Loop => tokio::time::sleep(Duration::from_millis(300)).await,
        }
    }
}

/// A host whose plugins have one instance each: the next call waits until the last one's is gone.
async fn deployment() -> (Control, Deployment) {
    let control = Control::start().await;
    control.hold("/slow");
    let tables = format!(
        r#"
{erratic}
[plugins.erratic.limits]
concurrency = 1
wall-time = "1h"

[plugins.hostile]
component = "{hostile}"
grant = ["http"]
[plugins.hostile.limits]
concurrency = 1
wall-time = "1h"
cpu-time = "1h"

[plugins.interface]
component = "{interface}"
grant = ["form", "roots", "visit"]
visit-urls = ["https://login.example/"]
[plugins.interface.limits]
concurrency = 1
"#,
        erratic = control.erratic(),
        hostile = e2e::plugin("hostile").display(),
        interface = e2e::plugin("interface").display(),
    );
    (control, Deployment::new(&tables))
}

async fn start() -> (Control, Deployment, Host) {
    let (control, deployment) = deployment().await;
    let host = Host::start(&deployment).await;
    (control, deployment, host)
}

/// Shows how long it took after `since` until everything was over: `gone` is when the next call had its answer.
async fn check(how: &str, work: Work, control: &Control, since: Instant, gone: Instant) {
    let instance = gone.duration_since(since);
    let mut report = format!("{how}, {work:?}: the instance was gone after {instance:?} at most");
    let mut longest = instance;
    if let Work::Request = work {
        let request = control
            .hung_up("/slow")
            .await
            .saturating_duration_since(since);
        report = format!("{report}, its request after {request:?}");
        longest = longest.max(request);
    }
    e2e::tell(format_args!("{report}"));
    assert!(longest < BOUND, "{report}");
}

fn fits(answer: &Value) {
    assert_ne!(answer["isError"], true, "{answer}");
    assert!(answer["content"].is_array(), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_era_a_client_that_goes_away_cancels() {
    for work in ALL {
        let (control, _deployment, host) = start().await;
        let client = mcp::Client::new(host.url());
        let waiting = {
            let client = client.clone();
            tokio::spawn(async move { client.send("tools/call", work.params()).await })
        };
        work.at_work(&control, 1).await;
        waiting.abort();
        let since = Instant::now();
        fits(&client.request("tools/call", work.next()).await.unwrap());
        check("disconnect", work, &control, since, Instant::now()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_era_a_client_that_goes_away_in_the_middle_of_the_answer_cancels() {
    let (control, _deployment, host) = start().await;
    let client = mcp::Client::new(host.url());
    let tale = json!({
        "name": "erratic_tell", "_meta": { "progressToken": "p" },
        "arguments": { "steps": 1_000_000, "size": 10, "pause": 10 },
    });
    let mut events = Events::of(client.send("tools/call", tale).await);
    assert_eq!(
        events.message().await.unwrap()["method"],
        "notifications/progress"
    );
    drop(events);
    let since = Instant::now();
    fits(
        &client
            .request("tools/call", Work::Sleep.next())
            .await
            .unwrap(),
    );
    check(
        "disconnect in a stream",
        Work::Sleep,
        &control,
        since,
        Instant::now(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_era_only_the_notification_cancels() {
    for work in ALL {
        let (control, _deployment, host) = start().await;
        let session = Session::open(host.url()).await;
        let stranger = Session::open(host.url()).await;
        let (id, mut events) = session.start("tools/call", work.params()).await;
        let bookmark = events.next().await.unwrap().id.unwrap();
        work.at_work(&control, 1).await;
        drop(events);
        let mut events = session.resume(&bookmark).await;
        // Neither the disconnect nor somebody else's word stops it.
        let cancelled = json!({ "requestId": id });
        stranger
            .notify("notifications/cancelled", cancelled.clone())
            .await;
        session
            .notify("notifications/cancelled", json!({ "requestId": 4711 }))
            .await;
        let come = events.come(Duration::from_millis(500)).await;
        assert!(come.iter().all(|event| event.message.is_none()), "{come:?}");
        assert!(!control.was_hung_up_on("/slow"));

        session.notify("notifications/cancelled", cancelled).await;
        let since = Instant::now();
        fits(&session.request("tools/call", work.next()).await["result"]);
        check("notification", work, &control, since, Instant::now()).await;
        // A cancelled request has no answer; its stream ends.
        assert_eq!(events.rest().await, Vec::<Value>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_pipes_the_notification_cancels_in_both_eras() {
    for work in ALL {
        for era in ["old", "new"] {
            let (control, deployment) = deployment().await;
            let mut pipes = match era {
                "old" => Pipes::open(&deployment, json!({})).await,
                _ => Pipes::start(&deployment),
            };
            let params = |params: Value| match era {
                "old" => params,
                _ => new_era(params, &json!({})),
            };
            let id = pipes
                .start_request("tools/call", params(work.params()))
                .await;
            work.at_work(&control, 1).await;
            let cancelled = json!({ "requestId": id });
            pipes.notify("notifications/cancelled", cancelled).await;
            let since = Instant::now();
            let next = pipes.start_request("tools/call", params(work.next())).await;
            // The first message is the next call's answer: the cancelled one has none.
            let answer = pipes.message().await;
            assert_eq!(answer["id"], next, "{answer}");
            fits(&answer["result"]);
            check(
                &format!("{era} era over pipes"),
                work,
                &control,
                since,
                Instant::now(),
            )
            .await;
            pipes.end().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_waits_for_its_turn_or_for_an_answer_is_cancelled_too() {
    let (control, _deployment, host) = start().await;
    let session = Session::open(host.url()).await;
    let (_, _first) = session.start("tools/call", Work::Request.params()).await;
    control.asked("/slow", 1).await;
    let (queued, events) = session.start("tools/call", Work::Request.params()).await;
    session
        .notify("notifications/cancelled", json!({ "requestId": queued }))
        .await;
    assert_eq!(events.rest().await, Vec::<Value>::new());
    control.release("/slow");
    fits(&session.request("tools/call", Work::Request.next()).await["result"]);
    assert_eq!(control.requests("/slow").len(), 1, "it never had its turn");

    // Somebody is asked, and does not want to answer any more.
    let opening = Opening {
        capabilities: json!({ "elicitation": { "form": {}, "url": {} }, "roots": {} }),
        ..Opening::default()
    };
    let session = Session::open_as(host.url(), opening).await;
    let ask = json!({ "name": "ask", "arguments": {} });
    let (id, mut events) = session.start("tools/call", ask).await;
    let question = events.message().await.unwrap();
    assert!(question["method"].is_string(), "{question}");
    session
        .notify("notifications/cancelled", json!({ "requestId": id }))
        .await;
    let rest = events.rest().await;
    assert!(
        rest.iter()
            .all(|message| message["id"] != id || message["method"].is_string())
    );
    // Late replies lead nowhere, and hurt nobody.
    session
        .reply(
            &question["id"],
            json!({ "action": "accept", "content": {} }),
        )
        .await;
    eventually("the session is there", async || session.is_open().await).await;
    let sum = session.call("add", json!({ "a": 1, "b": 1 })).await;
    fits(&sum.expect("`add` is served"));
}
