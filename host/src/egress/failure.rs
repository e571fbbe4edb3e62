//! What went wrong on the way to a backend, in words: for the guest without addresses, with the operator's remedy.

use std::error::Error;
use std::fmt;
use std::io;

use rustls::CertificateError;

use super::address::AddressError;
use crate::config::{Binding, Tls};

/// A failed connection or exchange, said so that a guest may read it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Cause {
    /// Goes on from "backend "vbr" …".
    pub(super) what: String,
    /// What the operator can do.
    pub(super) hint: Option<String>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Finds the cause in what the HTTP client says.
pub(super) fn cause(error: &reqwest::Error, binding: &Binding) -> Cause {
    let name = &binding.name;
    if let Some(tls) = find::<rustls::Error>(error) {
        return tls_cause(tls, binding);
    }
    if let Some(address) = find::<AddressError>(error) {
        return address_cause(*address, binding);
    }
    let plain = |what: &str, hint: String| Cause {
        what: what.to_owned(),
        hint: Some(hint),
    };
    if error.is_timeout() && error.is_connect() {
        return plain(
            &format!(
                "did not take a connection within {} s",
                binding.connect_timeout.as_secs_f64()
            ),
            format!(
                "check the address and the firewalls between, or raise bindings.{name}.connect-timeout"
            ),
        );
    }
    let io = find::<io::Error>(error).map(io::Error::kind);
    match io {
        Some(io::ErrorKind::ConnectionRefused) => plain(
            "refused the connection",
            format!("check the port in bindings.{name}.url, and that the service runs"),
        ),
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => plain(
            "cannot be reached over the network",
            format!("check the address in bindings.{name}.url and the route to it"),
        ),
        _ if error.is_connect() && is_name_resolution(error) => plain(
            "has a host name that cannot be resolved",
            format!("check the host name in bindings.{name}.url"),
        ),
        Some(
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof,
        ) => Cause {
            what: "broke the connection".to_owned(),
            hint: error
                .is_connect()
                .then(|| format!("check the scheme and the port in bindings.{name}.url")),
        },
        _ if error.is_connect() => plain(
            "cannot be connected to",
            format!("check bindings.{name}.url"),
        ),
        _ => Cause {
            what: "broke the connection or did not answer in HTTP".to_owned(),
            hint: None,
        },
    }
}

/// Whether the binding, not the network, is why there is no connection.
pub(super) fn is_denied(error: &reqwest::Error) -> bool {
    matches!(
        find::<AddressError>(error),
        Some(AddressError::NotAllowed(_))
    )
}

fn address_cause(error: AddressError, binding: &Binding) -> Cause {
    let name = &binding.name;
    match error {
        AddressError::NotAllowed(kind) => Cause {
            what: format!(
                "has a host name that leads to a {kind} address, which binding \"{name}\" does not allow"
            ),
            hint: Some(format!(
                "if that is where it belongs, add \"{kind}\" or its network to bindings.{name}.addresses"
            )),
        },
        AddressError::None => Cause {
            what: "has a host name without an address".to_owned(),
            hint: Some(format!("check the host name in bindings.{name}.url")),
        },
    }
}

fn tls_cause(error: &rustls::Error, binding: &Binding) -> Cause {
    let name = &binding.name;
    let (what, hint) = match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::BadSignature if matches!(binding.tls, Tls::Fingerprint(_)) => (
                "does not hold the key of the certificate that it shows",
                "somebody may be between the host and the backend: check the address and the network"
                    .to_owned(),
            ),
            // A bad signature: an authority of the same name is known, but it is another one.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => (
                "has a certificate of an unknown authority",
                format!(
                    "set tls = {{ ca-file = \"ca.pem\" }} or tls = {{ fingerprint = \"sha256:…\" }} in bindings.{name}"
                ),
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                (
                    "has a certificate for another name",
                    format!(
                        "use the certificate's name in bindings.{name}.url, or set tls = {{ fingerprint = \"sha256:…\" }} in bindings.{name}"
                    ),
                )
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
                "has a certificate that has expired",
                format!(
                    "renew it on the server, or set tls = {{ fingerprint = \"sha256:…\" }} in bindings.{name}"
                ),
            ),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
                "has a certificate that is not valid yet",
                "check the clocks of both machines".to_owned(),
            ),
            CertificateError::ApplicationVerificationFailure => (
                "has another certificate than the one whose fingerprint is set",
                format!(
                    "if the server's certificate was changed on purpose, set its new fingerprint in bindings.{name}.tls"
                ),
            ),
            _ => (
                "has a certificate that cannot be accepted",
                format!("set tls = {{ fingerprint = \"sha256:…\" }} in bindings.{name}"),
            ),
        },
        rustls::Error::InvalidMessage(_) => (
            "does not speak TLS",
            format!("check the scheme and the port in bindings.{name}.url"),
        ),
        _ => (
            "failed the TLS handshake",
            format!("check that the server of bindings.{name}.url offers TLS 1.2 or 1.3"),
        ),
    };
    Cause {
        what: what.to_owned(),
        hint: Some(hint),
    }
}

/// The innermost error of this type in the chain. An `io::Error` hides what it wraps from the chain, so it is
/// opened.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut found = None;
    let mut next = Some(error);
    while let Some(error) = next {
        found = error.downcast_ref::<E>().or(found);
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    found
}

/// The resolver's errors have neither a type nor a kind of their own.
fn is_name_resolution(error: &reqwest::Error) -> bool {
    crate::credential::chain(error).contains("dns error")
}
