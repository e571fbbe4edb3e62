//! What comes back, and what does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use http::HeaderValue;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use toolward::config::CredentialKind;
use toolward::egress::Deadlines;

use crate::support::*;

#[tokio::test]
async fn an_echoing_backend_does_not_hand_the_token_to_the_guest() {
    let auth = Arc::new(Auth::new());
    let served = Arc::clone(&auth);
    let backend = Backend::http(move |seen| {
        let auth = Arc::clone(&served);
        async move {
            if seen.path() == "/token" {
                return auth.token(&seen);
            }
            let echoed = seen.header("authorization").unwrap().to_owned();
            let text = format!("you sent <{echoed}>, and again <{echoed}>");
            let single = text.bytes().map(|byte| Bytes::from(vec![byte])).collect();
            let mut answer = http::Response::new(pieces(single));
            let echoed = HeaderValue::from_str(&echoed).unwrap();
            answer.headers_mut().insert("x-echo", echoed);
            answer
        }
    })
    .await;
    let plugin = Plugin::bound_to(with_login(&backend.url()));
    let answer = plugin.send(get("/echo")).await.unwrap();
    assert_eq!(answer.headers()["x-echo"], "Bearer ******************");
    let (_, text) = read(answer).await.unwrap();
    let hidden = "<Bearer ******************>";
    assert_eq!(text, format!("you sent {hidden}, and again {hidden}"));
}

#[tokio::test]
async fn basic_credentials_are_hidden_encoded_and_plain() {
    let backend = Backend::http(|seen| async move {
        let echoed = seen.header("authorization").unwrap().to_owned();
        answer(200, format!("{echoed} {PASSWORD}"))
    })
    .await;
    let mut bound = binding(&backend.url());
    bound.credential = credential(CredentialKind::Basic {
        username: value("ann"),
        password: value(PASSWORD),
    });
    let (_, text) = Plugin::bound_to(bound).get("/").await.unwrap();
    assert_eq!(text.replace('*', ""), "Basic  ");
    let sent = backend.seen()[0]
        .header("authorization")
        .unwrap()
        .to_owned();
    assert_eq!(sent, "Basic YW5uOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ==");
}

#[tokio::test]
async fn a_guest_sees_no_session_and_no_challenge() {
    let backend = Backend::http(|_| async {
        let mut answer = answer(401, "no");
        for (name, value) in [
            ("set-cookie", "session=1"),
            ("www-authenticate", "Negotiate abc"),
            ("x-kept", "yes"),
        ] {
            answer
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        answer
    })
    .await;
    let plugin = Plugin::bound_to(binding(&backend.url()));
    let answer = plugin.send(get("/")).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["x-kept"], "yes");
    for name in ["set-cookie", "www-authenticate", "connection"] {
        assert!(!answer.headers().contains_key(name), "{name}");
    }
    // Without a credential there is nothing to try again with.
    assert_eq!(backend.seen().len(), 1);
}

#[tokio::test]
async fn redirects_are_handed_on_under_the_backends_name_or_without_a_target() {
    let backend = Backend::http(|seen| async move {
        let target = seen.target.split_once("?to=").unwrap().1.to_owned();
        let target = percent_encoding::percent_decode_str(&target).decode_utf8_lossy();
        let mut answer = answer(302, "");
        let location = HeaderValue::from_str(&target).unwrap();
        answer.headers_mut().insert("location", location);
        answer
    })
    .await;
    let own = backend.url();
    let plugin = Plugin::bound_to(binding(&format!("{own}/base")));
    let port = backend.address.port();
    let table = [
        ("/base/b?x=1#f".to_owned(), Some("http://vbr/b?x=1")),
        (format!("{own}/base/b"), Some("http://vbr/b")),
        ("next".to_owned(), Some("http://vbr/dir/next")),
        ("../x".to_owned(), Some("http://vbr/x")),
        ("?y=2".to_owned(), Some("http://vbr/dir/a?y=2")),
        ("/elsewhere".to_owned(), None),
        ("/baseless/b".to_owned(), None),
        ("/base/../other".to_owned(), None),
        ("https://example.com/base/b".to_owned(), None),
        ("//example.com/base/b".to_owned(), None),
        ("\\\\example.com\\base".to_owned(), None),
        (format!("https://127.0.0.1:{port}/base/b"), None),
        (format!("http://127.0.0.1:{}/base/b", port ^ 1), None),
        (format!("http://ann@127.0.0.1:{port}/base/b"), None),
        ("javascript:alert(1)".to_owned(), None),
        ("http://".to_owned(), None),
    ];
    for (target, expected) in table {
        let escaped =
            percent_encoding::utf8_percent_encode(&target, percent_encoding::NON_ALPHANUMERIC);
        let answer = plugin
            .send(get(&format!("/dir/a?to={escaped}")))
            .await
            .unwrap();
        assert_eq!(answer.status(), 302);
        let location = answer
            .headers()
            .get("location")
            .map(|l| l.to_str().unwrap());
        assert_eq!(location, expected, "{target}");
    }
    let only = backend
        .seen()
        .iter()
        .all(|seen| seen.path() == "/base/dir/a");
    assert!(only, "a redirect was followed");
}

