//! The guarantees of a cache: a library is built once, a partial build is never returned, and
//! another key has another folder.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use writeproof_build_once::{BuildCache, Error, Key, RecipeError};

#[test]
fn second_call_finds_the_result_of_the_first() {
    let (_target, cache) = cache();

    let first = cache.once(&key(), write_library).unwrap();
    let second = cache.once(&key(), |_| panic!("built twice")).unwrap();

    assert_eq!(first, second);
    assert_eq!(
        fs::read_to_string(second.join("library")).unwrap(),
        "machine code"
    );
}

#[test]
fn another_key_has_another_folder() {
    let (_target, cache) = cache();

    let one = cache.once(&key(), write_library).unwrap();
    let other = cache
        .once(&key().with("flags", "-O1"), write_library)
        .unwrap();

    assert_ne!(one, other);
    assert!(one.join("library").exists());
}

#[test]
fn failed_build_is_wiped_and_repeated() {
    let (_target, cache) = cache();
    let failure = cache.once(&key(), |folder| {
        fs::write(folder.join("leftover"), "half of it")?;
        Err("the compiler fell over".into())
    });
    assert!(matches!(failure, Err(Error::Recipe { .. })), "{failure:?}");

    let folder = cache.once(&key(), write_library).unwrap();

    assert!(folder.join("library").exists());
    assert!(!folder.join("leftover").exists());
}

#[test]
fn folder_without_its_stamp_is_built_again() {
    let (_target, cache) = cache();
    let folder = cache.once(&key(), write_library).unwrap();
    fs::remove_file(folder.join("complete")).unwrap();
    fs::write(folder.join("library"), "damaged").unwrap();

    cache.once(&key(), write_library).unwrap();

    assert_eq!(
        fs::read_to_string(folder.join("library")).unwrap(),
        "machine code"
    );
}

#[test]
fn stamp_of_another_key_is_ignored() {
    let (_target, cache) = cache();
    let folder = cache.once(&key(), write_library).unwrap();
    fs::write(
        folder.join("complete"),
        "name = \"a collision of hashes\"\n",
    )
    .unwrap();
    let builds = AtomicU32::new(0);

    cache
        .once(&key(), |_| {
            builds.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
        .unwrap();

    assert_eq!(builds.into_inner(), 1);
}

#[test]
fn concurrent_threads_build_once() {
    const THREADS: u32 = 8;
    let (_target, cache) = cache();
    let (builds, arrived) = (AtomicU32::new(0), AtomicU32::new(0));

    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                arrived.fetch_add(1, Ordering::Relaxed);
                let folder = cache
                    .once(&key(), |folder| {
                        builds.fetch_add(1, Ordering::Relaxed);
                        // The other threads arrive while this one builds.
                        while arrived.load(Ordering::Relaxed) < THREADS {
                            thread::yield_now();
                        }
                        write_library(folder)
                    })
                    .unwrap();
                assert!(folder.join("library").exists());
            });
        }
    });

    assert_eq!(builds.into_inner(), 1);
}

fn cache() -> (tempfile::TempDir, BuildCache) {
    let target = tempfile::tempdir().unwrap();
    let cache = BuildCache::at(&target.path().join("c"));
    (target, cache)
}

fn key() -> Key {
    Key::new("library").with("source", "1.0")
}

fn write_library(folder: &Path) -> Result<(), RecipeError> {
    fs::write(folder.join("library"), "machine code")?;
    Ok(())
}
