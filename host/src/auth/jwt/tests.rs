use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jsonwebtoken::DecodingKey;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;

use super::*;

/// An issuer's key, and what it signs.
struct Signer {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl Signer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        Self { pair, random }
    }

    fn key(&self) -> DecodingKey {
        DecodingKey::from_ec_der(self.pair.public_key().as_ref())
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| BASE64URL.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(&self.random, message.as_bytes()).unwrap();
        format!("{message}.{}", BASE64URL.encode(signature))
    }
}

fn rules() -> Rules {
    signature::install();
    Rules {
        issuer: "https://login.example".to_owned(),
        audience: "https://tools.example/mcp".to_owned(),
        algorithms: vec![Algorithm::ES256, Algorithm::RS256],
        leeway_seconds: 30,
        tenant: TenantRule::Claim("tid".to_owned()),
        scopes_claim: "scope".to_owned(),
    }
}

fn now() -> u64 {
    jsonwebtoken::get_current_timestamp()
}

fn header() -> Value {
    json!({ "alg": "ES256", "typ": "at+jwt", "kid": "a" })
}

fn claims() -> Value {
    json!({
        "iss": "https://login.example",
        "aud": "https://tools.example/mcp",
        "sub": "alice",
        "exp": now() + 60,
        "tid": "team-a",
        "scope": "openid tools:call",
    })
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name);
    object
}

fn check(signer: &Signer, header: &Value, claims: &Value) -> Result<Principal, Refusal> {
    let token = signer.sign(header, claims);
    let rules = rules();
    let (algorithm, _) = rules.header(&token)?;
    let bearer = rules.claims(&token, algorithm, &signer.key())?;
    Ok(bearer.principal)
}

#[test]
fn a_good_token_tells_who_calls() {
    let signer = Signer::new();
    let principal = check(&signer, &header(), &claims()).unwrap();
    assert_eq!(principal.tenant.as_str(), "team-a");
    assert_eq!(principal.subject.as_deref(), Some("alice"));
    assert_eq!(*principal.scopes, ["openid", "tools:call"]);
    let list = with(claims(), "scope", json!(["tools:call", 7, "admin"]));
    let principal = check(&signer, &header(), &list).unwrap();
    assert_eq!(*principal.scopes, ["tools:call", "admin"]);
    let audiences = with(
        claims(),
        "aud",
        json!(["other", "https://tools.example/mcp"]),
    );
    assert!(check(&signer, &header(), &audiences).is_ok());
    let leeway = with(claims(), "exp", json!(now() - 10));
    assert!(check(&signer, &header(), &leeway).is_ok());
}

#[test]
fn a_header_is_not_believed() {
    let signer = Signer::new();
    let own_key = json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" });
    let rows = [
        (with(header(), "alg", json!("none")), "no signed JWT"),
        (with(header(), "alg", json!("NONE")), "no signed JWT"),
        (
            with(header(), "alg", json!("HS256")),
            "algorithm is not taken",
        ),
        (
            with(header(), "alg", json!("ES384")),
            "algorithm is not taken",
        ),
        (with(header(), "alg", json!(["ES256"])), "no signed JWT"),
        (without(header(), "alg"), "no signed JWT"),
        (with(header(), "crit", json!(["exp"])), "not understood"),
        (with(header(), "crit", json!([])), "not understood"),
        (with(header(), "b64", json!(false)), "not understood"),
        (with(header(), "zip", json!("DEF")), "not understood"),
        (
            with(header(), "typ", json!("logout+jwt")),
            "no access token",
        ),
        (with(header(), "typ", json!("dpop+jwt")), "no access token"),
        (
            with(header(), "kid", json!("k".repeat(257))),
            "key id is too long",
        ),
        (with(header(), "kid", json!(["a"])), "no signed JWT"),
    ];
    for (header, part) in rows {
        let Err(Refusal::Invalid(text)) = check(&signer, &header, &claims()) else {
            panic!("{header} was taken");
        };
        assert!(text.contains(part), "{header}: {text}");
    }
    // A key that the token brings along is no key.
    let brought = with(header(), "jwk", own_key);
    assert!(check(&signer, &brought, &claims()).is_ok());
    let other = Signer::new().sign(&brought, &claims());
    let refused = rules().claims(&other, Algorithm::ES256, &signer.key());
    assert_eq!(
        refused,
        Err(Refusal::Invalid("the token's signature is wrong"))
    );
}

