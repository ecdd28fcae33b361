//! How the libcrypto of a libssl is found, and the message if it is missing or another one.
//!
//! Each test uses its own names for its libcrypto: the dynamic loader loads one library per name in
//! a process, and the tests share a process.

use std::path::{Path, PathBuf};

use writeproof::internal::backend::libssl::{LibcryptoOrigin, LibrarySource, Libssl, LoadError};

use crate::shim::{all, compile, error_of, folder, is_crypto, load_error, shim};

/// A libcrypto: one half of a shim.
fn libcrypto(folder: &Path, name: &str) -> PathBuf {
    let soname = format!("-Wl,-soname,{name}");
    let crypto = |function: &str| is_crypto(function).then(|| function.to_owned());
    std::fs::create_dir_all(folder).expect("the test folder is writable");
    shim(&folder.join(name), crypto, &[&soname])
}

/// The other half, which needs `libcrypto`.
fn libssl(folder: &Path, libcrypto: &Path, arguments: &[&str]) -> PathBuf {
    let ssl = |function: &str| (!is_crypto(function)).then(|| function.to_owned());
    let file = libcrypto.display().to_string();
    let mut all = vec!["-Wl,--no-as-needed", &file];
    all.extend(arguments);
    std::fs::create_dir_all(folder).expect("the test folder is writable");
    shim(&folder.join("libssl.so"), ssl, &all)
}

/// The libcrypto that was found, and how.
fn found(source: &LibrarySource) -> (Option<PathBuf>, LibcryptoOrigin) {
    let libssl = Libssl::open(source).unwrap_or_else(|error| panic!("{error}"));
    let libcrypto = libssl.loaded().libcrypto.clone();
    (libcrypto.path, libcrypto.found)
}

fn real(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok()
}

#[test]
fn libcrypto_next_to_the_libssl_is_found() {
    let folder = folder();
    let crypto = libcrypto(folder.path(), "libcrypto-next-to-it.so.9");
    let ssl = libssl(folder.path(), &crypto, &[]);
    assert_eq!(
        found(&LibrarySource::new("next-to-it", ssl)),
        (real(&crypto), LibcryptoOrigin::SameFolder)
    );
}

#[test]
fn libcrypto_next_to_a_symlink_to_the_libssl_is_found() {
    let folder = folder();
    let crypto = libcrypto(folder.path(), "libcrypto-link.so.9");
    let ssl = libssl(&folder.path().join("elsewhere"), &crypto, &[]);
    let link = folder.path().join("libssl-link.so");
    std::os::unix::fs::symlink(ssl, &link).expect("the test folder is writable");
    assert_eq!(
        found(&LibrarySource::new("link", link)),
        (real(&crypto), LibcryptoOrigin::SameFolder)
    );
}

#[test]
fn libcrypto_in_the_runpath_of_the_libssl_is_found() {
    for (tag, kind) in [
        ("-Wl,--enable-new-dtags", "runpath"),
        ("-Wl,--disable-new-dtags", "rpath"),
    ] {
        let folder = folder();
        let crypto = libcrypto(
            &folder.path().join("lib"),
            &format!("libcrypto-{kind}.so.9"),
        );
        let ssl = libssl(
            folder.path(),
            &crypto,
            &[tag, "-Wl,-rpath,/nowhere:$ORIGIN/lib"],
        );
        assert_eq!(
            found(&LibrarySource::new("own", ssl)),
            (real(&crypto), LibcryptoOrigin::OwnDependency),
            "{kind}"
        );
    }
}

#[test]
fn named_libcrypto_takes_precedence() {
    let folder = folder();
    let next_to_it = libcrypto(folder.path(), "libcrypto-named.so.9");
    let named = libcrypto(&folder.path().join("named"), "libcrypto-named.so.9");
    let ssl = libssl(folder.path(), &next_to_it, &[]);
    let source = LibrarySource {
        libcrypto: Some(named.clone()),
        ..LibrarySource::new("named", ssl)
    };
    assert_eq!(found(&source), (real(&named), LibcryptoOrigin::Named));
}

