//! The known word nearest to a mistaken one.

/// The nearest of `known`, if it is near enough to be what was meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let word = plain(word);
    let near = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&word, &plain(candidate)),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= near)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_named_when_it_is_near() {
        let known = [
            "listen",
            "allowed-origins",
            "allowed-hosts",
            "max-request-size",
            "tls",
        ];
        let rows = [
            ("lisetn", Some("listen")),
            ("Listen", Some("listen")),
            ("max_request_size", Some("max-request-size")),
            ("allow-origins", Some("allowed-origins")),
            ("tsl", Some("tls")),
            ("colour", None),
            ("x", None),
        ];
        for (word, expected) in rows {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }
}
