//! The log as a whole: what is written, and that no change to it goes unnoticed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::*;

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

struct Log {
    folder: tempfile::TempDir,
}

impl Log {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn anchors(&self) -> PathBuf {
        self.folder.path().join("anchors")
    }

    fn settings(&self) -> Settings {
        Settings {
            folder: self.path(),
            key: KEY.to_vec(),
            anchor: Some(Anchor::File(self.anchors())),
            anchor_interval: Duration::from_mins(1),
            max_file_bytes: 1500,
            keep_files: None,
            refuse_on_failure: true,
            shown: BTreeMap::from([("start".to_owned(), vec!["id".to_owned(), "list".to_owned()])]),
        }
    }

    fn open(&self) -> Audit {
        Audit::open(self.settings()).unwrap()
    }

    /// Some lines, all on disk and anchored.
    fn write(&self, lines: usize) {
        write(&self.open(), lines);
    }

    fn verify(&self) -> Verification {
        verify(&self.path(), KEY, Some(&self.anchors())).unwrap()
    }

    /// The files of the log, oldest first.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = writer::set_aside(&self.path()).unwrap();
        files.push(self.path().join(writer::CURRENT));
        files
    }

    fn lines(&self) -> Vec<serde_json::Value> {
        let texts = self
            .files()
            .into_iter()
            .filter_map(|path| fs::read_to_string(path).ok());
        let texts: Vec<_> = texts.collect();
        let lines = texts.iter().flat_map(|text| text.lines());
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// Lines in batches of five.
fn write(audit: &Audit, lines: usize) {
    for number in 0..lines {
        audit.record(Event::new(Kind::Call).with("number", number).outcome("ok"));
        if number % 5 == 4 {
            let places = &audit.0.as_ref().unwrap().shared.places;
            while places.available_permits() < QUEUE {
                std::thread::yield_now();
            }
        }
    }
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<String>)) {
    let text = fs::read_to_string(path).unwrap();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    lines.push(String::new());
    fs::write(path, lines.join("\n")).unwrap();
}

#[test]
fn lines_are_numbered_chained_rotated_and_anchored() {
    let log = Log::new();
    log.write(20);
    log.write(20);
    assert!(log.files().len() > 3, "{:?}", log.files());
    let found = log.verify();
    assert!(found.ok, "{found:?}");
    assert_eq!(
        (found.lines, found.first, found.last, found.anchored),
        (40, 1, 40, Some(40))
    );
    let lines = log.lines();
    assert_eq!(
        (lines[39]["seq"].as_u64(), lines[39]["number"].as_u64()),
        (Some(40), Some(19))
    );
    assert!(lines[0]["time"].as_str().unwrap().ends_with('Z'));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&log.path()), mode(&log.files()[0])), (0o700, 0o600));
}

/// Does something to a log of 40 lines in several files; the verification must say this.
#[track_caller]
fn check_tampering(change: impl FnOnce(&Log), expected: &str) {
    let log = Log::new();
    log.write(40);
    change(&log);
    let found = log.verify();
    assert!(!found.ok, "{expected}");
    let told = |one: &Problem| one.problem.contains(expected) && one.seq.is_some();
    assert!(found.problems.iter().any(told), "{expected}: {found:?}");
}

#[test]
fn every_tampering_with_lines_is_found() {
    type Change = fn(&mut Vec<String>);
    let table: [(Change, &str); 6] = [
        (
            |lines| lines[1] = lines[1].replace("\"ok\"", "\"OK\""),
            "was changed",
        ),
        (
            |lines| {
                // The last digit of the hash.
                let at = lines[1].len() - 3;
                let digit = if lines[1].as_bytes()[at] == b'0' {
                    "1"
                } else {
                    "0"
                };
                lines[1].replace_range(at..=at, digit);
            },
            "was changed",
        ),
        (|lines| drop(lines.remove(1)), "follows a gap"),
        (|lines| lines.swap(1, 2), "follows a gap"),
        (|lines| lines.insert(1, lines[1].clone()), "is out of order"),
        (
            |lines| lines.insert(1, "hello".to_owned()),
            "is not a line of an audit log",
        ),
    ];
    for (change, expected) in table {
        check_tampering(|log| edit(&log.files()[1], change), expected);
    }
}

#[test]
fn every_tampering_with_files_is_found() {
    let last = |log: &Log| {
        let files = log.files();
        files.into_iter().rfind(|path| path.exists()).unwrap()
    };
    check_tampering(
        |log| edit(&last(log), |lines| drop(lines.pop())),
        "lines are missing at the end",
    );
    check_tampering(
        |log| {
            let path = &log.files()[2];
            let text = fs::read_to_string(path).unwrap();
            fs::write(path, &text[..text.len() - 20]).unwrap();
        },
        "is not whole",
    );
    check_tampering(
        |log| fs::remove_file(&log.files()[1]).unwrap(),
        "follows a gap",
    );
    check_tampering(
        |log| fs::remove_file(&log.files()[0]).unwrap(),
        "is the first one: lines 1 to",
    );
    check_tampering(
        |log| {
            fs::remove_dir_all(log.path()).unwrap();
            fs::create_dir(log.path()).unwrap();
        },
        "the log ends at line 0",
    );
}

