#!/bin/sh
# The lab as a student uses it: workspace, verdicts, hints, predictions, resets, export. No state is
# lost or tied to a machine. (`tito course check` judges the tasks themselves: course.sh.)
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
lab=$TEST_TMP/lab
cd "$TEST_TMP" || exit 1

run "$TITO" init "$lab"
expect 'init makes a lab' 0
check 'with its files' sh -c 'cd "$1" && test -x tito && test -d tinytorch &&
  test -f modules/tensor/core/tensor.cpp && test -f modules/tensor/README.md &&
  test -f modules/tensor/predictions.toml && test -f .tito/state.json' sh "$lab"
check 'no file of the lab but .tito/local holds an absolute path' sh -c '
  cd "$1" && ! grep -rlF -e "$1" -e "$2" --exclude=local . && grep -q "^/.tito/local" .gitignore
  ' sh "$lab" "$TINYTORCH_HOME"
echo mine >"$lab/modules/tensor/notes"
(cd "$lab" && find . -type f -exec cksum {} +) | sort >"$TEST_TMP/before"
run "$TITO" init "$lab"
expect 'a second init refuses' 2 'not empty'
(cd "$lab" && find . -type f -exec cksum {} +) | sort >"$TEST_TMP/after"
check 'and loses nothing' cmp "$TEST_TMP/before" "$TEST_TMP/after"
check 'nor leaves anything beside it' sh -c '! ls -d "$1"/.lab.tito-init-* 2>/dev/null' sh "$TEST_TMP"
mkdir "$TEST_TMP/empty" && run sh -c 'cd "$1" && "$2" init .' sh "$TEST_TMP/empty" "$TITO"
expect 'init in an empty folder' 0
check 'the launcher stands in it' [ -x "$TEST_TMP/empty/tito" ]
run env -u TINYTORCH_HOME "$lab/tito" --version
expect 'the launcher finds the installation by .tito/local' 0
mv "$lab/.tito/local" "$TEST_TMP/local"
run env TINYTORCH_HOME="$TINYTORCH_HOME" "$lab/tito" --version
expect 'or by TINYTORCH_HOME' 0
run env -u TINYTORCH_HOME "$lab/tito" --version
expect 'or says what to do' 3 'TINYTORCH_HOME'
mv "$TEST_TMP/local" "$lab/.tito/local"
run "$TITO" test
expect 'test outside of a lab says how to make one' 2 'tito init'

judge() { run "$lab/tito" test "$1" --json; }

