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

/// How long somebody may take to answer.
pub(super) const LIFETIME: Duration = Duration::from_mins(15);
/// How long a key is used for sealing; it opens for as long again.
const ROTATION: Duration = Duration::from_hours(1);
/// Uses that are remembered; each is forgotten when its seal has expired anyway.
const MAX_USED: usize = 100_000;

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
    /// Each part with its length before it, so that no two bindings have the same text.
    fn digest(&self) -> [u8; 32] {
        let [tenant, subject] = self.principal;
        let [method, name] = self.target;
        let mut hasher = Sha256::new();
        for part in [tenant, subject, self.plugin, method, name, self.arguments] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }
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
    used: Mutex<HashMap<[u8; NONCE_LEN], u64>>,
}

#[derive(Debug)]
struct Keys {
    current: LessSafeKey,
    previous: Option<LessSafeKey>,
    rotated: SystemTime,
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
        let contents = Contents {
            continuation: BASE64.encode(continuation),
            questions,
            expires: seconds(SystemTime::now() + LIFETIME),
        };
        let mut text = serde_json::to_vec(&contents).expect("texts and numbers are JSON");
        let nonce: [u8; NONCE_LEN] = random();
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.rotated.elapsed().is_ok_and(|age| age > ROTATION) {
            let old = std::mem::replace(&mut keys.current, fresh_key());
            keys.previous = Some(old);
            keys.rotated = SystemTime::now();
        }
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
        let bytes = BASE64.decode(sealed).map_err(|_| SealError::Foreign)?;
        let (nonce, text) = bytes
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(SealError::Foreign)?;
        let contents = self
            .decrypt(binding, *nonce, text)
            .ok_or(SealError::Foreign)?;
        if contents.expires <= seconds(SystemTime::now()) {
            return Err(SealError::Expired);
        }
        Ok(Opened {
            sealer: self,
            nonce: *nonce,
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
    nonce: [u8; NONCE_LEN],
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
        if used.len() >= MAX_USED {
            let now = seconds(SystemTime::now());
            used.retain(|_, expires| *expires > now);
        }
        if used.len() >= MAX_USED {
            return Err(SealError::Full);
        }
        match used.insert(self.nonce, self.contents.expires) {
            None => Ok(continuation),
            Some(_) => Err(SealError::Used),
        }
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
