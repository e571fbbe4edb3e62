//! What a client carries between two rounds of a call, sealed: it can neither be read nor changed nor used elsewhere.
//!
//! The plugin's continuation and the questions that were asked travel to the client and back, so that any replica of an
//! era without sessions could go on. They are encrypted and authenticated; bound to who calls, the very component, what is
//! called and with which arguments; they end after [`LIFETIME`], and each is good for one use.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::ask::Question;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

/// How long somebody may take to answer.
pub(super) const LIFETIME: Duration = Duration::from_mins(15);
/// How long a key is used for sealing; it opens for as long again.
const ROTATION: Duration = Duration::from_hours(1);
/// Uses that are remembered, of all and of one caller; each is forgotten when its seal has expired anyway.
const MAX_USED: usize = 100_000;
const MAX_USED_BY_ONE: usize = 10_000;

/// What is sealed.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Contents {
    /// The plugin's own, base64.
    pub(super) continuation: String,
    /// What was asked, by key.
    pub(super) questions: BTreeMap<String, Question>,
    expires: u64,
}

/// What a seal is bound to.
#[derive(Debug)]
pub(super) struct Binding<'a> {
    /// Tenant and subject.
    pub(super) principal: [&'a str; 2],
    /// Digest of the component.
    pub(super) plugin: &'a str,
    /// The method of the request, and the name or URI in it.
    pub(super) target: [&'a str; 2],
    /// The arguments, as JSON text with sorted keys.
    pub(super) arguments: &'a str,
}

impl Binding<'_> {
    fn digest(&self) -> [u8; 32] {
        let [tenant, subject] = self.principal;
        let [method, name] = self.target;
        digest(&[tenant, subject, self.plugin, method, name, self.arguments])
    }
}

/// Each part with its length before it, so that no two lists have the same text.
fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Why a seal is not opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum SealError {
    /// Not sealed here, changed, or sealed for another request.
    #[error("the requestState is not one that was given for this request; start again without it")]
    Foreign,
    /// Too late.
    #[error("the requestState has expired; start again without it")]
    Expired,
    /// A second time.
    #[error("the requestState was used already; start again without it")]
    Used,
    /// Too many calls wait for answers.
    #[error("too many calls wait for answers; try again later")]
    Full,
}

/// Seals and opens.
#[derive(Debug)]
pub struct Sealer {
    keys: Mutex<Keys>,
    used: Mutex<Used>,
}

/// Seals that were used: those of each caller apart, so that one cannot take all the room.
#[derive(Debug, Default)]
struct Used {
    by_caller: HashMap<[u8; 32], HashMap<[u8; NONCE_LEN], u64>>,
    count: usize,
}

impl Used {
    /// Notes a use.
    fn note(
        &mut self,
        caller: [u8; 32],
        nonce: [u8; NONCE_LEN],
        expires: u64,
        now: u64,
    ) -> Result<(), SealError> {
        let own = self.by_caller.get(&caller);
        if own.is_some_and(|own| own.contains_key(&nonce)) {
            return Err(SealError::Used);
        }
        if self.is_full(&caller) {
            self.forget_expired(now);
        }
        if self.is_full(&caller) {
            return Err(SealError::Full);
        }
        self.count += 1;
        self.by_caller
            .entry(caller)
            .or_default()
            .insert(nonce, expires);
        Ok(())
    }

    fn is_full(&self, caller: &[u8; 32]) -> bool {
        let own = self.by_caller.get(caller).map_or(0, HashMap::len);
        own >= MAX_USED_BY_ONE || self.count >= MAX_USED
    }

    fn forget_expired(&mut self, now: u64) {
        self.by_caller.retain(|_, own| {
            own.retain(|_, expires| *expires > now);
            !own.is_empty()
        });
        self.count = self.by_caller.values().map(HashMap::len).sum();
    }
}

#[derive(Debug)]
struct Keys {
    current: LessSafeKey,
    previous: Option<LessSafeKey>,
    rotated: SystemTime,
}

impl Keys {
    fn rotate(&mut self, now: SystemTime) {
        let age = now.duration_since(self.rotated);
        if age.is_ok_and(|age| age > ROTATION) {
            let old = std::mem::replace(&mut self.current, fresh_key());
            self.previous = Some(old);
            self.rotated = now;
        }
    }
}

impl Default for Sealer {
    fn default() -> Self {
        Self::new()
    }
}