# The first build of the installation's part, and the framework's own state of mind.
judge 1
expect 'an untouched lab leaves with 1' 1
for module in "$TINYTORCH_HOME"/modules/*/module.toml; do
  name=$(basename "$(dirname "$module")")
  judge "$name"
  one_object "$name: untouched, every task is TODO" '[.modules[0].tasks[].state] | all(. == "TODO")'
done

# A student's way through one task: starter, wrong, right.
mine=$lab/modules/tensor/core/tensor.cpp
body() { printf '%s\n' "$@" >"$TEST_TMP/body" && write_region "$mine" 1.5 "$TEST_TMP/body"; }
judge 1.5
one_object 'a starter, run, is TODO and names the task' '.modules[0].tasks[0] |
  .state == "TODO" and (.tests | length > 0 and
    all(.state == "TODO" and (.text | startswith("Task 1.5 "))))'
body '  return Dims::filled(shape.rank(), 1);'
judge 1.5
one_object 'a wrong body FAILs with the first wrong index and its likely cause' \
  '.modules[0].tasks[0] | .state == "FAIL" and
    (.tests[0].text | contains("first wrong at") and contains("every stride is 1"))'
took=$(jq '.modules[0].seconds.total * 1000 | floor' "$out")
region "$TINYTORCH_HOME/tinytorch/core/tensor.cpp" 1.5 >"$TEST_TMP/body"
write_region "$mine" 1.5 "$TEST_TMP/body"
judge 1.5
expect 'the right one' 0
one_object 'passes every test' \
  '.modules[0].tasks[0] | .state == "PASS" and (.tests | all(.state == "PASS"))'
printf 'from save to verdict in %s ms; the load was %s\n' "$took" "$(cat /proc/loadavg)"
# A machine that does other work beside gets more time.
check 'save to verdict in under 3 s' sh -c '[ "$1" -lt 3000 ] ||
  { [ "$1" -lt 9000 ] && [ "$(cut -d. -f1 /proc/loadavg)" -ge "$(nproc)" ]; }' sh "$took"

cp "$mine" "$TEST_TMP/in-order"
sed 's,^// Row-major,// My own remark: row-major,; $a // at the end' "$TEST_TMP/in-order" >"$mine"
judge 1.5
one_object 'what is changed outside of the regions is told to be without effect' \
  '.modules[0] | .tasks[0].state == "PASS" and (.notes[0] | contains("outside of the regions"))'
cp "$TEST_TMP/in-order" "$mine"
judge 1.5
one_object 'and nothing is told of a file that is in order' '.modules[0].notes == []'

# Other tools: the compile commands are those of the student's own files, and so are a debugger's.
for each in core/tensor.cpp kernels/loops/matmul.cpp ops/core_gradients.cpp; do
  jq -r --arg f "/$each" '.[] | select(.file | endswith($f)) | .command' "$lab/compile_commands.json" \
    >"$TEST_TMP/command"
  check "compile_commands.json compiles $each" sh -c 'cd "$1" && [ -s "$2" ] &&
    sh -c "$(cat "$2") -fsyntax-only"' sh "$lab" "$TEST_TMP/command"
done
if command -v gdb >/dev/null 2>&1; then
  line=$(awk '/tito:end 1.5$/ { print NR - 2 }' "$mine") # its loop
  check 'gdb stops in the student'"'"'s file' sh -c 'cd "$1" && gdb -q -batch \
    -ex "break modules/tensor/core/tensor.cpp:$2" -ex run -ex bt --args build/test/tensor |
    grep -q "contiguous_strides .* at modules/tensor/core/tensor.cpp:$2"' sh "$lab" "$line"
else
  skip 'a debugger' 'there is no gdb'
fi

# Hints, predictions, solutions, resets: each is remembered and loses nothing.
run "$lab/tito" start 01 --json
one_object 'start names question, files and the first task' '.module == "tensor" and
  (.question | length > 5) and (.files | index("modules/tensor/core/tensor.cpp")) and .next == "1.1"'
run "$lab/tito" hint 1.1 --json
run "$lab/tito" hint 1.1 --json
one_object 'hints come one after the other' '.shown == 2 and (.hints | length) == 2'
run "$lab/tito" solution 1.1
expect 'no solution before the own one' 2 'give-up'
run "$lab/tito" solution 1.5 --json
one_object 'after it, the reference' '.shown == "after green" and (.text | contains("tito:begin 1.5"))'
run "$lab/tito" measure tensor
expect 'no measurement before the prediction' 2 'tito predict'
run "$lab/tito" predict tensor nothing=1
expect 'an unknown prediction names the known ones' 2 'Did you mean'
first=$(sed -n 's/^# \([a-z0-9_]*\) = .*/\1/p' "$lab/modules/tensor/predictions.toml" | head -n 1)
run "$lab/tito" predict tensor "$first=abc"
expect 'a prediction is a number' 2 'give a number'
run "$lab/tito" predict tensor "$first=-3"
expect 'above 0' 2 'above 0'
run "$lab/tito" predict tensor "$first=2.5" --json
one_object 'a prediction is kept' ".predictions | any(.id == \"$first\" and .value == 2.5)"
cp "$mine" "$TEST_TMP/before-reset"
run "$lab/tito" reset 1.5 --json
one_object 'reset says where the backup is' '.backup | startswith(".tito/backup/")'
check 'the backup is what was there' cmp "$TEST_TMP/before-reset" "$lab/$(jq -r .backup "$out")"
check 'the starter is back' grep -q 'Task 1.5 ' "$mine"
run "$lab/tito" update --json
one_object 'update has nothing to do' '.updated == [] and .beside == [] and .reopened == []'
rm "$lab/modules/tensor/core/tensor.cpp"
judge 1.5
one_object 'a file that is gone is told' '.modules[0].tasks[0].text | contains("tito reset 1.5")'
run "$lab/tito" reset 1.5
expect 'and made again by reset' 0

# Export: what passes becomes the student's package; a change makes it stale.
run "$lab/tito" export tensor
expect 'nothing to export yet' 1
cp "$TEST_TMP/before-reset" "$mine"
run "$lab/tito" export tensor --json
one_object 'one task of the module is exported, the others are given' \
  '.exported and (.yours | index("1.5")) and (.given | length > 3) and (.complete | not)'
