//! The cache of compiled C libraries: a folder with a subfolder for each key. A library is built by
//! one process at a time, a partial build is never returned, and cargo notices when a library has
//! been removed.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::{Error, Key, RecipeError};

/// Cargo writes this file into each target folder that it creates (<https://bford.info/cachedir/>).
/// Other programs write files of the same name into their caches; the content distinguishes them.
const TARGET_FOLDER_MARK: &str = "CACHEDIR.TAG";
const TARGET_FOLDER_MAKER: &str = "created by cargo";

/// Marks a complete folder; written last, with the key as content.
const STAMP: &str = "complete";

/// The modification time of the stamp: 2000-01-01. The stamp is written while the build script
/// runs, and cargo would run the script again if a watched file were newer than that run.
const STAMP_AGE: Duration = Duration::from_secs(946_684_800);

/// Returns the folder of `key` in the target folder of this build script; calls `build` to fill it
/// if it is not complete. Also makes cargo run the script again when the folder is removed.
///
/// # Errors
///
/// `build` failed, a file operation failed, or this is not a build script.
pub fn once<F>(key: &Key, build: F) -> Result<PathBuf, Error>
where
    F: FnOnce(&Path) -> Result<(), RecipeError>,
{
    let folder = BuildCache::of_build_script()?.once(key, build)?;
    println!("cargo::rerun-if-changed={}", folder.join(STAMP).display());
    Ok(folder)
}

/// A cache of compiled C libraries.
#[derive(Debug)]
pub struct BuildCache {
    root: PathBuf,
}

impl BuildCache {
    /// The cache `c` in the target folder, which all profiles share, including those of `--target
    /// TRIPLE`. If no target folder of cargo is recognised, the cache is in `OUT_DIR`, which only
    /// one profile uses.
    ///
    /// # Errors
    ///
    /// This is not a build script.
    pub fn of_build_script() -> Result<Self, Error> {
        let out_dir = env::var_os("OUT_DIR").ok_or(Error::NotABuildScript { name: "OUT_DIR" })?;
        Ok(Self::above(Path::new(&out_dir)))
    }

    /// A cache in a given folder.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Target folders may be nested, and the outermost counts: `--target` and rust-analyzer create
    /// one inside another.
    fn above(out_dir: &Path) -> Self {
        let target_folder = out_dir
            .ancestors()
            .skip_while(|folder| !is_target_folder(folder))
            .take_while(|folder| is_target_folder(folder))
            .last();
        Self::at(&target_folder.unwrap_or(out_dir).join("c"))
    }

    /// Returns the folder of `key`; first calls `build` with the empty folder if it is not
    /// complete. Another process or thread that needs the same folder waits for the build.
    ///
    /// # Errors
    ///
    /// `build` failed, or a file operation failed.
    pub fn once<F>(&self, key: &Key, build: F) -> Result<PathBuf, Error>
    where
        F: FnOnce(&Path) -> Result<(), RecipeError>,
    {
        let folder = self.root.join(key.folder_name());
        fs::create_dir_all(&self.root).map_err(Error::file("create", &self.root))?;
        // Released when the file is closed, however the process ends.
        let _lock = lock(&self.root.join(format!("{}.lock", key.folder_name())))?;
        if is_complete(&folder, key) {
            return Ok(folder);
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(Error::file("wipe the half-built", &folder))?;
        }
        fs::create_dir(&folder).map_err(Error::file("create", &folder))?;
        build(&folder).map_err(|source| Error::Recipe {
            name: key.name().to_owned(),
            source,
        })?;
        stamp(&folder, key)?;
        Ok(folder)
    }
}

fn is_target_folder(folder: &Path) -> bool {
    fs::read_to_string(folder.join(TARGET_FOLDER_MARK))
        .is_ok_and(|mark| mark.contains(TARGET_FOLDER_MAKER))
}

fn lock(path: &Path) -> Result<File, Error> {
    let file = File::create(path).map_err(Error::file("create", path))?;
    file.lock().map_err(Error::file("lock", path))?;
    Ok(file)
}

/// Compares the whole key, so a hash collision only costs a build.
fn is_complete(folder: &Path, key: &Key) -> bool {
    fs::read_to_string(folder.join(STAMP)).is_ok_and(|stamp| stamp == key.to_string())
}

fn stamp(folder: &Path, key: &Key) -> Result<(), Error> {
    let unfinished = folder.join("complete.unfinished");
    fs::write(&unfinished, key.to_string()).map_err(Error::file("write", &unfinished))?;
    File::options()
        .write(true)
        .open(&unfinished)
        .and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH + STAMP_AGE))
        .map_err(Error::file("set the time of", &unfinished))?;
    let finished = folder.join(STAMP);
    fs::rename(&unfinished, &finished).map_err(Error::file("write", &finished))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARGO_MARK: &str = "# This file is a cache directory tag created by cargo.";

    #[test]
    fn profiles_and_targets_share_the_outermost_folder_that_cargo_marked() {
        let cache = tempfile::tempdir().unwrap();
        let target = cache.path().join("target");
        mark(
            cache.path(),
            "# This file is a cache directory tag created by another program.",
        );
        mark(&target, CARGO_MARK);
        mark(&target.join("some-triple"), CARGO_MARK);

        for out_dir in [
            "debug/build/a-1/out",
            "release/build/a-2/out",
            "some-triple/debug/build/a-3/out",
        ] {
            assert_eq!(
                BuildCache::above(&target.join(out_dir)).root,
                target.join("c")
            );
        }
    }

    #[test]
    fn cache_without_a_marked_folder_is_in_out_dir() {
        let out_dir = Path::new("/no/such/folder");

        assert_eq!(BuildCache::above(out_dir).root, out_dir.join("c"));
    }

    fn mark(folder: &Path, text: &str) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join(TARGET_FOLDER_MARK), text).unwrap();
    }
}