impl Sealer {
    pub(super) fn new() -> Self {
        let keys = Keys {
            current: fresh_key(),
            previous: None,
            rotated: SystemTime::now(),
        };
        Self {
            keys: Mutex::new(keys),
            used: Mutex::default(),
        }
    }

    /// Seals a continuation with the questions that go with it.
    pub(super) fn seal(
        &self,
        binding: &Binding<'_>,
        continuation: &[u8],
        questions: BTreeMap<String, Question>,
    ) -> String {
        self.seal_at(SystemTime::now(), binding, continuation, questions)
    }

    fn seal_at(
        &self,
        now: SystemTime,
        binding: &Binding<'_>,
        continuation: &[u8],
        questions: BTreeMap<String, Question>,
    ) -> String {
        let contents = Contents {
            continuation: BASE64.encode(continuation),
            questions,
            expires: seconds(now + LIFETIME),
        };
        let mut text = serde_json::to_vec(&contents).expect("texts and numbers are JSON");
        let nonce: [u8; NONCE_LEN] = random();
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.rotate(now);
        keys.current
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(binding.digest()),
                &mut text,
            )
            .expect("a continuation is far below the cipher's limit");
        BASE64.encode([&nonce[..], &text].concat())
    }

    /// Opens without using up: the answers are judged first.
    pub(super) fn open(
        &self,
        binding: &Binding<'_>,
        sealed: &str,
    ) -> Result<Opened<'_>, SealError> {
        self.open_at(SystemTime::now(), binding, sealed)
    }

    fn open_at(
        &self,
        now: SystemTime,
        binding: &Binding<'_>,
        sealed: &str,
    ) -> Result<Opened<'_>, SealError> {
        let now = seconds(now);
        let bytes = BASE64.decode(sealed).map_err(|_| SealError::Foreign)?;
        let (nonce, text) = bytes
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(SealError::Foreign)?;
        let contents = self
            .decrypt(binding, *nonce, text)
            .ok_or(SealError::Foreign)?;
        if contents.expires <= now {
            return Err(SealError::Expired);
        }
        Ok(Opened {
            sealer: self,
            caller: digest(&binding.principal),
            nonce: *nonce,
            at: now,
            contents,
        })
    }

    fn decrypt(
        &self,
        binding: &Binding<'_>,
        nonce: [u8; NONCE_LEN],
        text: &[u8],
    ) -> Option<Contents> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        [Some(&keys.current), keys.previous.as_ref()]
            .into_iter()
            .flatten()
            .find_map(|key| {
                let mut text = text.to_vec();
                let nonce = Nonce::assume_unique_for_key(nonce);
                let aad = Aad::from(binding.digest());
                let plain = key.open_in_place(nonce, aad, &mut text).ok()?;
                serde_json::from_slice(plain).ok()
            })
    }
}

/// An opened seal, which can still be left unused.
#[derive(Debug)]
pub(super) struct Opened<'a> {
    sealer: &'a Sealer,
    caller: [u8; 32],
    nonce: [u8; NONCE_LEN],
    /// When it was opened, seconds.
    at: u64,
    pub(super) contents: Contents,
}

impl Opened<'_> {
    /// Uses it up and gives the plugin's continuation.
    pub(super) fn consume(self) -> Result<Vec<u8>, SealError> {
        let continuation = BASE64
            .decode(&self.contents.continuation)
            .map_err(|_| SealError::Foreign)?;
        let mut used = self
            .sealer
            .used
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        used.note(self.caller, self.nonce, self.contents.expires, self.at)?;
        Ok(continuation)
    }
}

