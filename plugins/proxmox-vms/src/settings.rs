//! The operator's settings: what no call may touch, and how much at once.

use std::str::FromStr;

use serde::Deserialize;
use serde::de::Error as _;
use toolward_sdk::prelude::*;

/// `[plugins.proxmox-vms.settings]`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Guests with one of these tags are only looked at.
    pub(crate) protected_tags: Vec<String>,
    /// So are guests with these numbers: `100`, `9000-9999`.
    pub(crate) protected_ids: Vec<Range>,
    /// How many guests are worked on at once by one call.
    pub(crate) parallel: usize,
    /// Nothing is changed, whatever the bindings allow.
    pub(crate) read_only: bool,
    /// Whether commands may be run inside guests.
    pub(crate) guest_commands: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            protected_tags: Vec::new(),
            protected_ids: Vec::new(),
            parallel: 4,
            read_only: false,
            guest_commands: false,
        }
    }
}

/// Numbers from one to another, both included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Range {
    first: u64,
    last: u64,
}

impl Range {
    pub(crate) fn holds(self, id: u64) -> bool {
        (self.first..=self.last).contains(&id)
    }
}

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (first.trim().parse(), last.trim().parse()) {
            (Ok(first), Ok(last)) if first <= last => Ok(Self { first, last }),
            _ => Err(format!(
                "{text:?} is not a number or a range such as \"9000-9999\""
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match &value {
            Value::String(text) => text.parse().map_err(D::Error::custom),
            Value::Number(number) => number.to_string().parse().map_err(D::Error::custom),
            _ => Err(D::Error::custom(
                "a number or a range such as \"9000-9999\"",
            )),
        }
    }
}

impl Settings {
    pub(crate) fn of(cx: &Context) -> Result<Self> {
        let mut settings: Self = cx.settings()?;
        settings.parallel = settings.parallel.clamp(1, 32);
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_mistakes_told() {
        let settings: Settings = serde_json::from_value(json!({
            "protected-tags": ["keep"], "protected-ids": ["100-199", 9000],
        }))
        .unwrap();
        assert!(settings.protected_ids[0].holds(150) && settings.protected_ids[1].holds(9000));
        assert!(!settings.protected_ids[0].holds(200));
        for bad in [
            json!({"protected-ids": ["9-1"]}),
            json!({"protected_ids": []}),
            json!({"protected-ids": [true]}),
        ] {
            assert!(serde_json::from_value::<Settings>(bad).is_err());
        }
    }
}
