#!/bin/sh
# docs/adding.md, followed: its files, put where it says, become part of the op table and its tests,
# and its program learns.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
home=$TINYTORCH_HOME
build=$home/build/release
# A file's name stands alone on the line before its block.
awk -v root="$TEST_TMP" '
  /^`[a-z_\/]+\.(cpp|h)`$/ { name = substr($0, 2, length($0) - 2); next }
  $0 == "```cpp" && name != "" { file = root "/" name; dir = file; sub("/[^/]*$", "", dir)
    system("mkdir -p \"" dir "\""); on = 1; next }
  /^```/ { on = 0; name = ""; next }
  on { print >file }' "$home/docs/adding.md"
cd "$TEST_TMP" || exit 1
check 'the page has an operation, a layer, an optimizer, a data set and a program' \
  ls tinytorch/ops/softsign.cpp tinytorch/nn/maxout.h tinytorch/optim/signum.h \
  tinytorch/data/spirals.h spirals.cpp

# What the build does with a new file of ops/.
sources=$(printf '%s;' "$home"/tinytorch/ops/*.cpp)$TEST_TMP/tinytorch/ops/softsign.cpp
check 'the op table finds the operation' cmake "-DSOURCES=$sources" \
  "-DOUTPUT=$TEST_TMP/tinytorch/ops/op_table.inc" -P "$home/cmake/op_table.cmake"
check 'it is in it' grep -qx 'TINYTORCH_OPS(softsign)' tinytorch/ops/op_table.inc
# shellcheck disable=SC2317  # called through check
compile() {
  ${CXX:-c++} -std=c++20 -O1 -ffp-contract=off -Wall -Wextra -Wshadow -Werror -I"$TEST_TMP" \
    -I"$home" "$@"
}
check 'the operation compiles' compile -c tinytorch/ops/softsign.cpp -o softsign.o
check 'the table compiles' compile -c "$home/tinytorch/ops/table.cpp" -o table.o
suite=$build/CMakeFiles/tinytorch_tests.dir/tests/unit/ops/suite_test.cpp.o
libraries="-lfmt -lhwy -lz -lpthread"
if [ -f "$suite" ]; then
  # shellcheck disable=SC2086
  check 'the suite takes it' ${CXX:-c++} table.o softsign.o "$suite" "$build/libtinytorch.a" \
    $libraries -lgtest -lgtest_main -o suite
  check 'the suite passes with it' ./suite '--gtest_filter=OpSuite.*'
  # A suite that did not see it would pass with a wrong gradient, too.
  sed 's|c.grad() / (d \* d)|c.grad() / d|' tinytorch/ops/softsign.cpp >wrong.cpp
  check 'a wrong gradient compiles' compile -c wrong.cpp -o softsign.o
  # shellcheck disable=SC2086
  ${CXX:-c++} table.o softsign.o "$suite" "$build/libtinytorch.a" $libraries -lgtest -lgtest_main \
    -o suite
  check 'the suite catches a wrong gradient' sh -c \
    '! ./suite "--gtest_filter=OpSuite.*" >caught && grep -q "softsign: matrix" caught'
else
  skip 'the suite' 'the tests are not built'
fi
# shellcheck disable=SC2086
check 'the program compiles' compile spirals.cpp "$build/libtinytorch.a" $libraries -o spirals
check 'the program learns' ./spirals
finish
