//! Checkpoints outside the log: who can rewrite the log must not be able to rewrite these.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::line::{End, hex, rfc3339, unhex};

/// Where checkpoints go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Anchor {
    /// A file, best on another machine or one that can only be appended to.
    File(PathBuf),
    /// The system's log, facility `authpriv`.
    Syslog,
}

const WORD: &str = "toolward-audit-anchor";
const SYSLOG: &str = "/dev/log";
/// Facility `authpriv`, severity `informational` (RFC 3164).
const PRIORITY: u8 = 10 * 8 + 6;

impl Anchor {
    pub(super) fn set(&self, end: &End) -> io::Result<()> {
        let text = format!(
            "{WORD} seq={} mac={} time={}",
            end.seq,
            hex(&end.tag),
            rfc3339(SystemTime::now())
        );
        match self {
            Self::File(path) => {
                let mut file = OpenOptions::new()
                    .append(true)
                    .create(true)
                    .mode(0o600)
                    .open(path)?;
                file.write_all(format!("{text}\n").as_bytes())?;
                file.sync_data()
            }
            Self::Syslog => {
                let socket = UnixDatagram::unbound()?;
                let message = format!("<{PRIORITY}>toolward[{}]: {text}", std::process::id());
                socket.send_to(message.as_bytes(), SYSLOG).map(|_| ())
            }
        }
    }
}

/// Every checkpoint in a file, be it our own or a system's log with other lines between.
pub(super) fn read(path: &Path) -> io::Result<Vec<End>> {
    let bytes = std::fs::read(path)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().filter_map(parse).collect())
}

fn parse(line: &str) -> Option<End> {
    let (_, rest) = line.split_once(WORD)?;
    let mut words = rest.split_whitespace();
    let seq = words.next()?.strip_prefix("seq=")?.parse().ok()?;
    let tag = unhex(words.next()?.strip_prefix("mac=")?)?;
    Some(End { seq, tag })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_found_among_other_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchors");
        let end = End {
            seq: 7,
            tag: [0xab; 32],
        };
        let anchor = Anchor::File(path.clone());
        anchor.set(&end).unwrap();
        let own = std::fs::read_to_string(&path).unwrap();
        let text = format!(
            "Nov 21 sshd[1]: hello\nNov 21 host toolward[2]: {own}{WORD} seq=x\n{WORD} seq=1 mac=00\n"
        );
        std::fs::write(&path, text).unwrap();
        anchor.set(&End { seq: 8, ..end }).unwrap();
        let found: Vec<_> = read(&path).unwrap().iter().map(|end| end.seq).collect();
        assert_eq!(found, [7, 8]);
    }
}
