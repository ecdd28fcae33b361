//! Embeds the scenarios, the contract, the known issues and the recorded traces into a release build, so that the program
//! needs no checkout. A development build reads them from the checkout (`src/data.rs`), so that an edit recompiles nothing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let root = manifest.join("..").canonicalize()?;
    println!("cargo::rustc-check-cfg=cfg(embedded_data)");
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rustc-cfg=embedded_data");
        for (folder, ending, name) in [
            ("fixtures/scenarios", "toml", "scenarios.rs"),
            ("fixtures/contract", "toml", "contract.rs"),
            ("fixtures/ledger", "toml", "ledger.rs"),
            ("fixtures/table.toml", "toml", "table.rs"),
            ("snapshots", "snap", "snapshots.rs"),
        ] {
            fs::write(out.join(name), embed(&root, folder, ending)?)?;
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../Cargo.lock");
    println!(
        "cargo::rustc-env=WRITEPROOF_RUSTLS_VERSION={}",
        version_of("rustls", &root)
    );
    Ok(())
}

/// A slice of (path below the folder without its ending, path below the root, text).
fn embed(root: &Path, folder: &str, ending: &str) -> io::Result<String> {
    let mut files = Vec::new();
    collect(&root.join(folder), ending, &mut files)?;
    files.sort();
    println!("cargo::rerun-if-changed={}", root.join(folder).display());
    let mut text = String::from("&[\n");
    for file in files {
        let below_root = file.strip_prefix(root).map_err(io::Error::other)?;
        let below_folder = below_root.strip_prefix(folder).map_err(io::Error::other)?;
        let id = below_folder.with_extension("");
        let (id, path) = (words(&id), words(below_root));
        writeln!(
            text,
            "    ({id:?}, {path:?}, include_str!({:?})),",
            file.display()
        )
        .map_err(io::Error::other)?;
    }
    text.push_str("]\n");
    Ok(text)
}

/// A path with `/` between its parts on every system.
fn words(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

fn collect(path: &Path, ending: &str, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), ending, files)?;
        }
    } else if path.extension().is_some_and(|e| e == ending) {
        files.push(path.to_owned());
    }
    Ok(())
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
