//! The command `writeproof`; see `writeproof --help`.

use writeproof::internal::cli;

fn main() -> cli::Exit {
    cli::main(std::env::args_os())
}
