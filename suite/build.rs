//! Embeds the scenarios, the contract, the known issues and the recorded traces into a release build, so that the program
//! needs no checkout. A development build reads them from the checkout (`src/data.rs`), so that an edit recompiles nothing.

#[path = "src/data/files.rs"]
mod files;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use files::{data_folders, files};

/// What an included file has to hold, for each folder of data: its name, the folder, and the ending of the files in it.
macro_rules! listed {
    ($($(#[$doc:meta])* $name:ident = $folder:literal, $ending:literal;)*) => {
        [$((stringify!($name), $folder, $ending)),*]
    };
}

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let root = manifest.join("..").canonicalize()?;
    println!("cargo::rustc-check-cfg=cfg(embedded_data)");
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rustc-cfg=embedded_data");
        for (name, folder, ending) in data_folders!(listed) {
            let file = out.join(name).with_extension("rs");
            fs::write(file, embed(&root, folder, ending)?)?;
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/data/files.rs");
    let rustls = resolved_version("rustls", &out, &manifest);
    let rustls = rustls.as_deref().unwrap_or("unknown version");
    println!("cargo::rustc-env=WRITEPROOF_RUSTLS_VERSION={rustls}");
    Ok(())
}

/// A slice of (path below the folder without its ending, path below the root, text).
fn embed(root: &Path, folder: &str, ending: &str) -> io::Result<String> {
    println!("cargo::rerun-if-changed={}", root.join(folder).display());
    let mut text = String::from("&[\n");
    for file in files(root, folder, ending)? {
        let (id, below_root, path) = (file.id, file.below_root, file.path.display().to_string());
        writeln!(
            text,
            "    ({id:?}, {below_root:?}, include_str!({path:?})),"
        )
        .map_err(io::Error::other)?;
    }
    text.push_str("]\n");
    Ok(text)
}

/// The version of a dependency in this build. A crate cannot ask cargo for it, and rustls does not export its own, so it is
/// looked up in the lock file of the workspace that is built. In a dependent crate that is the dependent's, not the one of
/// this repository.
///
/// By default the target folder is in that workspace. If it is elsewhere, the lock file above this package is the right one
/// if this package was asked for, as in `cargo install --git`. Otherwise the version is not known.
fn resolved_version(name: &str, out: &Path, manifest: &Path) -> Option<String> {
    // Cargo sets it while it compiles a package that the command names or implies, and this build script is a part of it.
    let is_asked_for = option_env!("CARGO_PRIMARY_PACKAGE").is_some();
    let above_target = out.ancestors();
    let above_package = manifest.ancestors().filter(|_| is_asked_for);
    above_target.chain(above_package).find_map(|folder| {
        let lock = folder.join("Cargo.lock");
        let version = version_in(&fs::read_to_string(&lock).ok()?, name)?;
        println!("cargo::rerun-if-changed={}", lock.display());
        Some(version)
    })
}

/// The version of the dependency `name` of this package in a lock file; `None` if this package is not in it.
fn version_in(lock: &str, name: &str) -> Option<String> {
    let lock: toml::Table = lock.parse().ok()?;
    let packages = lock.get("package")?.as_array()?;
    let text = |package: &toml::Value, key| Some(package.get(key)?.as_str()?.to_owned());
    let this = packages.iter().find(|package| {
        text(package, "name").as_deref() == Some(env!("CARGO_PKG_NAME"))
            && text(package, "version").as_deref() == Some(env!("CARGO_PKG_VERSION"))
    })?;
    let dependencies = this.get("dependencies")?.as_array()?;
    let dependency = dependencies
        .iter()
        .filter_map(toml::Value::as_str)
        .map(|dependency| dependency.split(' '))
        .find_map(|mut words| (words.next() == Some(name)).then(|| words.next()))?;
    match dependency {
        // Several versions are in the file: `rustls 0.23.46`.
        Some(version) => Some(version.to_owned()),
        None => packages
            .iter()
            .find(|package| text(package, "name").as_deref() == Some(name))
            .and_then(|package| text(package, "version")),
    }
}
