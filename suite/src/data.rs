//! The files that a person edits: scenarios, the clauses of the contract, known issues, recorded traces, and the queries of
//! the behaviour table.
//!
//! A release build embeds them, so that the program needs no checkout. A development build reads them from the checkout
//! when they are first asked for, so that an edit recompiles nothing.

#[cfg(not(embedded_data))]
use std::path::{Path, PathBuf};
#[cfg(not(embedded_data))]
use std::sync::OnceLock;

use crate::toml_reader::ParseError;

/// A file: its path below the folder without its ending, its path in the repository, and its text.
pub(crate) type File = (&'static str, &'static str, &'static str);

/// The files of one folder.
pub(crate) struct Data {
    #[cfg(embedded_data)]
    embedded: &'static [File],
    #[cfg(not(embedded_data))]
    folder: &'static str,
    #[cfg(not(embedded_data))]
    ending: &'static str,
    #[cfg(not(embedded_data))]
    read: OnceLock<Result<Vec<File>, String>>,
}

macro_rules! data {
    ($($(#[$doc:meta])* $name:ident = $folder:literal, $ending:literal, $embedded:literal;)*) => {
        $($(#[$doc])* pub(crate) static $name: Data = Data {
            #[cfg(embedded_data)]
            embedded: include!(concat!(env!("OUT_DIR"), $embedded)),
            #[cfg(not(embedded_data))]
            folder: $folder,
            #[cfg(not(embedded_data))]
            ending: $ending,
            #[cfg(not(embedded_data))]
            read: OnceLock::new(),
        };)*
    };
}

data! {
    /// A file for each scenario, named by its id.
    SCENARIOS = "fixtures/scenarios", "toml", "/scenarios.rs";
    /// A file for each page of the contract.
    CONTRACT = "fixtures/contract", "toml", "/contract.rs";
    /// A file for each family of libraries.
    LEDGER = "fixtures/ledger", "toml", "/ledger.rs";
    /// A file for each scenario, named by its id.
    SNAPSHOTS = "snapshots", "snap", "/snapshots.rs";
    /// One file.
    TABLE = "fixtures/table.toml", "toml", "/table.rs";
}

#[cfg(embedded_data)]
impl Data {
    /// All files of the folder, in the order of their names.
    ///
    /// # Errors
    /// None: they are part of the program.
    pub(crate) fn files(&self) -> Result<&'static [File], ParseError> {
        Ok(self.embedded)
    }
}

#[cfg(not(embedded_data))]
impl Data {
    /// All files of the folder, in the order of their names.
    ///
    /// # Errors
    /// The checkout that the program was built from cannot be read.
    pub(crate) fn files(&'static self) -> Result<&'static [File], ParseError> {
        let read = self.read.get_or_init(|| {
            let root = root().ok_or("the checkout is gone")?;
            let mut files = Vec::new();
            collect(&root, Path::new(self.folder), self, &mut files)
                .map_err(|error| error.to_string())?;
            files.sort_unstable();
            Ok(files)
        });
        match read {
            Ok(files) => Ok(files),
            Err(reason) => Err(ParseError::at_start(
                self.folder,
                format!("cannot read this folder: {reason}"),
                "a development build reads its data from the checkout; \
                 a build with --release carries them",
            )),
        }
    }
}

/// The top of the checkout: of the one whose tests run, or else of the one that this program was built from.
#[cfg(not(embedded_data))]
fn root() -> Option<PathBuf> {
    let running = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let built = Some(PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    let roots = [running, built].into_iter().flatten();
    let mut roots = roots.map(|package| package.join(".."));
    roots.find(|root| root.join(SCENARIOS.folder).is_dir())
}

#[cfg(not(embedded_data))]
fn collect(
    root: &Path,
    below_root: &Path,
    data: &Data,
    files: &mut Vec<File>,
) -> std::io::Result<()> {
    let path = root.join(below_root);
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            collect(root, &below_root.join(entry?.file_name()), data, files)?;
        }
    } else if path.extension().is_some_and(|ending| ending == data.ending) {
        let below_folder = below_root.strip_prefix(data.folder).unwrap_or(below_root);
        let id = words(&below_folder.with_extension(""));
        let text = std::fs::read_to_string(path)?;
        files.push((leak(id), leak(words(below_root)), leak(text)));
    }
    Ok(())
}

/// A path with `/` between its parts on every system.
#[cfg(not(embedded_data))]
fn words(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// Read once, and used until the process ends, as if it were part of the program.
#[cfg(not(embedded_data))]
fn leak(text: String) -> &'static str {
    text.leak()
}
