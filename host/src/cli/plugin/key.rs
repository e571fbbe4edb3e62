//! `toolward plugin keygen`, and reading the keys it makes: the key files of minisign.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use minisign::{KeyPair, PublicKey, SecretKey, SecretKeyBox};
use serde_json::json;
use zeroize::Zeroizing;

use super::Said;
use super::{Audience, Global, PluginError, read_text, step, write};
use crate::config::KeyId;

/// Make a key pair for signing plugins, as `minisign -G` does
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  toolward plugin keygen shop
  toolward plugin keygen shop --password-file password")]
pub(in crate::cli) struct Keygen {
    /// Name of the two files: NAME.key, which stays secret, and NAME.pub, which operators put into their configuration
    #[arg(value_name = "NAME")]
    name: PathBuf,
    #[command(flatten)]
    password: Password,
    /// Do not encrypt the secret key
    #[arg(long, conflicts_with = "password_file")]
    unencrypted: bool,
}

/// At the end of a secret key.
const CHECKSUM_BYTES: usize = 32;

/// Where the password of a secret key comes from.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Password {
    /// File whose first line is the password of the secret key [default: ask at the terminal]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl Keygen {
    pub(super) fn run(&self, global: &Global) -> Result<Said, PluginError> {
        let with = |ending: &str| {
            let mut path = self.name.as_os_str().to_owned();
            path.push(ending);
            PathBuf::from(path)
        };
        let (secret, public) = (with(".key"), with(".pub"));
        for path in [&secret, &public] {
            if path.exists() {
                return Err(PluginError::Key {
                    path: path.clone(),
                    problem: "it is there already; a key that is replaced is a key that is lost"
                        .to_owned(),
                });
            }
        }
        let failed = |error: minisign::PError| PluginError::Key {
            path: secret.clone(),
            problem: error.to_string(),
        };
        let pair = if self.unencrypted {
            KeyPair::generate_unencrypted_keypair()
        } else {
            let password = self.password.get(&secret, Ask::Twice)?;
            step(
                global.audience(),
                "deriving a key from the password (a few seconds)",
            );
            KeyPair::generate_encrypted_keypair(Some(password.to_string()))
        };
        let pair = pair.map_err(failed)?;
        let comment = if self.unencrypted {
            "minisign unencrypted secret key"
        } else {
            "minisign encrypted secret key"
        };
        let text = Zeroizing::new(pair.sk.to_box(Some(comment)).map_err(failed)?.into_string());
        let public_text = pair.pk.to_box().map_err(failed)?.into_string();
        write(&secret, text.as_bytes(), 0o600)?;
        write(&public, public_text.as_bytes(), 0o644)?;
        let line = pair.pk.to_base64();
        Ok(Said::new(
            format!(
                "secret key: {}\npublic key: {}\n\nOperators who trust you add:\n\n[publishers.YOUR-NAME]\nkeys = [{{ key = \"{line}\" }}]\nplugins = [\"YOUR-PLUGIN\"]",
                secret.display(),
                public.display()
            ),
            json!({
                "secretKey": secret,
                "publicKey": public,
                "key": line,
                "id": KeyId::of_line(&line).map(|id| id.to_string()),
            }),
        ))
    }
}

/// How often a password is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ask {
    Once,
    Twice,
}

impl Password {
    pub(super) fn get(&self, key: &Path, ask: Ask) -> Result<Zeroizing<String>, PluginError> {
        if let Some(path) = &self.password_file {
            let text = Zeroizing::new(read_text(path)?);
            return Ok(Zeroizing::new(
                text.lines().next().unwrap_or_default().to_owned(),
            ));
        }
        let problem = |problem: &str| PluginError::Key {
            path: key.to_owned(),
            problem: problem.to_owned(),
        };
        if !std::io::stdin().is_terminal() {
            return Err(problem(
                "its password is needed, and there is no terminal to ask at\nhint: --password-file FILE",
            ));
        }
        let prompt = |text: &str| {
            rpassword::prompt_password(text)
                .map(Zeroizing::new)
                .map_err(|error| problem(&error.to_string()))
        };
        let password = prompt(&format!("password of {}: ", key.display()))?;
        if ask == Ask::Twice && prompt("the same again: ")? != password {
            return Err(problem("the passwords are not the same"));
        }
        Ok(password)
    }
}

/// A secret key, ready to sign.
pub(super) fn secret(
    path: &Path,
    password: &Password,
    audience: Audience,
) -> Result<SecretKey, PluginError> {
    let text = Zeroizing::new(read_text(path)?);
    let problem = |problem: String| PluginError::Key {
        path: path.to_owned(),
        problem,
    };
    let parse = || SecretKeyBox::from_string(&text).map_err(|error| problem(error.to_string()));
    if let Some(bytes) = unencrypted(&text) {
        // The tool `minisign` leaves the checksum of such a key empty, and the library would miss it.
        let has_checksum = bytes
            .iter()
            .rev()
            .take(CHECKSUM_BYTES)
            .any(|byte| *byte != 0);
        let key = if has_checksum {
            parse()?.into_unencrypted_secret_key()
        } else {
            SecretKey::from_bytes(&bytes)
        };
        return key.map_err(|error| problem(format!("it is not a minisign secret key: {error}")));
    }
    let password = password.get(path, Ask::Once)?;
    step(audience, "deriving a key from the password (a few seconds)");
    parse()?
        .into_secret_key(Some(password.to_string()))
        .map_err(|error| problem(format!("it cannot be opened: {error}")))
}

/// The bytes of a key that is not encrypted: those that name the way of encryption are zero.
fn unencrypted(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    use base64::Engine as _;
    let line = text.lines().nth(1)?.trim();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(line)
        .ok()?;
    let bytes = Zeroizing::new(bytes);
    (bytes.get(2..4) == Some(&[0, 0])).then_some(bytes)
}

/// The public half.
pub(super) fn public(secret: &SecretKey) -> Option<PublicKey> {
    PublicKey::from_secret_key(secret).ok()
}
