//! The build script of a crate that provides one library with the interface of `libssl` as a shared
//! object. Input: a name, a version, and a closure that compiles static archives. Output for the
//! crate: the environment variables `LIBSSL`, the absolute path of the object, `HASH`, a hash of its
//! content, and `VERSION`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::key::fnv1a;
use crate::{
    Error, Key, RecipeError, SharedObject, link_shared_object, once, start_over_in_neutral_profile,
};

/// The object's file name in its folder.
pub(crate) const OBJECT: &str = "libssl.so";

/// A library to build. Everything but its soname is part of the [`Key`].
#[derive(Clone, Copy, Debug)]
pub struct Libssl<'a> {
    /// A part of a folder's name: `openssl-1.1.1`.
    pub name: &'a str,
    /// The version of the crate with the source, and the library's own version after a plus sign:
    /// `111.28.2+1.1.1w`. Without a plus sign it is the library's own version.
    pub source: &'a str,
    /// Raise it when the result of the recipe changes.
    pub recipe: &'a str,
    /// See [`SharedObject::soname`].
    pub soname: &'a str,
    /// See [`SharedObject::system_libraries`].
    pub system_libraries: &'a [&'a str],
}

impl Libssl<'_> {
    /// Builds the library unless it is built already, and passes its path to cargo. `compile` gets
    /// an empty work folder, which is removed afterwards, and returns the folder with `libssl.a`
    /// and `libcrypto.a`.
    ///
    /// For the end of a build script's `main`: an error is printed. Call it before any other work,
    /// since it [starts the script over](start_over_in_neutral_profile).
    pub fn hand_over<F>(self, compile: F) -> ExitCode
    where
        F: FnOnce(&Path) -> Result<PathBuf, RecipeError>,
    {
        let built = self.build(compile);
        finish(built.map(|object| (object, self.version().to_owned())))
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

/// Passes the path and the hash of the object and the library's version to cargo and to the crate;
/// or prints the error.
pub(crate) fn finish(built: Result<(PathBuf, String), Error>) -> ExitCode {
    let hashed = built.and_then(|(object, version)| {
        let content = fs::read(&object).map_err(Error::file("read", &object))?;
        Ok((object, fnv1a(&content), version))
    });
    match hashed {
        Ok((object, hash, version)) => {
            println!("cargo::rerun-if-changed=build.rs");
            println!("cargo::rustc-env=LIBSSL={}", object.display());
            println!("cargo::rustc-env=HASH={hash:016x}");
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
