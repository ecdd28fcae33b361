//! Writeproof: a conformance and differential fuzz suite for implementations of `SSL_write`.
//!
//! Data flows one way. The [`runner`] runs a [`scenario`] on a [`backend`], over a [`transport`] to
//! a [`peer`], and returns a [`trace`], whose records the [`wire`] view decodes. The [`judge`]
//! checks the trace against the [`contract`] and compares it with other traces, and the [`report`]
//! shows the result as text or JSON.

pub mod backend;
pub mod cli;
pub mod contract;
mod data;
pub mod external_backend;
pub mod fuzz;
pub mod identity;
pub mod isolation;
pub mod judge;
pub mod limits;
pub mod peer;
pub mod report;
pub mod run;
pub mod runner;
pub mod scenario;
pub mod self_check;
pub mod target;
mod toml_reader;
pub mod trace;
pub mod transport;
pub mod wire;
pub mod worker;
