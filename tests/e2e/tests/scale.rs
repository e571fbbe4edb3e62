//! Many clients at once: a thousand sessions of the old era and a thousand listeners of the new one hear of a plugin's change,
//! each once; and what each of them costs the host in memory, which is printed.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

use std::time::Instant;

use e2e::session::{Opening, Session};
use e2e::sse::Events;
use e2e::{Deployment, Host, mcp};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;
use tokio::task::JoinSet;

const CLIENTS: usize = 1000;
/// Clients that come at the same time.
const AT_ONCE: usize = 16;

/// Two files for each client of the test; the host raises its own limit.
fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = u64::try_from(CLIENTS * 3).unwrap();
    if limit.current.is_some_and(|current| current < wanted) {
        let hard = limit.maximum;
        assert!(
            hard.is_none_or(|hard| hard >= wanted),
            "this test opens {wanted} files, and {hard:?} may be open: raise the limit"
        );
        limit.current = Some(wanted);
        setrlimit(Resource::Nofile, limit).unwrap();
    }
}

/// Kilobytes of memory that the process holds.
fn resident(host: &Host) -> usize {
    let path = format!("/proc/{}/status", host.process_id());
    let status = std::fs::read_to_string(path).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let number = line.unwrap().split_whitespace().nth(1).unwrap();
    number.parse().unwrap()
}

/// What each of a thousand things costs, in kilobytes.
fn each(before: usize, after: usize) -> f64 {
    f64::from(u32::try_from(after.saturating_sub(before)).unwrap())
        / f64::from(u32::try_from(CLIENTS).unwrap())
}

/// Makes a thousand of something, some at a time.
async fn many<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    mut begin: impl FnMut(usize) -> F,
) -> Vec<T> {
    let mut under_way = JoinSet::new();
    let mut made = Vec::new();
    for number in 0..CLIENTS {
        if under_way.len() >= AT_ONCE {
            made.push(under_way.join_next().await.unwrap().unwrap());
        }
        under_way.spawn(begin(number));
    }
    made.extend(under_way.join_all().await);
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_reaches_a_thousand_clients_of_each_era_once() {
    raise_open_files();
    let host = Host::start(&Deployment::new(&format!(
        "[plugins.erratic]\ncomponent = \"{}\"\ngrant = [\"http\", \"changes\"]\n\n[server.sessions]\nmax-per-principal = 2000\n",
        e2e::plugin("erratic").display()
    )))
    .await;
    let http = mcp::http();
    let url = host.url().to_owned();
    let client = mcp::Client::new(&url);
    let announce = async |what: &str| {
        let arguments = json!({ "what": [what], "times": 1 });
        client.call("erratic_announce", arguments).await.unwrap();
    };
    let listen = |_| {
        let client = client.clone();
        let filter =
            json!({ "notifications": { "toolsListChanged": true, "promptsListChanged": true } });
        async move {
            let mut events = Events::of(client.send("subscriptions/listen", filter).await);
            let first = events.message().await.unwrap();
            assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
            events
        }
    };
    // Whatever is made once is made.
    let first = Session::open(&url).await;
    let mut heard = first.listen().await;
    announce("resources").await;
    heard.message().await.unwrap();
    let empty = resident(&host);

    let begun = Instant::now();
    let sessions = many(|_| {
        let (http, url) = (http.clone(), url.clone());
        async move {
            Session::try_open(&http, &url, Opening::default())
                .await
                .unwrap()
        }
    })
    .await;
    let with_sessions = resident(&host);
    let mut opened = sessions.into_iter();
    let old = many(|_| {
        let session = opened.next().unwrap();
        async move { (session.listen().await, session) }
    })
    .await;
    let with_streams = resident(&host);
    let new = many(&listen).await;
    let with_listeners = resident(&host);
    e2e::tell(format_args!(
        "{} clients came in {:?}",
        2 * CLIENTS,
        begun.elapsed()
    ));
    let (session, stream, listener) = (
        each(empty, with_sessions),
        each(with_sessions, with_streams),
        each(with_streams, with_listeners),
    );
    e2e::tell(format_args!(
        "resident memory: {empty} KB with nobody; {session:.1} KB for each session of the old era, {stream:.1} KB for its open stream; {listener:.1} KB for each listener of the new era"
    ));
    assert!(session < 16.0, "{session} KB for an idle session");
    assert!(session + stream < 64.0, "{stream} KB for its stream");
    assert!(listener < 128.0, "{listener} KB for a listener");

    let told = Instant::now();
    announce("tools").await;
    announce("prompts").await;
    let (streams, _sessions): (Vec<_>, Vec<_>) = old.into_iter().unzip();
    for mut events in streams.into_iter().chain(new) {
        // What comes twice would come before the other one.
        for list in ["tools", "prompts"] {
            let message = events.message().await.unwrap();
            let expected = format!("notifications/{list}/list_changed");
            assert_eq!(message["method"], expected, "{message}");
        }
    }
    e2e::tell(format_args!(
        "all {} were told twice within {:?}",
        2 * CLIENTS,
        told.elapsed()
    ));
    // All of them are gone now, and what they cost is there for others.
    let again = many(&listen).await;
    let after = resident(&host);
    e2e::tell(format_args!(
        "{after} KB after another {} came",
        again.len()
    ));
    assert!(after < with_listeners + (with_listeners - empty) / 2);
}
