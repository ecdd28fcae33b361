//! Writes the files of a release other than the program into a folder: manual pages, shell completions, and the licences
//! of everything that the program contains. See `ci/release`.

mod licences;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap_complete::{Shell, generate_to};

const NAME: &str = "writeproof";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or("usage: writeproof-release-files FOLDER")?;
    let [pages, completions, licences] =
        ["man/man1", "completions", "licences"].map(|name| folder.join(name));
    for folder in [&pages, &completions, &licences] {
        fs::create_dir_all(folder)?;
    }
    clap_mangen::generate_to(writeproof::internal::cli::command(), &pages)?;
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        generate_to(
            shell,
            &mut writeproof::internal::cli::command(),
            NAME,
            &completions,
        )?;
    }
    licences::write(NAME, &licences)
}
