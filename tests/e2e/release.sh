#!/bin/sh
# tito release: what is handed out holds the starters, and no reference that can be read by the way.
# (tests/full/release.sh builds one and works with it.)
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$TEST_TMP" || exit 1

run "$TITO" release --modules 1-2 --out course --json
expect 'release makes a course' 0
one_object 'of the modules it was asked for' \
  '.modules == ["tensor", "mlp"] and .with_solutions == false and .files > 100'
check 'with its files' sh -c 'cd course && test -x tito && test -f CMakeLists.txt && test -f LICENSE &&
  test -f README.md && test -f modules/mlp/README.md && test -f modules/tensor/tests/storage.cpp &&
  test -f milestones/evidence.cpp && test -f reference.pack && ! test -e modules/cnn'
check 'without wrong bodies, exercises, mended hunts and tests of ours' sh -c '
  ! find course -path "*/wrong/*" -o -path "*/grade/*" -o -name "*.fixed.cpp" -o -path "course/tests" |
    grep -q .'
# Every region of every module is its starter, and no other line of those files has changed.
open=0 same=0
# shellcheck disable=SC2013 # no name has a blank
for name in $(grep -h '^file = ' "$TINYTORCH_HOME"/modules/*/module.toml | sort -u | cut -d'"' -f2); do
  for file in "$TINYTORCH_HOME" course; do
    awk '$1 == "//" && $2 == "tito:begin" { print; skip = 1 } $2 == "tito:end" { skip = 0 } !skip' \
      "$file/tinytorch/$name" >"outside-$(basename "$file")"
  done
  cmp -s "outside-$(basename "$TINYTORCH_HOME")" outside-course && same=$((same + 1))
  # shellcheck disable=SC2013
  for id in $(sed -n 's,^ *// tito:begin ,,p' "course/tinytorch/$name" | grep -v '\.0$'); do
    region "course/tinytorch/$name" "$id" | grep -qE 'NotImplemented|note_not_implemented' ||
      { open=$((open + 1)); echo "$name: $id holds its reference"; }
  done
done
check 'no region holds its reference' [ "$open" = 0 ]
check 'all else is the framework as it is' [ "$same" -gt 10 ]
mkdir packed && tar -xf course/reference.pack -C packed
for name in core/tensor.cpp kernels/loops/matmul.cpp core/autograd.cpp; do
  check "the pack has $name" cmp "packed/tinytorch/$name" "$TINYTORCH_HOME/tinytorch/$name"
done
check 'and the mended hunts' sh -c 'ls packed/modules/mlp/debug/*.fixed.cpp && ! test -e packed/modules/cnn'
check 'the README says what the lid is worth' grep -q 'no secrecy' course/README.md
cp -r course before
run "$TITO" release --modules 1 --out course
expect 'a second release refuses' 2 'not empty'
check 'and changes nothing' diff -r course before
run "$TITO" release --modules 9-12 --out other
expect 'modules that are not there' 2 'Modules: '
run "$TITO" release
expect 'no folder' 2 '--out'
run "$TITO" release --out whole --with-solutions --json
expect 'with solutions' 0
one_object 'it says so' '.with_solutions == true'
check 'the reference stands in its place' cmp whole/tinytorch/core/tensor.cpp \
  "$TINYTORCH_HOME/tinytorch/core/tensor.cpp"
check 'and nothing is packed' [ ! -e whole/reference.pack ]
finish
