//! The loader of `libssl` shared objects: files that are none, libraries whose libcrypto stands here or
//! there, and libraries that lack functions or spell them otherwise.
//!
//! The libraries are shims, compiled here, whose functions hand every call to OpenSSL 1.1.1.

mod files;
mod functions;
mod libcrypto;
mod shim;
mod socket_pair;