#[test]
fn a_log_written_anew_with_another_key_is_found() {
    let rewrite = |log: &Log| {
        for path in &log.files()[1..] {
            let _ = fs::remove_file(path);
        }
        let forged = Settings {
            key: vec![b'x'; 32],
            anchor: None,
            ..log.settings()
        };
        write(&Audit::open(forged).unwrap(), 60);
    };
    check_tampering(rewrite, "was written with another key");
    check_tampering(rewrite, "is another line than its checkpoint says");
}

#[test]
fn the_host_itself_notices_a_log_that_was_cut_while_it_was_away() {
    let log = Log::new();
    log.write(5);
    edit(&log.path().join(writer::CURRENT), |lines| lines.truncate(2));
    log.write(3);
    let lines = log.lines();
    assert_eq!(lines[2]["event"], "tampered");
    // It goes on behind what was anchored: the gap stays visible for ever.
    assert_eq!(lines[2]["seq"], 6);
    let found = log.verify();
    assert!(
        found.problems[0]
            .problem
            .contains("lines 3 to 5 are missing"),
        "{found:?}"
    );
}

#[test]
fn a_planted_line_with_the_largest_number_stops_nothing() {
    let log = Log::new();
    log.write(5);
    let number = u64::MAX;
    let mac = "0".repeat(64);
    let planted = format!(r#"{{"seq":{number},"event":"call","mac":"{mac}"}}"#);
    edit(&log.path().join(writer::CURRENT), |lines| {
        lines.push(planted);
    });
    log.write(3);
    let lines = log.lines();
    let told = lines.iter().filter(|line| line["event"] == "tampered");
    assert_eq!((lines.len(), told.count()), (10, 1), "{lines:?}");
    let found = log.verify();
    assert!(!found.ok && found.lines == 10, "{found:?}");
}

#[test]
fn the_host_notices_a_log_that_is_cut_while_it_runs() {
    let log = Log::new();
    let audit = log.open();
    audit.record(Event::new(Kind::Start));
    audit.record(Event::new(Kind::Call));
    let path = log.path().join(writer::CURRENT);
    while fs::read_to_string(&path).unwrap().lines().count() < 2 {
        std::thread::yield_now();
    }
    edit(&path, |lines| drop(lines.pop()));
    audit.record(Event::new(Kind::Stop));
    drop(audit);
    let found = log.verify();
    assert!(!found.ok && found.last >= 4, "{found:?}");
}

#[test]
fn a_line_that_a_crash_tore_is_vouched_for_by_the_next() {
    let log = Log::new();
    log.write(3);
    let path = log.path().join(writer::CURRENT);
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str("{\"seq\":4,\"time\":\"20");
    fs::write(&path, &text).unwrap();
    log.write(2);
    let found = log.verify();
    assert!(found.ok, "{found:?}");
    assert_eq!(found.lines, 6);
    // But not when somebody makes it say something else.
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"20\n", "\"21\n")).unwrap();
    assert!(!log.verify().ok);
}

#[test]
fn files_that_are_removed_as_configured_are_vouched_for() {
    let log = Log::new();
    let settings = Settings {
        keep_files: Some(2),
        ..log.settings()
    };
    let audit = Audit::open(settings).unwrap();
    write(&audit, 60);
    drop(audit);
    assert_eq!(writer::set_aside(&log.path()).unwrap().len(), 2);
    let found = log.verify();
    assert!(found.ok && found.first > 1, "{found:?}");
    fs::remove_file(&log.files()[0]).unwrap();
    assert!(!log.verify().ok);
}

#[test]
fn several_processes_write_one_chain() {
    let log = Log::new();
    let audits: Vec<_> = (0..4).map(|_| log.open()).collect();
    std::thread::scope(|scope| {
        for audit in &audits {
            scope.spawn(move || {
                for number in 0..50 {
                    audit.record(Event::new(Kind::Call).with("number", number));
                    std::thread::yield_now();
                }
            });
        }
    });
    drop(audits);
    let found = log.verify();
    assert!(found.ok, "{found:?}");
    assert_eq!(found.lines, 200);
}

