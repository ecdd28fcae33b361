//! What can go wrong while a C library is built, in words for the person who reads cargo's output: what happened, with
//! which input, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// What a recipe (the closure that compiles) may fail with.
pub type RecipeError = Box<dyn std::error::Error + Send + Sync>;

/// Why a C library was not built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Cargo sets this variable for build scripts only; the function was probably called from somewhere else.
    #[error("the variable {name} is not set: this function works in a build script only")]
    NotABuildScript {
        /// The variable that is missing.
        name: &'static str,
    },

    /// A file operation failed; the disk may be full, or the target folder may not be writable.
    #[error("failed to {action} {}: {source}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// There is no usable C compiler.
    #[error("no C compiler was found: install one (gcc or clang), or set CC to its path ({0})")]
    NoCompiler(#[from] cc::Error),

    /// A program that the recipe calls is missing or incomplete.
    #[error("{tool} was not found: {needed_by} needs it; install {install}")]
    NoTool {
        /// The program or part of it.
        tool: String,
        /// Who calls it.
        needed_by: &'static str,
        /// What to install.
        install: &'static str,
    },

    /// The manifest does not depend on the package that carries the sources.
    #[error("{} depends on no package {name}", manifest.display())]
    NoPackage {
        /// The package.
        name: String,
        /// The manifest of the build script's package.
        manifest: PathBuf,
    },

    /// The sources are not as the recipe knows them; another version of them needs another recipe.
    #[error("{} does not define {name}", header.display())]
    NotDefined {
        /// What was looked for.
        name: String,
        /// The C header.
        header: PathBuf,
    },

    /// A command ran and said no.
    #[error("failed to {action}: {command} ended with {status}\n{stderr}")]
    Command {
        /// What was tried, as a verb.
        action: &'static str,
        /// The command line.
        command: String,
        /// The exit status.
        status: String,
        /// What it wrote to its standard error.
        stderr: String,
    },

    /// The recipe failed. Its folder is wiped before the next try.
    #[error("failed to build {name}: {source}")]
    Recipe {
        /// The name in the key.
        name: String,
        /// What the recipe failed with.
        source: RecipeError,
    },
}

impl Error {
    /// For `map_err` after a file operation.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File {
            action,
            path: path.to_owned(),
            source,
        }
    }
}