#[test]
fn missing_libcrypto_is_named_with_the_option_that_helps() {
    let folder = folder();
    let crypto = libcrypto(folder.path(), "libcrypto-nowhere.so.9");
    let ssl = libssl(folder.path(), &crypto, &[]);
    std::fs::remove_file(crypto).expect("the test folder is writable");
    let error = load_error(&ssl);
    assert!(matches!(error, LoadError::NoDependency { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("needs libcrypto-nowhere.so.9, which") && text.contains("--libcrypto PATH"),
        "{text}"
    );
}

#[test]
fn libssl_without_a_needed_libcrypto_gets_one_that_has_its_symbols() {
    let folder = folder();
    let header = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("the test folder is writable");
        path.display().to_string()
    };
    let has = header("has.h", "long ERR_of_ours(void) { return 1; }\n");
    let needs = header(
        "needs.h",
        "long ERR_of_ours(void);\nlong use(void) { return ERR_of_ours(); }\n",
    );
    let crypto = |name: &str| is_crypto(name).then(|| name.to_owned());
    let ssl = |name: &str| (!is_crypto(name)).then(|| name.to_owned());
    let ssl = shim(&folder.path().join("libssl.so"), ssl, &["-include", &needs]);
    let error = load_error(&ssl);
    assert!(matches!(error, LoadError::NoLibcrypto { .. }), "{error:?}");
    // One library that lacks the symbol, and one that has it.
    shim(&folder.path().join("libcrypto.so.1"), crypto, &[]);
    let right = folder.path().join("libcrypto.so.2");
    let right = shim(&right, crypto, &["-include", &has]);
    assert_eq!(
        found(&LibrarySource::new("silent", ssl)),
        (real(&right), LibcryptoOrigin::SameFolder)
    );
}

#[test]
fn named_libcrypto_that_is_not_used_is_an_error() {
    let folder = folder();
    let crypto = libcrypto(folder.path(), "libcrypto-unused.so.9");
    let whole = shim(&folder.path().join("whole.so"), all, &[]);
    let source = LibrarySource {
        libcrypto: Some(crypto),
        ..LibrarySource::new("whole", whole)
    };
    let error = error_of(&source);
    assert!(
        matches!(error, LoadError::LibcryptoUnused { .. }),
        "{error}"
    );
}

#[test]
fn named_libcrypto_with_another_soname_is_an_error() {
    let folder = folder();
    let crypto = libcrypto(folder.path(), "libcrypto-right.so.9");
    let other = libcrypto(folder.path(), "libcrypto-wrong.so.8");
    let ssl = libssl(folder.path(), &crypto, &[]);
    let source = LibrarySource {
        libcrypto: Some(other),
        ..LibrarySource::new("other", ssl)
    };
    let text = error_of(&source).to_string();
    assert!(
        text.contains("needs libcrypto-right.so.9") && text.contains("libcrypto-wrong.so.8"),
        "{text}"
    );
}

#[test]
fn libraries_that_need_different_files_of_one_name_are_not_confused() {
    let folder = folder();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let of = |folder: &Path| {
        let crypto = libcrypto(folder, "libcrypto-twice.so.9");
        (
            LibrarySource::new("twice", libssl(folder, &crypto, &[])),
            crypto,
        )
    };
    let ((one, its), (other, _)) = (of(&first), of(&second));
    assert_eq!(found(&one), (real(&its), LibcryptoOrigin::SameFolder));
    match error_of(&other) {
        LoadError::NameTaken { taken, .. } => assert_eq!(Some(taken), real(&its)),
        other => panic!("something else went wrong: {other}"),
    }
}

#[test]
fn libssls_of_one_name_stay_separate() {
    let folder = folder();
    let of = |name: &str, version: &str| {
        let path = folder.path().join(name);
        let text = format!(
            "-Dversion_of_ours=const char *OpenSSL_version(int i) {{ return \"Shim {version}\"; }}"
        );
        let but = |name: &str| (name != "OpenSSL_version").then(|| name.to_owned());
        let source = ["-Wl,-soname,libssl-same.so.9", "-include"];
        let header = folder.path().join(format!("{name}.h"));
        std::fs::write(&header, text.split_once('=').expect("a definition").1)
            .expect("the test folder is writable");
        let header = header.display().to_string();
        shim(&path, but, &[source[0], source[1], &header])
    };
    for (name, version) in [("one.so", "1"), ("two.so", "2")] {
        let libssl = Libssl::load("same", &of(name, version)).expect("a libssl");
        assert_eq!(libssl.loaded().version, format!("Shim {version}"));
        assert!(libssl.loaded().path.ends_with(name));
    }
}

#[test]
fn other_needed_library_next_to_the_libssl_is_found() {
    let folder = folder();
    let helper = compile(
        &folder.path().join("libhelper-of-ours.so.1"),
        "int helper_of_ours(void) { return 1; }\n",
        &["-Wl,-soname,libhelper-of-ours.so.1"],
    );
    let file = helper.display().to_string();
    let ssl = folder.path().join("libssl.so");
    let ssl = shim(&ssl, all, &["-Wl,--no-as-needed", &file]);
    assert_eq!(
        found(&LibrarySource::new("helped", &ssl)),
        (real(&ssl), LibcryptoOrigin::Inside)
    );
    std::fs::remove_file(helper).expect("the test folder is writable");
}
