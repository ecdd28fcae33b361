#!/usr/bin/env bash
# Builds the fuzz targets for OSS-Fuzz and ClusterFuzzLite, which set SRC, OUT, WORK, CC, CXX,
# CFLAGS, CXXFLAGS, SANITIZER and RUSTFLAGS. OUT receives the targets, a zip of seeds and an options
# file for each, and in `libssl/` the C libraries under test. The targets look for them next to the
# executable, since the engines run on other machines.
set -euo pipefail
cd "$SRC/writeproof"

case $SANITIZER in
  address) sanitizer=address ;;
  none | coverage) sanitizer=none ;;
  *)
    echo "no target can be built with the sanitizer $SANITIZER: rustc supports address, none and coverage here" >&2
    exit 1
    ;;
esac

# The libraries are fuzzed as their users run them: without the changes that they make for a fuzzer,
# such as predictable random numbers.
without() {
  local word kept=()
  for word in $1; do
    case $word in
      -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION) ;;
      *) kept+=("$word") ;;
    esac
  done
  echo "${kept[*]}"
}
# Links LLVM's C++ library if the flags select it.
case ${CXXFLAGS:-} in *-stdlib=libc++*) export CXXSTDLIB=c++ ;; esac
# As in ci/fuzz, only the code that makes and sends records is instrumented; sanitizers cover all.
lists=
case ${CFLAGS:-} in *-fsanitize=fuzzer*)
  lists="-fsanitize-coverage-allowlist=$PWD/ci/instrumented-files -fsanitize-coverage-ignorelist=$PWD/ci/uninstrumented-files"
  ;;
esac
CFLAGS="$(without "${CFLAGS:-}") $lists" CXXFLAGS="$(without "${CXXFLAGS:-}") $lists" \
  bash ci/instrumented-libraries >"$WORK/libraries"
mkdir -p "$OUT/libssl"
while read -r name path _; do
  cp "$path" "$OUT/libssl/$name.so"
done <"$WORK/libraries"

# The peer of each connection is linked in, is always the same, and is not instrumented.
host=$(rustc -vV | sed -n 's/^host: //p')
for target in $(cargo fuzz list); do
  # scenario_file tests the suite itself, so the suite is instrumented for it.
  wrapper=(RUSTC_WORKSPACE_WRAPPER="$PWD/ci/rustc-uninstrumented")
  [ "$target" != scenario_file ] || wrapper=()
  env -u CFLAGS RUSTC_WRAPPER="$PWD/ci/rustc-instrumented-in-part" "${wrapper[@]}" cargo fuzz build --release --sanitizer "$sanitizer" "$target"
  cp "${CARGO_TARGET_DIR:-target}/$host/release/$target" "$OUT/$target"
  cp "ci/oss-fuzz/target.options" "$OUT/$target.options"
  seeds=fuzz/corpus/$target
  if [ "$target" = scenario_file ] && [ ! -d "$seeds" ]; then
    seeds=fixtures/scenarios
  fi
  if [ -d "$seeds" ]; then
    rm -f "$OUT/${target}_seed_corpus.zip"
    (cd "$seeds" && zip -q -r "$OUT/${target}_seed_corpus.zip" .)
  fi
done
