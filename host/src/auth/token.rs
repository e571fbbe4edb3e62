//! Static bearer tokens: how they are made, and who bears one.
//!
//! A token is `toolward_` and 256 random bits in base64url. The form is fixed for two reasons: a scanner of
//! repositories and logs can find one, and only a token with that much in it may be kept as a plain SHA-256.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use super::Refusal;
use crate::capability::Principal;
use crate::config::{Secret, StaticToken};

const PREFIX: &str = "toolward_";
const RANDOM_BYTES: usize = 32;
/// Of so many bytes in base64url.
const RANDOM_TEXT: usize = 43;

/// A token that nobody had before.
#[must_use]
pub fn generate() -> Secret {
    let mut bytes = zeroize::Zeroizing::new([0; RANDOM_BYTES]);
    getrandom::fill(&mut *bytes).expect("the operating system gives random bytes");
    Secret::new(format!("{PREFIX}{}", BASE64URL.encode(*bytes)))
}

/// What the configuration holds of a token.
#[must_use]
pub fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Whether a text could be one of ours.
pub(super) fn has_form(token: &str) -> bool {
    let is_base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    token
        .strip_prefix(PREFIX)
        .is_some_and(|rest| rest.len() == RANDOM_TEXT && rest.bytes().all(is_base64url))
}

/// The static tokens: their hashes, and who bears them.
#[derive(Debug)]
pub(super) struct Tokens(Vec<Known>);

#[derive(Debug)]
struct Known {
    hash: [u8; 32],
    expires: Option<SystemTime>,
    bearer: Principal,
}

impl Tokens {
    pub(super) fn new(tokens: &[StaticToken]) -> Self {
        let known = tokens.iter().map(|token| Known {
            hash: token.hash,
            expires: token.expires,
            bearer: Principal {
                tenant: token.tenant.clone(),
                subject: Some(token.subject()),
                scopes: token.scopes.clone().into(),
            },
        });
        Self(known.collect())
    }

    pub(super) fn bearer(&self, token: &str) -> Result<Principal, Refusal> {
        let hash = hash(token);
        // Every hash is compared, whole: how long it takes tells nothing of any of them.
        let mut found = Choice::from(0);
        let mut place = 0_u32;
        for (at, known) in (0_u32..).zip(&self.0) {
            let same = known.hash.ct_eq(&hash);
            place.conditional_assign(&at, same);
            found |= same;
        }
        let known = bool::from(found)
            .then(|| self.0.get(place as usize))
            .flatten()
            .ok_or(Refusal::Invalid("the token is not known"))?;
        if known
            .expires
            .is_some_and(|expires| expires <= SystemTime::now())
        {
            return Err(Refusal::Invalid("the token has expired"));
        }
        Ok(known.bearer.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn known(name: &str, token: &str, expires: Option<SystemTime>) -> StaticToken {
        StaticToken {
            name: name.to_owned(),
            hash: hash(token),
            tenant: "team-a".parse().unwrap(),
            scopes: vec!["tools:call".to_owned()],
            expires,
        }
    }

    #[test]
    fn a_token_is_new_and_has_the_form() {
        let (one, other) = (generate(), generate());
        assert_ne!(one.expose(), other.expose());
        assert!(has_form(one.expose()));
        for bad in [
            "",
            "toolward_",
            "toolward_short",
            &one.expose()[..one.expose().len() - 1],
            &format!("{}x", one.expose()),
            &one.expose().replace("toolward_", "Toolward_"),
            &format!("toolward_{}", "é".repeat(43)),
            &format!("toolward_{}", "=".repeat(43)),
        ] {
            assert!(!has_form(bad), "{bad}");
        }
    }

    #[test]
    fn the_bearer_of_a_token_is_known_until_it_expires() {
        let texts: Vec<_> = (0..4).map(|_| generate()).collect();
        let hour = Duration::from_hours(1);
        let tokens = Tokens::new(&[
            known("first", texts[0].expose(), None),
            known("past", texts[1].expose(), Some(SystemTime::now() - hour)),
            known("later", texts[2].expose(), Some(SystemTime::now() + hour)),
        ]);
        let subject = |at: usize| {
            let bearer = tokens.bearer(texts[at].expose())?;
            Ok(bearer.subject.unwrap_or_default())
        };
        assert_eq!(subject(0), Ok("token:first".to_owned()));
        assert_eq!(subject(1), Err(Refusal::Invalid("the token has expired")));
        assert_eq!(subject(2), Ok("token:later".to_owned()));
        assert_eq!(subject(3), Err(Refusal::Invalid("the token is not known")));
        let nobody = Tokens::new(&[]).bearer(texts[0].expose());
        assert_eq!(nobody, Err(Refusal::Invalid("the token is not known")));
    }
}
