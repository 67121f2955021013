#!/bin/sh
# The factors of the micro-kernels stay in registers: a compiler that puts them on the stack costs
# half the speed and changes no result. Read from the machine code of the AVX-512 tiles.
# shellcheck disable=SC2317 # functions are called by check
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
objects=$TINYTORCH_HOME/build/release/CMakeFiles/tinytorch.dir/tinytorch/kernels/simd
[ "$(uname -m)" = x86_64 ] || { skip 'registers' 'not an x86-64'; finish; }
command -v objdump >/dev/null 2>&1 || { skip 'registers' 'no objdump'; finish; }

# multiplications OBJECT FUNCTION: how many fused multiply-adds the AVX-512 instances of FUNCTION<...>
# have, and how many of them read from the stack.
multiplications() {
  objdump -d -C --no-show-raw-insn "$objects/$1.cpp.o" | awk -v wanted="N_AVX3.*[:]$2<" '
    /^[0-9a-f]+ <.*>:$/ { inside = $0 ~ wanted }
    inside && /vfmadd/ { ++all; if (/\(%rsp/) ++spilled }
    END { print all + 0, spilled + 0 }'
}
in_registers() {
  multiplications "$1" "$2" >"$TEST_TMP/count"
  read -r all spilled <"$TEST_TMP/count"
  echo "$1, $2: $all multiply-adds, $spilled from the stack"
  [ "$all" -gt 100 ] && [ "$spilled" -eq 0 ]
}
check 'the tiles of direct convolution keep their factors in registers' in_registers direct_conv tile
check 'those of matrix products' in_registers matmul tile
check "those of a convolution's weight gradient" in_registers conv_grad_weight grad_tile
finish
