//! Writeproof.
