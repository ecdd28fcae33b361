//! Writeproof: a conformance and differential fuzz suite for implementations of `SSL_write`.
//!
//! Data flows one way. The `runner` runs a `scenario` on a `backend`, over a `transport` to
//! a `peer`, and returns a `trace`, whose records the `wire` view decodes. The `judge`
//! checks the trace against the `contract` and compares it with other traces, and the `report`
//! shows the result as text or JSON.

mod backend;
mod cli;
mod contract;
mod data;
pub mod external_backend;
mod fuzz;
mod identity;
#[doc(hidden)]
pub mod internal;
mod isolation;
mod judge;
mod limits;
mod peer;
mod report;
mod run;
mod runner;
mod scenario;
mod self_check;
mod target;
mod toml_reader;
mod trace;
mod transport;
mod wire;
mod worker;
