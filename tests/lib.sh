# For the scripts under tests/e2e/ and tests/full/ (`. "$TINYTORCH_HOME/tests/lib.sh"`). A script
# prints a line for each check, `ok - NAME`, `not ok - NAME` or `skip - NAME: REASON`; what else it
# prints is shown when it fails. $TITO is the command, $TEST_TMP an empty folder of its own.
# shellcheck shell=sh
set -u
: "${TINYTORCH_HOME:=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)}"
: "${TITO:=$TINYTORCH_HOME/tito}"
: "${TEST_TMP:=$(mktemp -d)}"
export TINYTORCH_HOME TITO TEST_TMP
bad=0

ok() { printf 'ok - %s\n' "$1"; }
not_ok() { printf 'not ok - %s\n' "$1"; bad=1; }
skip() { printf 'skip - %s: %s\n' "$1" "$2"; }

# check NAME COMMAND...: the command succeeds.
check() {
  check_name=$1
  shift
  if "$@" >"$TEST_TMP/check.log" 2>&1; then
    ok "$check_name"
  else
    not_ok "$check_name"
    printf '  $ %s\n' "$*"
    sed 's/^/  /' "$TEST_TMP/check.log"
  fi
}

# run COMMAND...: leaves its output in $out and $err (files) and its exit code in $code.
out=$TEST_TMP/out err=$TEST_TMP/err code=0
run() {
  "$@" >"$out" 2>"$err" </dev/null
  code=$?
}

# expect NAME CODE [PATTERN]: the last run left with CODE, and standard error matches PATTERN.
expect() {
  if [ "$code" = "$2" ] && { [ -z "${3:-}" ] || grep -qE -- "$3" "$err"; }; then
    ok "$1"
  else
    not_ok "$1"
    printf '  exit code %s (expected %s); standard error (expected /%s/):\n' "$code" "$2" "${3:-}"
    sed 's/^/  /' "$err"
  fi
}

# one_object NAME [JQ_TEST]: standard output of the last run is one JSON object that passes the test.
one_object() {
  check "$1" jq -e -s "length == 1 and (.[0] | type == \"object\" and (${2:-true}))" "$out"
}

# What follows works on files with regions (docs/modules.md).
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

finish() { exit "$bad"; }
