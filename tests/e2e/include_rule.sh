#!/bin/sh
# Who may include whom: the floors of tinytorch/, and public headers only outside of it.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$TINYTORCH_HOME" || exit 1

# From the ground up; a floor includes itself and the floors below it. tinytorch.h is the roof: no
# floor includes it.
floors='core kernels ops nn data optim config onnx profiling compression benchmarking mlops'
# All that kernels may know of core: no tensors.
kernels_core='error format dtype shape parallel philox scratch'
# Other people's headers stay out of public ones.
foreign='^(fmt|hwy|nlohmann|toml\+\+|zlib|CLI|sqlite3|boost|onnx|google)([/.]|$)'

# violations ROOT: a line for each #include that breaks the rule.
violations() {
  (cd "$1" && find tinytorch cli bench milestones \( -name '*.h' -o -name '*.cpp' \) -type f \
    2>/dev/null | sort | tr '\n' '\0' | xargs -0 -r awk \
    -v floors="$floors" -v kernels_core="$kernels_core" -v foreign="$foreign" \
    -v private="$(grep -v '^#' "$TINYTORCH_HOME/cmake/private-headers.txt" | tr '\n' '|')" '
    function complain(why) { printf "%s:%d: %s (%s)\n", FILENAME, FNR, target, why }
    BEGIN {
      n = split(floors, list, " ")
      for (i = 1; i <= n; ++i) height[list[i]] = i
      n = split(kernels_core, list, " ")
      for (i = 1; i <= n; ++i) base["tinytorch/core/" list[i] ".h"] = 1
      sub(/\|$/, "", private)
      gsub(/\\/, "\\\\", private)
    }
    /^[ \t]*#[ \t]*include[ \t]*["<]/ {
      target = $0
      sub(/^[^"<]*["<]/, "", target)
      sub(/[">].*/, "", target)
      split(FILENAME, here, "/")
      split(target, there, "/")
      is_public = FILENAME ~ /^tinytorch\/.*\.h$/ && FILENAME !~ private
      if (is_public && target ~ foreign) complain("a foreign header in a public one")
      if (there[1] != "tinytorch") {
        if (here[1] == "tinytorch" && /"/ && there[1] != "hwy")
          complain("write the path from the root: tinytorch/...")
        next
      }
      if (here[1] != "tinytorch") {
        if (target ~ private) complain("a private header")
        next
      }
      if (is_public && target ~ private) complain("a private header in a public one")
      if (FILENAME == "tinytorch/tinytorch.h") next  # the roof: what users include
      if (!(here[2] in height)) complain("folder " here[2] " is no floor")
      else if (!(there[2] in height)) complain("folder " there[2] " is no floor")
      else if (height[there[2]] > height[here[2]])
        complain(here[2] " is below " there[2])
      else if (here[2] == "kernels" && there[2] == "core" && !(target in base))
        complain("kernels know only these of core: " kernels_core)
    }')
}

violations . >"$TEST_TMP/found"
check 'every #include keeps the rule' sh -c 'cat "$1"; [ ! -s "$1" ]' sh "$TEST_TMP/found"

# The test itself: each of these lines must be found.
planted() {
  rm -rf "$TEST_TMP/tree"
  mkdir -p "$TEST_TMP/tree/$(dirname "$1")"
  printf '// a file\n%s\n' "$2" >"$TEST_TMP/tree/$1"
  found=$(violations "$TEST_TMP/tree")
  case $found in
    "$1:2: "*"$3"*) ok "found: $1 with $2" ;;
    *) not_ok "found: $1 with $2"; printf '  %s\n' "$found" ;;
  esac
}
planted tinytorch/core/x.cpp '#include "tinytorch/ops/y.h"' 'core is below ops'
planted tinytorch/kernels/simd/x.cpp '#include "tinytorch/core/tensor.h"' 'kernels know only'
planted tinytorch/nn/x.h '#include "tinytorch/core/tensor_impl.h"' 'private header in a public'
planted tinytorch/nn/x.h '# include <fmt/format.h>' 'foreign header'
planted tinytorch/nn/x.cpp '#include "linear.h"' 'from the root'
planted tinytorch/nn/x.cpp '#include "tinytorch/tinytorch.h"' 'no floor'
planted tinytorch/extra/x.cpp '#include "tinytorch/core/shape.h"' 'no floor'
planted cli/x.cpp '#include "tinytorch/core/format.h"' 'a private header'
planted bench/x.cpp '#include <tinytorch/kernels/simd/vec-inl.h>' 'a private header'
finish
