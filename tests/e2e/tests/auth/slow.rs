//! Clients that take their time, or send more than they may.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::Cx;

/// What a raw connection answers until it closes, and how long that took.
async fn raw(cx: &Cx, pieces: &[&str]) -> (String, Duration) {
    let address = cx.host.url().strip_prefix("http://").unwrap();
    let address = address.strip_suffix("/mcp").unwrap();
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    for piece in pieces {
        stream.write_all(piece.as_bytes()).await.unwrap();
    }
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer));
    // A reset instead of an end is an end too.
    let _how = read.await.expect("the connection is closed in time");
    (
        String::from_utf8_lossy(&answer).into_owned(),
        begun.elapsed(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_and_large_bodies_are_cut_off() {
    let cx = Cx::start().await;
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nAuthorization: Bearer {}\r\n",
        cx.all
    );
    // Half a head.
    let (answer, took) = raw(&cx, &["POST /mcp HTTP/1.1\r\nHost: local"]).await;
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
    // Half a body.
    let (answer, took) = raw(&cx, &[&head, "Content-Length: 100\r\n\r\n{\"jsonrpc\":"]).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    let plain = head.replace("/mcp", "/api/tools/echo");
    let (answer, _) = raw(&cx, &[&plain, "Content-Length: 100\r\n\r\n{\"text\":"]).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    // A body that is announced too large is refused before it comes.
    let (answer, _) = raw(
        &cx,
        &[
            &head,
            "Content-Length: 99999999\r\nConnection: close\r\n\r\n",
        ],
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    // One that is not announced, while it comes.
    let chunk = format!("{:x}\r\n{}\r\n", 40_000, "x".repeat(40_000));
    let (answer, _) = raw(
        &cx,
        &[
            &head,
            "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
            &chunk,
            &chunk,
        ],
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let (answer, _) = raw(
        &cx,
        &[
            &plain,
            "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
            &chunk,
            &chunk,
        ],
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    // Without a token nobody waits for a body at all.
    let (answer, _) = raw(&cx, &["POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 100\r\n\r\n"]).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");

    // More half requests than there are places: others wait, and are served when those are cut off.
    let address = cx
        .host
        .url()
        .strip_prefix("http://")
        .unwrap()
        .strip_suffix("/mcp")
        .unwrap();
    let mut idle = Vec::new();
    for _ in 0..80 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"POST /mcp HTTP/1.1\r\n").await.unwrap();
        idle.push(stream);
    }
    let response = cx.call("echo").bearer_auth(&cx.all).send().await.unwrap();
    assert_eq!(response.status(), 200);
}
