#!/bin/sh
# The command line's frame: exit codes, JSON, suggestions, colour.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$TEST_TMP" || exit 1

run "$TITO"
expect 'tito alone succeeds' 0
check 'and says where we are and what to do next' grep -q '^Next:' "$out"
run "$TITO" --json
one_object 'tito --json is one object' '(.commands | length > 1) and (.next | length > 0)'

commands=$("$TITO" --json | jq -r '.commands[]')
for command in $commands; do
  run "$TITO" "$command" --help
  expect "$command --help succeeds" 0
  check "$command --help has an example" grep -q '^Example:' "$out"
done

run "$TITO" kernels --json
expect 'kernels --json succeeds' 0
one_object 'kernels --json is one object' \
  '.simd_target != "" and (.kernels | length > 0 and all(.variants[0].name == "loops"))'
TINYTORCH_KERNELS=all=loops run "$TITO" kernels --json
one_object 'TINYTORCH_KERNELS is obeyed and named' \
  '.kernels | all(.chosen == "loops" and .reason == "TINYTORCH_KERNELS")'
TINYTORCH_KERNELS=matmul run "$TITO" kernels
expect 'a bad TINYTORCH_KERNELS is a usage error' 2 'OPERATION=VARIANT'
TINYTORCH_ISA=mmx run "$TITO" kernels --json
expect 'a bad TINYTORCH_ISA is a usage error' 2 'TINYTORCH_ISA'
one_object 'an error with --json is one object too' '.exit_code == 2 and (.error | length > 0)'

run "$TITO" doctor --json
expect 'doctor --json succeeds' 0
one_object 'doctor --json tells machine, speed and checks' \
  '(.environment | length > 3) and .measured.peak_gflops > 0 and (.checks | all(.detail != ""))'
run "$TITO" doctor
expect 'doctor succeeds' 0
TINYTORCH_ISA=scalar run "$TITO" doctor
check 'doctor says that the vector kernels are off' grep -q '^advice.*vector kernels' "$out"

run "$TITO" ops --markdown --json
expect 'a text and an object at once are refused' 2 'without --json'
one_object 'by one object' '.exit_code == 2'
"$TITO" doctor --json >"$out" 2>"$err" &
pid=$!
for _ in $(seq 100); do # until the script has become the tool
  case $(readlink /proc/$pid/exe) in *tito) break ;; esac
  sleep 0.05
done
sleep 0.2
kill -INT $pid
wait $pid
code=$?
if [ "$code" = 0 ]; then
  skip 'Ctrl-C ends doctor' 'it was done before'
else
  expect 'Ctrl-C ends doctor' 130
  one_object 'with one object' '.exit_code == 130 and .error == "interrupted"'
fi

run "$TITO" kernel
expect 'an unknown command names the nearest' 2 "did you mean 'kernels'|Did you mean 'kernels'"
run "$TITO" kernels --jsn
expect 'an unknown option names the nearest' 2 "unknown option '--jsn'.*'--json'"
run "$TITO" kernels stray
expect 'a stray argument is refused' 2 "unexpected argument 'stray'"
run "$TITO" --colour
expect 'an unknown option of the tool itself is refused' 2 "'--colour'"
run "$TITO" kernels --json --nope
expect 'a wrong option beside --json' 2
one_object 'still prints one object' '.exit_code == 2'
run "$TITO" help kernels
expect 'help COMMAND' 0
run "$TITO" help nothing
expect 'help of an unknown command' 2
run "$TITO" --version
check 'the version' grep -qE '^TinyTorch [0-9]+\.[0-9]+\.[0-9]+$' "$out"

if [ -w /dev/full ]; then
  "$TITO" kernels >/dev/full 2>"$err"
  code=$?
  expect 'a full disk is an I/O error' 4 'No space left'
  "$TITO" kernels --json >/dev/full 2>"$err"
  code=$?
  expect 'a full disk with --json' 4 'No space left'
fi
run "$TITO" kernels
check 'no colour without a terminal' sh -c '! grep -q "$(printf "\033")" "$1"' sh "$out"
finish
