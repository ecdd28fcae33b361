//! Compiles shared objects for the tests; every machine that can build the suite has a C compiler.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;
use writeproof::internal::backend::Backend;
use writeproof::internal::backend::libssl::{LibrarySource, Libssl, LoadError};

/// The OpenSSL 1.1.1 that the suite built; all shims pass their calls to it.
pub(crate) static REAL: LazyLock<Libssl> = LazyLock::new(|| {
    let path = Path::new(writeproof_openssl_1_1_1::LIBSSL);
    Libssl::load("real", path).expect("the built library loads")
});

/// A folder for the files of a test.
pub(crate) fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

/// Compiles C into a shared object, with additional compiler arguments.
pub(crate) fn compile(object: &Path, source: &str, arguments: &[&str]) -> PathBuf {
    let c_file = object.with_extension("c");
    fs::write(&c_file, source).expect("the test folder is writable");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let done = Command::new(compiler)
        .args(["-shared", "-fPIC", "-o"])
        .args([object, &c_file])
        .args(arguments)
        .status()
        .expect("a C compiler");
    assert!(done.success(), "{} does not compile", object.display());
    object.to_owned()
}

/// A shim with the functions of OpenSSL 1.1.1 that `spell` names.
pub(crate) fn shim(
    object: &Path,
    spell: impl Fn(&str) -> Option<String>,
    arguments: &[&str],
) -> PathBuf {
    let mut source = format!(
        "#include <dlfcn.h>\n\
         static void *real(const char *name) {{\n\
             static void *library;\n\
             if (!library) library = dlopen(\"{}\", RTLD_NOW | RTLD_LOCAL);\n\
             return dlsym(library, name);\n\
         }}\n",
        writeproof_openssl_1_1_1::LIBSSL
    );
    for name in &REAL.loaded().has {
        if let Some(spelling) = spell(name) {
            // No function of the interface has more arguments, and all are passed in registers.
            writeln!(
                source,
                "long {spelling}(long a, long b, long c, long d) {{\n\
                     static long (*to)(long, long, long, long);\n\
                     if (!to) to = (long (*)(long, long, long, long)) real(\"{name}\");\n\
                     return to(a, b, c, d);\n\
                 }}"
            )
            .expect("writing to a string does not fail");
        }
    }
    compile(object, &source, arguments)
}

/// All functions, under their own names.
pub(crate) fn all(name: &str) -> Option<String> {
    Some(name.to_owned())
}

/// All functions but these.
pub(crate) fn all_but(hidden: &'static [&'static str]) -> impl Fn(&str) -> Option<String> {
    move |name| (!hidden.contains(&name)).then(|| name.to_owned())
}

/// Whether a function is one of libcrypto.
pub(crate) fn is_crypto(name: &str) -> bool {
    ["BIO_", "ERR_", "OpenSSL_version"]
        .iter()
        .any(|start| name.starts_with(start))
}

/// The error from loading this source.
pub(crate) fn error_of(source: &LibrarySource) -> LoadError {
    match Libssl::open(source) {
        Ok(libssl) => panic!(
            "{} was loaded as {:?}",
            source.path.display(),
            libssl.about()
        ),
        Err(error) => error,
    }
}

/// The error from loading this file with no other option.
pub(crate) fn load_error(path: &Path) -> LoadError {
    error_of(&LibrarySource::new("unknown", path))
}
