//! The command `writeproof`; see `writeproof --help`.

use writeproof::cli;

fn main() -> cli::Exit {
    cli::main(std::env::args_os())
}
