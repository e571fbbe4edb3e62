//! What is on the wire, byte by byte, when a guest tries to say more than it was asked to.

use http::{HeaderName, HeaderValue, Request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::support::{Backend, Plugin, answer, binding, body, get, pieces, post, request};

/// Sends one request to a server that writes down what it reads.
async fn wire(request: Request<toolward::egress::Body>) -> Result<String, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plugin = Plugin::bound_to(binding(&format!(
        "http://{}/base",
        listener.local_addr().unwrap()
    )));
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let length = stream.read(&mut piece).await.unwrap();
            read.extend_from_slice(&piece[..length]);
            let text = String::from_utf8_lossy(&read);
            let ended = match text.split_once("\r\n\r\n") {
                Some((head, rest)) if head.contains("transfer-encoding: chunked") => {
                    rest.ends_with("0\r\n\r\n")
                }
                Some((head, rest)) => head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .is_none_or(|length| rest.len() == length.parse::<usize>().unwrap()),
                None => false,
            };
            if ended {
                break;
            }
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        String::from_utf8(read).unwrap()
    };
    tokio::select! {
        biased;
        sent = plugin.send(request) => match sent {
            Ok(_) => panic!("an answer before the request was read"),
            Err(refusal) => Err(refusal.to_string()),
        },
        read = server => Ok(read),
    }
}

#[tokio::test]
async fn one_request_is_one_request_on_the_wire() {
    let text = wire(get("/a?b=c%20d")).await.unwrap();
    assert!(
        text.starts_with("GET /base/a?b=c%20d HTTP/1.1\r\n"),
        "{text}"
    );
    assert_eq!(text.matches(" HTTP/1.1\r\n").count(), 1);
    assert_eq!(text.to_lowercase().matches("\r\nhost: ").count(), 1);

    // A body that looks like a request is a body: its length is the host's.
    let inner = "0\r\n\r\nGET /base/secret HTTP/1.1\r\nhost: x\r\n\r\n";
    for content in [
        body(inner),
        pieces(vec![inner[..5].into(), inner[5..].into()]),
    ] {
        let text = wire(post("/a", content)).await.unwrap();
        let (head, rest) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("content-length: {}", inner.len())),
            "{head}"
        );
        assert!(!head.contains("transfer-encoding"), "{head}");
        assert_eq!(rest, inner);
    }
}

#[tokio::test]
async fn lengths_and_encodings_are_the_hosts() {
    for (name, values) in [
        ("transfer-encoding", &["chunked"][..]),
        ("transfer-encoding", &["identity, chunked"]),
        ("Transfer_Encoding", &["chunked"]),
        ("content-length", &["3", "4"]),
        ("content-length", &["3, 3"]),
        ("content-length", &["+3"]),
        ("content_length", &["3"]),
        ("trailer", &["x"]),
        ("upgrade", &["h2c"]),
        ("http2-settings", &["AAMAAABkAAQ"]),
        ("proxy-connection", &["keep-alive"]),
        ("host", &["inner.example"]),
        ("host", &["vbr", "vbr:80"]),
        ("x-http-method-override", &["DELETE"]),
        ("x-original-url", &["/secret"]),
    ] {
        let mut asked = post("/a", body("abc"));
        for value in values {
            let name: HeaderName = name.parse().unwrap();
            asked
                .headers_mut()
                .append(name, HeaderValue::from_str(value).unwrap());
        }
        let refusal = wire(asked).await.unwrap_err();
        assert!(
            refusal.starts_with("denied: ") || refusal.starts_with("invalid-input: "),
            "{refusal}"
        );
    }
    // What only means something to the connection is dropped.
    let mut asked = post("/a", body("abc"));
    for (name, value) in [
        ("connection", "close, content-length"),
        ("te", "trailers"),
        ("expect", "100-continue"),
        ("keep-alive", "1"),
    ] {
        asked
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    let text = wire(asked).await.unwrap().to_lowercase();
    for absent in ["connection:", "te:", "expect:", "keep-alive:"] {
        assert!(!text.contains(&format!("\r\n{absent}")), "{text}");
    }
    assert!(text.contains("content-length: 3\r\n"), "{text}");
}

#[tokio::test]
async fn line_ends_do_not_get_into_a_head() {
    for bad in ["a\r\nx: y", "a\nb", "a\rb", "a\0b", "a\u{7f}b"] {
        assert!(HeaderValue::from_str(bad).is_err(), "{bad:?}");
        assert!(HeaderName::from_bytes(bad.as_bytes()).is_err(), "{bad:?}");
        assert!(http::Method::from_bytes(bad.as_bytes()).is_err(), "{bad:?}");
        assert!(
            format!("http://vbr/{bad}").parse::<http::Uri>().is_err(),
            "{bad:?}"
        );
    }
    // Bytes that some servers take for a line end in another character set stay what they are.
    let mut asked = get("/a");
    let value = HeaderValue::from_bytes(b"a\xe5\x98\x8a\xe5\x98\x8dx: y").unwrap();
    asked.headers_mut().insert("x-text", value);
    let text = wire(asked).await.unwrap();
    assert!(!text.contains("\r\nx: y"), "{text}");
}

#[tokio::test]
async fn a_target_is_a_path_below_the_binding_however_it_is_written() {
    let backend = Backend::http(|_| std::future::ready(answer(200, ""))).await;
    let plugin = Plugin::bound_to(binding(&backend.url()));
    // Absolute form, authority form, asterisk form, user info, another port, another case.
    for uri in [
        "http://vbr:80/a",
        "http://vbr@vbr/a",
        "http://:@vbr/a",
        "http://user:pw@vbr/a",
        "http://VBR/a",
        "http://vbr%2f/a",
        "http://vbr.example/a",
        "http://other/a",
        "//vbr/a",
        "/a",
        "vbr",
        "*",
        "ftp://vbr/a",
        "http://vbr//example.com/a",
        "http://vbr/http://example.com/a/../b",
        "http://vbr/..%2fb",
        "http://vbr/%2e%2e/b",
        "http://vbr/a/%252e%252e/b",
        "http://vbr/a;jsessionid=1/b",
        "http://vbr/a%00.json",
        "http://vbr/a%0d%0aHost:%20b",
        "http://vbr/a\\b",
        "http://vbr/%c0%ae%c0%ae/b",
    ] {
        let Ok(parsed) = uri.parse::<http::Uri>() else {
            continue;
        };
        let asked = Request::builder().uri(parsed).body(body("")).unwrap();
        assert!(plugin.send(asked).await.is_err(), "{uri}");
    }
    assert_eq!(backend.connections(), 0);
    // A URL within a path is a path.
    plugin
        .send(request("GET", "http://vbr/http:/example.com/a"))
        .await
        .unwrap();
    assert_eq!(backend.seen()[0].target, "/http:/example.com/a");
}
