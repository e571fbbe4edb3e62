//! UUIDs: text in, text out, equality. No generator of random ones: the model's come from a seed.

use std::fmt;
use std::str::FromStr;

/// A UUID.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Id(u128);

impl Id {
    /// What the API writes where there is nothing to point at.
    pub const NIL: Self = Self(0);

    /// Another UUID that follows from this one: of what is not kept but made when somebody looks at it.
    #[must_use]
    pub(crate) fn derived(self, salt: u64) -> Self {
        let halves = [self.0 >> 64, self.0]
            .map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0));
        let [high, low] = halves.map(|half| {
            u128::from(
                crate::random::Random::new(half ^ salt.wrapping_mul(0x2545_f491_4f6c_dd1d)).next(),
            )
        });
        Self::from_bits((high << 64) | low)
    }

    /// A number that follows from it, for amounts that only have to stay the same.
    pub(crate) fn number(self) -> u64 {
        u64::try_from(self.0 & u128::from(u64::MAX)).unwrap_or(0)
    }

    /// A UUID of version 4 with these bits, but for the six that the version fixes.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        write!(
            formatter,
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        )
    }
}

/// The text is not a UUID.
#[derive(Debug, thiserror::Error)]
#[error("not a UUID")]
pub struct NotAnId;

impl FromStr for Id {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let hyphens = [8, 13, 18, 23];
        let shaped = text.len() == 36
            && text.bytes().enumerate().all(|(at, byte)| {
                if hyphens.contains(&at) {
                    byte == b'-'
                } else {
                    byte.is_ascii_hexdigit()
                }
            });
        if !shaped {
            return Err(NotAnId);
        }
        u128::from_str_radix(&text.replace('-', ""), 16)
            .map(Self)
            .map_err(|_| NotAnId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_a_round_trip() {
        let text = "1c6b0e5e-8a42-4e0f-9d1e-2a3f5d8c9b10";
        assert_eq!(text.parse::<Id>().unwrap().to_string(), text);
        assert_eq!(Id::NIL.to_string(), "00000000-0000-0000-0000-000000000000");
    }

    #[test]
    fn what_is_not_a_uuid_is_refused() {
        for text in [
            "",
            "x",
            "1c6b0e5e8a424e0f9d1e2a3f5d8c9b10",
            "+c6b0e5e-8a42-4e0f-9d1e-2a3f5d8c9b10",
        ] {
            assert!(text.parse::<Id>().is_err(), "{text}");
        }
    }

    #[test]
    fn made_ones_are_of_version_four() {
        assert_eq!(
            Id::from_bits(u128::MAX).to_string(),
            "ffffffff-ffff-4fff-bfff-ffffffffffff"
        );
    }
}
