//! The loader of `libssl` shared objects: files that are not libraries, the search for libcrypto,
//! and libraries that lack functions or give them other names.
//!
//! The libraries are shims, compiled here, whose functions pass every call to OpenSSL 1.1.1.

mod files;
mod functions;
mod libcrypto;
mod shim;
mod socket_pair;
