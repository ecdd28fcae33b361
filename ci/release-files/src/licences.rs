//! The licences of what a program contains: the crates that are linked into it, by cargo's own list of them, the OpenSSL
//! libraries that two of them carry, and Rust's standard library. What only takes part in a build is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The machine that the program is for; dependencies differ between them.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// How the names of files with licences begin, in capitals.
const BEGINNINGS: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"];

/// The crates that carry the sources of OpenSSL, in a folder of this name.
const OPENSSL_CRATE: &str = "openssl-src";
const OPENSSL_SOURCES: &str = "openssl";

/// Writes the licences of the package `program` of this workspace into `folder`.
pub(crate) fn write(program: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    let graph = Graph::ask_cargo()?;
    let root = graph.id_of(program)?;
    let linked = graph.reachable(root, |edge| edge == Edge::Normal);
    let crates: Vec<&Package> = linked
        .iter()
        .filter_map(|id| graph.packages.get(id))
        .filter(|package| package.is_published)
        .collect();
    fs::write(folder.join("CRATES.txt"), of_crates(&crates)?)?;
    let built = graph.reachable(root, |edge| edge != Edge::Development);
    let mut libraries = 0;
    for package in built.iter().filter_map(|id| graph.packages.get(id)) {
        let sources = package.folder.join(OPENSSL_SOURCES);
        if package.name == OPENSSL_CRATE && sources.is_dir() {
            let (_, version) = package.version.split_once('+').unwrap_or_default();
            let text: String = texts_in(&sources)?.concat();
            fs::write(folder.join(format!("OpenSSL-{version}.txt")), text)?;
            libraries += 1;
        }
    }
    if libraries == 0 {
        return Err("no crate with the sources of OpenSSL was found".into());
    }
    let standard_library = sysroot()?.join("share/doc/rust/COPYRIGHT-library.html");
    fs::copy(&standard_library, folder.join("Rust-standard-library.html"))
        .map_err(|error| format!("{}: {error}", standard_library.display()))?;
    Ok(())
}

/// A line for each crate; then each text once, under the names of the crates that carry it.
fn of_crates(crates: &[&Package]) -> Result<String, Box<dyn Error>> {
    let mut list = String::from(
        "The program contains these crates from https://crates.io, under these licences:\n\n",
    );
    let mut texts: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    for package in crates {
        let name = format!("{} {}", package.name, package.version);
        writeln!(list, "{name}: {}", package.licence)?;
        for text in texts_in(&package.folder)? {
            let words: Vec<&str> = text.split_whitespace().collect();
            let (_, names) = texts
                .entry(words.join(" "))
                .or_insert_with(|| (text, BTreeSet::new()));
            names.insert(name.clone());
        }
    }
    for (text, names) in texts.values() {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let line = "=".repeat(80);
        write!(
            list,
            "\n{line}\n{}\n{line}\n\n{}\n",
            names.join(", "),
            text.trim_end()
        )?;
    }
    Ok(list)
}

/// The texts of the licences in this folder.
fn texts_in(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_uppercase();
        if path.is_file()
            && BEGINNINGS
                .iter()
                .any(|beginning| name.starts_with(beginning))
        {
            files.push(path);
        }
    }
    files.sort();
    let read =
        |path: &PathBuf| fs::read(path).map(|text| String::from_utf8_lossy(&text).into_owned());
    Ok(files.iter().map(read).collect::<Result<_, _>>()?)
}

fn sysroot() -> Result<PathBuf, Box<dyn Error>> {
    let output = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()?;
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}

/// The packages of a build, and which needs which.
struct Graph {
    packages: BTreeMap<String, Package>,
    edges: BTreeMap<String, Vec<(String, Edge)>>,
}

struct Package {
    name: String,
    version: String,
    /// An SPDX expression.
    licence: String,
    folder: PathBuf,
    /// It is from a registry, and no part of this workspace.
    is_published: bool,
    /// It runs in the compiler.
    is_macro: bool,
}

/// What one package needs another for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Normal,
    Build,
    Development,
}

impl Graph {
    fn ask_cargo() -> Result<Self, Box<dyn Error>> {
        let output = Command::new("cargo")
            .args(["metadata", "--locked", "--format-version", "1"])
            .args(["--filter-platform", TARGET])
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        let metadata: Value = serde_json::from_slice(&output.stdout)?;
        let packages = list(&metadata["packages"]).map(Package::parse).collect();
        let nodes = list(&metadata["resolve"]["nodes"]);
        let edges = nodes.map(|node| {
            (
                text(&node["id"]),
                list(&node["deps"]).flat_map(edges).collect(),
            )
        });
        Ok(Self {
            packages,
            edges: edges.collect(),
        })
    }

    fn id_of(&self, name: &str) -> Result<&str, String> {
        let mut packages = self.packages.iter();
        let found = packages.find(|(_, package)| package.name == name && !package.is_published);
        found
            .map(|(id, _)| id.as_str())
            .ok_or_else(|| format!("the workspace has no {name}"))
    }

    /// The packages that are reached over such edges, without those that run in the compiler.
    fn reachable(&self, root: &str, follow: impl Fn(Edge) -> bool) -> BTreeSet<String> {
        let mut reached = BTreeSet::from([root.to_owned()]);
        let mut open = vec![root];
        while let Some(id) = open.pop() {
            for (id, edge) in self.edges.get(id).into_iter().flatten() {
                let is_macro = self
                    .packages
                    .get(id)
                    .is_some_and(|package| package.is_macro);
                if follow(*edge) && !is_macro && reached.insert(id.clone()) {
                    open.push(id);
                }
            }
        }
        reached
    }
}

impl Package {
    fn parse(package: &Value) -> (String, Self) {
        let manifest = PathBuf::from(text(&package["manifest_path"]));
        let kinds = list(&package["targets"]).flat_map(|target| list(&target["kind"]));
        let parsed = Self {
            name: text(&package["name"]),
            version: text(&package["version"]),
            licence: text(&package["license"]),
            folder: manifest.parent().unwrap_or(Path::new("")).to_owned(),
            is_published: !package["source"].is_null(),
            is_macro: kinds.into_iter().any(|kind| kind == "proc-macro"),
        };
        (text(&package["id"]), parsed)
    }
}

/// The edges to one package: one for each kind of dependency.
fn edges(dependency: &Value) -> impl Iterator<Item = (String, Edge)> {
    list(&dependency["dep_kinds"]).map(|kind| {
        let edge = match kind["kind"].as_str() {
            None => Edge::Normal,
            Some("build") => Edge::Build,
            Some(_) => Edge::Development,
        };
        (text(&dependency["pkg"]), edge)
    })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
