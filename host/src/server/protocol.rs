//! Which protocol a connection begins with. It is looked at without being taken from the socket, so that HTTP/1.1 costs one
//! system call a connection more than if there were nothing else.

use std::io;
use std::time::Duration;

use rustix::net::RecvFlags;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// What HTTP/2 begins with (RFC 9113, 3.4), which is no request of any other version.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// What the client speaks; nothing if it has not said so in time, or is gone.
pub(super) async fn of(stream: &TcpStream, patience: Duration) -> Option<Protocol> {
    tokio::time::timeout(patience, looked_at(stream))
        .await
        .ok()?
        .ok()
}

async fn looked_at(stream: &TcpStream) -> io::Result<Protocol> {
    loop {
        let ready = stream.ready(Interest::READABLE).await?;
        let looked = stream.try_io(Interest::READABLE, || {
            let mut begun = [0; PREFACE.len()];
            let (_, length) = rustix::net::recv(stream, &mut begun, RecvFlags::PEEK)?;
            judged(&begun[..length])
        });
        match looked {
            // Only a part of the preface is there. What is new is an edge, and reported; the end of what comes is a state,
            // in which the socket would be ready for ever.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if ready.is_read_closed() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            looked => return looked,
        }
    }
}

fn judged(begun: &[u8]) -> io::Result<Protocol> {
    if begun == PREFACE {
        Ok(Protocol::Http2)
    } else if begun.is_empty() {
        Err(io::ErrorKind::UnexpectedEof.into())
    } else if PREFACE.starts_with(begun) {
        Err(io::ErrorKind::WouldBlock.into())
    } else {
        Ok(Protocol::Http1)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    async fn said(pieces: &[&[u8]], hangs_up: bool) -> Option<Protocol> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut client = TcpStream::connect(address).await.expect("a connection");
        let (server, _) = listener.accept().await.expect("a connection");
        let told = async {
            for piece in pieces {
                client.write_all(piece).await.expect("it listens");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            if hangs_up {
                client.shutdown().await.expect("it is open");
            }
        };
        let (protocol, ()) = tokio::join!(of(&server, Duration::from_millis(500)), told);
        if protocol == Some(Protocol::Http2) {
            // It is all still there.
            let mut begun = [0; 24];
            assert_eq!(server.try_read(&mut begun).ok(), Some(24));
            assert_eq!(begun, *PREFACE);
        }
        protocol
    }

    #[tokio::test]
    async fn the_first_bytes_tell() {
        use Protocol::{Http1, Http2};
        type Row<'a> = (&'a [&'a [u8]], bool, Option<Protocol>);
        let (first, rest) = PREFACE.split_at(9);
        let rows: [Row<'_>; 10] = [
            (&[b"GET / HTTP/1.1\r\n"], false, Some(Http1)),
            (&[b"P", b"OST"], false, Some(Http1)),
            (&[b"\r\n"], false, Some(Http1)),
            (&[PREFACE], false, Some(Http2)),
            (&[PREFACE, b"more"], false, Some(Http2)),
            (&[first, rest], false, Some(Http2)),
            (&[first, b"x"], false, Some(Http1)),
            (&[first], false, None),
            (&[first], true, None),
            (&[], true, None),
        ];
        for (pieces, hangs_up, expected) in rows {
            assert_eq!(said(pieces, hangs_up).await, expected, "{pieces:?}");
        }
    }
}
