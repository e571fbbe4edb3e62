//! An OAuth 2.1 authorization server as far as a resource server sees one: metadata and keys over TLS, and tokens with
//! whatever in them. It signs anything.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// ring signs with RSA keys and makes none. This one opens nothing but these tests.
const RSA_KEY: &[u8] = include_bytes!("issuer.rsa.pk8");

/// A running authorization server. It stops when this is dropped.
#[derive(Debug)]
pub struct Issuer {
    url: String,
    ca_pem: String,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    /// The number of the key that signs, part of its id.
    generation: u32,
    ec: EcdsaKeyPair,
    rsa: RsaKeyPair,
    is_down: bool,
    key_fetches: usize,
}

impl Issuer {
    /// Starts it.
    pub async fn start() -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate can be made");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring knows the default versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("the certificate is usable");
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let url = format!("https://localhost:{port}/realms/main");
        let state = Arc::new(Mutex::new(State {
            generation: 1,
            ec: ec_key(),
            rsa: RsaKeyPair::from_pkcs8(RSA_KEY).expect("the key is a key"),
            is_down: false,
            key_fetches: 0,
        }));
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let serving = tokio::spawn(serve(listener, acceptor, url.clone(), state.clone()));
        Self {
            url,
            ca_pem: made.cert.pem(),
            state,
            serving,
        }
    }

    /// Its `iss`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The authority of its certificate.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// From now on signs with new keys, and knows the old ones no more.
    pub fn rotate(&self) {
        let mut state = self.state();
        state.generation += 1;
        state.ec = ec_key();
    }

    /// From now on answers with errors.
    pub fn go_down(&self) {
        self.state().is_down = true;
    }

    /// How often its keys were fetched.
    #[must_use]
    pub fn key_fetches(&self) -> usize {
        self.state().key_fetches
    }

    /// The header of an honest token.
    #[must_use]
    pub fn header(&self) -> Value {
        let kid = format!("ec-{}", self.state().generation);
        json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid })
    }

    /// The claims of an honest token: `alice` of `team-a`, for five minutes.
    #[must_use]
    pub fn claims(&self, audience: &str, scope: &str) -> Value {
        let now = now();
        json!({
            "iss": self.url, "aud": audience, "sub": "alice", "org": "team-a",
            "iat": now, "nbf": now, "exp": now + 300, "jti": "1", "client_id": "e2e",
            "scope": scope,
        })
    }

    /// An honest token.
    #[must_use]
    pub fn token(&self, audience: &str, scope: &str) -> String {
        self.sign(&self.header(), &self.claims(audience, scope))
    }

    /// Signed with its elliptic-curve key, whatever the header says.
    #[must_use]
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        assemble(header, claims, |message| {
            let signed = self.state().ec.sign(&SystemRandom::new(), message);
            signed.expect("the key signs").as_ref().to_vec()
        })
    }

    /// Signed with its RSA key, `alg` `RS256`.
    #[must_use]
    pub fn sign_rsa(&self, claims: &Value) -> String {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "rsa" });
        assemble(&header, claims, |message| {
            let state = self.state();
            let mut signature = vec![0; state.rsa.public().modulus_len()];
            let random = SystemRandom::new();
            let signed = state
                .rsa
                .sign(&RSA_PKCS1_SHA256, &random, message, &mut signature);
            signed.expect("the key signs");
            signature
        })
    }

    /// `alg: HS256`, with the issuer's public RSA key, as everybody can fetch it, for a secret.
    #[must_use]
    pub fn sign_with_public_key(&self, claims: &Value) -> String {
        let header = json!({ "alg": "HS256", "typ": "at+jwt", "kid": "rsa" });
        assemble(&header, claims, |message| {
            let public = self.state().rsa.public().as_ref().to_vec();
            let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &public);
            ring::hmac::sign(&secret, message).as_ref().to_vec()
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Seconds since 1970.
#[must_use]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("it is later than 1970").as_secs()
}

/// A token without a signature.
#[must_use]
pub fn unsigned(claims: &Value) -> String {
    assemble(&json!({ "alg": "none", "typ": "at+jwt" }), claims, |_| {
        Vec::new()
    })
}

fn assemble(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| BASE64URL.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = sign(message.as_bytes());
    format!("{message}.{}", BASE64URL.encode(signature))
}

fn ec_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key can be made");
    EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random).expect("the key is a key")
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, url: String, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        // One after the other is enough, and a client that goes away is no trouble.
        let _ended = answer(stream, &tls, &url, &state).await;
    }
}

async fn answer(
    stream: TcpStream,
    tls: &TlsAcceptor,
    url: &str,
    state: &Mutex<State>,
) -> std::io::Result<()> {
    let mut stream = tls.accept(stream).await?;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    let request = String::from_utf8_lossy(&request);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (status, body) = respond(path, url, state);
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

fn respond(path: &str, url: &str, state: &Mutex<State>) -> (u16, String) {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    match path {
        _ if state.is_down => (503, String::new()),
        "/realms/main/.well-known/openid-configuration" => {
            let metadata = json!({ "issuer": url, "jwks_uri": format!("{url}/certs") });
            (200, metadata.to_string())
        }
        "/realms/main/certs" => {
            state.key_fetches += 1;
            (200, state.keys().to_string())
        }
        _ => (404, String::new()),
    }
}

impl State {
    fn keys(&self) -> Value {
        let point = self.ec.public_key().as_ref();
        let rsa = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(self.rsa.public());
        json!({ "keys": [
            {
                "kty": "EC", "crv": "P-256", "use": "sig", "kid": format!("ec-{}", self.generation),
                "x": BASE64URL.encode(&point[1..33]), "y": BASE64URL.encode(&point[33..]),
            },
            {
                "kty": "RSA", "alg": "RS256", "kid": "rsa",
                "n": BASE64URL.encode(rsa.n), "e": BASE64URL.encode(rsa.e),
            },
            { "kty": "oct", "kid": "shared", "k": BASE64URL.encode("not a secret") },
            { "kty": "of tomorrow", "kid": "unknown" },
        ] })
    }
}
