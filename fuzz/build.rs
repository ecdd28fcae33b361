//! Lets shared objects that the targets load, C libraries that clang has instrumented, find libFuzzer and the sanitizers'
//! runtime in the executable. Nothing else is shown to them: the reference library is linked into the executable too,
//! and its functions must not take the place of another library's.

/// What instrumented C code calls (<https://clang.llvm.org/docs/SanitizerCoverage.html>, `compiler-rt/lib/asan`).
const SHOWN: [&str; 5] = [
    "__sanitizer_*",
    "__sancov_*",
    "__asan_*",
    "__ubsan_*",
    "__interceptor_*",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for symbols in SHOWN {
        println!("cargo::rustc-link-arg-bins=-Wl,--export-dynamic-symbol={symbols}");
    }
}
