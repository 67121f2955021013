#!/bin/sh
# The lab on a terminal (a pseudo-terminal of `script`) and off it: watch, its keys, questions.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
lab=$TEST_TMP/lab
"$TITO" init "$lab" >/dev/null || exit 1
cd "$lab" || exit 1
mine=modules/tensor/core/tensor.cpp
./tito test 1.5 >/dev/null 2>&1 # the first build of the framework's part

# wait_for FILE PATTERN SECONDS
# shellcheck disable=SC2317 # called by check
wait_for() {
  tries=$(($3 * 5))
  while [ "$tries" -gt 0 ]; do
    grep -qE -- "$2" "$1" 2>/dev/null && return 0
    sleep 0.2
    tries=$((tries - 1))
  done
  echo "no $2 in:"
  cat "$1"
  return 1
}
edit() { # BODY: writes region 1.5 as an editor does, by a rename
  awk -v body="$1" '/tito:begin 1.5$/ { print; print body; skip = 1; next }
    /tito:end 1.5$/ { skip = 0 } !skip' "$mine" >"$mine.swp" && mv "$mine.swp" "$mine"
}

# Off a terminal: a plain log, a verdict at each save.
./tito watch tensor >"$TEST_TMP/log" 2>&1 </dev/null &
watcher=$!
check 'watch judges at its start' wait_for "$TEST_TMP/log" '^next: 1.1 ' 60
edit '  return Dims::filled(shape.rank(), 1);'
check 'and at a save' wait_for "$TEST_TMP/log" 'FAIL +1.5' 60
check 'without colours or control codes' sh -c '! grep -q "$(printf "\033")" "$1"' sh "$TEST_TMP/log"
kill "$watcher"
wait "$watcher" 2>/dev/null

if ! command -v script >/dev/null 2>&1; then
  skip 'keys' 'there is no script(1)'
  finish
fi
# On a terminal: keys. They are sent one by one, each after its answer.
mkfifo "$TEST_TMP/keys"
# shellcheck disable=SC2094
TERM=xterm script -qefc './tito' "$TEST_TMP/screen" <"$TEST_TMP/keys" >/dev/null 2>&1 &
terminal=$!
exec 4>"$TEST_TMP/keys"
check 'tito alone watches the current module' wait_for "$TEST_TMP/screen" 'q quit' 60
printf h >&4
check 'h gives a hint' wait_for "$TEST_TMP/screen" '2 more: ./tito hint 1.1' 20
printf l >&4
check 'l lists' wait_for "$TEST_TMP/screen" 'Course ' 20
printf n >&4
check 'n names the next task' wait_for "$TEST_TMP/screen" '1.1 .*: modules/tensor/core/storage.cpp' 20
printf d >&4
check 'd compares with the last green' wait_for "$TEST_TMP/screen" 'since the last green' 20
printf r >&4
check 'r asks first' wait_for "$TEST_TMP/screen" 'y/N' 20
printf n >&4
check 'and takes a no' wait_for "$TEST_TMP/screen" 'no' 20
printf q >&4
exec 4>&-
check 'q ends it' wait "$terminal"
check 'with colours' grep -q "$(printf '\033')\\[" "$TEST_TMP/screen"

# predict asks at a terminal, and asks again where the answer is no number.
predictions=$(grep -c '^# [a-z0-9_]* = ' modules/tensor/predictions.toml)
{
  printf 'many\n'
  yes 3 | head -n "$predictions"
} >"$TEST_TMP/answers"
check 'predict asks' sh -c 'script -qefc "./tito predict tensor" "$1" <"$2" >/dev/null 2>&1 &&
  grep -q "That is no number" "$1" && [ "$(grep -c "^[a-z0-9_]* = 3" modules/tensor/predictions.toml)" = "$3" ]' \
  sh "$TEST_TMP/asked" "$TEST_TMP/answers" "$predictions"
finish
