//! Opening the audit log that the configuration wants.

use crate::audit::{Audit, AuditError, Event, Kind, Settings};
use crate::config::{self, Config};
use crate::credential::{self, SecretError};

/// Why nothing can be recorded. The host does not start then.
#[derive(Debug, thiserror::Error)]
pub enum AuditStartError {
    /// The key cannot be read.
    #[error("cannot read the audit log's key\nhint: toolward audit key > audit.key")]
    Key(#[source] SecretError),
    /// The log cannot be opened.
    #[error(transparent)]
    Log(#[from] AuditError),
}

/// The log, for a command that does something without a host; one that is off, without `[audit]`. A host that serves
/// meanwhile writes to the same one.
pub async fn audit_log(config: &Config) -> Result<Audit, AuditStartError> {
    let Some(audit) = &config.audit else {
        return Ok(Audit::default());
    };
    let settings = settings(audit).await.map_err(AuditStartError::Key)?;
    Ok(Audit::open(settings)?)
}

/// The log of a host that starts.
pub(super) async fn open(config: &Config) -> Result<Audit, AuditStartError> {
    let log = audit_log(config).await?;
    let plugins: Vec<_> = config.plugins.keys().map(ToString::to_string).collect();
    log.record(
        Event::new(Kind::Start)
            .with("host", env!("CARGO_PKG_VERSION"))
            .with("process", std::process::id())
            .with("plugins", plugins),
    );
    Ok(log)
}

async fn settings(audit: &config::Audit) -> Result<Settings, SecretError> {
    let key = credential::read_secret(&audit.key).await?;
    Ok(Settings {
        folder: audit.folder.clone(),
        key: key.expose().as_bytes().to_vec(),
        anchor: audit.anchor.clone(),
        anchor_interval: audit.anchor_interval,
        max_file_bytes: audit.max_file_bytes,
        keep_files: audit.keep_files,
        refuse_on_failure: audit.refuse_on_failure,
        shown: audit.shown.clone(),
    })
}
