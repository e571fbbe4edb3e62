//! TLS towards a backend: four ways to judge its certificate.

use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest as _, Sha256};

use crate::config::Tls;

/// The operating system's roots, read at most once and only when a binding needs them.
#[derive(Debug, Default)]
pub(super) struct SystemRoots(OnceLock<Result<Arc<RootCertStore>, String>>);

impl SystemRoots {
    fn get(&self) -> Result<Arc<RootCertStore>, String> {
        self.0.get_or_init(load_system_roots).clone()
    }
}

fn load_system_roots() -> Result<Arc<RootCertStore>, String> {
    let loaded = rustls_native_certs::load_native_certs();
    for error in &loaded.errors {
        tracing::warn!(%error, "cannot read some of the system's root certificates");
    }
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(loaded.certs);
    if added == 0 {
        return Err(
            "the system has no root certificates\nhint: install ca-certificates, or set tls = { ca-file = \"ca.pem\" }"
                .to_owned(),
        );
    }
    Ok(Arc::new(roots))
}

/// The TLS client for a binding.
pub(super) fn client(tls: &Tls, system: &SystemRoots) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match tls {
        Tls::SystemRoots => by_roots(system.get()?, &provider)?,
        Tls::CaFile { path, pem } => {
            let bad = |reason: String| format!("`{}` {reason}", path.display());
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate =
                    certificate.map_err(|error| bad(format!("is not PEM: {error}")))?;
                roots
                    .add(certificate)
                    .map_err(|error| bad(format!("holds an unusable certificate: {error}")))?;
            }
            if roots.is_empty() {
                return Err(bad("holds no certificate".to_owned()));
            }
            by_roots(Arc::new(roots), &provider)?
        }
        Tls::Fingerprint(digest) => Arc::new(Pinned {
            digest: *digest,
            provider: Arc::clone(&provider),
        }),
        Tls::Insecure => Arc::new(Unchecked {
            schemes: provider
                .signature_verification_algorithms
                .supported_schemes(),
        }),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The TLS client for a binding that uses none: whatever it is asked to trust, it does not.
pub(super) fn unused_client() -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

fn by_roots(
    roots: Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, String> {
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
        .build()
        .map_err(|error| error.to_string())?;
    Ok(verifier)
}

/// Trusts the one certificate with this digest, whatever it says about itself.
///
/// That the server also holds the certificate's key is proven by the handshake's signature, which is verified
/// as for any other certificate: the certificate alone is public.
#[derive(Debug)]
struct Pinned {
    digest: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if Sha256::digest(end_entity).as_slice() == self.digest {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Trusts everybody: the operator wrote `insecure = true`. It also takes certificates that cannot be parsed, as
/// old appliances have them.
#[derive(Debug)]
struct Unchecked {
    schemes: Vec<SignatureScheme>,
}

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_without_a_usable_certificate_is_an_error_that_names_it() {
        let rotten = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (pem, part) in [
            ("", "holds no certificate"),
            ("hello", "holds no certificate"),
            (rotten, "unusable certificate"),
        ] {
            let tls = Tls::CaFile {
                path: "ca.pem".into(),
                pem: pem.to_owned(),
            };
            let error = client(&tls, &SystemRoots::default()).unwrap_err();
            assert!(
                error.contains("`ca.pem`") && error.contains(part),
                "{error}"
            );
        }
    }
}