#[test]
fn claims_are_checked() {
    let signer = Signer::new();
    let rows = [
        (with(claims(), "exp", json!(now() - 31)), "has expired"),
        (with(claims(), "exp", json!("tomorrow")), "lacks a claim"),
        (with(claims(), "exp", json!(-1)), "lacks a claim"),
        (without(claims(), "exp"), "lacks a claim"),
        (with(claims(), "nbf", json!(now() + 60)), "not valid yet"),
        (with(claims(), "nbf", json!("x")), "lacks a claim"),
        (
            with(claims(), "iss", json!("https://evil.example")),
            "another issuer",
        ),
        (
            with(claims(), "iss", json!("https://login.example/")),
            "another issuer",
        ),
        (
            with(claims(), "iss", json!(["https://login.example"])),
            "another issuer",
        ),
        (without(claims(), "iss"), "lacks a claim"),
        (
            with(claims(), "aud", json!("https://other.example/mcp")),
            "another audience",
        ),
        (with(claims(), "aud", json!([])), "another audience"),
        (with(claims(), "aud", json!({ "x": 1 })), "lacks a claim"),
        (without(claims(), "aud"), "lacks a claim"),
        (without(claims(), "sub"), "lacks a claim"),
        (with(claims(), "sub", json!("")), "names nobody"),
        (with(claims(), "sub", json!("token:laptop")), "names nobody"),
        (without(claims(), "tid"), "no tenant"),
        (with(claims(), "tid", json!("../x")), "no tenant"),
        (with(claims(), "tid", json!(7)), "no tenant"),
    ];
    for (claims, part) in rows {
        let Err(Refusal::Invalid(text)) = check(&signer, &header(), &claims) else {
            panic!("{claims} was taken");
        };
        assert!(text.contains(part), "{claims}: {text}");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let good = Signer::new().sign(&header(), &claims());
    let long = "x".repeat(LONGEST_TOKEN + 1);
    let deep = format!("{}.x.x", BASE64URL.encode("[".repeat(5000)));
    for bad in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c",
        "ä.b.c",
        &long,
        &deep,
        &format!("{good}.x"),
    ] {
        assert!(rules().header(bad).is_err(), "{bad:.40}");
    }
    // An altered payload, and a cut signature.
    let signer = Signer::new();
    let token = signer.sign(&header(), &claims());
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (head, _) = message.split_once('.').unwrap();
    let forged = format!(
        "{head}.{}.{signature}",
        BASE64URL.encode(claims().to_string().replace("team-a", "team-b"))
    );
    let none = format!("{message}.");
    for bad in [&forged, &none, &token[..token.len() - 4]] {
        let refused = rules().claims(bad, Algorithm::ES256, &signer.key());
        assert!(refused.is_err(), "{bad}");
    }
}

#[test]
fn a_mapped_tenant_is_one_of_the_list() {
    let signer = Signer::new();
    let token = |tid: &str| signer.sign(&header(), &with(claims(), "tid", json!(tid)));
    let mut rules = rules();
    rules.tenant = TenantRule::Mapped {
        claim: "tid".to_owned(),
        tenants: [("72f988bf".to_owned(), "team-b".parse().unwrap())].into(),
    };
    let tenant = |tid: &str| {
        let bearer = rules.claims(&token(tid), Algorithm::ES256, &signer.key())?;
        Ok::<_, Refusal>(bearer.principal.tenant.to_string())
    };
    assert_eq!(tenant("72f988bf"), Ok("team-b".to_owned()));
    assert!(tenant("team-b").is_err());
}
