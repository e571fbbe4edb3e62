//! The names of those who call. One namespace for all ways to authenticate: whatever keeps something per principal
//! compares tenant and subject, so nobody may be able to choose the name of somebody else.

use crate::config::StaticToken;

const LONGEST: usize = 256;

/// Whether an issuer may call somebody that.
pub(super) fn may_be_issued(subject: &str) -> bool {
    !subject.is_empty()
        && subject.len() <= LONGEST
        && !subject.starts_with(StaticToken::SUBJECT)
        && !subject.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_cannot_name_the_bearer_of_a_static_token() {
        for good in ["alice", "auth0|123", "Grüße", "tokens:x"] {
            assert!(may_be_issued(good), "{good}");
        }
        for bad in ["", "token:laptop", "a\nb", &"x".repeat(257)] {
            assert!(!may_be_issued(bad), "{bad:?}");
        }
    }
}