#[test]
fn nothing_begins_that_cannot_be_recorded() {
    for (refuse, expected) in [(true, false), (false, true)] {
        let log = Log::new();
        let settings = Settings {
            refuse_on_failure: refuse,
            ..log.settings()
        };
        let audit = Audit::open(settings).unwrap();
        audit.begin(Event::new(Kind::Call)).unwrap().end("ok");
        let current = log.path().join(writer::CURRENT);
        while !fs::read_to_string(&current).is_ok_and(|text| text.ends_with('\n')) {
            std::thread::yield_now();
        }
        // The folder is gone, in one step, and something that is no folder is in its place: no line can be written.
        fs::rename(log.path(), log.path().with_extension("gone")).unwrap();
        fs::write(log.path(), "").unwrap();
        let failing = || {
            audit
                .0
                .as_ref()
                .unwrap()
                .shared
                .failing
                .load(Ordering::Acquire)
        };
        while !failing() {
            audit.record(Event::new(Kind::Admin));
            // The writer keeps up: a line that finds no place is another reason not to begin.
            std::thread::sleep(Duration::from_millis(1));
        }
        let begun = audit
            .begin(Event::new(Kind::Call))
            .map(|call| call.end("ok"));
        assert_eq!(begun.is_ok(), expected);
        // As soon as the disk takes lines again, it goes on, and nothing is missing but what was deleted.
        fs::remove_file(log.path()).unwrap();
        fs::create_dir(log.path()).unwrap();
        while failing() {
            std::thread::sleep(Duration::from_millis(20));
        }
        audit.begin(Event::new(Kind::Call)).unwrap().end("ok");
    }
}

#[test]
fn a_full_queue_refuses_or_counts_what_is_lost() {
    let log = Log::new();
    let audit = log.open();
    let inner = audit.0.as_ref().unwrap();
    let all = inner
        .shared
        .places
        .clone()
        .try_acquire_many_owned(QUEUE.try_into().unwrap())
        .unwrap();
    assert_eq!(audit.begin(Event::new(Kind::Call)).err(), Some(Unavailable));
    audit.record(Event::new(Kind::Login));
    audit.record(Event::new(Kind::Login));
    drop(all);
    audit.record(Event::new(Kind::Stop));
    drop(audit);
    let lines = log.lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["lost"], 2);
}

#[test]
fn a_call_is_recorded_however_it_ends() {
    let log = Log::new();
    let audit = log.open();
    let head = || {
        Event::new(Kind::Call)
            .by("team-a", Some("ann"))
            .plugin("backup-jobs", "1.2.3", "abc")
            .with("tool", "start")
    };
    let secret = r#"{"id":"job-1","password":"hunter2","list":[1,2]}"#;
    let mut call = audit.begin(head()).unwrap();
    call.arguments("start", secret);
    call.trail().request(Request {
        backend: "vbr",
        binding: "vbr01",
        method: "GET",
        path: "/api/v1/jobs",
        outcome: "200",
        took: Duration::from_millis(7),
    });
    call.trail().denial("GET /admin: not allowed");
    call.trail().stopped("cpu-time");
    call.end("stopped");
    let mut other = audit.begin(head()).unwrap();
    other.arguments("list", secret);
    drop(other);
    // A flood is counted.
    let flood = audit.begin(head()).unwrap();
    for _ in 0..1000 {
        flood.trail().denial("x");
    }
    flood.end("ok");
    drop(audit);

    let lines = log.lines();
    let by_event = |event: &str| {
        lines
            .iter()
            .filter(|line| line["event"] == event)
            .collect::<Vec<_>>()
    };
    let (calls, denials) = (by_event("call"), by_event("denial"));
    assert_eq!((calls.len(), denials.len()), (3, 1 + 32));
    let call = calls[0];
    for (name, expected) in [
        ("tenant", "team-a"),
        ("principal", "ann"),
        ("plugin", "backup-jobs"),
        ("version", "1.2.3"),
        ("digest", "abc"),
        ("tool", "start"),
        ("outcome", "stopped"),
        ("stopped", "cpu-time"),
    ] {
        assert_eq!(call[name], expected, "{name}");
    }
    assert_eq!(
        call["values"],
        serde_json::json!({ "id": "job-1", "list": [1, 2] })
    );
    assert_eq!(call["requests"][0]["request"], "GET /api/v1/jobs");
    assert_eq!((&call["sent"], &call["denials"]), (&1.into(), &1.into()));
    assert!(call["ms"].is_u64());
    assert_eq!(denials[0]["denied"], "GET /admin: not allowed");
    assert_eq!(denials[0]["principal"], "ann");
    assert_eq!(calls[1]["outcome"], "abandoned");
    assert_eq!(calls[2]["denials"], 1000);
    // Equal arguments have equal digests, and no value of them is anywhere.
    assert_eq!(calls[0]["arguments"], calls[1]["arguments"]);
    assert!(calls[1].get("values").is_none());
    assert!(
        !lines
            .iter()
            .any(|line| line.to_string().contains("hunter2"))
    );
}

#[test]
fn a_log_that_is_off_costs_and_refuses_nothing() {
    let audit = Audit::default();
    audit.record(Event::new(Kind::Reload));
    let call = audit.begin(Event::new(Kind::Call)).unwrap();
    call.trail().denial("x");
    call.end("ok");
}

#[test]
fn a_short_key_is_refused() {
    let log = Log::new();
    let settings = Settings {
        key: b"short".to_vec(),
        ..log.settings()
    };
    let error = Audit::open(settings).unwrap_err().to_string();
    assert!(error.contains("has 5 bytes, and needs 32"), "{error}");
    assert_eq!(new_key().unwrap().len(), 64);
}
