use super::*;

const TAG: u32 = 0x00c0_ffee;

fn bounds(events: usize, bytes: usize) -> Bounds {
    Bounds {
        events,
        bytes,
        bytes_in_all: 1 << 20,
        held_in_all: Arc::default(),
    }
}

fn journal(events: usize, bytes: usize) -> Journal {
    Journal::new(TAG, bounds(events, bytes))
}

fn say(journal: &mut Journal, stream: StreamId, kind: Kind, text: &str) {
    journal.say(stream, kind, text.into());
}

/// The texts that a reader gets until there is nothing more, and how that ended.
fn read(journal: &mut Journal, reader: Reader) -> (Vec<String>, Next) {
    let mut texts = Vec::new();
    loop {
        match journal.next(reader) {
            Next::Event { text, .. } => texts.push(text.to_string()),
            end => return (texts, end),
        }
    }
}

/// The id of the next event.
fn id(journal: &mut Journal, reader: Reader) -> String {
    match journal.next(reader) {
        Next::Event { id, .. } => id.expect("somebody may come back to it"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_stream_has_its_own_events_and_ends_with_its_answer() {
    let mut journal = journal(10, 100);
    let (one, two) = (journal.open(), journal.open());
    let standalone = journal.listen();
    say(&mut journal, one.stream, Kind::Note, "1a");
    say(&mut journal, two.stream, Kind::Answer, "2b");
    say(&mut journal, one.stream, Kind::Answer, "1b");
    say(&mut journal, one.stream, Kind::Note, "too late");
    say(&mut journal, STANDALONE, Kind::Change, "tools");
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    assert_eq!(read(&mut journal, one), (texts(&["1a", "1b"]), Next::End));
    assert_eq!(read(&mut journal, two), (texts(&["2b"]), Next::End));
    assert_eq!(
        read(&mut journal, standalone),
        (texts(&["tools"]), Next::Wait)
    );
    journal.close();
    assert_eq!(journal.next(standalone), Next::End);
    assert_eq!(journal.kept(), (0, 0));
}

#[test]
fn a_lost_stream_is_read_again_after_the_last_event_that_was_seen() {
    let mut journal = journal(10, 100);
    let reader = journal.open();
    let bookmark = journal.bookmark(reader).unwrap();
    for text in ["a", "b", "c"] {
        say(&mut journal, reader.stream, Kind::Note, text);
    }
    say(&mut journal, reader.stream, Kind::Answer, "d");
    let seen = [id(&mut journal, reader), id(&mut journal, reader)];
    read(&mut journal, reader);
    journal.leave(reader);
    for (from, expected) in [
        (bookmark.as_str(), "abcd"),
        (&seen[0], "bcd"),
        (&seen[1], "cd"),
    ] {
        let again = journal.resume(from).unwrap();
        let (texts, end) = read(&mut journal, again);
        assert_eq!(
            (texts.concat().as_str(), end),
            (expected, Next::End),
            "{from}"
        );
        journal.leave(again);
    }
}

#[test]
fn a_brief_stream_goes_with_its_reader() {
    let mut journal = journal(10, 100);
    let (read_to_the_end, left_early) = (journal.open_brief(), journal.open_brief());
    assert_eq!(journal.bookmark(read_to_the_end), None);
    say(&mut journal, read_to_the_end.stream, Kind::Answer, "a");
    let text = "a".into();
    assert_eq!(
        journal.next(read_to_the_end),
        Next::Event { id: None, text }
    );
    for reader in [read_to_the_end, left_early] {
        journal.leave(reader);
    }
    say(&mut journal, left_early.stream, Kind::Answer, "b");
    assert_eq!((journal.kept(), journal.requests.len()), ((0, 0), 0));
}

#[test]
fn what_was_said_while_nobody_listened_is_read_by_the_next_and_once() {
    let mut journal = journal(10, 100);
    say(&mut journal, STANDALONE, Kind::Change, "before");
    let first = journal.listen();
    let bookmark = journal.bookmark(first).unwrap();
    journal.leave(first);
    // Gone before it had read anything: it comes back with its bookmark.
    let first = journal.resume(&bookmark).unwrap();
    assert_ne!(journal.bookmark(first), Some(bookmark), "ids are unique");
    assert_eq!(read(&mut journal, first).0, ["before"]);
    journal.leave(first);
    say(&mut journal, STANDALONE, Kind::Change, "between");
    let second = journal.listen();
    assert_eq!(read(&mut journal, second).0, ["between"]);
}

#[test]
fn a_change_is_not_said_twice_before_it_was_read() {
    let mut journal = journal(10, 100);
    let reader = journal.listen();
    for text in ["tools", "prompts", "tools", "tools", "prompts"] {
        say(&mut journal, STANDALONE, Kind::Change, text);
    }
    assert_eq!(read(&mut journal, reader).0, ["tools", "prompts"]);
    say(&mut journal, STANDALONE, Kind::Change, "tools");
    assert_eq!(read(&mut journal, reader).0, ["tools"]);
}

#[test]
fn ids_of_others_are_not_taken() {
    let mut journal = journal(10, 100);
    let reader = journal.open();
    say(&mut journal, reader.stream, Kind::Note, "a");
    let good = id(&mut journal, reader);
    assert!(journal.resume(&good).is_ok());
    let foreign = [
        "garbage",
        // Another session's.
        "00c0ffef-1-2",
        // Not given yet.
        "00c0ffee-1-99",
        "00c0ffee-99-99",
        "00c0ffee-1-18446744073709551615",
        // Before its stream began.
        "00c0ffee-3-2",
    ];
    for id in foreign {
        assert_eq!(journal.resume(id).err(), Some(ResumeError::Foreign), "{id}");
    }
}

#[test]
fn what_was_read_goes_first_then_what_can_be_done_without() {
    let mut journal = journal(3, 100);
    let reader = journal.open();
    say(&mut journal, reader.stream, Kind::Note, "a");
    let first = id(&mut journal, reader);
    for text in ["b", "c"] {
        say(&mut journal, reader.stream, Kind::Question, text);
    }
    say(&mut journal, reader.stream, Kind::Note, "d");
    assert_eq!(journal.kept().0, 3, "the note that was read is gone");
    say(&mut journal, reader.stream, Kind::Answer, "e");
    // «d» went although it was not read; nothing else may go while somebody reads.
    assert_eq!(read(&mut journal, reader).0, ["b", "c", "e"]);
    // What was dropped was seen before, or can be missed.
    journal.leave(reader);
    let again = journal.resume(&first).unwrap();
    assert_eq!(read(&mut journal, again).0, ["b", "c", "e"]);
}

#[test]
fn a_slow_reader_gets_its_answer_whatever_its_size_and_an_absent_one_does_not() {
    let mut journal = journal(10, 10);
    let (slow, absent) = (journal.open(), journal.open());
    let bookmark = journal.bookmark(absent).unwrap();
    journal.leave(absent);
    let large = "x".repeat(1000);
    say(&mut journal, absent.stream, Kind::Answer, &large);
    assert_eq!(journal.kept(), (0, 0));
    assert_eq!(journal.resume(&bookmark).err(), Some(ResumeError::Gone));
    say(&mut journal, slow.stream, Kind::Answer, &large);
    assert_eq!(read(&mut journal, slow), (vec![large], Next::End));
    // Read, and more than may be kept: the next event pushes it out, and it cannot be had again.
    let bookmark = journal.bookmark(slow).unwrap();
    let other = journal.open();
    say(&mut journal, other.stream, Kind::Note, "n");
    assert_eq!(journal.kept(), (1, 1));
    assert_eq!(journal.resume(&bookmark).err(), Some(ResumeError::Gone));
}

#[test]
fn missed_changes_are_made_up_for() {
    let mut journal = journal(2, 100);
    let reader = journal.listen();
    for number in 0..5 {
        say(
            &mut journal,
            STANDALONE,
            Kind::Change,
            &format!("uri {number}"),
        );
    }
    assert_eq!(journal.next(reader), Next::Missed);
    assert_eq!(
        read(&mut journal, reader),
        (vec!["uri 3".into(), "uri 4".into()], Next::Wait)
    );
    // Too old an id is no error here: whatever may have changed is said again.
    let again = journal.resume("00c0ffee-0-1").unwrap();
    assert_eq!(journal.next(again), Next::Missed);
}

#[test]
fn the_newest_reader_is_served_and_an_older_one_goes_on_after_it() {
    let mut journal = journal(10, 100);
    let readers: Vec<_> = (0..=MAX_READERS).map(|_| journal.listen()).collect();
    say(&mut journal, STANDALONE, Kind::Change, "a");
    let (newest, others) = readers.split_last().unwrap();
    assert_eq!(journal.next(others[0]), Next::End, "too many");
    assert_eq!(journal.next(others[1]), Next::Wait);
    assert_eq!(read(&mut journal, *newest).0, ["a"]);
    say(&mut journal, STANDALONE, Kind::Change, "b");
    journal.leave(*newest);
    let next = others.last().unwrap();
    assert_eq!(read(&mut journal, *next).0, ["b"]);
    assert_eq!(journal.readers(), MAX_READERS - 1);
}

#[test]
fn old_events_go_and_so_do_streams_that_nobody_can_want() {
    let mut journal = journal(10, 100);
    let (answered, read_slowly, running, cancelled) = (
        journal.open(),
        journal.open(),
        journal.open(),
        journal.open(),
    );
    say(&mut journal, answered.stream, Kind::Answer, "a");
    say(&mut journal, read_slowly.stream, Kind::Answer, "b");
    journal.end(cancelled.stream);
    for reader in [answered, running, cancelled] {
        journal.leave(reader);
    }
    assert_eq!(
        journal.requests.len(),
        3,
        "the cancelled one had nothing to say"
    );
    let later = Instant::now() + RETAINED + Duration::from_secs(1);
    journal.age(later);
    assert_eq!(journal.kept(), (1, 1));
    assert_eq!(read(&mut journal, read_slowly).0, ["b"]);
    assert_eq!(journal.requests.len(), 2);
    say(&mut journal, running.stream, Kind::Answer, "c");
    assert!(
        journal
            .resume(&format!("00c0ffee-{0}-{0}", running.stream))
            .is_ok()
    );
}

#[test]
fn all_sessions_together_are_bounded_and_what_one_held_is_free_afterwards() {
    let together = Bounds {
        bytes_in_all: 10,
        ..bounds(10, 8)
    };
    let held = together.held_in_all.clone();
    let mut one = Journal::new(1, together.clone());
    let mut two = Journal::new(2, together);
    for journal in [&mut one, &mut two] {
        let stream = journal.open();
        journal.leave(stream);
        say(journal, stream.stream, Kind::Answer, "eightish");
    }
    assert_eq!(one.kept().1, 8);
    assert_eq!(two.kept().1, 0, "the other one holds too much already");
    drop(one);
    assert_eq!(held.load(Ordering::Relaxed), 0);
}
