//! Which of many names somebody means.
//!
//! People type a part of a name, several words of it, without its accents, in any case. What fits is ranked; where
//! several fit equally well, whoever asked is shown the candidates rather than given the first.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// A name as somebody typed it.
#[derive(Clone, Debug)]
pub struct Wanted {
    typed: String,
    folded: String,
    words: Vec<String>,
}

/// How well a name fits; the greater the better.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Fit {
    /// Every word is somewhere in it.
    Contains,
    /// Every word begins a word of it.
    Words,
    /// It begins so.
    Begins,
    /// The same but for case and accents.
    Alike,
    /// Exactly.
    Same,
}

impl Wanted {
    /// `None` where nothing was typed.
    #[must_use]
    pub fn new(typed: &str) -> Option<Self> {
        let typed = typed.trim();
        // Asterisks are a habit from the vendor's own filters; here every name is a part.
        let plain = typed.trim_matches('*').trim();
        let folded = fold(plain);
        let words: Vec<String> = folded.split_whitespace().map(str::to_owned).collect();
        (!words.is_empty()).then(|| Self {
            typed: plain.to_owned(),
            folded: words.join(" "),
            words,
        })
    }

    /// As it was typed.
    #[must_use]
    pub fn typed(&self) -> &str {
        &self.typed
    }

    /// How well a name fits; `None`: not at all.
    #[must_use]
    pub fn fit(&self, name: &str) -> Option<Fit> {
        if name == self.typed {
            return Some(Fit::Same);
        }
        let name = fold(name);
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        if name == self.folded {
            return Some(Fit::Alike);
        }
        if name.starts_with(&self.folded) {
            return Some(Fit::Begins);
        }
        let begins = |word: &String| {
            let mut words = name.split(|c: char| !c.is_alphanumeric());
            words.any(|of_name| of_name.starts_with(word.as_str()))
        };
        if self.words.iter().all(begins) {
            return Some(Fit::Words);
        }
        let contained = |word: &String| name.contains(word.as_str());
        self.words.iter().all(contained).then_some(Fit::Contains)
    }

    /// What to have the server filter by: the longest word as it was typed, anywhere in the name. The server knows
    /// neither several words nor letters without their accents, so what it finds is judged again, and where it finds
    /// nothing all names are looked at.
    #[must_use]
    pub fn filter(&self) -> String {
        let longest = self
            .typed
            .split_whitespace()
            .max_by_key(|word| word.chars().count());
        // An asterisk inside would be a literal one.
        format!("*{}*", longest.unwrap_or(&self.typed))
    }
}

/// Without accents and case. Letters that are no accented forms of others, such as `ß` and `ø`, stay.
#[must_use]
pub fn fold(text: &str) -> String {
    text.nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .collect()
}

/// The best of those that fit, best first, each with its fit.
pub fn ranked<T>(
    wanted: &Wanted,
    things: impl IntoIterator<Item = T>,
    name: impl Fn(&T) -> &str,
) -> Vec<(Fit, T)> {
    let mut found: Vec<(Fit, T)> = things
        .into_iter()
        .filter_map(|thing| Some((wanted.fit(name(&thing))?, thing)))
        .collect();
    // Stable, so that equals stay in the server's order.
    found.sort_by(|(left, _), (right, _)| right.cmp(left));
    found
}

/// What came of looking for one thing by its name.
#[derive(Debug)]
pub enum Choice<T> {
    /// It is this.
    One(T),
    /// It may be any of these, best first.
    Several(Vec<T>),
    /// Nothing fits.
    Nothing,
}

/// Chooses: the only one that fits, or the only one that fits as a whole name.
#[must_use]
pub fn choose<T>(mut ranked: Vec<(Fit, T)>) -> Choice<T> {
    let whole = |fit: Fit| fit >= Fit::Alike;
    match ranked.as_slice() {
        [] => return Choice::Nothing,
        [_] => {}
        [(first, _), (second, _), ..] if whole(*first) && first > second => {}
        _ => return Choice::Several(ranked.into_iter().map(|(_, thing)| thing).collect()),
    }
    Choice::One(ranked.swap_remove(0).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_case_and_accents_do_not_matter() {
        for (typed, name, expected) in [
            ("SQL-PROD nightly", "SQL-PROD nightly", Some(Fit::Same)),
            ("sql-prod  NIGHTLY", "SQL-PROD nightly", Some(Fit::Alike)),
            ("securite", "Sécurité & qualité (été)", Some(Fit::Begins)),
            ("ete qualite", "Sécurité & qualité (été)", Some(Fit::Words)),
            ("nightly sql", "SQL-PROD nightly", Some(Fit::Words)),
            ("БУХГАЛТЕРИЯ", "Бухгалтерия, ежедневно", Some(Fit::Begins)),
            ("ежедневно", "Бухгалтерия, ежедневно", Some(Fit::Words)),
            ("zlutoucky", "Žluťoučký kůň – soubory", Some(Fit::Begins)),
            ("ghtl", "SQL-PROD nightly", Some(Fit::Contains)),
            ("*gold*", "Exchange \"gold\" mailboxes", Some(Fit::Words)),
            ("oracle", "SQL-PROD nightly", None),
        ] {
            assert_eq!(
                Wanted::new(typed).unwrap().fit(name),
                expected,
                "{typed} on {name}"
            );
        }
        assert!(Wanted::new(" * ").is_none());
    }

    #[test]
    fn the_longest_word_goes_to_the_server() {
        assert_eq!(Wanted::new("SQL nightly").unwrap().filter(), "*nightly*");
    }

    fn chosen(typed: &str, names: &[&'static str]) -> Choice<&'static str> {
        let wanted = Wanted::new(typed).unwrap();
        choose(ranked(&wanted, names.iter().copied(), |name| name))
    }

    #[test]
    fn one_is_chosen_and_several_are_shown_best_first() {
        let names = ["SQL archive", "SQL", "Old SQL"];
        assert!(matches!(chosen("SQL", &names), Choice::One("SQL")));
        assert!(matches!(chosen("old", &names), Choice::One("Old SQL")));
        let Choice::Several(found) = chosen("sq", &names) else {
            panic!("several begin so")
        };
        assert_eq!(found, ["SQL archive", "SQL", "Old SQL"]);
        assert!(matches!(chosen("oracle", &names), Choice::Nothing));
        assert!(matches!(chosen("sql", &["SQL", "Sql"]), Choice::Several(_)));
    }
}