fn fresh_key() -> LessSafeKey {
    let key = UnboundKey::new(&CHACHA20_POLY1305, &random::<32>()).expect("32 bytes are a key");
    LessSafeKey::new(key)
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |age| age.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINDING: Binding<'static> = Binding {
        principal: ["local", "anna"],
        plugin: "digest",
        target: ["tools/call", "delete"],
        arguments: "{\"id\":1}",
    };

    #[test]
    fn a_seal_is_opened_once() {
        let sealer = Sealer::new();
        let state = sealer.seal(&BINDING, b"where I was", BTreeMap::new());
        let opened = sealer.open(&BINDING, &state).expect("opens");
        assert_eq!(opened.consume(), Ok(b"where I was".to_vec()));
        let again = sealer.open(&BINDING, &state).expect("opens");
        assert_eq!(again.consume(), Err(SealError::Used));
    }

    #[test]
    fn a_seal_ends() {
        let sealer = Sealer::new();
        let begun = SystemTime::now();
        let state = sealer.seal_at(begun, &BINDING, b"x", BTreeMap::new());
        let open = |after: Duration| {
            let opened = sealer.open_at(begun + after, &BINDING, &state);
            opened.map(|_| ())
        };
        assert_eq!(open(Duration::ZERO), Ok(()));
        assert_eq!(open(LIFETIME / 2), Ok(()));
        assert_eq!(
            open(LIFETIME + Duration::from_secs(1)),
            Err(SealError::Expired)
        );
    }

    #[test]
    fn a_seal_outlives_its_key_for_as_long_as_it_lives() {
        let sealer = Sealer::new();
        let hour = |number: u32| SystemTime::now() + (ROTATION + Duration::from_secs(1)) * number;
        let open = |now, state: &str| sealer.open_at(now, &BINDING, state).map(|_| ());
        let state = sealer.seal_at(SystemTime::now(), &BINDING, b"x", BTreeMap::new());
        let keys = || {
            let keys = sealer.keys.lock().expect("no test panics");
            keys.rotated
        };
        let first = keys();
        // Sealed just before the rotation: opened by the key before.
        let late = SystemTime::now() + ROTATION * 9 / 10;
        let before = sealer.seal_at(late, &BINDING, b"x", BTreeMap::new());
        assert_eq!(keys(), first);
        let after = sealer.seal_at(hour(1), &BINDING, b"x", BTreeMap::new());
        assert!(keys() > first);
        assert_eq!(open(hour(1), &before), Ok(()));
        assert_eq!(open(hour(1), &after), Ok(()));
        assert_eq!(open(hour(1), &state), Err(SealError::Expired));
        // Two rotations on, nobody has the key any more.
        sealer.seal_at(hour(2), &BINDING, b"x", BTreeMap::new());
        assert_eq!(open(hour(1), &before), Err(SealError::Foreign));
    }

    #[test]
    fn one_caller_cannot_use_up_the_room_of_others() {
        let mut used = Used::default();
        let nonce = |number: usize| {
            let mut nonce = [0; NONCE_LEN];
            nonce[..8].copy_from_slice(&(number as u64).to_le_bytes());
            nonce
        };
        for number in 0..MAX_USED_BY_ONE {
            assert_eq!(used.note([1; 32], nonce(number), 100, 0), Ok(()));
        }
        let more = nonce(MAX_USED_BY_ONE);
        assert_eq!(used.note([1; 32], more, 100, 0), Err(SealError::Full));
        // A used one stays used all the same.
        assert_eq!(used.note([1; 32], nonce(0), 100, 0), Err(SealError::Used));
        assert_eq!(used.note([2; 32], more, 100, 0), Ok(()));
        // What has expired makes room.
        assert_eq!(used.note([1; 32], more, 200, 100), Ok(()));
        assert_eq!(used.count, 1);
    }

    #[test]
    fn a_seal_is_bound_to_everything() {
        let sealer = Sealer::new();
        let state = sealer.seal(&BINDING, b"x", BTreeMap::new());
        let others = [
            Binding {
                principal: ["other", "anna"],
                ..BINDING
            },
            Binding {
                principal: ["local", "bert"],
                ..BINDING
            },
            Binding {
                principal: ["locala", "nna"],
                ..BINDING
            },
            Binding {
                plugin: "another",
                ..BINDING
            },
            Binding {
                target: ["prompts/get", "delete"],
                ..BINDING
            },
            Binding {
                target: ["tools/call", "deletes"],
                ..BINDING
            },
            Binding {
                arguments: "{\"id\":2}",
                ..BINDING
            },
        ];
        for other in others {
            assert_eq!(
                sealer.open(&other, &state).err(),
                Some(SealError::Foreign),
                "{other:?}"
            );
        }
        assert!(
            Sealer::new().open(&BINDING, &state).is_err(),
            "another host's key"
        );
    }

    #[test]
    fn a_changed_seal_is_not_opened() {
        let sealer = Sealer::new();
        let state = sealer.seal(&BINDING, b"x", BTreeMap::new());
        for at in 0..state.len() {
            let mut changed = state.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            // The last digit may hold bits that stand for nothing.
            if BASE64.decode(&changed).ok() != BASE64.decode(&state).ok() {
                assert_eq!(
                    sealer.open(&BINDING, &changed).err(),
                    Some(SealError::Foreign),
                    "at {at}"
                );
            }
        }
        for bad in ["", "A", "not base64!", &state[..16]] {
            assert_eq!(
                sealer.open(&BINDING, bad).err(),
                Some(SealError::Foreign),
                "{bad}"
            );
        }
    }
}
