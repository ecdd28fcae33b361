//! Writeproof: a conformance and differential fuzz suite for implementations of `SSL_write`.
//!
//! Data flows one way: a [`scenario`] and a [`backend`] go onto the [`stage`], where the [`link`] and
//! the [`peer`] stand; out comes a [`trace`], whose records the [`wire`] view read; the [`judge`]
//! holds it against the [`manual`] and compares traces, and the [`report`] tells the result to a person or a program.

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
pub mod trace;
pub mod transport;
pub mod wire;
pub mod worker;
