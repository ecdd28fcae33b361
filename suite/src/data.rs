//! The files that a person edits: scenarios, the clauses of the contract, known issues, recorded traces, and the queries of
//! the behaviour table.
//!
//! A release build embeds them, so that the program needs no checkout. A development build reads them from the checkout
//! when they are first asked for, so that an edit recompiles nothing.

#[cfg_attr(
    embedded_data,
    expect(dead_code, reason = "then only the build script looks for files")
)]
mod files;

#[cfg(not(embedded_data))]
use std::path::{Path, PathBuf};
#[cfg(not(embedded_data))]
use std::sync::OnceLock;
#[cfg(not(embedded_data))]
use std::{fs, io};

use crate::toml_reader::ParseError;

/// A file: its path below the folder without its ending, its path in the repository, and its text.
pub(crate) type TextFile = (&'static str, &'static str, &'static str);

/// The files of one folder.
pub(crate) struct Data {
    #[cfg(embedded_data)]
    embedded: &'static [TextFile],
    #[cfg(not(embedded_data))]
    folder: &'static str,
    #[cfg(not(embedded_data))]
    ending: &'static str,
    #[cfg(not(embedded_data))]
    read: OnceLock<Result<Vec<TextFile>, String>>,
}

macro_rules! data {
    ($($(#[$doc:meta])* $name:ident = $folder:literal, $ending:literal;)*) => {
        $($(#[$doc])* pub(crate) static $name: Data = Data {
            #[cfg(embedded_data)]
            embedded: include!(concat!(env!("OUT_DIR"), "/", stringify!($name), ".rs")),
            #[cfg(not(embedded_data))]
            folder: $folder,
            #[cfg(not(embedded_data))]
            ending: $ending,
            #[cfg(not(embedded_data))]
            read: OnceLock::new(),
        };)*
    };
}

files::data_folders!(data);

#[cfg(embedded_data)]
impl Data {
    /// All files of the folder, in the order of their names.
    ///
    /// # Errors
    /// None: they are part of the program.
    pub(crate) fn files(&self) -> Result<&'static [TextFile], ParseError> {
        Ok(self.embedded)
    }
}

#[cfg(not(embedded_data))]
impl Data {
    /// All files of the folder, in the order of their names.
    ///
    /// # Errors
    /// The checkout that the program was built from cannot be read.
    pub(crate) fn files(&'static self) -> Result<&'static [TextFile], ParseError> {
        let read = self.read.get_or_init(|| {
            let root = root().ok_or("the checkout is gone")?;
            read(&root, self.folder, self.ending).map_err(|error| error.to_string())
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
fn read(root: &Path, folder: &str, ending: &str) -> io::Result<Vec<TextFile>> {
    let files = files::files(root, folder, ending)?;
    let with_text = |file: files::DataFile| {
        let text = fs::read_to_string(file.path)?;
        Ok((leak(file.id), leak(file.below_root), leak(text)))
    };
    files.into_iter().map(with_text).collect()
}

/// Read once, and used until the process ends, as if it were part of the program.
#[cfg(not(embedded_data))]
fn leak(text: String) -> &'static str {
    text.leak()
}
