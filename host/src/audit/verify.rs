//! Whether a log is what was written: every line, in order, from the first to the last checkpoint.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::line::{BEGINNING, End, Keys, Parsed, Tag, hex, unhex};
use super::writer::{CURRENT, set_aside};
use super::{Kind, anchor};

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

/// Problems that are told one by one.
const MOST_PROBLEMS: usize = 50;

/// Why a log cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A file of it.
    #[error("cannot read the audit log `{path}`")]
    Log {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The checkpoints.
    #[error("cannot read the checkpoints `{path}`")]
    Anchors {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

/// What was found.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Verification {
    /// Whether the log is whole.
    pub ok: bool,
    /// Lines looked at.
    pub lines: u64,
    /// The number of the first line.
    pub first: u64,
    /// The number of the last line.
    pub last: u64,
    /// The last line that has a checkpoint. What comes after it could have been cut off by whoever has the key, or at
    /// the end by anybody.
    pub anchored: Option<u64>,
    /// What is wrong, from the beginning on.
    pub problems: Vec<Problem>,
    /// Problems beyond those.
    pub more: u64,
}

/// Something wrong.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Problem {
    /// The file's name; none when something is missing as a whole.
    pub file: Option<String>,
    /// The line in that file, from 1.
    pub line: Option<u64>,
    /// The number that the line has or should have.
    pub seq: Option<u64>,
    /// What is wrong.
    pub problem: String,
}

/// Looks at a whole log. `anchors`: a file with its checkpoints.
pub fn verify(
    folder: &Path,
    key: &[u8],
    anchors: Option<&Path>,
) -> Result<Verification, VerifyError> {
    let log = |path: &Path| {
        let path = path.to_owned();
        move |source| VerifyError::Log { path, source }
    };
    let mut files = set_aside(folder).map_err(log(folder))?;
    let current = folder.join(CURRENT);
    if current.exists() {
        files.push(current);
    }
    let anchors = match anchors {
        None => Vec::new(),
        Some(path) => anchor::read(path).map_err(|source| VerifyError::Anchors {
            path: path.to_owned(),
            source,
        })?,
    };
    let mut check = Check::new(Keys::of(key), &anchors);
    // Lines that vouch for what was removed come after it, so they are looked for first. They count only if the chain
    // from there to here holds.
    for path in &files {
        each_line(path, |_, line, _| check.note_pruned(line)).map_err(log(path))?;
    }
    for path in &files {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        check.file = name.unwrap_or_default();
        each_line(path, |number, line, is_whole| {
            check.line(number, line, is_whole);
        })
        .map_err(log(path))?;
    }
    Ok(check.end())
}

fn each_line(path: &Path, mut each: impl FnMut(u64, &[u8], bool)) -> io::Result<()> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let is_whole = line.pop_if(|last| *last == b'\n').is_some();
        each(number, &line, is_whole);
    }
    Ok(())
}

struct Check {
    keys: Keys,
    /// Last removed line → its hash.
    pruned: BTreeMap<u64, Tag>,
    anchors: BTreeMap<u64, Tag>,
    file: String,
    before: Option<End>,
    /// Something that is no line, which the next line may vouch for.
    odd: Option<(Problem, usize, String)>,
    found: Verification,
}

impl Check {
    fn new(keys: Keys, anchors: &[End]) -> Self {
        Self {
            keys,
            pruned: BTreeMap::new(),
            anchors: anchors.iter().map(|end| (end.seq, end.tag)).collect(),
            file: String::new(),
            before: None,
            odd: None,
            found: Verification {
                ok: true,
                lines: 0,
                first: 0,
                last: 0,
                anchored: None,
                problems: Vec::new(),
                more: 0,
            },
        }
    }

    fn note_pruned(&mut self, line: &[u8]) {
        let Ok(text) = std::str::from_utf8(line) else {
            return;
        };
        if !text.contains("\"pruned\"") {
            return;
        }
        let Some(line) = Parsed::of(text).filter(|line| line.is(Kind::Pruned)) else {
            return;
        };
        let through = line
            .fields
            .get("through")
            .and_then(serde_json::Value::as_u64);
        let tag = line
            .fields
            .get("through_mac")
            .and_then(|tag| unhex(tag.as_str()?));
        if let (Some(through), Some(tag)) = (through, tag) {
            self.pruned.insert(through, tag);
        }
    }

