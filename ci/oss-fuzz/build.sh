#!/usr/bin/env bash
# Builds the fuzz targets for OSS-Fuzz and ClusterFuzzLite, which set SRC, OUT, WORK, CC, CXX, CFLAGS, CXXFLAGS, SANITIZER
# and RUSTFLAGS. Into OUT go the targets, for each a zip of seeds and a file of options, and in `libssl/` the C libraries
# under test, which the targets look for beside themselves: those engines run them on other machines.
set -euo pipefail
cd "$SRC/writeproof"

case $SANITIZER in
  address) sanitizer=address ;;
  none | coverage) sanitizer=none ;;
  *)
    echo "no target can be built with the sanitizer $SANITIZER: rustc has no such one on stable ground" >&2
    exit 1
    ;;
esac

# The libraries are fuzzed as their users run them: without what they change, random numbers first of all, for a fuzzer.
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
# LLVM's C++ library, if that is what the flags choose, is the one to link too.
case ${CXXFLAGS:-} in *-stdlib=libc++*) export CXXSTDLIB=c++ ;; esac
# Of them an engine sees what makes and sends records, as with ci/fuzz; a sanitizer sees all.
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

# The far end of each connection is linked in and the same everywhere; it gets no instrumentation.
host=$(rustc -vV | sed -n 's/^host: //p')
for target in $(cargo fuzz list); do
  # The one target that tests the suite itself has it instrumented.
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
