//! The table of faults, `faults.toml`. The build script makes the library from it, and tests read
//! it.

use std::collections::BTreeSet;

use serde::Deserialize;

/// A fault and how it is injected.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The name that selects it: lower-case letters, digits and hyphens, beginning with a letter.
    pub name: String,
    /// Whether it breaks the contract.
    pub kind: Kind,
    /// Where it is injected.
    pub layer: Layer,
    /// The visible effect, in a sentence.
    pub does: String,
    /// The bug or difference between libraries that it repeats, in a few words.
    pub repeats: String,
    /// The source for that.
    pub link: String,
    /// The changes of the sources; none for [`Layer::Shim`].
    #[serde(default, rename = "edit")]
    pub edits: Vec<Edit>,
}

/// Whether a fault breaks the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It breaks the contract.
    Bug,
    /// The contract allows it: the suite may only report a difference.
    Harmless,
}

/// Where a fault is injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// In the sources of the library, by edits.
    Source,
    /// Between the library and its caller or transport, in `shim.c`.
    Shim,
}

/// One change of a source file: text before, after or instead of a place.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The file, relative to the sources' folder.
    pub file: String,
    /// The function that contains the place.
    pub function: String,
    /// The place: text that occurs exactly once in the function.
    pub at: String,
    /// Text inserted before it.
    pub before: Option<String>,
    /// Text inserted after it.
    pub after: Option<String>,
    /// Text that replaces it.
    pub instead: Option<String>,
}

/// Why a table is invalid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// Its form is wrong.
    #[error("faults.toml: {0}")]
    Form(#[from] toml::de::Error),
    /// A fault contradicts itself or another one.
    #[error("faults.toml: {name}: {what}")]
    Fault {
        /// The name of the fault.
        name: String,
        /// What is wrong, and what would be right.
        what: &'static str,
    },
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    fault: Vec<Fault>,
}

/// Reads a table.
///
/// # Errors
/// [`TableError`] with the correction.
pub(crate) fn parse(text: &str) -> Result<Vec<Fault>, TableError> {
    let Table { fault: faults } = toml::from_str(text)?;
    let mut names = BTreeSet::new();
    for fault in &faults {
        let wrong = |what| {
            Err(TableError::Fault {
                name: fault.name.clone(),
                what,
            })
        };
        if !is_name(&fault.name) {
            return wrong("a name has lower-case letters, digits and hyphens, a letter first");
        }
        if !names.insert(&fault.name) {
            return wrong("two faults have this name");
        }
        if (fault.layer == Layer::Source) == fault.edits.is_empty() {
            return wrong("a fault of the layer \"source\" has edits, one of \"shim\" has none");
        }
        if !fault.link.starts_with("https://") {
            return wrong("a link begins with https://");
        }
        let ways = |edit: &Edit| [&edit.before, &edit.after, &edit.instead].map(Option::is_some);
        let several = |edit: &Edit| ways(edit).into_iter().filter(|&is| is).count() != 1;
        if fault.edits.iter().any(several) {
            return wrong("an edit has one of \"before\", \"after\" and \"instead\"");
        }
    }
    Ok(faults)
}

fn is_name(name: &str) -> bool {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(inside)
}
