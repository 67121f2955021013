#!/bin/sh
# Every command that changes a lab, killed (SIGKILL) at random moments: the lab stays whole, and what
# the student wrote is never lost.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
lab=$TEST_TMP/lab
tool=$TINYTORCH_HOME/build/release/tito # not the script before it: kills shall meet the tool
[ -x "$tool" ] || tool=$TITO
kills=${KILLS:-60}
"$TITO" init "$lab" >/dev/null || exit 1
export TITO_LAB="$lab"
cd "$lab" || exit 1
mine=modules/tensor/core/tensor.cpp
# A student's own line, in the region and in the helpers.
awk '/tito:begin 1.5$/ { print; print "  return Dims::filled(shape.rank(), 1);  // my own words"; skip = 1
    next } /tito:end 1.5$/ { skip = 0 } !skip' "$mine" >"$TEST_TMP/written"
awk '/tito:begin 1.0$/ { print; print "// my helper"; next } 1' "$TEST_TMP/written" >"$mine"
cp "$mine" "$TEST_TMP/written"

whole() { # the state can be read, and the student's file is the one written or a fresh starter
  jq -e .format .tito/state.json >/dev/null || { echo "state.json is damaged"; return 1; }
  "$tool" status --json >"$TEST_TMP/status" 2>&1 || { cat "$TEST_TMP/status"; return 1; }
  cmp -s "$mine" "$TEST_TMP/written" && return 0
  grep -q 'Task 1.5 ' "$mine" && grep -q 'my helper' "$mine" &&
    grep -rq 'my own words' .tito/backup && return 0
  echo "the student's file is neither"
  return 1
}

i=0 bad_state=''
while [ "$i" -lt "$kills" ]; do
  case $((i % 7)) in
    0) set -- reset 1.5 ;;
    1) set -- hint 1.3 ;;
    2) set -- predict tensor ;;
    3) set -- update ;;
    4) set -- start tensor ;;
    5) set -- test 1.5 ;;
    *) set -- export tensor ;;
  esac
  "$tool" "$@" >/dev/null 2>&1 </dev/null &
  pid=$!
  sleep "$(od -An -N1 -tu1 /dev/urandom | awk '{ printf "%.4f", $1 / 255 * 0.06 }')"
  kill -KILL "$pid" 2>/dev/null
  wait "$pid" 2>/dev/null
  whole || { bad_state="after $*"; break; }
  [ "$1" != reset ] || cp "$TEST_TMP/written" "$mine"
  i=$((i + 1))
done
check "$kills kills at random moments leave a whole lab" [ -z "$bad_state" ]
check 'what was reset lies in the backup' grep -rq 'my own words' .tito/backup
check 'no draft of a file is left that counts for anything' sh -c '
  "$1" hint 1.3 && "$1" update && "$1" status' sh "$tool"
finish
