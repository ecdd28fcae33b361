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
    println!("cargo::rerun-if-changed=../Cargo.lock");
    println!(
        "cargo::rustc-env=WRITEPROOF_RUSTLS_VERSION={}",
        version_of("rustls", &root)
    );
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

/// The version of a crate in the lock file; rustls does not export its own version.
fn version_of(name: &str, root: &Path) -> String {
    let version = || -> Option<String> {
        let lock: toml::Table = fs::read_to_string(root.join("Cargo.lock"))
            .ok()?
            .parse()
            .ok()?;
        let packages = lock.get("package")?.as_array()?;
        let package = packages
            .iter()
            .find(|package| package.get("name").and_then(|n| n.as_str()) == Some(name))?;
        Some(package.get("version")?.as_str()?.to_owned())
    };
    version().unwrap_or_else(|| "unknown version".to_owned())
}
