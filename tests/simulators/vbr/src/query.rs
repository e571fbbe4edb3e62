//! The query string: filters, sorting, paging, in the API's order: filter, sort, skip, limit.
//!
//! Names are case-sensitive, and an unknown one is silently ignored: that is how the API behaves, and
//! why a misspelled filter answers with everything.

use std::cmp::Reverse;

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::answer::Answer;
use crate::clock;
use crate::id::Id;

const DEFAULT_LIMIT: usize = 200;

/// A decoded query string.
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Result<Self, Answer> {
        serde_urlencoded::from_str(text)
            .map(Self)
            .map_err(|_| Answer::bad_request("The query string is malformed"))
    }

    /// The values of a parameter that may be repeated.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let of_name = self.0.iter().filter(|(key, _)| key == name);
        of_name.map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>, Answer> {
        match self.all(name).as_slice() {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            _ => Err(Answer::bad_request(&format!(
                "Parameter {name} has more than one value"
            ))),
        }
    }

    fn read<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Answer> {
        let Some(text) = self.one(name)? else {
            return Ok(None);
        };
        read(text).map(Some).ok_or_else(|| bad_value(name, text))
    }

    pub(crate) fn id(&self, name: &str) -> Result<Option<Id>, Answer> {
        self.read(name, |text| text.parse().ok())
    }

    pub(crate) fn time(&self, name: &str) -> Result<Option<OffsetDateTime>, Answer> {
        self.read(name, clock::parse)
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Answer> {
        self.read(name, |text| text.to_ascii_lowercase().parse().ok())
    }

    pub(crate) fn count(&self, name: &str) -> Result<Option<usize>, Answer> {
        self.read(name, |text| text.parse().ok())
    }

    /// A value of a closed list, in the spelling of the list; the server compares without case.
    pub(crate) fn choice(
        &self,
        name: &str,
        allowed: &[&'static str],
    ) -> Result<Option<&'static str>, Answer> {
        self.read(name, |text| find(allowed, text))
    }

    /// The same, repeated.
    pub(crate) fn choices(
        &self,
        name: &str,
        allowed: &[&'static str],
    ) -> Result<Vec<&'static str>, Answer> {
        let values = self.all(name).into_iter();
        values
            .map(|text| find(allowed, text).ok_or_else(|| bad_value(name, text)))
            .collect()
    }

    pub(crate) fn pattern(&self, name: &str) -> Result<Option<Pattern>, Answer> {
        Ok(self.one(name)?.map(Pattern::new))
    }

    pub(crate) fn page(&self) -> Result<Page, Answer> {
        Ok(Page {
            skip: self.count("skip")?.unwrap_or(0),
            limit: self.count("limit")?.unwrap_or(DEFAULT_LIMIT),
        })
    }

    pub(crate) fn order(&self, columns: &[&'static str]) -> Result<Option<Order>, Answer> {
        let column = self.choice("orderColumn", columns)?;
        // What holds without `orderAsc` is not documented.
        let ascending = self.flag("orderAsc")?.unwrap_or(true);
        Ok(column.map(|column| Order { column, ascending }))
    }
}

fn find(allowed: &[&'static str], text: &str) -> Option<&'static str> {
    let mut allowed = allowed.iter();
    allowed.find(|one| one.eq_ignore_ascii_case(text)).copied()
}

fn bad_value(name: &str, text: &str) -> Answer {
    let text: String = text.chars().take(80).collect();
    Answer::bad_request(&format!("Value '{text}' is not valid for parameter {name}"))
}

/// `nameFilter`: the whole value, unless there is an asterisk at the start, at the end, or both.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Pattern {
    text: String,
    open_start: bool,
    open_end: bool,
}

impl Pattern {
    fn new(pattern: &str) -> Self {
        let open_start = pattern.starts_with('*');
        let rest = pattern.strip_prefix('*').unwrap_or(pattern);
        let open_end = rest.ends_with('*') || pattern == "*";
        let rest = rest.strip_suffix('*').unwrap_or(rest);
        Self {
            text: rest.to_lowercase(),
            open_start,
            open_end,
        }
    }

    pub(crate) fn matches(&self, value: &str) -> bool {
        let value = value.to_lowercase();
        match (self.open_start, self.open_end) {
            (false, false) => value == self.text,
            (false, true) => value.starts_with(&self.text),
            (true, false) => value.ends_with(&self.text),
            (true, true) => value.contains(&self.text),
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Order {
    pub(crate) column: &'static str,
    ascending: bool,
}

impl Order {
    pub(crate) fn sort<T, K: Ord>(&self, items: &mut [T], key: impl Fn(&T, &str) -> K) {
        if self.ascending {
            items.sort_by_cached_key(|item| key(item, self.column));
        } else {
            items.sort_by_cached_key(|item| Reverse(key(item, self.column)));
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Page {
    skip: usize,
    limit: usize,
}

impl Page {
    /// The envelope around one page of what was found.
    pub(crate) fn envelope<T>(self, found: &[T], render: impl Fn(&T) -> Value) -> Answer {
        let page = found.iter().skip(self.skip).take(self.limit);
        let data: Vec<Value> = page.map(render).collect();
        let count = data.len();
        Answer::ok(json!({
            "data": data,
            "pagination": {
                "total": found.len(),
                "count": count,
                "skip": self.skip,
                "limit": self.limit,
            },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asterisk_opens_only_the_side_it_stands_on() {
        let check = |pattern: &str, value: &str, expected: bool| {
            assert_eq!(
                Pattern::new(pattern).matches(value),
                expected,
                "{pattern} on {value}"
            );
        };
        check("SQL", "SQL", true);
        check("sql", "SQL", true);
        check("SQL", "SQL-PROD", false);
        check("SQL*", "SQL-PROD", true);
        check("*PROD", "SQL-PROD", true);
        check("*L-P*", "SQL-PROD", true);
        check("S*D", "SQL-PROD", false);
        check("*", "anything", true);
        check("**", "anything", true);
        check("*бухгалтерия*", "Бухгалтерия, ежедневно", true);
    }

    #[test]
    fn names_are_case_sensitive_and_values_are_checked() {
        let query = Query::parse("Limit=5&skip=x&typeFilter=backup").unwrap();
        assert_eq!(query.count("limit").unwrap(), None);
        assert_eq!(query.count("skip").unwrap_err().status, 400);
        assert_eq!(
            query.choice("typeFilter", &["Backup"]).unwrap(),
            Some("Backup")
        );
        assert_eq!(
            query.choice("typeFilter", &["Other"]).unwrap_err().status,
            400
        );
    }

    #[test]
    fn a_single_value_may_not_be_repeated() {
        let query = Query::parse("a=1&a=2").unwrap();
        assert_eq!(query.one("a").unwrap_err().status, 400);
        assert_eq!(query.all("a"), ["1", "2"]);
    }

    #[test]
    fn a_page_beyond_the_end_is_empty_and_knows_the_total() {
        let page = Query::parse("skip=5&limit=2").unwrap().page().unwrap();
        let answer = page.envelope(&[1, 2, 3], |number| json!(number));
        let crate::answer::Body::Json(body) = answer.body else {
            panic!("no JSON")
        };
        assert_eq!(body["data"], json!([]));
        assert_eq!(
            body["pagination"],
            json!({ "total": 3, "count": 0, "skip": 5, "limit": 2 })
        );
    }
}
