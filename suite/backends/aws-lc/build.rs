//! Compiles AWS-LC once for all profiles and links it into one shared object, whose path and version it hands to the
//! crate.

use std::fs;
use std::process;

use writeproof_build_once::{Boringssl, Error, Key, Package, once, start_over_in_neutral_profile};

/// Raise it when this recipe's result changes.
const RECIPE: &str = "1";

/// No distribution's name for it, so that the loader never takes the one for the other.
const SONAME: &str = "libssl-writeproof-aws-lc.so";

/// Without Go and perl it takes the assembly that the package carries instead of generating it.
const OPTIONS: [(&str, &str); 4] = [
    ("BUILD_TOOL", "OFF"),
    ("DISABLE_GO", "ON"),
    ("DISABLE_PERL", "ON"),
    ("ENABLE_SOURCE_MODIFICATION", "OFF"),
];

fn main() {
    if let Err(error) = build() {
        eprintln!("{error}");
        process::exit(1);
    }
}

fn build() -> Result<(), Error> {
    start_over_in_neutral_profile()?;
    println!("cargo::rerun-if-changed=build.rs");
    let package = Package::find("aws-lc-sys")?;
    let aws_lc = Boringssl {
        sources: &package.folder.join("aws-lc"),
        options: &OPTIONS,
        archives: ["ssl/libssl.a", "crypto/libcrypto.a"],
        soname: SONAME,
    };
    let key = Key::of_c_build("aws-lc")?
        .with_cxx_compiler()?
        .with("source", &package.version)
        .with("recipe", RECIPE);
    let folder = once(&key, |folder| {
        let work = folder.join("work");
        aws_lc.build(&work, &folder.join("libssl.so"))?;
        fs::remove_dir_all(&work)?;
        Ok(())
    })?;
    println!(
        "cargo::rustc-env=LIBSSL={}",
        folder.join("libssl.so").display()
    );
    let version = aws_lc.macro_value("include/openssl/base.h", "AWSLC_VERSION_NUMBER_STRING")?;
    println!("cargo::rustc-env=VERSION={version}");
    Ok(())
}