exported=$lab/tinytorch/core/tensor.cpp
check 'the package says where each region comes from' sh -c '
  grep -A1 "tito:begin 1.5" "$1" | grep -q "tito:from student" &&
  grep -A1 "tito:begin 1.6" "$1" | grep -q "tito:from reference"' sh "$exported"
check 'and is read-only' sh -c '[ "$(stat -c %a "$1")" = 444 ]' sh "$exported"
run "$lab/tito" status --json
one_object 'status counts it' '.modules[] | select(.name == "tensor") |
  .exported == ["1.5"] and (.stale | not) and .done == 1'
body '  return Dims::filled(shape.rank(), 2);'
run "$lab/tito" status --json
one_object 'a change makes it stale' '.modules[] | select(.name == "tensor") |
  .stale and .done == 0 and any(.tasks[]; .id == "1.5" and .state == "CHANGED")'
run "$lab/tito" --json
one_object 'tito alone says what is next' '.next | startswith("./tito ")'
run "$lab/tito" milestone list --json
one_object 'milestones need the modules' '.milestones | length >= 4 and all(.certified | not)'

# What a student's file may have wrong.
run "$lab/tito" reset 1.5
cp "$mine" "$TEST_TMP/tensor.cpp"
body '  return no_such_thing(shape);'
judge 1.5
one_object 'a compile error names the student'"'"'s own file and line' '.modules[0].tasks[0] |
  .state == "FAIL" and (.text | test("modules/tensor/core/tensor.cpp:[0-9]+:.*no_such_thing"))'
line=$(grep -n no_such_thing "$mine" | cut -d: -f1)
check 'the right one' grep -q "tensor.cpp:$line:" "$out"
body '  if (true) {'
judge 1.5
one_object 'a body that is not whole is told so' \
  '.modules[0].tasks[0] | .state == "FAIL" and (.text | contains("not whole"))'
body '  for (volatile int i = 0; i == 0;) {' '  }' '  return shape;'
judge 1.5
one_object 'an endless loop ends' \
  '.modules[0].tasks[0] | .state == "FAIL" and (.tests[0].text | contains("endless"))'
"$lab/tito" test 1.5 >"$TEST_TMP/endless.out" 2>&1 &
tool=$!
endless() {  # the number of the process that runs the student's tests
  for process in /proc/[0-9]*; do
    case $(readlink "$process/exe" 2>/dev/null) in "$lab/"*/tensor) echo "${process#/proc/}" ;; esac
  done
}
tries=0
while [ -z "$(endless)" ] && [ $tries -lt 300 ]; do sleep 0.1 && tries=$((tries + 1)); done
sleep 1
program=$(endless | head -n 1)
kill -INT $tool
wait $tool
tries=0
while [ -n "$program" ] && [ -e "/proc/$program" ] && [ $tries -lt 30 ]; do
  sleep 0.1 && tries=$((tries + 1))
done
check 'Ctrl-C ends what the student wrote, too' test -n "$program" -a ! -e "/proc/$program"
body '  std::exit(0);'
judge 1.5
one_object 'leaving in the middle is no pass' '.modules[0].tasks[0].state == "CRASH"'
body '  return mine::strides(shape);'
printf '#include <cstdlib>\nnamespace mine {\nStrides strides(const Shape& shape) {\n' >"$TEST_TMP/body"
region "$TINYTORCH_HOME/tinytorch/core/tensor.cpp" 1.5 >>"$TEST_TMP/body"
printf '}\n}  // namespace mine\n' >>"$TEST_TMP/body"
write_region "$mine" 1.0 "$TEST_TMP/body"
judge 1.5
one_object 'helpers and includes in the first region serve the others' \
  '.modules[0].tasks[0].state == "PASS"'
judge 1.5
one_object 'what did not change is not compiled again' '.modules[0].compiled == 0'
check 'the state remembers' jq -e '.tasks["1.5"].state == "PASS"' "$lab/.tito/state.json"
sed '/tito:end 1.5/d' "$TEST_TMP/tensor.cpp" >"$mine"
judge 1.5
expect 'a lost marker is an error with its line' 4 'tensor.cpp:[0-9]+: region 1.5'
cp "$TEST_TMP/tensor.cpp" "$mine"
check 'nor does the state hold a path now' sh -c '! grep -rF -e "$1" -e "$2" --exclude=local \
  "$1/.tito"' sh "$lab" "$TINYTORCH_HOME"
run "$lab/tito" test 1.99
expect 'an unknown task' 2 'no task'
run "$lab/tito" test nothing
expect 'an unknown module' 2 'Modules: .*1 tensor'
finish
