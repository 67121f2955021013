#!/bin/sh
# Every command of the README runs, but the test run itself; CI runs that one as it stands there.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$TINYTORCH_HOME" || exit 1

# The lines of the README's `sh` blocks, without comments.
awk '/^```sh$/ { on = 1; next } /^```/ { on = 0 } on' README.md | sed 's/ *#.*//' |
  grep -v '^$' >"$TEST_TMP/commands"
check 'the README has the test command' grep -qx './tito selftest' "$TEST_TMP/commands"
check '.ci/run runs it as it stands there' grep -qx './tito selftest' .ci/run
rm -rf runs/readme # the README's own run, of an earlier test
while read -r command; do
  case $command in './tito selftest'* | './tito demo') continue ;; esac # demo.sh runs the demo
  check "$command" sh -c "$command" </dev/null
done <"$TEST_TMP/commands"

# Its program is the one in examples/, which tests/e2e/install.sh builds and runs.
awk '/^```cpp$/ { on = 1; next } /^```/ { on = 0 } on' README.md >"$TEST_TMP/program.cpp"
check 'its program is an example' cmp "$TEST_TMP/program.cpp" examples/xor.cpp
# docs/config.md knows each key that the code reads, and no other.
{
  grep -rhoE '"(model|data|optim|schedule|train)\.[a-z_]+"' tinytorch/config/*.cpp cli/*.cpp |
    tr -d '"' | grep -vx 'train.lr'
  grep -oE '(read|key)\("[a-z_]+"' tinytorch/config/optimizer.cpp | cut -d '"' -f 2 | sed 's/^/optim./'
} | sort -u >"$TEST_TMP/read"
grep -oE '`(model|data|optim|schedule|train)\.[a-z_]+`' docs/config.md | tr -d '`' | sort -u >"$TEST_TMP/told"
check 'docs/config.md has every key' cmp "$TEST_TMP/read" "$TEST_TMP/told"
sed -n 's/^    {"\([A-Z][A-Za-z0-9]*\)".*/\1/p' tinytorch/config/layers.cpp | sort >"$TEST_TMP/types"
sed -n '/^### `\[\[model.layers/,/^## /p' docs/config.md | grep '^| `[A-Z]' | cut -d '|' -f 2 |
  grep -oE '[A-Z][A-Za-z0-9]*' | sort >"$TEST_TMP/told_types"
check 'docs/config.md has every layer' cmp "$TEST_TMP/types" "$TEST_TMP/told_types"
check 'docs/operations.md is the table of operations' sh -c './tito ops --markdown | cmp - docs/operations.md'
for file in examples/*.toml; do
  check "$file is taken" sh -c './tito train "$1" data.name="$2" train.max_steps=1 train.out="$3"' sh \
    "$file" "$(case $file in *cnn*) echo fashion-mnist-small ;; *gpt*) echo persuasion ;; *) echo digits ;; esac)" \
    "$TEST_TMP/$(basename "$file")-run"
done

# The map of the repository names what is there.
sed -nE 's/^\| (`[^|]*) \|.*/\1/p' README.md | tr -d '` ' | tr ',' '\n' >"$TEST_TMP/paths"
while read -r path; do
  check "the map's $path exists" [ -e "$path" ]
done <"$TEST_TMP/paths"
finish
