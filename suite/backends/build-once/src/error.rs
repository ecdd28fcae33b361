//! Errors of building a C library. Each message states what happened, with which input, and what to
//! do about it.

use std::io;
use std::path::{Path, PathBuf};

/// The error of a recipe (the closure that compiles).
pub type RecipeError = Box<dyn std::error::Error + Send + Sync>;

/// The reason why a C library was not built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Cargo sets this variable for build scripts only; the function was probably called elsewhere.
    #[error("the variable {name} is not set: this function works in a build script only")]
    NotABuildScript {
        /// The missing variable.
        name: &'static str,
    },

    /// A file operation failed; the disk may be full, or the target folder read-only.
    #[error("failed to {action} {}: {source}", path.display())]
    File {
        /// The operation, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },

    /// No usable C compiler was found.
    #[error("no C compiler was found: install one (gcc or clang), or set CC to its path ({0})")]
    NoCompiler(#[from] cc::Error),

    /// A program that the recipe calls is missing or incomplete.
    #[error("{tool} was not found: {needed_by} needs it; install {install}")]
    NoTool {
        /// The program, or a part of it.
        tool: String,
        /// The build that calls it.
        needed_by: &'static str,
        /// What to install.
        install: &'static str,
    },

    /// The manifest does not depend on the package with the sources.
    #[error("{} depends on no package {name}", manifest.display())]
    NoPackage {
        /// The package.
        name: String,
        /// The manifest of the build script's package.
        manifest: PathBuf,
    },

    /// The sources do not match the recipe; another version may need another recipe.
    #[error("{} does not define {name}", header.display())]
    NotDefined {
        /// The missing macro.
        name: String,
        /// The C header.
        header: PathBuf,
    },

    /// A command failed.
    #[error("failed to {action}: {command} ended with {status}\n{stderr}")]
    Command {
        /// The purpose of the command, as a verb.
        action: &'static str,
        /// The command line.
        command: String,
        /// The exit status.
        status: String,
        /// Its standard error.
        stderr: String,
    },

    /// The recipe failed. Its folder is wiped before the next attempt.
    #[error("failed to build {name}: {source}")]
    Recipe {
        /// The name in the key.
        name: String,
        /// The error of the recipe.
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
