//! `snapshots/README.md`: each recorded difference is covered by a row of its backend's table, and no row names a
//! scenario that has no such recording.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use writeproof::scenario::{Id, Pattern};

fn snapshots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots")
}

/// The scenarios of the files `FAMILY/NAME@BACKEND.snap`, by backend.
fn recorded() -> BTreeMap<String, BTreeSet<Id>> {
    let mut recorded: BTreeMap<String, BTreeSet<Id>> = BTreeMap::new();
    let families = fs::read_dir(snapshots()).unwrap().map(Result::unwrap);
    for family in families.filter(|entry| entry.path().is_dir()) {
        let family = family.file_name().into_string().unwrap();
        for file in fs::read_dir(snapshots().join(&family)).unwrap() {
            let file = file.unwrap().file_name().into_string().unwrap();
            let of_backend = file.strip_suffix(".snap").and_then(|f| f.split_once('@'));
            if let Some((name, backend)) = of_backend {
                let id = Id::new(&format!("{family}/{name}")).unwrap();
                recorded.entry(backend.to_owned()).or_default().insert(id);
            }
        }
    }
    recorded
}

/// The patterns in the second column of the table of each backend.
fn described() -> BTreeMap<String, Vec<String>> {
    let document = fs::read_to_string(snapshots().join("README.md")).unwrap();
    let sections = document.split("\n## ").skip(1);
    let tables = sections.filter(|section| section.contains("\n| difference | scenarios |"));
    let of_table = |section: &str| {
        let backend = section.lines().next().unwrap().to_owned();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| "));
        let cells = rows.filter_map(|row| row.split(" | ").nth(1));
        let patterns = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
        (backend, patterns.map(str::to_owned).collect())
    };
    tables.map(of_table).collect()
}

/// The pattern once for each of the words between its braces.
fn spelled_out(pattern: &str) -> Vec<String> {
    let parts = pattern.split_once('{').zip(pattern.split_once('}'));
    let Some(((before, _), (opened, after))) = parts else {
        return vec![pattern.to_owned()];
    };
    let words = opened[before.len() + 1..].split(',');
    words.map(|word| format!("{before}{word}{after}")).collect()
}

#[test]
fn every_recorded_difference_has_a_row_that_explains_it_and_no_row_explains_nothing() {
    let (recorded, described) = (recorded(), described());
    assert_eq!(
        recorded.keys().collect::<Vec<_>>(),
        described.keys().collect::<Vec<_>>(),
        "backends with recorded differences, and with a table"
    );
    for (backend, ids) in recorded {
        let mut unexplained = ids.clone();
        for pattern in described[&backend].iter().flat_map(|p| spelled_out(p)) {
            let means = Pattern::new(&pattern).unwrap();
            assert!(
                ids.iter().any(|id| means.matches(id)),
                "{backend}: `{pattern}` names nothing that was recorded"
            );
            unexplained.retain(|id| !means.matches(id));
        }
        assert!(
            unexplained.is_empty(),
            "{backend}: no row for {unexplained:?}"
        );
    }
}
