//! `toolward plugin install`.

use std::path::{Path, PathBuf};

use serde_json::json;
use url::Url;

use super::Said;
use super::record::{recorded, tell};
use super::verify::{Candidate, words};
use super::{Audience, Global, PluginError, configuration, place, read_text, step};
use crate::audit::Call;
use crate::config::{Config, Tls};
use crate::egress::fetch;
use crate::plugin::manifest::Manifest;
use crate::plugin::trust::Memory;
use crate::plugin::trust::signature::MAX_BYTES as SIGNATURE_BYTES;
use crate::plugin::{COMPONENT_BYTES, hex};

/// Check a plugin and put it in its place: component, signature, and its digest in toolward.lock
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  toolward plugin install shop.wasm
  toolward plugin install https://shop.example/shop-1.2.0.wasm")]
pub(in crate::cli) struct Install {
    /// The plugin, or its https address; the signature is expected beside it, with `.minisig` at the end
    #[arg(value_name = "FILE|URL")]
    from: String,
    /// Take an address without TLS. What is got is checked all the same, but anybody on the way can see it
    #[arg(long)]
    plain_http: bool,
    /// The authorities of the server's certificate, PEM [default: the operating system's]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

impl Install {
    pub(super) fn run(&self, global: &Global) -> Result<Said, PluginError> {
        let config = configuration(global)?;
        recorded(&config, "install", |line| {
            line.with("from", self.shown_from());
            self.install(&config, global, line)
        })
    }

    fn install(
        &self,
        config: &Config,
        global: &Global,
        line: &mut Call,
    ) -> Result<Said, PluginError> {
        let memory = Memory::open(&config.trust, &config.runtime.state_dir)?;
        let candidate = self.candidate(global.audience())?;
        tell(line, &candidate);
        step(global.audience(), "checking the signature");
        let signer = candidate.signer(config)?;
        candidate.check_version(&memory, &signer)?;
        let name = &candidate.manifest.name;
        let before = memory
            .lock
            .get(name)
            .map(|locked| locked.version.to_string());
        line.with("signer", words(&signer));
        line.with("before", before.as_deref());
        let component = place::put(config, &memory, &candidate, &signer)?;
        let is_configured = config.plugins.contains_key(name);
        let mut text = format!(
            "{name} {} is installed: {}\nit is {}",
            candidate.manifest.version,
            component.display(),
            words(&signer)
        );
        if !is_configured {
            text += "\n\nIt is not served yet. Look at what it asks for, grant what you agree with, and add to the configuration:\n\n";
            text += &table(config, &candidate.manifest, &component);
        }
        Ok(Said::new(
            text,
            json!({
                "name": name.as_str(),
                "version": candidate.manifest.version.to_string(),
                "before": before,
                "sha256": hex(&candidate.digest),
                "signer": signer.to_json(),
                "component": component,
                "configured": is_configured,
            }),
        ))
    }

    /// Where it comes from, without what may be secret in an address.
    fn shown_from(&self) -> String {
        match Url::parse(&self.from) {
            Ok(url) if url.has_host() => shown(&url),
            _ => self.from.clone(),
        }
    }

    fn candidate(&self, audience: Audience) -> Result<Candidate, PluginError> {
        match Url::parse(&self.from) {
            Ok(url) if url.has_host() => self.download(&url, audience),
            _ => Candidate::read(Path::new(&self.from)),
        }
    }

    fn download(&self, url: &Url, audience: Audience) -> Result<Candidate, PluginError> {
        match url.scheme() {
            "https" => {}
            "http" if self.plain_http => {}
            "http" => {
                return Err(PluginError::Usage(
                    "the address is not https\nhint: --plain-http, if it must be".to_owned(),
                ));
            }
            _ => {
                return Err(PluginError::Usage(
                    "plugins are installed from files and https addresses".to_owned(),
                ));
            }
        }
        let tls = match &self.ca_file {
            None => Tls::SystemRoots,
            Some(path) => Tls::CaFile {
                path: path.clone(),
                pem: read_text(path)?,
            },
        };
        let mut signature = url.clone();
        signature.set_path(&format!("{}.minisig", url.path()));
        let runtime = super::runtime()?;
        runtime.block_on(async {
            step(audience, &format!("getting {}", shown(url)));
            let component = get(url, &tls, COMPONENT_BYTES, audience)
                .await?
                .ok_or_else(|| PluginError::Download {
                    url: shown(url),
                    problem: "the answer is 404".to_owned(),
                })?;
            // Whether a plugin without a signature is taken is judged with everything else.
            let signature = get(&signature, &tls, SIGNATURE_BYTES, audience).await?;
            let signature = signature.map(String::from_utf8).transpose().map_err(|_| {
                PluginError::Download {
                    url: shown(url),
                    problem: "its signature is not text".to_owned(),
                }
            })?;
            Candidate::of(shown(url), component, signature)
        })
    }
}

/// The file; `None`: there is none.
async fn get(
    url: &Url,
    tls: &Tls,
    most: u64,
    audience: Audience,
) -> Result<Option<Vec<u8>>, PluginError> {
    const TOLD_EVERY: u64 = 4 << 20;
    let mut told = 0;
    let got = fetch(url, tls, most, |there, whole| {
        if there / TOLD_EVERY > told {
            told = there / TOLD_EVERY;
            let of = whole
                .map(|whole| format!(" of {} MiB", whole >> 20))
                .unwrap_or_default();
            step(audience, &format!("{} MiB{of}", there >> 20));
        }
    });
    match got.await {
        Ok(bytes) => Ok(Some(bytes.into())),
        Err(crate::egress::FetchError::Status(404)) => Ok(None),
        Err(error) => Err(PluginError::Download {
            url: shown(url),
            problem: error.to_string(),
        }),
    }
}

/// An address without what may be secret in it.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// The table that serves it, with everything that it asks for: less is for the operator to decide.
pub(super) fn table(config: &Config, manifest: &Manifest, component: &Path) -> String {
    let folder = config.trust.lock_file.parent().unwrap_or(Path::new("."));
    let component = component.strip_prefix(folder).unwrap_or(component);
    let mut lines = vec![
        format!("[plugins.{}]", manifest.name),
        format!("component = {}", json!(component)),
    ];
    let grants: Vec<&str> = manifest
        .wants()
        .into_iter()
        .map(|(grant, _)| grant.as_str())
        .collect();
    if !grants.is_empty() {
        lines.push(format!("grant = {}", json!(grants)));
    }
    let backends: Vec<String> = manifest
        .backends
        .iter()
        .map(|backend| format!("{} = \"BINDING\"", backend.name))
        .collect();
    if !backends.is_empty() {
        lines.push(format!("backends = {{ {} }}", backends.join(", ")));
    }
    if let Some(visit) = &manifest.asks.visit {
        let urls: Vec<&str> = visit.urls.iter().map(Url::as_str).collect();
        lines.push(format!("visit-urls = {}", json!(urls)));
    }
    let limits = manifest.limits.lines();
    if !limits.is_empty() {
        // What it works well with; the operator may well write something else.
        lines.push(format!("\n[plugins.{}.limits]", manifest.name));
        lines.extend(limits.into_iter().map(|(key, value)| match key {
            "concurrency" => format!("{key} = {value}"),
            _ => format!("{key} = {}", json!(value)),
        }));
    }
    lines.join("\n")
}
