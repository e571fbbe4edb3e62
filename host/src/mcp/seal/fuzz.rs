//! Fuzzing: what is not the very seal of the very request is not opened.
//!
//! The input is text in lines: six for what a seal is bound to, six for another request, then the continuation, then the
//! text that is tried. The rest changes the genuine seal: bytes in threes, where (two) and what is done to the byte there.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{BASE64, Binding, LIFETIME, Question, ROTATION, SealError, Sealer, SystemTime};
use base64::Engine as _;

const LINES: usize = 14;

/// Seals once and tries to open with other words.
pub(crate) fn seal(data: &[u8]) {
    let mut parts = data.splitn(LINES + 1, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let texts: [String; 12] = std::array::from_fn(|_| String::from_utf8_lossy(part()).into_owned());
    let (continuation, tried, changes) = (part(), part(), part());
    let (own, other) = (binding(&texts[..6]), binding(&texts[6..]));

    let sealer = Sealer::new();
    let question = Question::Form {
        schema: "{}".to_owned(),
    };
    let questions = BTreeMap::from([("key".to_owned(), question)]);
    let now = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
    let genuine = sealer.seal_at(now, &own, continuation, questions.clone());

    let opens = |binding: &Binding<'_>, text: &str| sealer.open_at(now, binding, text).map(drop);
    let is_same = texts[..6] == texts[6..];
    let expected = if is_same {
        Ok(())
    } else {
        Err(SealError::Foreign)
    };
    assert_eq!(opens(&other, &genuine), expected, "another request");
    let tried = String::from_utf8_lossy(tried);
    assert_eq!(opens(&own, &tried), Err(SealError::Foreign), "made up");
    // Of the text, and below the base64, which most changes would only break.
    let below = BASE64.decode(&genuine).expect("it was encoded");
    let below = BASE64.encode(altered(below, changes)).into_bytes();
    for altered in [altered(genuine.clone().into_bytes(), changes), below] {
        let expected = if altered == genuine.as_bytes() {
            Ok(())
        } else {
            Err(SealError::Foreign)
        };
        let altered = String::from_utf8_lossy(&altered);
        assert_eq!(opens(&own, &altered), expected, "altered: {altered}");
    }
    let late = sealer.open_at(now + LIFETIME, &own, &genuine);
    assert_eq!(late.err(), Some(SealError::Expired));

    let opened = sealer.open_at(now, &own, &genuine).expect("it is genuine");
    assert_eq!(opened.contents.questions, questions);
    assert_eq!(opened.consume().as_deref(), Ok(continuation));
    let again = sealer.open_at(now, &own, &genuine).expect("it is genuine");
    assert_eq!(again.consume(), Err(SealError::Used));

    // Another host, or the same one when its keys are gone.
    let stranger = Sealer::new().open_at(now, &own, &genuine).err();
    assert_eq!(stranger, Some(SealError::Foreign));
    let _ = sealer.seal_at(now + 2 * ROTATION, &own, b"", BTreeMap::new());
}

fn binding(texts: &[String]) -> Binding<'_> {
    Binding {
        principal: [&texts[0], &texts[1]],
        plugin: &texts[2],
        target: [&texts[3], &texts[4]],
        arguments: &texts[5],
    }
}

/// Bytes changed; 0 cuts off.
fn altered(mut bytes: Vec<u8>, changes: &[u8]) -> Vec<u8> {
    for change in changes.as_chunks::<3>().0 {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]]));
        match (change[2], bytes.len()) {
            (_, 0) => {}
            (0, length) => bytes.truncate(at % length),
            (by, length) => bytes[at % length] ^= by,
        }
    }
    bytes
}
