//! Versions of libraries, ordered with regard to letters: 1.1.1 < 1.1.1w < 3.0.1 < 3.0.19; and
//! ranges of them.

use std::cmp::Ordering;
use std::fmt;

use crate::toml_reader::{Fault, Node};

/// A version, as in `1.1.1w` or `3.6.3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LibraryVersion {
    text: String,
    parts: Vec<(u64, String)>,
}

impl LibraryVersion {
    /// The first version in this text: 3.0.19 in `OpenSSL 3.0.19 27 Jan 2026`.
    pub(crate) fn find(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(Self::parse)
    }

    /// `None` if it does not begin with a number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_start_matches('v');
        let part = |part: &str| {
            let digits = part
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(part.len());
            let (number, letters) = part.split_at(digits);
            Some((number.parse().ok()?, letters.to_owned()))
        };
        let parts = text
            .split(['.', '-', '+'])
            .map_while(part)
            .collect::<Vec<_>>();
        (!parts.is_empty()).then(|| Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// Whether this is the version or its series: 3.6 is the series of 3.6.3.
    pub(crate) fn is_series_of(&self, other: &Self) -> bool {
        other.parts.starts_with(&self.parts)
    }
}

impl Ord for LibraryVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        let longest = self.parts.len().max(other.parts.len());
        let none = (0, String::new());
        let parts = |at: usize| {
            let part = self.parts.get(at).unwrap_or(&none);
            part.cmp(other.parts.get(at).unwrap_or(&none))
        };
        (0..longest)
            .map(parts)
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for LibraryVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for LibraryVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A range that includes its start and excludes its end: `"3.2 .. 4.0"`, `".. 4.0"`, `"3.2 .."`,
/// `".."`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    /// The first version; unlimited if `None`.
    pub from: Option<LibraryVersion>,
    /// The first version after it; unlimited if `None`.
    pub before: Option<LibraryVersion>,
}

impl Range {
    pub(super) fn read(node: Node<'_>) -> Result<Self, Fault> {
        let wanted = "a range of versions such as \"3.2 .. 4.0\", \"3.2 ..\", \".. 4.0\" or \"..\"";
        let parts = node
            .as_text()
            .and_then(|text| text.split_once(".. ").or_else(|| text.split_once("..")));
        let Some((from, before)) = parts else {
            return Err(node.refused(wanted));
        };
        let end = |text: &str| match text.trim() {
            "" => Ok(None),
            text => LibraryVersion::parse(text)
                .map(Some)
                .ok_or_else(|| node.refused(wanted)),
        };
        Ok(Self {
            from: end(from)?,
            before: end(before)?,
        })
    }

    /// Only this release, including packaging revisions: 3.6.3 and 3.6.3-1, not 3.6.4.
    pub(crate) fn of_release(version: &LibraryVersion) -> Self {
        let mut numbers: Vec<u64> = version.parts.iter().map(|(number, _)| *number).collect();
        if let Some(last) = numbers.last_mut() {
            *last += 1;
        }
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        Self {
            from: Some(version.clone()),
            before: LibraryVersion::parse(&numbers.join(".")),
        }
    }

    /// The form in a file.
    pub(crate) fn in_file(&self) -> String {
        let end = |version: &Option<LibraryVersion>| version.as_ref().map(ToString::to_string);
        let ends = [end(&self.from), Some("..".to_owned()), end(&self.before)];
        let ends: Vec<String> = ends.into_iter().flatten().collect();
        ends.join(" ")
    }

    /// Whether this version is in it. An unknown version is only in the unlimited range.
    pub(crate) fn contains(&self, version: Option<&LibraryVersion>) -> bool {
        match version {
            None => self.from.is_none() && self.before.is_none(),
            Some(version) => {
                self.from.as_ref().is_none_or(|from| version >= from)
                    && self.before.as_ref().is_none_or(|before| version < before)
            }
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.from, &self.before) {
            (None, None) => f.write_str("all versions"),
            (Some(from), None) => write!(f, "since {from}"),
            (None, Some(before)) => write!(f, "before {before}"),
            (Some(from), Some(before)) => write!(f, "since {from}, before {before}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> LibraryVersion {
        LibraryVersion::parse(text).unwrap_or_else(|| panic!("{text} is no version"))
    }

    #[test]
    fn versions_with_letters_are_ordered() {
        let order = [
            "1.0.2u", "1.1.0", "1.1.1", "1.1.1b", "1.1.1w", "3.0.1", "3.0.19", "3.6", "3.6.3",
            "4.0.0",
        ];
        for pair in order.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
        }
        assert_eq!(version("3.0").cmp(&version("3.0.0")), Ordering::Equal);
        assert_eq!(
            LibraryVersion::find("OpenSSL 3.0.19 27 Jan 2026"),
            Some(version("3.0.19"))
        );
        assert_eq!(LibraryVersion::find("BoringSSL"), None);
        assert!(version("1.1.1").is_series_of(&version("1.1.1")));
        assert!(version("3.6").is_series_of(&version("3.6.3")));
        assert!(!version("3.6").is_series_of(&version("3.60.3")));
    }

    #[test]
    fn range_includes_its_start_and_excludes_its_end() {
        let range = Range {
            from: Some(version("3.2")),
            before: Some(version("4.0")),
        };
        for (text, is_in) in [
            ("3.1.9", false),
            ("3.2.0", true),
            ("3.6.3", true),
            ("4.0.0", false),
            ("4.0.3", false),
        ] {
            assert_eq!(range.contains(Some(&version(text))), is_in, "{text}");
        }
        assert!(!range.contains(None));
        assert!(
            Range {
                from: None,
                before: None
            }
            .contains(None)
        );
    }
}
