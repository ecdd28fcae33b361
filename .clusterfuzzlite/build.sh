#!/usr/bin/env bash
# By the convention of ClusterFuzzLite; what there is to do stands in ci/oss-fuzz.
exec bash "$SRC/writeproof/ci/oss-fuzz/build.sh"
