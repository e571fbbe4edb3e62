//! The server's certificate: self-signed, made at every start, as a fresh installation has it.

use std::fmt::Write as _;
use std::sync::Arc;

use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Making the certificate failed.
    #[error("cannot make a certificate")]
    Certificate(#[source] rcgen::Error),
    /// The TLS library does not take it.
    #[error("cannot use the certificate")]
    Config(#[source] rustls::Error),
}

pub(crate) struct Identity {
    pub(crate) config: Arc<rustls::ServerConfig>,
    pub(crate) pem: String,
    /// `sha256:` and 64 hexadecimal digits, over the certificate as DER.
    pub(crate) fingerprint: String,
}

pub(crate) fn identity() -> Result<Identity, TlsError> {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).map_err(TlsError::Certificate)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let der = made.cert.der().clone();
    let mut fingerprint = "sha256:".to_owned();
    for byte in Sha256::digest(&der) {
        // Writing to a string cannot fail.
        let _infallible = write!(fingerprint, "{byte:02x}");
    }
    // The provider is named, so that the process needs no default one.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Config)?
        .with_no_client_auth()
        .with_single_cert(vec![der], key)
        .map_err(TlsError::Config)?;
    Ok(Identity {
        config: Arc::new(config),
        pem: made.cert.pem(),
        fingerprint,
    })
}
