#!/bin/sh
# What an operation costs beside its kernel, in instructions as callgrind counts them: the same on
# every run. (libtorch 1.13 spends 5,990 on the sum of 64 floats, 10,508 when it is recorded.)
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
program=$TINYTORCH_HOME/build/release/count_instructions
[ -x "$program" ] || { skip 'instructions' 'the counter is not built'; finish; }
command -v valgrind >/dev/null 2>&1 || { skip 'instructions' 'no valgrind'; finish; }

collected() {
  TINYTORCH_ISA=avx2 valgrind --tool=callgrind --toggle-collect=main \
    --callgrind-out-file=/dev/null "$program" "$1" "$2" 2>&1 | sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}
# each WHAT REPEATS: instructions of one repeat, without those of the start and end. (What happens
# before main is not counted.)
each() {
  few=$(collected "$1" "$2")
  many=$(collected "$1" $(($2 * 11)))
  echo $(((many - few) / ($2 * 10)))
}
# shellcheck disable=SC2317 # called by check
counted_within() { [ "$1" -gt 0 ] && [ "$1" -le "$2" ]; }
# gate NAME COUNT LIMIT
gate() {
  printf '%s: %s of %s instructions\n' "$1" "$2" "$3"
  check "$1 takes at most $3 instructions" counted_within "$2" "$3"
}

gate 'the sum of 64 floats' "$(each add 4000)" 400
gate 'a recorded sum' "$(each add_recorded 4000)" 600
for op in add mul relu; do
  forward=$(each ${op}_chain 40)
  both=$(each ${op}_backward 40)
  gate "backward of a node of $op" $(((both - forward) / 100)) 1000
done
finish
