//! How large a pattern of a schema is, found out before it is compiled: `(x{1000}){1000}` is fifteen characters and a
//! million states, each of them memory, and each a step for every byte of a text where the matcher's shortcuts fail.

use jsonschema_regex::to_rust_regex;
use regex_syntax::hir::{Class, Hir, HirKind};

/// What each pattern costs however short it is.
const EACH: usize = 200;

/// About how many states an automaton for the pattern has. One that is not a pattern has none: who compiles it, says so.
pub(super) fn states(pattern: &str) -> usize {
    let Ok(pattern) = to_rust_regex(pattern) else {
        return 0;
    };
    match regex_syntax::parse(&pattern) {
        Ok(parsed) => of(&parsed),
        Err(_) => 0,
    }
}

/// What a schema's pattern takes of the room for all.
pub(super) fn room(states: usize) -> usize {
    states.saturating_add(EACH)
}

/// The depth is bounded by the parser.
fn of(part: &Hir) -> usize {
    let sum = |parts: &[Hir]| parts.iter().map(of).fold(1, usize::saturating_add);
    match part.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(Class::Bytes(_)) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(Class::Unicode(class)) if class.is_ascii() => 1,
        // Each range of code points is some ranges of bytes.
        HirKind::Class(Class::Unicode(class)) => class.ranges().len().saturating_mul(2),
        HirKind::Repetition(repeated) => {
            let times = repeated.max.unwrap_or(repeated.min.saturating_add(1));
            let times = usize::try_from(times).unwrap_or(usize::MAX).max(1);
            of(&repeated.sub).saturating_add(1).saturating_mul(times)
        }
        HirKind::Capture(captured) => of(&captured.sub).saturating_add(1),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => sum(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_multiply() {
        assert!(states("^[a-z0-9-]{1,63}$") < 200);
        assert!(states("^.*$") < 20);
        assert!((1_000_000..4_000_000).contains(&states("(x{1000}){1000}")));
        assert!(states("((((x{1000}){1000}){1000}){1000}){1000}") > 1_000_000_000);
        assert_eq!(states("("), 0);
        assert!(room(0) > 0);
    }
}
