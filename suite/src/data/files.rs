//! Where the data files are, and how a file is named. `build.rs`, which embeds the files in a release build, includes this
//! module too.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// Calls a macro with all folders of data: `NAME = folder or file, ending of the files;`.
macro_rules! data_folders {
    ($with:ident) => {
        $with! {
            /// A file for each scenario, named by its id.
            SCENARIOS = "fixtures/scenarios", "toml";
            /// A file for each page of the contract.
            CONTRACT = "fixtures/contract", "toml";
            /// A file for each family of libraries.
            LEDGER = "fixtures/ledger", "toml";
            /// A file for each scenario, named by its id.
            SNAPSHOTS = "snapshots", "snap";
            /// One file.
            TABLE = "fixtures/table.toml", "toml";
        }
    };
}
pub(crate) use data_folders;

/// A file in a folder of data. The first two are its names, with `/` between their parts on every system.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DataFile {
    /// Its path below the folder, without its ending.
    pub(crate) id: String,
    /// Its path in the repository.
    pub(crate) below_root: String,
    pub(crate) path: PathBuf,
}

/// The files with this ending in `folder`, which is below `root`, in the order of their ids; or `folder` itself, if it is a
/// file.
pub(crate) fn files(root: &Path, folder: &str, ending: &str) -> io::Result<Vec<DataFile>> {
    let mut paths = Vec::new();
    collect(&root.join(folder), ending, &mut paths)?;
    let named = |path: PathBuf| {
        let below_root = path.strip_prefix(root).map_err(io::Error::other)?;
        let below_folder = below_root.strip_prefix(folder).map_err(io::Error::other)?;
        Ok(DataFile {
            id: words(&below_folder.with_extension("")),
            below_root: words(below_root),
            path,
        })
    };
    let mut files: Vec<DataFile> = paths.into_iter().map(named).collect::<io::Result<_>>()?;
    files.sort_unstable();
    Ok(files)
}

fn collect(path: &Path, ending: &str, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), ending, paths)?;
        }
    } else if path.extension().is_some_and(|it| it == ending) {
        paths.push(path.to_owned());
    }
    Ok(())
}

/// A path with `/` between its parts on every system.
fn words(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
