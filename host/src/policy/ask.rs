//! What a plugin may ask: a pure decision over its grants and the question itself.
//!
//! Whether the client at hand can be asked is not decided here.

use serde_json::Value;

use crate::catalog::Schema;
use crate::config::{Confirm, Grant, PluginName};
use crate::plugin::Plugin;
use crate::plugin::wit::values::Ask;

/// Why a plugin may not ask something.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AskRefused {
    /// The operator did not grant it.
    #[error(
        "plugin `{plugin}` asks for `{grant}`, which is not granted\nhint: add \"{grant}\" to plugins.{plugin}.grant"
    )]
    NotGranted {
        /// The plugin.
        plugin: PluginName,
        /// The grant's word.
        grant: &'static str,
    },
    /// Its manifest does not name it.
    #[error("plugin `{plugin}` asks for `{grant}`, which its manifest does not ask for")]
    NotInManifest {
        /// The plugin.
        plugin: PluginName,
        /// The grant's word.
        grant: &'static str,
    },
    /// The link is not one of those that its manifest names and the operator granted.
    #[error(
        "plugin `{plugin}` asks to open a link that is not below its `visit-urls`, or not below the links of its manifest"
    )]
    Link {
        /// The plugin.
        plugin: PluginName,
    },
    /// The question itself is not well formed.
    #[error("plugin `{plugin}` asks something that {problem}")]
    Malformed {
        /// The plugin.
        plugin: PluginName,
        /// What is wrong.
        problem: String,
    },
}

/// Whether the plugin may ask this.
pub fn may_ask(plugin: &Plugin, ask: &Ask) -> Result<(), AskRefused> {
    let malformed = |problem: String| AskRefused::Malformed {
        plugin: plugin.name().clone(),
        problem,
    };
    let grant = match ask {
        Ask::Form(_) | Ask::Confirm(_) => Grant::Form,
        Ask::Visit(_) => Grant::Visit,
        Ask::Sample(_) => Grant::Sample,
        Ask::Roots => Grant::Roots,
        Ask::Other(_) => return Err(malformed("this host does not know".to_owned())),
    };
    if !plugin.manifest.asks_for(grant) {
        return Err(AskRefused::NotInManifest {
            plugin: plugin.name().clone(),
            grant: grant.as_str(),
        });
    }
    if !plugin.may_ask(grant) {
        return Err(AskRefused::NotGranted {
            plugin: plugin.name().clone(),
            grant: grant.as_str(),
        });
    }
    match ask {
        Ask::Form(form) => Schema::parse(&form.schema)
            .map(drop)
            .map_err(|error| malformed(format!("has a schema that {error}"))),
        Ask::Visit(visit) => {
            let link = url::Url::parse(&visit.url)
                .map_err(|error| malformed(format!("is not a link: {error}")))?;
            if plugin.may_send_to(&link) {
                Ok(())
            } else {
                Err(AskRefused::Link {
                    plugin: plugin.name().clone(),
                })
            }
        }
        Ask::Sample(text) => match serde_json::from_str(text) {
            Ok(Value::Object(_)) => Ok(()),
            Ok(_) => Err(malformed("is not a JSON object".to_owned())),
            Err(error) => Err(malformed(format!("is not JSON: {error}"))),
        },
        Ask::Confirm(_) | Ask::Roots | Ask::Other(_) => Ok(()),
    }
}

/// The reason of a confirmation that the caller gave in the tool's own arguments, where the operator takes a model's word
/// for what is changed. `None`: somebody has to be asked.
pub fn confirmed_by_caller<'a>(plugin: &Plugin, ask: &'a Ask) -> Option<&'a str> {
    let Ask::Confirm(confirm) = ask else {
        return None;
    };
    let binding = plugin.binding(confirm.backend.as_deref()?)?;
    let reason = confirm.reason_given.as_deref()?.trim();
    (binding.confirm == Confirm::Model && !reason.is_empty()).then_some(reason)
}
