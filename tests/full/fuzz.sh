#!/bin/sh
# Each libFuzzer target of tests/fuzz/ for FUZZ_SECONDS (10), on top of its committed corpus.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$TINYTORCH_HOME" || exit 1
if ! command -v clang++-19 >/dev/null 2>&1; then
  skip fuzz 'clang++-19 is not installed'
  finish
fi
check 'build of the fuzz targets' sh -c 'cmake --preset fuzz && cmake --build build/fuzz'
for target in build/fuzz/tests/fuzz/fuzz_*; do
  { [ -x "$target" ] && [ -f "$target" ]; } || continue
  name=${target##*/fuzz_}
  # New inputs go to the first folder, which is thrown away.
  mkdir "$TEST_TMP/$name" || exit 1
  set -- "-max_total_time=${FUZZ_SECONDS:-10}" -max_len=8192 -rss_limit_mb=1024 -timeout=10 \
    -malloc_limit_mb=512 "-artifact_prefix=$TEST_TMP/"
  [ ! -f "tests/fuzz/$name.dict" ] || set -- "$@" "-dict=tests/fuzz/$name.dict"
  check "fuzz $name" "$target" "$@" "$TEST_TMP/$name" "tests/fuzz/corpus/$name"
done
finish
