#!/bin/sh
# The lab: a workspace; for every task the starter is TODO, each wrong variant is caught by the test
# it names, the reference passes; from save to verdict in under 3 s; no state is lost or tied to a
# machine.
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

# region FILE ID: the body of a region.
region() {
  awk -v id="$2" '$1 == "//" && $3 == id { on = $2 == "tito:begin"; next } on' "$1"
}
# write_region FILE ID BODY: puts the file BODY between the markers, as a student would.
write_region() {
  awk -v id="$2" -v body="$3" '
    $1 == "//" && $2 == "tito:end" && $3 == id { on = 0 }
    !on
    $1 == "//" && $2 == "tito:begin" && $3 == id {
      on = 1
      while ((getline line < body) > 0) print line
    }' "$1" >"$1.new" && mv "$1.new" "$1"
}
# field FILE NAME: of the head of a wrong variant.
field() { sed -n "s|^// $2: ||p" "$1"; }
judge() { run "$lab/tito" test "$1" --json; }

# The first build of the installation's part, and the framework's own state of mind.
judge 1
expect 'an untouched lab leaves with 1' 1
for module in "$TINYTORCH_HOME"/modules/*/module.toml; do
  name=$(basename "$(dirname "$module")")
  judge "$name"
  one_object "$name: untouched, every task is TODO" '[.modules[0].tasks[].state] | all(. == "TODO")'
done

slowest=0
for wrong in "$TINYTORCH_HOME"/modules/*/wrong/*.cpp; do
  folder=$(dirname "$(dirname "$wrong")")
  task=$(field "$wrong" task)
  file=$(awk -v id="\"$task\"" '$1 == "id" && $3 == id { on = 1 }
    on && $1 == "file" { gsub(/"/, "", $3); print $3; exit }' "$folder/module.toml")
  mine=$lab/modules/$(basename "$folder")/$file
  what="$(basename "$wrong" .cpp)"
  case " ${seen:-} " in
    *" $task "*) ;;
    *) # once a task: its starter, then the reference
      seen="${seen:-} $task"
      region "$mine" "$task" >"$TEST_TMP/starter-$task"
      judge "$task"
      expect "$task: its starter leaves with 1" 1
      one_object "$task: its starter, run, is TODO and names the task" ".modules[0].tasks[0] |
        .state == \"TODO\" and (.tests | length > 0 and
          all(.state == \"TODO\" and (.text | startswith(\"Task $task \"))))"
      region "$TINYTORCH_HOME/tinytorch/$file" "$task" >"$TEST_TMP/body"
      write_region "$mine" "$task" "$TEST_TMP/body"
      judge "$task"
      expect "$task: the reference's body" 0
      one_object "$task: passes every test" \
        '.modules[0].tasks[0] | .state == "PASS" and (.tests | all(.state == "PASS"))' ;;
  esac
  grep -v '^// [a-z]*: ' "$wrong" >"$TEST_TMP/body"
  write_region "$mine" "$task" "$TEST_TMP/body"
  judge "$task"
  one_object "$what: caught by its test, with its cause" ".modules[0].tasks[0] |
    .state == \"$(field "$wrong" state)\" and any(.tests[];
      .name == \"$(field "$wrong" test)\" and .state == \"$(field "$wrong" state)\" and
      (.text | contains(\"$(field "$wrong" cause)\")))"
  took=$(jq '.modules[0] | .seconds.total * 1000 | floor' "$out")
  printf '%s: from save to verdict in %s ms: ' "$what" "$took"
  jq -c '.modules[0].seconds' "$out"
  [ "$took" -le "$slowest" ] || slowest=$took
  write_region "$mine" "$task" "$TEST_TMP/starter-$task"
done
printf 'the slowest verdict took %s ms; the load was %s\n' "$slowest" "$(cat /proc/loadavg)"
# A machine that does other work beside gets twice the time.
check 'save to verdict in under 3 s' sh -c '[ "$1" -lt 3000 ] ||
  { [ "$1" -lt 6000 ] && [ "$(cut -d. -f1 /proc/loadavg)" -ge "$(nproc)" ]; }' sh "$slowest"

# What a student's file may have wrong.
mine=$lab/modules/tensor/core/tensor.cpp
cp "$mine" "$TEST_TMP/tensor.cpp"
body() { printf '%s\n' "$@" >"$TEST_TMP/body" && write_region "$mine" 1.5 "$TEST_TMP/body"; }
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
expect 'an unknown module' 2 'Modules: 1 tensor'
finish
