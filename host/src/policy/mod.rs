//! Who may do what: pure decisions over a principal's scopes, and over a plugin's grants (`ask`). No I/O, no protocol.
//!
//! A scope such as `tools:call` allows an ability with every plugin, `tools:call:backup-jobs` with that one. Scopes
//! that are none of ours allow nothing. `admin` allows what operators do and nothing else: who looks after the host
//! need not be able to start a vendor's jobs.

mod ask;

pub use ask::{AskRefused, confirmed_by_caller, may_ask};

use crate::capability::Principal;
use crate::config::{Ability, PluginName};

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Action<'a> {
    /// The kind of thing.
    pub ability: Ability,
    /// With which plugin. `None`: nobody knows yet, or with none; whoever may do it with any plugin may go on.
    pub plugin: Option<&'a PluginName>,
}

/// What a principal lacks.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this needs the scope `{}`", .scopes.join(" "))]
pub struct Missing {
    /// The least that would be enough, all of it.
    pub scopes: Vec<String>,
}

/// What callers usually need: named to clients that have no token yet.
pub const USUAL: [Ability; 5] = [
    Ability::CallTools,
    Ability::ReadResources,
    Ability::GetPrompts,
    Ability::ReadJobs,
    Ability::CancelJobs,
];

/// Whether the principal may.
pub fn may(principal: &Principal, action: Action<'_>) -> Result<(), Missing> {
    let Action { ability, plugin } = action;
    let general = ability.scope();
    let allows = |scope: &str| match (scope.strip_prefix(general), plugin) {
        (Some(""), _) => true,
        (Some(rest), Some(plugin)) => {
            ability.has_plugins() && rest.strip_prefix(':') == Some(plugin.as_str())
        }
        (Some(rest), None) => ability.has_plugins() && rest.starts_with(':'),
        (None, _) => false,
    };
    if principal.scopes.iter().any(|scope| allows(scope)) {
        return Ok(());
    }
    let needed = match plugin {
        Some(plugin) if ability.has_plugins() => ability.scope_of(plugin),
        Some(_) | None => general.to_owned(),
    };
    Err(Missing {
        scopes: vec![needed],
    })
}

/// With which plugins the principal may; `None`: with all.
#[must_use]
pub fn plugins(principal: &Principal, ability: Ability) -> Option<Vec<PluginName>> {
    let general = ability.scope();
    if principal.scopes.iter().any(|scope| scope == general) {
        return None;
    }
    let scopes = principal.scopes.iter();
    let named = scopes.filter_map(|scope| scope.strip_prefix(general)?.strip_prefix(':'));
    Some(named.filter_map(|name| name.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_allows_its_ability_and_no_other() {
        let plugin: PluginName = "backup-jobs".parse().unwrap();
        let (some, none) = (Some(&plugin), None);
        let rows = [
            ("tools:call", Ability::CallTools, some, true),
            ("tools:call", Ability::CallTools, none, true),
            ("tools:call:backup-jobs", Ability::CallTools, some, true),
            ("tools:call:backup-jobs", Ability::CallTools, none, true),
            ("tools:call:backup", Ability::CallTools, some, false),
            ("tools:call:backup-jobs-2", Ability::CallTools, some, false),
            ("tools:call:", Ability::CallTools, some, false),
            ("tools:calls", Ability::CallTools, some, false),
            ("tools:calls", Ability::CallTools, none, false),
            ("tools", Ability::CallTools, some, false),
            ("TOOLS:CALL", Ability::CallTools, some, false),
            ("tools:call resources:read", Ability::CallTools, some, false),
            ("*", Ability::CallTools, some, false),
            ("", Ability::CallTools, some, false),
            ("admin", Ability::CallTools, some, false),
            ("resources:read", Ability::CallTools, some, false),
            ("resources:read", Ability::ReadResources, some, true),
            ("prompts:get:backup-jobs", Ability::GetPrompts, some, true),
            ("jobs:read", Ability::CancelJobs, none, false),
            ("jobs:cancel", Ability::CancelJobs, none, true),
            ("admin", Ability::Administer, none, true),
            ("admin:backup-jobs", Ability::Administer, none, false),
            ("tools:call", Ability::Administer, none, false),
            ("metrics:read", Ability::ReadMetrics, none, true),
            (
                "metrics:read:backup-jobs",
                Ability::ReadMetrics,
                none,
                false,
            ),
            ("metrics:read", Ability::Administer, none, false),
        ];
        for (scope, ability, plugin, expected) in rows {
            let principal = Principal {
                tenant: "local".parse().unwrap(),
                subject: None,
                scopes: ["openid".to_owned(), scope.to_owned()].into(),
            };
            let decided = may(&principal, Action { ability, plugin });
            assert_eq!(
                decided.is_ok(),
                expected,
                "{scope:?} {ability:?} {plugin:?}"
            );
        }
    }

    #[test]
    fn what_is_missing_is_the_least_that_is_enough() {
        let nobody = Principal {
            tenant: "local".parse().unwrap(),
            subject: None,
            scopes: [].into(),
        };
        let plugin: PluginName = "backup-jobs".parse().unwrap();
        let check = |ability, plugin, expected: &str| {
            let missing = may(&nobody, Action { ability, plugin }).unwrap_err();
            assert_eq!(missing.scopes, [expected]);
        };
        check(Ability::CallTools, Some(&plugin), "tools:call:backup-jobs");
        check(Ability::CallTools, None, "tools:call");
        check(Ability::Administer, Some(&plugin), "admin");
    }
}
