//! A host under attack, and whether it came through unharmed.

use std::fs;
use std::time::{Duration, Instant};

use e2e::control::eventually;
use e2e::{Deployment, Host, mcp};
use serde_json::{Value, json};

const KEY: &str = "5f2b8c1d9e3a4f6071829304a5b6c7d8e9f00112233445566778899aabbccdde";

const AUDIT: &str = r#"
[audit]
folder = "log"
key = "file:audit.key"
anchor = "anchors"
"#;

/// Megabytes by which the process may have grown after all attacks. One instance of the attacker is more than half of
/// that, and there are many more attacks than two.
const GROWTH: u64 = 48;

/// What the audit log must say of an attack.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Recorded {
    /// The call's line has this outcome: a word for how it ended, or the limit that ended it.
    Outcome(&'static str),
    /// Something was denied, in words that hold these.
    Denied(&'static str),
}

/// A host that serves `echo` beside whatever attacks.
pub(crate) struct Attacked {
    pub(crate) deployment: Deployment,
    pub(crate) host: Host,
    pub(crate) client: mcp::Client,
    /// Megabytes, before any attack.
    quiet: u64,
    /// Bytes of the audit log that were looked at.
    seen: usize,
}

impl Attacked {
    /// Serves these tables, `echo` and an audit log.
    pub(crate) async fn start(tables: &str) -> Self {
        let echo = e2e::plugin("echo");
        let tables = format!(
            "{AUDIT}\n[plugins.echo]\ncomponent = \"{}\"\n{tables}",
            echo.display()
        );
        let deployment = Deployment::new(&tables);
        deployment.write("audit.key", KEY);
        let host = Host::start(&deployment).await;
        let client = mcp::Client::new(host.url());
        let mut attacked = Self {
            deployment,
            host,
            client,
            quiet: 0,
            seen: 0,
        };
        attacked.settle().await;
        attacked
    }

    /// From now on this is quiet: what was called so far has brought its pages and pools with it.
    pub(crate) async fn settle(&mut self) {
        for _ in 0..20 {
            self.echo_answers().await;
        }
        self.no_instance_is_alive("in the beginning").await;
        self.quiet = resident(&self.host);
        self.seen = self.log().len();
    }

    /// A neighbour answers as before.
    pub(crate) async fn echo_answers(&self) {
        let answer = self.client.call("echo", json!({ "text": "still here" }));
        assert_eq!(mcp::text(&answer.await.unwrap()), "still here");
    }

    /// Calls a tool that attacks; gives the text it is answered with, which must be an error.
    pub(crate) async fn attack(&self, tool: &str, arguments: Value) -> String {
        let answer = self.client.call(tool, arguments).await.unwrap();
        assert_eq!(answer["isError"], true, "{tool}: {answer}");
        mcp::text(&answer)
    }

    /// After an attack: the neighbours answer, its instances and its memory are gone, and it is on record.
    pub(crate) async fn is_unharmed(&mut self, attack: &str, recorded: Recorded) {
        self.is_unharmed_and_silent(attack).await;
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let log = self.log();
            let said: Vec<_> = lines(&log[self.seen..]).collect();
            if said.iter().any(|line| recorded.is_in(line)) {
                self.seen = log.len();
                return;
            }
            assert!(
                Instant::now() < end,
                "{attack}: no {recorded:?} in {said:#?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The same for what is no call and so has no line.
    pub(crate) async fn is_unharmed_and_silent(&self, attack: &str) {
        self.echo_answers().await;
        self.no_instance_is_alive(attack).await;
        let quiet = self.quiet;
        let mut now = resident(&self.host);
        // Pages go back to the system when the allocator gets to it.
        let end = Instant::now() + Duration::from_secs(5);
        while now > quiet + GROWTH && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(50)).await;
            now = resident(&self.host);
        }
        assert!(
            now <= quiet + GROWTH,
            "{attack}: the host held {quiet} MiB before and {now} MiB after"
        );
    }

    async fn no_instance_is_alive(&self, when: &str) {
        eventually(&format!("no instance is alive, {when}"), async || {
            let alive = self.metric("toolward_instances ").await;
            let waiting = self.metric("toolward_waiting_calls ").await;
            (alive.as_str(), waiting.as_str()) == ("0", "0")
        })
        .await;
    }

    /// The value of a metric whose line begins so.
    pub(crate) async fn metric(&self, begins: &str) -> String {
        let url = self.host.url().replace("/mcp", "/metrics");
        let text = mcp::http().get(url).send().await.unwrap().text().await;
        let text = text.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(begins));
        line.unwrap_or_else(|| panic!("no {begins:?} in\n{text}"))
            .trim()
            .to_owned()
    }

    fn log(&self) -> String {
        let path = self.deployment.folder().join("log/audit.jsonl");
        fs::read_to_string(path).unwrap_or_default()
    }

    /// The lines of an event in the whole audit log.
    pub(crate) fn events(&self, event: &str) -> Vec<Value> {
        let log = self.log();
        lines(&log).filter(|line| line["event"] == event).collect()
    }
}

impl Recorded {
    fn is_in(self, line: &Value) -> bool {
        match self {
            Self::Outcome(outcome) => line["event"] == "call" && line["outcome"] == outcome,
            Self::Denied(words) => {
                let denied = line["denied"].as_str().unwrap_or_default();
                line["event"] == "denial" && denied.contains(words)
            }
        }
    }
}

/// Whole lines; of one that is being written there is no end yet.
fn lines(log: &str) -> impl Iterator<Item = Value> {
    log.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
}

/// The table of a fixture, with more lines.
pub(crate) fn plugin(name: &str, more: &str) -> String {
    format!(
        "\n[plugins.{name}]\ncomponent = \"{}\"\n{more}\n",
        e2e::plugin(name).display()
    )
}

/// Megabytes of memory that the process holds.
fn resident(host: &Host) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", host.process_id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kilobytes.parse::<u64>().unwrap() / 1024
}
