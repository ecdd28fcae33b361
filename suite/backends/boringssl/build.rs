//! Compiles BoringSSL once for all profiles and links it into one shared object, whose path and version it hands to the
//! crate.

use std::fs;
use std::process;

use writeproof_build_once::{Boringssl, Error, Key, Package, once, start_over_in_neutral_profile};

/// Raise it when this recipe's result changes.
const RECIPE: &str = "1";

/// No distribution's name for it, so that the loader never takes the one for the other.
const SONAME: &str = "libssl-writeproof-boringssl.so";

fn main() {
    if let Err(error) = build() {
        eprintln!("{error}");
        process::exit(1);
    }
}

fn build() -> Result<(), Error> {
    start_over_in_neutral_profile()?;
    println!("cargo::rerun-if-changed=build.rs");
    let package = Package::find("boring-sys")?;
    let boringssl = Boringssl {
        sources: &package.folder.join("deps/boringssl"),
        options: &[],
        archives: ["libssl.a", "libcrypto.a"],
        soname: SONAME,
    };
    let key = Key::of_c_build("boringssl")?
        .with_cxx_compiler()?
        .with("source", &package.version)
        .with("recipe", RECIPE);
    let folder = once(&key, |folder| {
        let work = folder.join("work");
        boringssl.build(&work, &folder.join("libssl.so"))?;
        fs::remove_dir_all(&work)?;
        Ok(())
    })?;
    println!(
        "cargo::rustc-env=LIBSSL={}",
        folder.join("libssl.so").display()
    );
    let api = boringssl.macro_value("include/openssl/base.h", "BORINGSSL_API_VERSION")?;
    println!(
        "cargo::rustc-env=VERSION=API {api} (boring-sys {})",
        package.version
    );
    Ok(())
}
