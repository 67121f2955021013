#!/bin/sh
# tito update: a newer course comes into a lab in which somebody has worked. Nothing of theirs is
# lost, and finished tasks that ask for something else now are open again.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
tool=$TINYTORCH_HOME/build/release/tito
cd "$TEST_TMP" || exit 1
lab=$TEST_TMP/lab
"$TITO" init lab >init.log 2>&1 || exit 1
name=modules/tensor/core/tensor.cpp
mine=$lab/$name
for id in 1.5 1.6; do
  region "$TINYTORCH_HOME/tinytorch/core/tensor.cpp" "$id" >body
  write_region "$mine" "$id" body
done
printf '// a helper of my own\n' >body
write_region "$mine" 1.0 body
printf 'a note of mine\n' >>"$lab/modules/tensor/README.md"
run "$lab/tito" test tensor --json
one_object 'two tasks pass' '[.modules[0].tasks[] | select(.state == "PASS") | .id] == ["1.5", "1.6"]'

# The course of next year: a remark in the file, another hint for 1.4, 1.5 asks for more, a new
# chapter, and another name for a hunt's file.
mkdir new && cp -r "$TINYTORCH_HOME/modules" "$TINYTORCH_HOME/tinytorch" "$TINYTORCH_HOME/milestones" new/
sed -i '1i // The file of the second edition.' new/tinytorch/core/tensor.cpp
awk '/^id = "1.5"/ { on = 1 } on && /^contract = / { print; print "In the second edition:"; on = 0; next }
  /^id = "1.4"/ { hint = 1 } hint && /^hints = \[/ { print; getline; print "  \"Another question?\","; hint = 0; next }
  1' new/modules/tensor/module.toml >toml && mv toml new/modules/tensor/module.toml
printf '\nA new ending.\n' >>new/modules/tensor/README.md
cp "$mine" before
newer() { run env TINYTORCH_HOME="$TEST_TMP/new" TITO_LAB="$lab" "$tool" "$@"; }
newer update --json
expect 'an update' 0
one_object 'says what it did' '(.updated | index("modules/tensor/core/tensor.cpp")) and
  .beside == ["modules/tensor/README.md.new"] and .reopened == ["1.5"]'
check 'the new lines are there' grep -q 'second edition' "$mine"
for id in 1.0 1.5 1.6; do
  region "$mine" "$id" >now
  region before "$id" >earlier
  check "the body of $id came along" cmp now earlier
done
check 'what was not begun is the new starter' sh -c 'grep -A9 "tito:begin 1.4" "$1" | tr -d "\"\n" |
  grep -q "Another  *question"' sh "$mine"
check 'a changed chapter stays as it is' grep -q 'a note of mine' "$lab/modules/tensor/README.md"
check 'and the new one lies beside it' grep -q 'A new ending' "$lab/modules/tensor/README.md.new"
check 'what the file was is kept' sh -c 'cmp "$1"/.tito/backup/*tensor.cpp "$2"' sh "$lab" before
newer status --json
one_object 'the finished task is open again, the other is not' '.modules[] |
  select(.name == "tensor") | .done == 1 and any(.tasks[]; .id == "1.6" and .state == "PASS")'
newer update --json
one_object 'a second update has nothing to do' '.updated == [] and .reopened == []'
finish
