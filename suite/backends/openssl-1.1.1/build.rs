//! Compiles OpenSSL 1.1.1 once for all profiles and links it into one shared object, whose path and version it hands to
//! the crate.

use std::fs;
use std::process;

use writeproof_build_once::{
    Error, Key, SharedObject, link_shared_object, once, require_openssl_tools,
    start_over_in_neutral_profile,
};

/// Raise it when this recipe's result changes.
const RECIPE: &str = "1";

/// No distribution's name for it, so that the loader never takes the one for the other.
const SONAME: &str = "libssl-writeproof-1.1.1.so";

fn main() {
    if let Err(error) = build() {
        eprintln!("{error}");
        process::exit(1);
    }
}

fn build() -> Result<(), Error> {
    start_over_in_neutral_profile()?;
    println!("cargo::rerun-if-changed=build.rs");
    let key = Key::of_c_build("openssl-1.1.1")?
        .with("source", openssl_src_111::version())
        .with("recipe", RECIPE);
    let folder = once(&key, |folder| {
        require_openssl_tools()?;
        let work = folder.join("work");
        let artifacts = openssl_src_111::Build::new().out_dir(&work).build();
        let [ssl, crypto] =
            ["libssl.a", "libcrypto.a"].map(|archive| artifacts.lib_dir().join(archive));
        let object = SharedObject {
            soname: SONAME,
            archives: &[&ssl, &crypto],
            system_libraries: &["pthread", "dl"],
        };
        link_shared_object(&folder.join("libssl.so"), &object)?;
        fs::remove_dir_all(&work)?;
        Ok(())
    })?;
    println!(
        "cargo::rustc-env=LIBSSL={}",
        folder.join("libssl.so").display()
    );
    println!("cargo::rustc-env=VERSION={}", openssl_version());
    Ok(())
}

/// `1.1.1w` of `111.28.2+1.1.1w`.
fn openssl_version() -> &'static str {
    let version = openssl_src_111::version();
    version
        .split_once('+')
        .map_or(version, |(_, openssl)| openssl)
}
