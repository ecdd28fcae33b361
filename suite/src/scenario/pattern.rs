//! A pattern names scenarios by their ids, as a person types it: `retry/shorter-buffer` (itself),
//! `retry` or `retry/` (the family), `retry/*-buffer`, `{retry,zero}/*`, `**` (all).
//!
//! Takes such text, and yields a [`Pattern`] that matches ids.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};
use thiserror::Error;

use super::Id;

/// A set of scenario ids: a glob in which `*` and `?` stay within the family or the name, and `**`
/// crosses the slash. Text without a slash, or with one at its end only, is about families.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    matcher: Matcher,
}

#[derive(Debug, Clone)]
enum Matcher {
    /// The one id that the text is: the ledger is full of these, and a glob costs thousands of times as much.
    Id,
    Glob(GlobMatcher),
}

impl Pattern {
    /// Takes a glob, an id or a family.
    ///
    /// # Errors
    ///
    /// The text is not a glob: a bracket or brace is left open, or a range is upside down.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let family = text.strip_suffix('/').unwrap_or(text);
        let glob = if family.contains('/') {
            text.to_owned()
        } else {
            format!("{family}/*")
        };
        if !glob.contains(['*', '?', '[', ']', '{', '}', '\\']) {
            return Ok(Self {
                text: glob,
                matcher: Matcher::Id,
            });
        }
        let refused = |source: globset::Error| PatternError {
            text: text.to_owned(),
            reason: source.kind().to_string(),
        };
        let matcher = GlobBuilder::new(&glob)
            .literal_separator(true)
            .backslash_escape(true)
            .build()
            .map_err(refused)?
            .compile_matcher();
        Ok(Self {
            text: text.to_owned(),
            matcher: Matcher::Glob(matcher),
        })
    }

    /// Whether `id` is one of those that are meant.
    pub fn matches(&self, id: &Id) -> bool {
        match &self.matcher {
            Matcher::Id => self.text == id.as_str(),
            Matcher::Glob(glob) => glob.is_match(id.as_str()),
        }
    }
}

/// As it was typed.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// A text that is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{text:?} is not a pattern: {reason} (patterns look like retry, retry/*, {{retry,zero}}/*)"
)]
pub struct PatternError {
    text: String,
    reason: String,
}
