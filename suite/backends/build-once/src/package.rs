//! Finds a package that cargo locks and downloads but does not compile: a dependency in the
//! manifest under `[target.'cfg(any())'.dependencies]`, a target that does not exist. A recipe can
//! then use the C sources of such a package without the programs that the package's own build
//! script needs.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Error;

/// A package in the dependency graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its version in the registry.
    pub(crate) version: String,
    /// The folder with its `Cargo.toml`; read-only for the recipe.
    pub(crate) folder: PathBuf,
}

impl Package {
    /// The package `name` on which the package of the calling build script depends. Cargo downloads
    /// it if needed, together with what is locked for other platforms. Also makes cargo run the
    /// script again when the manifest, which has the version, changes.
    ///
    /// # Errors
    ///
    /// This is not a build script, cargo cannot download the package, or there is no dependency of
    /// this name.
    pub(crate) fn find(name: &str) -> Result<Self, Error> {
        let variable = |name| env::var_os(name).ok_or(Error::NotABuildScript { name });
        let cargo = variable("CARGO")?;
        let manifest = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("Cargo.toml");
        println!("cargo::rerun-if-changed={}", manifest.display());

        let mut command = Command::new(cargo);
        command
            .args(["metadata", "--format-version", "1", "--locked"])
            .arg("--manifest-path")
            .arg(&manifest);
        let output = command
            .output()
            .map_err(Error::file("run", command.get_program().as_ref()))?;
        if !output.status.success() {
            return Err(Error::Command {
                action: "find the sources of a package (without a network, run `cargo fetch` before)",
                command: format!("{command:?}"),
                status: output.status.to_string(),
                stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            });
        }
        Self::in_metadata(name, &output.stdout).ok_or_else(|| Error::NoPackage {
            name: name.to_owned(),
            manifest,
        })
    }

    /// The first package of this name; a manifest cannot distinguish two either.
    fn in_metadata(name: &str, metadata: &[u8]) -> Option<Self> {
        let metadata: Value = serde_json::from_slice(metadata).ok()?;
        let package = metadata["packages"]
            .as_array()?
            .iter()
            .find(|package| package["name"] == name)?;
        let manifest = Path::new(package["manifest_path"].as_str()?);
        Some(Self {
            version: package["version"].as_str()?.to_owned(),
            folder: manifest.parent()?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &[u8] = br#"{"packages": [
        {"name": "zlib", "version": "1.0.0", "manifest_path": "/registry/zlib-1.0.0/Cargo.toml"},
        {"name": "zlib-sys", "version": "1.3.1", "manifest_path": "/registry/zlib-sys-1.3.1/Cargo.toml"}
    ]}"#;

    #[test]
    fn package_is_found_by_its_whole_name() {
        let package = Package::in_metadata("zlib-sys", METADATA).unwrap();

        assert_eq!(package.version, "1.3.1");
        assert_eq!(package.folder, Path::new("/registry/zlib-sys-1.3.1"));
    }

    #[test]
    fn package_that_nothing_depends_on_is_not_found() {
        assert_eq!(Package::in_metadata("zlib-ng", METADATA), None);
    }
}
