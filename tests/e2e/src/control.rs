//! The backend of the fixture `erratic`: it sees every request, answers what a test wants, and when.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::PATIENCE;

/// A running backend. It stops when this is dropped.
#[derive(Debug)]
pub struct Control {
    port: u16,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// What is answered to a request, or to a path whatever its query; an empty object to all others.
    answers: BTreeMap<String, String>,
    /// Requests, or paths, whose answers wait.
    held: Vec<String>,
    /// Path and query of every request, in order.
    requests: Vec<String>,
    /// Requests whose connection the host closed before they were answered.
    hung_up: Vec<(String, Instant)>,
}

impl Control {
    /// Starts it.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::<Shared>::default();
        let serving = tokio::spawn(accept(listener, shared.clone()));
        Self {
            port,
            shared,
            serving,
        }
    }

    /// Where it listens, on this machine.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The tables of a deployment: the plugin `erratic`, with this backend.
    #[must_use]
    pub fn erratic(&self) -> String {
        let binding = format!(
            r#"
[bindings.control]
kind = "control"
url = "http://127.0.0.1:{}"
allow = ["GET /**"]
"#,
            self.port
        );
        binding + &self.plugin("erratic")
    }

    /// The table of one more plugin that has this backend.
    #[must_use]
    pub fn plugin(&self, name: &str) -> String {
        format!(
            r#"
[plugins.{name}]
component = "{}"
grant = ["http", "changes"]
backends = {{ control = "control" }}
"#,
            crate::plugin(name).display()
        )
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// From now on answers a request, or a path whatever its query, with this.
    pub fn answer(&self, path: &str, body: &str) {
        self.state()
            .answers
            .insert(path.to_owned(), body.to_string());
    }

    /// From now on lets a request wait, or all for a path.
    pub fn hold(&self, path: &str) {
        self.state().held.push(path.to_owned());
    }

    /// Answers what waits, and lets nothing wait any more.
    pub fn release(&self, path: &str) {
        self.state().held.retain(|held| held != path);
        self.shared.changed.notify_waiters();
    }

    /// Path and query of each request for a path so far.
    #[must_use]
    pub fn requests(&self, path: &str) -> Vec<String> {
        let state = self.state();
        let all = state.requests.iter();
        all.filter(|one| path_of(one) == path).cloned().collect()
    }

    /// Waits until there were that many requests for a path.
    pub async fn asked(&self, path: &str, times: usize) {
        self.wait(|state| {
            let all = state.requests.iter();
            (all.filter(|one| path_of(one) == path).count() >= times).then_some(())
        })
        .await;
    }

    /// Waits until the host has closed the connection of a request for a path that was not answered; gives when.
    pub async fn hung_up(&self, path: &str) -> Instant {
        self.wait(|state| {
            let mut all = state.hung_up.iter();
            let found = all.find(|(one, _)| path_of(one) == path);
            found.map(|(_, when)| *when)
        })
        .await
    }

    /// Whether it ever did.
    #[must_use]
    pub fn was_hung_up_on(&self, path: &str) -> bool {
        let state = self.state();
        state.hung_up.iter().any(|(one, _)| path_of(one) == path)
    }

    async fn wait<T>(&self, ready: impl Fn(&State) -> Option<T>) -> T {
        let wait = async {
            loop {
                let changed = self.shared.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if let Some(found) = ready(&self.state()) {
                    return found;
                }
                changed.await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, wait).await;
        found.unwrap_or_else(|_| panic!("it did not happen: {:?}", self.state()))
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, what: impl FnOnce(&mut State)) {
        what(&mut self.state());
        self.changed.notify_waiters();
    }
}

fn path_of(request: &str) -> &str {
    request.split('?').next().unwrap_or(request)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        tokio::spawn(async move {
            // A host that goes away is what some tests wait for.
            let _ended = serve(stream, &shared).await;
        });
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let request = head.split(' ').nth(1).unwrap_or_default().to_owned();
        shared.note(|state| state.requests.push(request.clone()));
        if !released(&mut stream, shared, &request).await {
            shared.note(|state| state.hung_up.push((request, Instant::now())));
            return Ok(());
        }
        let body = {
            let state = shared.state();
            let body = state.answers.get(&request);
            body.or_else(|| state.answers.get(path_of(&request)))
                .map_or_else(|| "{}".to_owned(), String::clone)
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
    }
}

/// Waits for as long as the request is held. `false`: the other side did not.
async fn released(stream: &mut TcpStream, shared: &Shared, request: &str) -> bool {
    loop {
        let changed = shared.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        let is_it = |held: &String| held == request || held == path_of(request);
        if !shared.state().held.iter().any(is_it) {
            return true;
        }
        tokio::select! {
            () = changed => {}
            read = stream.read_u8() => match read {
                Ok(_) => panic!("a request came before the last was answered"),
                Err(_) => return false,
            },
            // So that a test that hangs ends.
            () = tokio::time::sleep(PATIENCE * 4) => return false,
        }
    }
}

/// Waits until something is so, looking again and again.
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, looking).await;
    assert!(found.is_ok(), "it did not happen: {what}");
}
