//! The plain-HTTP face, for clients that speak no MCP: calls and what becomes of them, the OpenAPI document, the pages of
//! `/docs`, readiness and metrics.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

mod asked;
mod calls;
mod docs;
mod document;
mod fuzzed;
mod gone;
mod metrics;
mod support;
