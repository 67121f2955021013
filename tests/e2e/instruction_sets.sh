#!/bin/sh
# The op suite and PyTorch's values on each instruction set that the machine has, and with the plain
# loops instead of SIMD. (That AVX-512 and AVX2 give the same bits is a test of the suite itself.)
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
tests=$TINYTORCH_HOME/build/release/tinytorch_tests
[ -x "$tests" ] || { skip 'the suite' 'the tests are not built'; finish; }
suite='--gtest_filter=OpSuite.*:GoldenOps.*'
for isa in avx512 avx2 neon scalar; do
  TINYTORCH_ISA=$isa "$TITO" kernels --json >"$out" 2>"$err" || {
    skip "$isa" 'not on this machine'
    continue
  }
  check "$isa is what runs" jq -e --arg isa "$isa" \
    '.simd_target | ascii_downcase | sub("avx3"; "avx512") == $isa' "$out"
  check "the suite with $isa" env "TINYTORCH_ISA=$isa" "$tests" "$suite"
done
check 'the suite without SIMD' env TINYTORCH_KERNELS=all=loops "$tests" "$suite"
finish
