//! The text of the file: from byte offsets to lines and columns, and lines that are safe to show.

use std::ops::Range;

/// The file's text, and the parts of it that must never be shown.
#[derive(Debug)]
pub(super) struct Source<'a> {
    text: &'a str,
    /// Byte ranges of secret values, with what to show instead.
    masks: Vec<(Range<usize>, String)>,
}

/// A place in the file, ready to print.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Place {
    /// From 1.
    pub(super) line: usize,
    /// From 1, in characters of the line as it is in the file.
    pub(super) column: usize,
    /// The line, with secrets masked and tabs as spaces.
    pub(super) shown: String,
    /// Columns of `shown` to underline.
    pub(super) underline: Range<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            masks: Vec::new(),
        }
    }

    /// Never show these bytes; show `instead`.
    pub(super) fn mask(&mut self, span: Range<usize>, instead: String) {
        self.masks.push((span, instead));
    }

    /// Forget what was masked, before masking anew.
    pub(super) fn unmask(&mut self) {
        self.masks.clear();
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// The line, from 1, in which a byte stands.
    pub(super) fn line(&self, offset: usize) -> usize {
        1 + self.text[..self.floor(offset)].matches('\n').count()
    }

    /// Where `span` begins; of a span over several lines, the first is shown.
    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        let start = self.floor(span.start);
        let line_start = self.text[..start]
            .rfind('\n')
            .map_or(0, |newline| newline + 1);
        let line_end = self.text[start..]
            .find('\n')
            .map_or(self.text.len(), |newline| start + newline);
        let end = self.floor(span.end).clamp(start, line_end);
        let (shown, underline) = self.masked(line_start..line_end, start..end);
        let width = underline.len().max(1);
        Place {
            line: self.line(start),
            column: 1 + self.text[line_start..start].chars().count(),
            shown,
            underline: underline.start..underline.start + width,
        }
    }

    /// The line with its masks put in, and where `wanted` is in the result, in columns.
    fn masked(&self, line: Range<usize>, wanted: Range<usize>) -> (String, Range<usize>) {
        let mut shown = String::new();
        let mut columns = 0;
        let mut underline = None::<Range<usize>>;
        let mut masks_shown = Vec::new();
        for (index, character) in self.text[line.clone()].char_indices() {
            let at = line.start + index;
            let before = columns;
            match self.masks.iter().position(|(span, _)| span.contains(&at)) {
                None if character == '\r' => {}
                None => {
                    // A control character could rewrite the terminal's line.
                    shown.push(if character.is_control() {
                        ' '
                    } else {
                        character
                    });
                    columns += 1;
                }
                Some(mask) if masks_shown.contains(&mask) => {}
                Some(mask) => {
                    masks_shown.push(mask);
                    shown.push_str(&self.masks[mask].1);
                    columns += self.masks[mask].1.chars().count();
                }
            }
            if wanted.contains(&at) {
                underline.get_or_insert(before..before).end = columns;
            }
        }
        (shown, underline.unwrap_or(columns..columns))
    }

    fn floor(&self, offset: usize) -> usize {
        self.text.floor_char_boundary(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        text: &str,
        span: Range<usize>,
        line: usize,
        column: usize,
        shown: &str,
        under: Range<usize>,
    ) {
        let place = Source::new(text).place(&span);
        let expected = Place {
            line,
            column,
            shown: shown.to_owned(),
            underline: under,
        };
        assert_eq!(place, expected, "{text:?} {span:?}");
    }

    #[test]
    fn a_place_is_a_line_a_column_and_what_to_underline() {
        check("a = 1\nbb = 2\n", 6..8, 2, 1, "bb = 2", 0..2);
        check("ä = \"ö\" # x", 5..9, 1, 5, "ä = \"ö\" # x", 4..7);
        check("a = 1\r\nb = 2\r\n", 7..8, 2, 1, "b = 2", 0..1);
        check("a = [\n1,\n]", 4..10, 1, 5, "a = [", 4..5);
        check("a = 1", 5..5, 1, 6, "a = 1", 5..6);
        check("", 0..0, 1, 1, "", 0..1);
        check("\ta = 1\u{1b}[2K", 1..2, 1, 2, " a = 1 [2K", 1..2);
    }

    #[test]
    fn a_masked_value_is_never_shown() {
        let text = "p = \"hunter2\", x = 1";
        let mut source = Source::new(text);
        source.mask(4..13, "\"…\"".to_owned());
        let place = source.place(&(4..13));
        assert_eq!(
            (place.shown.as_str(), place.underline),
            ("p = \"…\", x = 1", 4..7)
        );
        let after = source.place(&(15..16));
        assert_eq!((after.column, after.underline), (16, 9..10));
    }

    #[test]
    fn a_masked_value_over_several_lines_hides_each_of_them() {
        let text = "p = \"\"\"\nhunter2\n\"\"\"\nq = 1";
        let mut source = Source::new(text);
        source.mask(4..19, "\"…\"".to_owned());
        for offset in 0..text.len() {
            assert!(
                !source
                    .place(&(offset..offset + 1))
                    .shown
                    .contains("hunter2")
            );
        }
    }
}
