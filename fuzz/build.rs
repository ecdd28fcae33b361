//! Exports the symbols of libFuzzer and the sanitizers' runtime from the executable, for the
//! instrumented shared objects that the targets load. Nothing else is exported: the reference
//! library is linked into the executable too, and its functions must not replace those of another
//! library.

/// The symbols that instrumented C code needs
/// (<https://clang.llvm.org/docs/SanitizerCoverage.html>, `compiler-rt/lib/asan`).
const EXPORTED: [&str; 5] = [
    "__sanitizer_*",
    "__sancov_*",
    "__asan_*",
    "__ubsan_*",
    "__interceptor_*",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for symbols in EXPORTED {
        println!("cargo::rustc-link-arg-bins=-Wl,--export-dynamic-symbol={symbols}");
    }
}
