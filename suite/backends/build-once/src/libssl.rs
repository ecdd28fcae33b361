//! The whole build script of a crate that hands out one library with the interface of `libssl`, as a shared object.
//! What flows in: a name, a version, and a closure that compiles static archives. What flows out, to the crate that is
//! built: the environment variables `LIBSSL`, the object's absolute path, and `VERSION`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::{
    Error, Key, RecipeError, SharedObject, link_shared_object, once, start_over_in_neutral_profile,
};

/// The object's file name in its folder.
pub(crate) const OBJECT: &str = "libssl.so";

/// A library to build. Everything but the name that the loader uses is part of the [`Key`].
#[derive(Clone, Copy, Debug)]
pub struct Libssl<'a> {
    /// Becomes part of a folder's name: `openssl-1.1.1`.
    pub name: &'a str,
    /// The version of the crate that carries the source, with the library's own after a plus sign:
    /// `111.28.2+1.1.1w`. Without such a sign it is the library's own version.
    pub source: &'a str,
    /// Raise it when the recipe's result changes.
    pub recipe: &'a str,
    /// See [`SharedObject::soname`].
    pub soname: &'a str,
    /// See [`SharedObject::system_libraries`].
    pub system_libraries: &'a [&'a str],
}

impl Libssl<'_> {
    /// Builds the library unless that was done before, and tells cargo where it is. `compile` gets an empty folder to
    /// work in, which is removed afterwards, and answers the folder in which `libssl.a` and `libcrypto.a` then are.
    ///
    /// For the end of a build script's `main`: what goes wrong is printed. Call it before any other work, since it
    /// [starts the script over](start_over_in_neutral_profile).
    pub fn hand_over<F>(self, compile: F) -> ExitCode
    where
        F: FnOnce(&Path) -> Result<PathBuf, RecipeError>,
    {
        let built = self.build(compile);
        tell(built.map(|object| (object, self.version().to_owned())))
    }

    fn build<F>(&self, compile: F) -> Result<PathBuf, Error>
    where
        F: FnOnce(&Path) -> Result<PathBuf, RecipeError>,
    {
        start_over_in_neutral_profile()?;
        let key = Key::of_c_build(self.name)?
            .with("source", self.source)
            .with("recipe", self.recipe);
        let folder = once(&key, |folder| {
            let work = folder.join("work");
            fs::create_dir(&work)?;
            let archives = compile(&work)?;
            let [ssl, crypto] = ["libssl.a", "libcrypto.a"].map(|name| archives.join(name));
            let object = SharedObject {
                soname: self.soname,
                archives: &[&ssl, &crypto],
                system_libraries: self.system_libraries,
            };
            link_shared_object(&folder.join(OBJECT), &object)?;
            fs::remove_dir_all(&work)?;
            Ok(())
        })?;
        Ok(folder.join(OBJECT))
    }

    /// `1.1.1w` of `111.28.2+1.1.1w`.
    fn version(&self) -> &str {
        self.source
            .split_once('+')
            .map_or(self.source, |(_, library)| library)
    }
}

/// Tells cargo, and through it the crate that is built, the object's path and the library's version; or what went
/// wrong.
pub(crate) fn tell(built: Result<(PathBuf, String), Error>) -> ExitCode {
    match built {
        Ok((object, version)) => {
            println!("cargo::rerun-if-changed=build.rs");
            println!("cargo::rustc-env=LIBSSL={}", object.display());
            println!("cargo::rustc-env=VERSION={version}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn library_version_follows_the_plus_sign() {
        for (source, version) in [("111.28.2+1.1.1w", "1.1.1w"), ("0.1", "0.1")] {
            let library = Libssl {
                name: "c",
                source,
                recipe: "1",
                soname: "libc-test.so",
                system_libraries: &[],
            };

            assert_eq!(library.version(), version);
        }
    }
}
