//! The command line, as people and programs use it.

mod answers;
mod documents;
mod exits;
mod jobs;
mod programs;
mod shells;
mod support;
