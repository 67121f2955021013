#!/bin/sh
# Format and lint with the tools of LLVM 19.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$TINYTORCH_HOME" || exit 1
git ls-files '*.h' '*.cpp' >"$TEST_TMP/files"
if command -v clang-format-19 >/dev/null 2>&1; then
  check 'clang-format' xargs clang-format-19 --dry-run -Werror <"$TEST_TMP/files"
else
  skip clang-format 'clang-format-19 is not installed'
fi
if command -v clang-tidy-19 >/dev/null 2>&1; then
  # Precompiled headers are g++'s: compile commands without them, the library and the tool only.
  cmake -S . -B "$TEST_TMP/lint" -G Ninja -DCMAKE_BUILD_TYPE=Release -DTINYTORCH_TESTS=OFF \
    -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >"$TEST_TMP/cmake.log" 2>&1
  cmake --build "$TEST_TMP/lint" --target generated/tinytorch/ops/op_table.inc \
    >>"$TEST_TMP/cmake.log" 2>&1
  grep -E '^(tinytorch/.*|cli/.*|bench/[^/]*|milestones/.*)\.cpp$' "$TEST_TMP/files" |
    xargs -n 4 -P "$(nproc)" clang-tidy-19 --quiet -p "$TEST_TMP/lint" --warnings-as-errors='*' \
      --extra-arg=-Wno-unknown-warning-option \
      >"$TEST_TMP/tidy.log" 2>"$TEST_TMP/tidy.err"
  code=$?
  : >"$err"
  [ "$code" = 0 ] || cat "$TEST_TMP/tidy.log" "$TEST_TMP/tidy.err"
  expect 'clang-tidy' 0
else
  skip clang-tidy 'clang-tidy-19 is not installed'
fi
if command -v shellcheck >/dev/null 2>&1; then
  check 'shellcheck' shellcheck -x -e SC2016,SC2034 tito tests/*.sh tests/*/*.sh
else
  skip shellcheck 'not installed'
fi
finish