    fn line(&mut self, number: u64, bytes: &[u8], is_whole: bool) {
        let parsed = std::str::from_utf8(bytes).ok().and_then(Parsed::of);
        let Some(line) = parsed.filter(|_| is_whole) else {
            self.settle(None);
            let problem = if is_whole {
                "is not a line of an audit log"
            } else {
                "is not whole"
            };
            let seq = self.before.map(|before| before.seq.saturating_add(1));
            let problem = self.problem(number, seq, problem.to_owned());
            self.odd = Some((problem, bytes.len(), hex(&Sha256::digest(bytes))));
            return;
        };
        self.found.lines += 1;
        let before = self.before.unwrap_or_else(|| self.beginning(number, &line));
        let follows = self.keys.follows(&before.tag, &line);
        self.settle(follows.then_some(&line));
        // What a line calls itself is anybody's word.
        let expected = before.seq.saturating_add(1);
        if line.seq != expected {
            let problem = if line.seq > expected {
                format!(
                    "follows a gap: lines {expected} to {} are missing",
                    line.seq - 1
                )
            } else {
                format!("is out of order: line {expected} should be here")
            };
            self.tell(number, &line, problem);
        } else if !follows {
            self.tell(number, &line, "was changed, or stands behind another line than it was written behind, or was written with another key".to_owned());
        } else if line.is(Kind::Tampered) {
            let told = line.fields.get("problem").and_then(|told| told.as_str());
            let problem = format!(
                "was written when the host found that {}",
                told.unwrap_or("the log was changed")
            );
            self.tell(number, &line, problem);
        }
        if self
            .anchors
            .get(&line.seq)
            .is_some_and(|tag| *tag != line.tag)
        {
            self.tell(
                number,
                &line,
                "is another line than its checkpoint says".to_owned(),
            );
        }
        self.before = Some(line.end());
    }

    /// What stands before the first line that there is.
    fn beginning(&mut self, number: u64, line: &Parsed<'_>) -> End {
        self.found.first = line.seq;
        let through = line.seq.saturating_sub(1);
        if through == 0 {
            return End::NOTHING;
        }
        let tag = self.pruned.get(&through).copied();
        if tag.is_none() {
            let problem = format!("is the first one: lines 1 to {through} are missing");
            self.tell(number, line, problem);
        }
        End {
            seq: through,
            tag: tag.unwrap_or(BEGINNING),
        }
    }

    /// Something odd stood before this line, or before nothing.
    fn settle(&mut self, line: Option<&Parsed<'_>>) {
        let Some((problem, length, digest)) = self.odd.take() else {
            return;
        };
        let vouched = line.is_some_and(|line| {
            line.is(Kind::Torn)
                && line.fields.get("bytes").and_then(serde_json::Value::as_u64)
                    == Some(length as u64)
                && line.fields.get("sha256").and_then(|value| value.as_str()) == Some(&digest)
        });
        if !vouched {
            self.add(problem);
        }
    }

    fn end(mut self) -> Verification {
        self.settle(None);
        self.found.last = self.before.map_or(0, |before| before.seq);
        self.found.anchored = self.anchors.keys().next_back().copied();
        if let Some(anchored) = self.found.anchored
            && anchored > self.found.last
        {
            let problem = format!(
                "the log ends at line {}, and line {anchored} has a checkpoint: lines are missing at the end",
                self.found.last
            );
            self.add(Problem {
                file: None,
                line: None,
                seq: Some(anchored),
                problem,
            });
        }
        self.found
    }

    fn problem(&self, number: u64, seq: Option<u64>, problem: String) -> Problem {
        Problem {
            file: Some(self.file.clone()),
            line: Some(number),
            seq,
            problem,
        }
    }

    fn tell(&mut self, number: u64, line: &Parsed<'_>, problem: String) {
        let problem = self.problem(number, Some(line.seq), problem);
        self.add(problem);
    }

    fn add(&mut self, problem: Problem) {
        self.found.ok = false;
        if self.found.problems.len() < MOST_PROBLEMS {
            self.found.problems.push(problem);
        } else {
            self.found.more += 1;
        }
    }
}
