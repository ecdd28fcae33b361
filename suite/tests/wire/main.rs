//! `wire` against sessions of real TLS libraries, whole and damaged.

mod damaged;
mod live;
mod recorded;
mod session;
