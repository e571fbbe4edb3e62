//! `tls` of a binding: how the server's certificate is judged.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use url::Url;

use super::Cx;
use crate::config::at::At;
use crate::config::{Tls, raw};

/// The longest CA file that is read: a list of all public authorities is a quarter of a megabyte.
const LONGEST_CA_FILE: u64 = 16 << 20;

/// `server` is the binding's URL, for hints.
pub(super) fn resolve(cx: &mut Cx<'_>, raw: &At<raw::Tls>, server: Option<&Url>) -> Option<Tls> {
    let insecure = raw.value.insecure.as_ref().filter(|at| at.value);
    match (&raw.value.ca_file, &raw.value.fingerprint, insecure) {
        (None, None, None) => Some(Tls::SystemRoots),
        (Some(path), None, None) => ca_file(cx, path, server),
        (None, Some(text), None) => fingerprint(cx, text, server),
        (None, None, Some(at)) => {
            cx.findings
                .warning(
                    &at.span,
                    "the server's certificate is not checked: anybody in between can read the login",
                )
                .hint(format!("tls = {{ fingerprint = \"sha256:…\" }}, from: {}", ask(server)));
            Some(Tls::Insecure)
        }
        (_, _, _) => {
            cx.findings
                .error(
                    &raw.span,
                    "`tls` takes one of `ca-file`, `fingerprint` and `insecure`, not several",
                )
                .hint("keep one of them");
            None
        }
    }
}

fn ca_file(cx: &mut Cx<'_>, at: &At<String>, server: Option<&Url>) -> Option<Tls> {
    let path = cx.path(&at.value);
    match read_certificates(&path) {
        Ok(pem) => Some(Tls::CaFile { path, pem }),
        Err(problem) => {
            let name = path.display();
            cx.findings
                .error(
                    &at.span,
                    format!("CA file `{name}` cannot be used: {problem}"),
                )
                .hint(format!(
                    "put the authority's certificate there as PEM, or pin the server's: {}",
                    ask(server)
                ));
            None
        }
    }
}

/// The text of a PEM file with at least one certificate, each of which can be an authority.
pub(super) fn read_certificates(path: &std::path::Path) -> Result<String, String> {
    let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
    // A device has no length and no end.
    if !about.is_file() {
        return Err("it is not a file".to_owned());
    }
    if about.len() > LONGEST_CA_FILE {
        return Err("it is too long".to_owned());
    }
    let pem = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|_| "it is not PEM text".to_owned())?;
        roots
            .add(certificate)
            .map_err(|_| "a certificate in it is damaged".to_owned())?;
    }
    if roots.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    Ok(pem)
}

fn fingerprint(cx: &mut Cx<'_>, at: &At<String>, server: Option<&Url>) -> Option<Tls> {
    let digest = parse_digest(&at.value);
    if digest.is_none() {
        cx.findings
            .error(
                &at.span,
                "not a fingerprint: `sha256:` and 64 hexadecimal digits, with colons or without",
            )
            .hint(ask(server));
    }
    digest.map(Tls::Fingerprint)
}

/// The command that tells a server's fingerprint.
fn ask(server: Option<&Url>) -> String {
    let place = server.and_then(|url| {
        let port = url.port_or_known_default()?;
        Some(format!("{}:{port}", url.host_str()?))
    });
    let place = place.unwrap_or_else(|| "HOST:PORT".to_owned());
    format!(
        "openssl s_client -connect {place} </dev/null | openssl x509 -noout -fingerprint -sha256"
    )
}

pub(super) fn parse_digest(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix("sha256:")?;
    let bytes: Vec<u8> = if digits.contains(':') {
        digits.split(':').map(byte).collect::<Option<_>>()?
    } else {
        let pairs = digits.as_bytes().chunks(2);
        pairs
            .map(|pair| std::str::from_utf8(pair).ok().and_then(byte))
            .collect::<Option<_>>()?
    };
    bytes.try_into().ok()
}

fn byte(pair: &str) -> Option<u8> {
    let digits = pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
    if digits {
        u8::from_str_radix(pair, 16).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_come_with_and_without_colons() {
        let plain = format!("sha256:{}", "aB".repeat(32));
        let colons = format!("sha256:{}", vec!["Ab"; 32].join(":"));
        assert_eq!(parse_digest(&plain), Some([0xab; 32]));
        assert_eq!(parse_digest(&colons), Some([0xab; 32]));
        for bad in [
            "",
            "sha256:",
            &"ab".repeat(32),
            &format!("sha1:{}", "ab".repeat(32)),
            &format!("sha256:{}", "ab".repeat(31)),
            &format!("sha256:{}", "ab".repeat(33)),
            &format!("sha256:{}a", "ab".repeat(31)),
            &format!("sha256:{}", "+b".repeat(32)),
            &format!("sha256:{}", "é".repeat(32)),
        ] {
            assert_eq!(parse_digest(bad), None, "{bad}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_no_file_of_certificates() {
        let read = read_certificates(std::path::Path::new("/dev/zero"));
        assert_eq!(read, Err("it is not a file".to_owned()));
    }
}
