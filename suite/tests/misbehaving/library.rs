//! Libraries that misbehave, each in one way. Most are a C file in this folder, compiled once for
//! each content. The family `file` is made here: files that are not libraries, are for another
//! machine, or lack a function.

use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use writeproof_openssl_1_1_1::LIBSSL;

/// The name by which the shims ask the loader for the real library.
const SONAME: &str = "libssl-writeproof-1.1.1.so";

/// The offset of `e_machine` in the ELF header (elf(5)), for either class and byte order.
const MACHINE: usize = 18;

/// The path of a library by its name, `FAMILY/NAME`; the library is built if it does not exist.
pub(crate) fn library(name: &str) -> PathBuf {
    match name.split_once('/') {
        Some(("file", kind)) => file(kind),
        _ => shim(name),
    }
}

/// The names of all C files, sorted.
pub(crate) fn shims() -> Vec<String> {
    let folders = entries(&sources()).into_iter().filter(|path| path.is_dir());
    folders
        .flat_map(|folder| entries(&folder))
        .filter(|path| path.extension() == Some(OsStr::new("c")))
        .map(|path| {
            let name = path.strip_prefix(sources()).expect("it stands in there");
            name.with_extension("").to_string_lossy().into_owned()
        })
        .collect()
}

/// A sentence about the library: the first comment of its file.
pub(crate) fn does(name: &str) -> String {
    if let Some(("file", kind)) = name.split_once('/') {
        return format!(
            "Stands where a library is expected: {}.",
            kind.replace('-', " ")
        );
    }
    let text = fs::read_to_string(sources().join(name).with_extension("c")).expect("a C file");
    let comment = text
        .strip_prefix("/* ")
        .and_then(|text| text.split_once(" */"));
    comment.expect("a comment").0.to_owned()
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/misbehaving")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of this repository");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    paths.sort();
    paths
}

/// Compiles a C file against the real library.
fn shim(name: &str) -> PathBuf {
    let source = sources().join(name).with_extension("c");
    let texts = [&source, &sources().join("shim.h")]
        .map(|path| fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
    made(name, &(texts, LIBSSL), |object| {
        // Next to all shims, where they and the linker find it.
        let real = folder().join(SONAME);
        if !fs::read_link(&real).is_ok_and(|there| there == Path::new(LIBSSL)) {
            // Replaces the link of an earlier build; other tests may do the same at the same time.
            let new = tempfile::tempdir_in(folder()).expect("the test folder is writable");
            let link = new.path().join(SONAME);
            symlink(LIBSSL, &link).expect("the test folder is writable");
            fs::rename(&link, &real).expect("within one folder");
        }
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let done = Command::new(compiler)
            .args(["-std=gnu11", "-shared", "-fPIC", "-pthread", "-o"])
            .args([object, &source])
            // Linked although some shims do not use it, and found in the folder of the shim.
            .args(["-Wl,--no-as-needed,-rpath,$ORIGIN"])
            .args([&real, Path::new("-ldl")])
            .status()
            .expect("a C compiler");
        assert!(done.success(), "{name} does not compile");
    })
}

/// A file in the place of a library.
fn file(kind: &str) -> PathBuf {
    let changed = |change: fn(&mut Vec<u8>)| {
        made(&format!("file/{kind}"), &LIBSSL, |path| {
            let mut bytes = fs::read(LIBSSL).expect("the built library");
            change(&mut bytes);
            fs::write(path, bytes).expect("the test folder is writable");
        })
    };
    match kind {
        "missing" => folder().join("missing.so"),
        "folder" => folder(),
        "device" => PathBuf::from("/dev/null"),
        "empty" => changed(Vec::clear),
        "text" => changed(|bytes| *bytes = b"SSL_write is not in here\n".to_vec()),
        "cut-off" => changed(|bytes| bytes.truncate(bytes.len() / 2)),
        "for-another-machine" => changed(|bytes| bytes[MACHINE] ^= 0xff),
        "without-ssl-write" => changed(|bytes| rename(bytes, "SSL_write", "SSL_wrong")),
        "without-bio-meth-new" => changed(|bytes| rename(bytes, "BIO_meth_new", "BIO_meth_old")),
        "forbidden" => made("file/forbidden", &(), |path| {
            fs::write(path, "Only root can read this.\n").expect("the test folder is writable");
            fs::set_permissions(path, fs::Permissions::from_mode(0o000))
                .expect("the test file is writable");
        }),
        "pipe-without-a-writer" => made("file/pipe", &(), |path| {
            let done = Command::new("mkfifo").arg(path).status();
            assert!(done.expect("a POSIX system").success(), "no pipe");
        }),
        _ => panic!("file/{kind} has no rule"),
    }
}

/// Renames a function in the dynamic symbol table. The hash table keeps the hash of the old name,
/// so that neither name is found.
fn rename(bytes: &mut [u8], from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let whole = |name: &str| [b"\0", name.as_bytes(), b"\0"].concat();
    let (from, to) = (whole(from), whole(to));
    let found: Vec<usize> = (0..bytes.len() - from.len())
        .filter(|&at| bytes[at..].starts_with(&from))
        .collect();
    assert!(!found.is_empty(), "the library has no such name");
    for at in found {
        bytes[at..at + to.len()].copy_from_slice(&to);
    }
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("misbehaving");
    fs::create_dir_all(&folder).expect("cargo's folder for tests");
    folder
}

/// A file created by `make`, once for each content, even if several tests need it at once.
fn made(name: &str, content: &impl Hash, make: impl FnOnce(&Path)) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    let key = hasher.finish();
    let flat = name.replace('/', "-");
    let path = folder().join(format!("{flat}-{key:016x}.so"));
    if !path.exists() {
        let new = tempfile::Builder::new()
            .prefix(&flat)
            .tempdir_in(folder())
            .expect("the test folder is writable");
        let file = new.path().join("new.so");
        make(&file);
        fs::rename(&file, &path).expect("within one folder");
    }
    path
}
