//! `[trust]` and `[publishers.NAME]` as written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Grant;
use crate::config::at::At;

/// Which plugins are taken at all.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct Trust {
    /// Whether plugins are taken that nobody signed, or somebody whom `[publishers]` does not know. For development
    /// only: every listing says so.
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub(in crate::config) allow_unsigned: Option<At<bool>>,
    /// What is refused whoever signed it: public keys (as in `publishers.NAME.keys`), and components by `sha256:` and
    /// the 64 hexadecimal digits of their digest.
    #[schemars(extend("default" = [], "examples" = [[EXAMPLE_KEY]]))]
    pub(in crate::config) revoked: Option<Vec<At<String>>>,
}

/// Somebody whose signature is taken.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct Publisher {
    /// The public keys. Several may be valid at once, so that one replaces another without a gap.
    #[schemars(required)]
    pub(in crate::config) keys: Option<At<Vec<PublisherKey>>>,
    /// The plugins it may publish, by name; an asterisk at the end stands for any rest.
    #[schemars(required, extend("examples" = [["backup-jobs", "shop-*"]]))]
    pub(in crate::config) plugins: Option<At<Vec<At<String>>>>,
    /// The most that its plugins may ever be granted: a plugin whose `grant` holds more is refused. Default: no bound.
    #[schemars(extend("examples" = [["http", "form"]]))]
    pub(in crate::config) max_grant: Option<Vec<At<Grant>>>,
    /// The only bindings that its plugins may ever be bound to. Default: no bound.
    #[schemars(extend("examples" = [["vbr01"]]))]
    pub(in crate::config) max_bindings: Option<Vec<At<String>>>,
}

/// A public key, and when it counts.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct PublisherKey {
    /// The second line of a minisign public key file.
    #[schemars(required, extend("examples" = [EXAMPLE_KEY]))]
    pub(in crate::config) key: Option<At<String>>,
    /// From when on it counts: a date (its first moment, UTC) or a time as RFC 3339 has it. Default: always.
    #[schemars(extend("examples" = ["2026-01-01"]))]
    pub(in crate::config) from: Option<At<String>>,
    /// From when on it counts no longer. Default: never.
    #[schemars(extend("examples" = ["2028-01-01"]))]
    pub(in crate::config) until: Option<At<String>>,
}

const EXAMPLE_KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
