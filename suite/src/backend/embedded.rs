//! Shared objects that are built into this program, so that it runs without the folder in which they were built. A
//! dynamic loader loads files: the bytes of an object go in, and the path of a file in the user's cache folder that has
//! exactly these bytes comes out. The file is written once and used by all later runs.
//!
//! Each process compares the whole file with the bytes before it loads it, so a damaged or exchanged file is replaced.
//! The hash only makes the file's name; the crate of the library computed it when it was built.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

/// So many bytes of a file are read and compared at a time.
const BLOCK: usize = 64 * 1024;

/// The bits of a mode that let others than the owner write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// A shared object in this program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Embedded {
    /// The backend.
    pub(super) id: &'static str,
    /// A hash of the bytes, in letters and digits.
    pub(super) hash: &'static str,
    pub(super) bytes: &'static [u8],
}

/// What came of it for each object, by its backend: a file is compared with the bytes once in each process.
static FILES: LazyLock<Mutex<HashMap<&'static str, Result<PathBuf, NoFolder>>>> =
    LazyLock::new(Mutex::default);

/// No folder takes the file of a shared object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no folder for its shared object: {}", .0.join("; "))]
pub(super) struct NoFolder(Vec<String>);

/// A file that holds exactly the bytes of `object`.
///
/// # Errors
/// [`NoFolder`], if it can be written neither into the cache folder nor into one for temporary files.
pub(super) fn file(object: Embedded) -> Result<PathBuf, NoFolder> {
    let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    files
        .entry(object.id)
        .or_insert_with(|| in_first_of(&folders(), object))
        .clone()
}

/// Where the file may be, best first. Folders of others are not used: see [`private_folder`].
fn folders() -> Vec<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let user = rustix::process::getuid().as_raw();
    // The XDG Base Directory Specification: a relative path is to be ignored.
    [cache, home]
        .into_iter()
        .flatten()
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join("writeproof"))
        .chain([std::env::temp_dir().join(format!("writeproof-{user}"))])
        .collect()
}

fn in_first_of(folders: &[PathBuf], object: Embedded) -> Result<PathBuf, NoFolder> {
    let name = format!("{}-{}.so", object.id, object.hash);
    let mut tried = Vec::new();
    for folder in folders {
        match in_folder(folder, &name, object.bytes) {
            Ok(path) => return Ok(path),
            Err(error) => tried.push(format!("{}: {error}", folder.display())),
        }
    }
    Err(NoFolder(tried))
}

fn in_folder(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    private_folder(folder)?;
    // The layout next to a copied program: a folder `libssl` with an object for each backend.
    let folder = folder.join("libssl");
    private_folder(&folder)?;
    let path = folder.join(name);
    if holds(&path, bytes).unwrap_or(false) {
        return Ok(path);
    }
    // Another process may do the same: each renames a whole file of the same bytes into place.
    let mut file = tempfile::NamedTempFile::new_in(&folder)?;
    file.write_all(bytes)?;
    file.persist(&path)?;
    Ok(path)
}

/// Whether the file holds exactly these bytes.
fn holds(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let mut file = fs::File::open(path)?;
    if file.metadata()?.len() != bytes.len() as u64 {
        return Ok(false);
    }
    let mut space = [0; BLOCK];
    for block in bytes.chunks(BLOCK) {
        let read = &mut space[..block.len()];
        file.read_exact(read)?;
        if read != block {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes the folder unless it exists. This user has to own it, and no other user may write into it: code is loaded from
/// there, and the folder for temporary files is open to all users.
fn private_folder(folder: &Path) -> io::Result<()> {
    if let Err(error) = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(error);
    }
    let about = fs::symlink_metadata(folder)?;
    let refuse = |reason: fmt::Arguments<'_>| Err(io::Error::other(reason.to_string()));
    if !about.is_dir() {
        return refuse(format_args!("not a folder"));
    }
    if about.uid() != rustix::process::getuid().as_raw() {
        return refuse(format_args!("it belongs to another user"));
    }
    if about.mode() & WRITABLE_BY_OTHERS != 0 {
        return refuse(format_args!(
            "others may write into it (mode {:o})",
            about.mode() & 0o7777
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const OBJECT: Embedded = Embedded {
        id: "one",
        hash: "0123",
        bytes: b"object",
    };

    #[test]
    fn object_is_written_once_and_found_by_its_bytes() {
        let temporary = tempfile::tempdir().expect("a folder");
        let folders = [temporary.path().join("cache/writeproof")];

        let first = in_first_of(&folders, OBJECT).expect("a file");
        let written = fs::metadata(&first).expect("a file").ino();
        let second = in_first_of(&folders, OBJECT).expect("a file");
        let newer = Embedded {
            hash: "4567",
            bytes: b"another",
            ..OBJECT
        };
        let other = in_first_of(&folders, newer).expect("a file");

        assert_eq!(fs::read(&first).expect("a file"), b"object");
        assert_eq!(first, second);
        assert_eq!(fs::metadata(&second).expect("a file").ino(), written);
        assert_ne!(first, other, "other bytes have another file");
    }

    #[test]
    fn damaged_file_is_replaced() {
        let temporary = tempfile::tempdir().expect("a folder");
        let folders = [temporary.path().join("writeproof")];
        let path = in_first_of(&folders, OBJECT).expect("a file");
        let damaged: [&[u8]; 4] = [b"", b"objec", b"objects", b"objecT"];
        for damage in damaged {
            fs::write(&path, damage).expect("the file is ours");

            let again = in_first_of(&folders, OBJECT).expect("a file");

            assert_eq!(again, path);
            assert_eq!(fs::read(&path).expect("a file"), OBJECT.bytes);
        }
    }

    #[test]
    fn damage_after_the_first_block_is_noticed() {
        let temporary = tempfile::tempdir().expect("a folder");
        let path = temporary.path().join("object");
        let mut bytes = vec![7; 2 * BLOCK + 1];
        fs::write(&path, &bytes).expect("the folder is ours");
        assert!(holds(&path, &bytes).expect("a file"));

        bytes[2 * BLOCK] = 8;

        assert!(!holds(&path, &bytes).expect("a file"));
    }

    #[test]
    fn folder_that_others_can_write_into_is_skipped() {
        let temporary = tempfile::tempdir().expect("a folder");
        let [open, private] = ["open", "private"].map(|name| temporary.path().join(name));
        fs::create_dir(&open).expect("the folder is ours");
        fs::set_permissions(&open, Permissions::from_mode(0o777)).expect("the folder is ours");

        let path = in_first_of(&[open.clone(), private.clone()], OBJECT);
        let none = in_first_of(std::slice::from_ref(&open), OBJECT);

        assert!(path.expect("a file").starts_with(private));
        let tried = format!("{}: others may write into it (mode 777)", open.display());
        assert_eq!(none, Err(NoFolder(vec![tried])));
    }

    #[test]
    fn symbolic_link_is_not_followed() {
        let temporary = tempfile::tempdir().expect("a folder");
        let link = temporary.path().join("link");
        std::os::unix::fs::symlink(temporary.path(), &link).expect("the folder is ours");

        let none = in_first_of(std::slice::from_ref(&link), OBJECT);

        let tried = format!("{}: not a folder", link.display());
        assert_eq!(none, Err(NoFolder(vec![tried])));
    }
}
