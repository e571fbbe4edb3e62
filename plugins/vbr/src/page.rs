//! Lists of the API, page by page: no more pages than are needed, nothing lost and nothing twice.
//!
//! Pages are counted from the start, so an entry that appears or goes while a list is gone through shifts what
//! follows. What was seen is therefore left out, and where entries are gone the way is taken back by as many.

use std::collections::HashSet;

use toolward_sdk::http::{Http, Request};
use toolward_sdk::prelude::*;

use crate::client::Client;
use crate::read;
use crate::revision::Revision;

/// Entries per request where many are gone through: few round trips, and no more than a megabyte at once.
pub const STRIDE: u64 = 500;

/// Requests of one call at most, so that a list without end ends.
const MOST_REQUESTS: usize = 60;

/// One page.
#[derive(Debug)]
pub struct Page {
    /// Its entries.
    pub data: Vec<Value>,
    /// How many there are in all.
    pub total: u64,
}

/// Part of a list, for an answer.
#[derive(Debug)]
pub struct Part {
    /// What fits.
    pub data: Vec<Value>,
    /// How many fit in all, where the server tells.
    pub total: Option<u64>,
    /// Where it goes on.
    pub next_skip: Option<u64>,
}

/// How much of a list, and from where.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// How many to leave out.
    pub skip: u64,
    /// How many at most.
    pub limit: u64,
}

impl<'a> Client<'a> {
    /// One page of a list. `build` makes the request without `skip` and `limit`.
    pub fn page(
        &self,
        span: Span,
        build: impl Fn(&Http<'a>, Revision) -> Result<Request<'a>>,
    ) -> Result<Page> {
        let mut answer = self.get(|http, revision| {
            let request = build(http, revision)?;
            Ok(request.query("skip", span.skip).query("limit", span.limit))
        })?;
        let total = answer["pagination"]["total"].as_u64();
        let Some(data) = answer["data"].as_array_mut().map(std::mem::take) else {
            return Err(ToolError::internal(
                "the backup server's answer has no list in it. hint: try again; if that does not help, its API \
                 differs from what its vendor describes",
            )
            .into());
        };
        let seen = span.skip + data.len() as u64;
        Ok(Page {
            total: total.unwrap_or(seen),
            data,
        })
    }

    /// A part of a list: those entries that `keep` keeps, as many as asked for. Where `keeps_all`, the server's own
    /// count is the count, and one request does.
    pub fn part(
        &self,
        span: Span,
        keeps_all: bool,
        keep: impl Fn(&Value) -> bool,
        build: impl Fn(&Http<'a>, Revision) -> Result<Request<'a>>,
    ) -> Result<Part> {
        let mut part = Part {
            data: Vec::new(),
            total: None,
            next_skip: None,
        };
        let wanted = usize::try_from(span.limit).unwrap_or(usize::MAX);
        let mut pages = Pages::new(span.skip, span.limit.min(STRIDE));
        while let Some(page) = pages.next(self, &build)? {
            if keeps_all {
                part.total = Some(page.total);
            }
            for entry in page.data {
                if part.data.len() == wanted {
                    break;
                }
                if pages.take(&entry) && keep(&entry) {
                    part.data.push(entry);
                }
            }
            part.next_skip = pages.rest();
            if part.data.len() == wanted {
                break;
            }
        }
        Ok(part)
    }

    /// Goes through a whole list; `each` says whether to go on.
    pub fn walk(
        &self,
        build: impl Fn(&Http<'a>, Revision) -> Result<Request<'a>>,
        mut each: impl FnMut(Value) -> bool,
    ) -> Result<()> {
        let mut pages = Pages::new(0, STRIDE);
        while let Some(page) = pages.next(self, &build)? {
            for entry in page.data {
                if pages.take(&entry) && !each(entry) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// The way through a list.
struct Pages {
    /// How many entries are behind.
    at: u64,
    /// How many there are in all, as far as is known.
    total: Option<u64>,
    /// How many to ask for: what is wanted at first, more where little of it fits.
    stride: u64,
    requests: usize,
    seen: HashSet<String>,
}

impl Pages {
    fn new(at: u64, stride: u64) -> Self {
        Self {
            at,
            total: None,
            stride: stride.max(1),
            requests: 0,
            seen: HashSet::new(),
        }
    }

    /// `None` at the end.
    fn next<'a>(
        &mut self,
        client: &Client<'a>,
        build: &impl Fn(&Http<'a>, Revision) -> Result<Request<'a>>,
    ) -> Result<Option<Page>> {
        while self.requests < MOST_REQUESTS && self.total.is_none_or(|total| self.at < total) {
            self.requests += 1;
            let limit = self.stride;
            let page = client.page(
                Span {
                    skip: self.at,
                    limit,
                },
                build,
            )?;
            let gone = self
                .total
                .map_or(0, |before| before.saturating_sub(page.total));
            self.total = Some(page.total);
            if gone > 0 && self.at > 0 {
                // What is gone stood perhaps before this page, which then begins too late.
                self.at = self.at.saturating_sub(gone);
                continue;
            }
            self.stride = (self.stride * 2).min(STRIDE);
            if page.data.is_empty() {
                // Whatever the server counts, this is where its list ends.
                self.total = Some(self.at);
            }
            return Ok(Some(page));
        }
        Ok(None)
    }

    /// Counts an entry; whether it is one that was not seen before.
    fn take(&mut self, entry: &Value) -> bool {
        self.at += 1;
        read::text(entry, "id").is_none_or(|id| self.seen.insert(id))
    }

    /// Where it goes on, if it does.
    fn rest(&self) -> Option<u64> {
        self.total
            .is_some_and(|total| self.at < total)
            .then_some(self.at)
    }
}
