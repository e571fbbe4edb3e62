//! Who may call over HTTP: every refusal with its status, its body and its challenge; what tokens allow; and that
//! nothing of a token is written anywhere.
#![expect(clippy::unwrap_used, reason = "a test's helpers are tests")]

mod callers;
mod listeners;
mod plain;
mod refusals;
mod slow;
mod support;
mod tenants;
