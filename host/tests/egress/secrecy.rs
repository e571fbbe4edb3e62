//! No secret is in any log line, nor in what prints itself.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderValue;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::*;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_secret_is_logged_at_any_level_whatever_happens() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .finish();
    // For all threads, and so for the tests that run beside this one: a subscriber of one thread misses what
    // another thread has met first.
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let mut auth = Auth::new();
    auth.gives_refresh_tokens = true;
    *auth.accepts_password.lock().unwrap() = false;
    let auth = Arc::new(auth);
    let served = Arc::clone(&auth);
    let backend = Backend::http(move |seen| {
        let auth = Arc::clone(&served);
        async move {
            if seen.path() != "/echo" {
                return auth.answer(&seen);
            }
            let echoed = seen.header("authorization").unwrap().to_owned();
            let mut answer = answer(400, echoed.clone());
            let header = HeaderValue::from_str(&format!("t={echoed}")).unwrap();
            answer.headers_mut().insert("set-cookie", header.clone());
            answer.headers_mut().insert("x-echo", header.clone());
            answer.headers_mut().insert("location", header);
            answer
        }
    })
    .await;
    let plugin = Plugin::bound_to(with_login(&backend.url()));

    plugin.refused(get("/a")).await;
    *auth.accepts_password.lock().unwrap() = true;
    pass(Duration::from_secs(10)).await;
    assert_eq!(plugin.get("/a").await.unwrap().0, 200);
    assert_eq!(plugin.get("/echo").await.unwrap().0, 400);
    auth.revoke();
    assert_eq!(plugin.get("/a").await.unwrap().0, 200);
    pass(Duration::from_secs(850)).await;
    assert_eq!(plugin.get("/a").await.unwrap().0, 200);
    until(|| auth.refreshes() == 2).await;
    auth.revoke();
    auth.revoke_refresh_tokens();
    assert_eq!(plugin.get("/a").await.unwrap().0, 200);
    let mut forged = get("/a");
    forged
        .headers_mut()
        .insert("authorization", HeaderValue::from_static("Bearer own"));
    plugin.refused(forged).await;
    drop(backend);
    pass(Duration::from_secs(2000)).await;
    plugin.refused(get("/a")).await;

    let mut text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for expected in [
        "login failed",
        "logged in",
        "request refused",
        "request failed",
        "http.egress",
    ] {
        assert!(text.contains(expected), "the log lacks {expected}");
    }
    write!(text, "{:?} {:?}", plugin.egress, plugin.origin).unwrap();
    for secret in [
        PASSWORD,
        "correct+horse",
        "correct%20horse",
        "access-token-0",
        "refresh-token-0",
    ] {
        let found = text.lines().find(|line| line.contains(secret));
        assert_eq!(found, None, "{secret} is in the log");
    }
}
