//! The keys of an issuer: a JWK set (RFC 7517), and which key may verify what.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

/// More than any issuer has; each takes memory for as long as the set is kept.
const MOST_KEYS: usize = 64;

/// The usable keys of a set.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// What it may verify; of one family.
    algorithms: Vec<Algorithm>,
    public: DecodingKey,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

impl Keys {
    /// Reads a set. Keys that are not for verifying, or not for one of `pinned`, are left out, damaged ones too: one
    /// of them does not take the others away. `None`: it is no set.
    pub(super) fn parse(json: &[u8], pinned: &[Algorithm]) -> Option<Self> {
        let set: Set = serde_json::from_slice(json).ok()?;
        let keys = set
            .keys
            .into_iter()
            .take(MOST_KEYS)
            .filter_map(|value| serde_json::from_value(value).ok())
            .filter_map(|jwk| usable(&jwk, pinned));
        Some(Self(keys.collect()))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The key for a token with this header. Without a key id only where there is no choice: a token does not get to
    /// try one key after the other.
    pub(super) fn find(&self, algorithm: Algorithm, id: Option<&str>) -> Option<&DecodingKey> {
        let mut fitting = self.0.iter().filter(|key| {
            key.algorithms.contains(&algorithm) && (id.is_none() || key.id.as_deref() == id)
        });
        let first = fitting.next()?;
        fitting.next().is_none().then_some(&first.public)
    }
}

fn usable(jwk: &Jwk, pinned: &[Algorithm]) -> Option<Key> {
    let common = &jwk.common;
    let verifies = match (&common.public_key_use, &common.key_operations) {
        (Some(usage), _) if *usage != PublicKeyUse::Signature => false,
        (_, Some(operations)) => operations.contains(&KeyOperations::Verify),
        (_, None) => true,
    };
    if !verifies {
        return None;
    }
    let possible: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        // A shared secret among them: whoever can check with it can sign with it, and this set is public.
        _ => return None,
    };
    let algorithms: Vec<_> = possible
        .iter()
        .copied()
        .filter(|algorithm| pinned.contains(algorithm))
        .filter(|algorithm| {
            common
                .key_algorithm
                .is_none_or(|named| named == (*algorithm).into())
        })
        .collect();
    let public = DecodingKey::from_jwk(jwk).ok()?;
    (!algorithms.is_empty()).then(|| Key {
        id: common.key_id.clone(),
        algorithms,
        public,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const PINNED: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

    fn keys(keys: &[Value]) -> Keys {
        Keys::parse(json!({ "keys": keys }).to_string().as_bytes(), &PINNED).unwrap()
    }

    fn rsa(more: &Value) -> Value {
        let mut key = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "r" });
        for (name, value) in more.as_object().unwrap() {
            key[name] = value.clone();
        }
        key
    }

    #[test]
    fn only_public_keys_for_pinned_algorithms_are_taken() {
        let ec = json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "e" });
        let rows = [
            (rsa(&json!({})), 1),
            (rsa(&json!({ "use": "sig", "alg": "RS256" })), 1),
            (rsa(&json!({ "use": "enc" })), 0),
            (rsa(&json!({ "alg": "RS512" })), 0),
            (rsa(&json!({ "alg": "RSA-OAEP" })), 0),
            (rsa(&json!({ "alg": "HS256" })), 0),
            (rsa(&json!({ "key_ops": ["encrypt"] })), 0),
            (rsa(&json!({ "key_ops": ["verify"] })), 1),
            (rsa(&json!({ "n": "not base64!" })), 0),
            (ec, 1),
            (
                json!({ "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA" }),
                0,
            ),
            (
                json!({ "kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA" }),
                0,
            ),
            (json!({ "kty": "OKP", "crv": "Ed25519", "x": "AA" }), 1),
            (json!({ "kty": "OKP", "crv": "X25519", "x": "AA" }), 0),
            (json!({ "kty": "oct", "k": "AQAB", "kid": "s" }), 0),
            (json!({ "kty": "oct", "k": "AQAB", "alg": "RS256" }), 0),
            (json!("no key"), 0),
        ];
        for (key, count) in rows {
            assert_eq!(keys(std::slice::from_ref(&key)).len(), count, "{key}");
        }
        assert_eq!(keys(&[json!(7), rsa(&json!({}))]).len(), 1);
        assert!(Keys::parse(b"{}", &PINNED).is_none());
        assert!(Keys::parse(b"[]", &PINNED).is_none());
        let many: Vec<_> = (0..1000).map(|_| rsa(&json!({}))).collect();
        assert_eq!(keys(&many).len(), MOST_KEYS);
    }

    #[test]
    fn a_token_gets_the_one_key_that_its_header_names() {
        let one = keys(&[rsa(&json!({ "kid": "a" }))]);
        let two = keys(&[rsa(&json!({ "kid": "a" })), rsa(&json!({ "kid": "b" }))]);
        let twins = keys(&[rsa(&json!({})), rsa(&json!({}))]);
        let rows = [
            (&one, Algorithm::RS256, Some("a"), true),
            (&one, Algorithm::RS256, None, true),
            (&one, Algorithm::RS256, Some("b"), false),
            (&one, Algorithm::ES256, Some("a"), false),
            (&one, Algorithm::HS256, Some("a"), false),
            (&two, Algorithm::RS256, Some("b"), true),
            (&two, Algorithm::RS256, None, false),
            (&twins, Algorithm::RS256, Some("r"), false),
        ];
        for (keys, algorithm, id, expected) in rows {
            assert_eq!(
                keys.find(algorithm, id).is_some(),
                expected,
                "{algorithm:?} {id:?}"
            );
        }
    }
}
