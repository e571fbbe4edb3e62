//! What a caller may be allowed to do, and how scopes name it.

use super::PluginName;

/// A kind of thing that a scope allows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ability {
    /// Calling tools.
    CallTools,
    /// Reading resources.
    ReadResources,
    /// Getting prompts.
    GetPrompts,
    /// Looking at jobs.
    ReadJobs,
    /// Ending jobs.
    CancelJobs,
    /// Reading the host's metrics.
    ReadMetrics,
    /// What operators do: it allows none of the others.
    Administer,
}

impl Ability {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::CallTools,
        Self::ReadResources,
        Self::GetPrompts,
        Self::ReadJobs,
        Self::CancelJobs,
        Self::ReadMetrics,
        Self::Administer,
    ];

    /// Whether it can be had with one plugin only.
    #[must_use]
    pub const fn has_plugins(self) -> bool {
        match self {
            Self::CallTools
            | Self::ReadResources
            | Self::GetPrompts
            | Self::ReadJobs
            | Self::CancelJobs => true,
            Self::ReadMetrics | Self::Administer => false,
        }
    }

    /// The scope that allows it with every plugin.
    #[must_use]
    pub const fn scope(self) -> &'static str {
        match self {
            Self::CallTools => "tools:call",
            Self::ReadResources => "resources:read",
            Self::GetPrompts => "prompts:get",
            Self::ReadJobs => "jobs:read",
            Self::CancelJobs => "jobs:cancel",
            Self::ReadMetrics => "metrics:read",
            Self::Administer => "admin",
        }
    }

    /// The scope that allows it with one plugin.
    #[must_use]
    pub fn scope_of(self, plugin: &PluginName) -> String {
        format!("{}:{plugin}", self.scope())
    }
}

/// Reads a scope: an ability, and the text after its colon when there is one.
pub(super) fn split(scope: &str) -> Option<(Ability, Option<&str>)> {
    Ability::ALL.into_iter().find_map(|ability| {
        let rest = scope.strip_prefix(ability.scope())?;
        match rest.strip_prefix(':') {
            Some(_) if !ability.has_plugins() => None,
            Some(plugin) => Some((ability, Some(plugin))),
            None if rest.is_empty() => Some((ability, None)),
            None => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_an_ability_and_perhaps_a_plugin() {
        let rows = [
            ("tools:call", Some((Ability::CallTools, None))),
            ("tools:call:x", Some((Ability::CallTools, Some("x")))),
            ("jobs:cancel:x", Some((Ability::CancelJobs, Some("x")))),
            ("admin", Some((Ability::Administer, None))),
            ("admin:x", None),
            ("metrics:read", Some((Ability::ReadMetrics, None))),
            ("metrics:read:x", None),
            ("tools:calls", None),
            ("tools", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(split(text), expected, "{text}");
        }
    }
}