#[tokio::test]
async fn an_answer_beyond_the_size_limit_is_refused_or_breaks_off() {
    let backend = Backend::http(|seen| async move {
        let large = Bytes::from(vec![b'a'; 1000]);
        match seen.path() {
            "/declared" => answer(200, large),
            "/streamed" => http::Response::new(pieces(vec![large; 3])),
            _ => answer(200, large.slice(..100)),
        }
    })
    .await;
    let mut bound = binding(&backend.url());
    bound.max_response_bytes = 999;
    let plugin = Plugin::bound_to(bound);
    let refusal = "unavailable: the answer of backend \"vbr\" is larger than 999 bytes\nhint: ask for less, or raise bindings.vbr01.max-response-size";
    assert_eq!(plugin.refused(get("/declared")).await, refusal);
    // The head of the answer to HEAD tells the length of a body that does not come.
    let head = plugin
        .send(request("HEAD", "http://vbr/declared"))
        .await
        .unwrap();
    assert_eq!(head.headers()["content-length"], "1000");
    let streamed = plugin.get("/streamed").await.unwrap_err();
    assert_eq!(streamed.to_string(), refusal);
    assert_eq!(plugin.get("/small").await.unwrap().1.len(), 100);
}

#[tokio::test]
async fn a_compressed_answer_is_refused() {
    let backend = Backend::http(|_| async {
        let mut answer = answer(200, "zip");
        answer
            .headers_mut()
            .insert("content-encoding", HeaderValue::from_static("gzip"));
        answer
    })
    .await;
    let plugin = Plugin::bound_to(binding(&backend.url()));
    let refusal = plugin.refused(get("/")).await;
    assert!(
        refusal.starts_with("unavailable: backend \"vbr\" compressed"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_backend_that_does_not_answer_is_timed_out() {
    let backend = Backend::http(|_| std::future::pending()).await;
    let plugin = Arc::new(Plugin::bound_to(binding(&backend.url())));
    let asking = tokio::spawn({
        let plugin = Arc::clone(&plugin);
        async move { plugin.refused(get("/")).await }
    });
    until(|| backend.count("/") == 1).await;
    pass(Duration::from_secs(31)).await;
    assert_eq!(
        asking.await.unwrap(),
        "timed-out: backend \"vbr\" did not answer within 30 s"
    );
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_timed_out_in_the_middle() {
    let backend = Backend::http(|_| async { http::Response::new(endless("begin")) }).await;
    let plugin = Plugin::bound_to(binding(&backend.url()));
    for (between_bytes, passed, message) in [
        (None, 31, "did not end its answer within 30 s"),
        (
            Some(Duration::from_secs(3)),
            4,
            "paused in its answer for more than 3 s",
        ),
    ] {
        let deadlines = Deadlines {
            between_bytes,
            ..Deadlines::default()
        };
        let answer = plugin
            .egress
            .send(&plugin.origin, get("/"), deadlines)
            .await
            .unwrap();
        let mut body = answer.into_body();
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first, "begin");
        pass(Duration::from_secs(passed)).await;
        let error = body.frame().await.unwrap().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("timed-out: backend \"vbr\" {message}")
        );
        assert!(body.frame().await.is_none());
    }
}

#[tokio::test]
async fn a_guests_time_limit_shortens_the_bindings() {
    let backend = Backend::http(|_| std::future::pending()).await;
    let plugin = Plugin::bound_to(binding(&backend.url()));
    let deadlines = Deadlines {
        connect: Some(Duration::ZERO),
        first_byte: Some(Duration::from_millis(1)),
        ..Deadlines::default()
    };
    let refusal = plugin
        .egress
        .send(&plugin.origin, get("/"), deadlines)
        .await
        .unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "timed-out: backend \"vbr\" did not answer within 0.001 s"
    );
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let auth = Arc::new(Auth::new());
    let backend = auth.serve().await;
    let plugin = Plugin::bound_to(with_login(&backend.url()));
    for _ in 0..20 {
        assert_eq!(plugin.get("/a").await.unwrap().0, 200);
    }
    assert_eq!(backend.connections(), 1);
}

#[tokio::test]
async fn dropping_the_future_or_the_body_ends_the_request() {
    let gone = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&gone);
    let backend = Backend::http(move |seen| {
        let guard = Gone(Arc::clone(&flag));
        async move {
            if seen.path() == "/wait" {
                let _guard = guard;
                return std::future::pending().await;
            }
            let held = futures::stream::once(std::future::pending::<()>()).map(move |()| {
                let _ = &guard;
                Ok(http_body::Frame::data(Bytes::new()))
            });
            http::Response::new(toolward::egress::Body::new(
                http_body_util::StreamBody::new(held),
            ))
        }
    })
    .await;
    let plugin = Arc::new(Plugin::bound_to(binding(&backend.url())));
    let asking = tokio::spawn({
        let plugin = Arc::clone(&plugin);
        async move { plugin.send(get("/wait")).await }
    });
    until(|| backend.count("/wait") == 1).await;
    asking.abort();
    until(|| gone.swap(false, Ordering::SeqCst)).await;

    let answer = plugin.send(get("/stream")).await.unwrap();
    assert!(!gone.load(Ordering::SeqCst));
    drop(answer);
    until(|| gone.load(Ordering::SeqCst)).await;
}

