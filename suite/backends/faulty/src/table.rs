//! The table of faults, `faults.toml`, as data. The build script makes the library from it, and tests read it.

use std::collections::BTreeSet;

use serde::Deserialize;

/// What may be sown, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The name by which it is chosen: lower-case letters, digits and hyphens, beginning with a letter.
    pub name: String,
    /// Whether it breaks the contract.
    pub kind: Kind,
    /// Where it is sown.
    pub layer: Layer,
    /// What a user of the library sees, in a sentence.
    pub does: String,
    /// The bug, or the difference between libraries, that it repeats, in a few words of the field.
    pub repeats: String,
    /// Where that is told.
    pub link: String,
    /// What is changed in the sources; none for [`Layer::Shim`].
    #[serde(default, rename = "edit")]
    pub edits: Vec<Edit>,
}

/// Whether a fault breaks the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It does.
    Bug,
    /// The contract allows it: nothing may be said against it but that it differs.
    Harmless,
}

/// Where a fault is sown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// In the sources of the library, by edits.
    Source,
    /// Between the library and its caller or its transport, in `shim.c`.
    Shim,
}

/// One change of a source file: what is put before or after a place, or instead of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The file, below the folder of the sources.
    pub file: String,
    /// The function whose body has the place.
    pub function: String,
    /// The place: text that the function has exactly once.
    pub at: String,
    /// What is put before it.
    pub before: Option<String>,
    /// What is put after it.
    pub after: Option<String>,
    /// What is put instead of it.
    pub instead: Option<String>,
}

/// Why a table is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// It does not have the form.
    #[error("faults.toml: {0}")]
    Form(#[from] toml::de::Error),
    /// A fault contradicts itself or another one.
    #[error("faults.toml: {name}: {what}")]
    Fault {
        /// Its name.
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
/// [`TableError`], with what would be right.
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
