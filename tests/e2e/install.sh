#!/bin/sh
# Another project finds, builds against and runs the installed library.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
prefix=$TEST_TMP/a\ prefix
source=$TINYTORCH_HOME/tests/install

check 'installs to a prefix' cmake --install "$TINYTORCH_HOME/build/release" --prefix "$prefix"
check 'the installed tool runs' "$prefix/bin/tito" kernels --json
check 'no private header is installed' sh -c '
  find "$1/include" -name "*.h" | grep -E -f "$2" && exit 1; exit 0' sh "$prefix" \
  "$TINYTORCH_HOME/cmake/private-headers.txt"

# Every public header compiles in a project that has only the installed ones.
all=$TEST_TMP/all_headers.cpp
(cd "$prefix/include" && find tinytorch -name '*.h' | sort | sed 's/.*/#include "&"/') >"$all"
with_onnx=OFF
[ -z "$(find "$prefix" -name TinyTorchOnnxTargets.cmake)" ] || with_onnx=ON
check 'there are public headers' [ -s "$all" ]
check 'find_package: configures' cmake -S "$source" -B "$TEST_TMP/build" -G Ninja \
  -DCMAKE_PREFIX_PATH="$prefix" -DALL_HEADERS="$all" -DEXAMPLES="$TINYTORCH_HOME/examples" \
  -DONNX="$with_onnx"
check 'find_package: builds, with every public header' cmake --build "$TEST_TMP/build"
check 'find_package: runs' "$TEST_TMP/build/consumer"
if [ "$with_onnx" = ON ]; then
  check 'the component onnx: a network goes out and comes back' sh -c \
    'cd "$1" && build/onnx_consumer' sh "$TEST_TMP"
else
  skip 'the component onnx' 'this build is without it'
  check 'has no headers then' test ! -e "$prefix/include/tinytorch/onnx"
fi
check 'the README'"'"'s program learns' "$TEST_TMP/build/xor"
cd "$TEST_TMP" || exit 1  # where it writes a file
check 'the tutorial learns, saves, loads, predicts' sh -c './build/tutorial >printed'
check 'it is short' sh -c '[ "$(wc -l <"$1")" -lt 60 ]' sh "$TINYTORCH_HOME/examples/tutorial.cpp"
page=$TINYTORCH_HOME/docs/tutorial.md
block() { awk -v kind="$1" '$0 == "```" kind { on = 1; next } /^```/ { on = 0 } on' "$page"; }
block cpp >shown.cpp
check 'docs/tutorial.md shows it' cmp shown.cpp "$TINYTORCH_HOME/examples/tutorial.cpp"
# Of its output the numbers behind the decimal point may differ with the processor.
block text | grep -v '^\.\.\.$' | sed 's/loss .*/loss/; s/^3[0-9][0-9] of/3xx of/' >promised
sed -n '1,9p; 22,$p' printed | sed 's/loss .*/loss/; s/^3[0-9][0-9] of/3xx of/' >given
check 'docs/tutorial.md shows what it prints' cmp promised given

if command -v pkg-config >/dev/null 2>&1; then
  PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name tinytorch.pc)")
  export PKG_CONFIG_PATH
  check 'pkg-config: builds' sh -c 'eval "c++ -std=c++20 \"$1\" -o \"$2\" \
    $(pkg-config --cflags --libs tinytorch)"' sh "$source/main.cpp" \
    "$TEST_TMP/by-pkg-config"
  check 'pkg-config: runs' "$TEST_TMP/by-pkg-config"
else
  skip pkg-config 'not installed'
fi
finish