/// A server that reads a request and answers each connection with these bytes, then closes it.
async fn raw(answer: &'static [u8]) -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer).await;
        }
    });
    (url, task)
}

#[tokio::test]
async fn a_broken_answer_is_unavailable() {
    for (answer, part) in [
        (
            &b""[..],
            "unavailable: backend \"vbr\" broke the connection",
        ),
        (
            b"SSH-2.0-OpenSSH\r\n",
            "unavailable: backend \"vbr\" broke the connection or did not answer in HTTP",
        ),
        (
            b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
            "wants to change the protocol (101)",
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
            "unavailable: the answer broke off: backend \"vbr\" broke",
        ),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            "unavailable: the answer broke off",
        ),
    ] {
        let (url, server) = raw(answer).await;
        let plugin = Plugin::bound_to(binding(&url));
        let refusal = plugin.get("/").await.unwrap_err().to_string();
        assert!(refusal.contains(part), "{refusal}");
        server.abort();
    }
}

#[tokio::test]
async fn trailers_are_dropped() {
    let (url, server) = raw(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-late\r\n\r\n2\r\nok\r\n0\r\nx-late: 1\r\n\r\n",
    )
    .await;
    let answer = Plugin::bound_to(binding(&url))
        .send(get("/"))
        .await
        .unwrap();
    let collected = answer.into_body().collect().await.unwrap();
    assert!(collected.trailers().is_none());
    assert_eq!(collected.to_bytes(), "ok");
    server.abort();
}

#[tokio::test]
async fn a_backend_that_is_not_there_is_unavailable_with_a_remedy() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(
        Plugin::bound_to(binding(&url)).refused(get("/")).await,
        "unavailable: backend \"vbr\" refused the connection\nhint: check the port in bindings.vbr01.url, and that the service runs"
    );
    let unknown = Plugin::bound_to(binding("http://no-such-host.invalid"));
    let refusal = unknown.refused(get("/")).await;
    assert!(
        refusal.contains("has a host name that cannot be resolved"),
        "{refusal}"
    );
    assert!(!refusal.contains("no-such-host"), "{refusal}");
}
