#!/bin/sh
# Builds and runs every test: `./tito selftest` starts this once the packages are there.
#   --full   also tests/full/*.sh: lint, fuzzing, long runs
#   --json   one object on standard output, the text on standard error
# A script under tests/e2e/ or tests/full/ is a part of its own: see tests/lib.sh. The last line is
# always `N passed, N failed` (`, N skipped`); exit code 1 when anything failed.
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 3
cd "$root" || exit 3
full='' json=''
for word in "$@"; do
  case $word in
    --full) full=yes ;;
    --json) json=yes ;;
    *) printf 'selftest: unknown option %s\n' "$word" >&2; exit 2 ;;
  esac
done
exec 3>&1
[ -z "$json" ] || exec 1>&2

# The tests choose these themselves.
unset TINYTORCH_KERNELS TINYTORCH_ISA TINYTORCH_NUM_THREADS
export TINYTORCH_HOME="$root" TITO="$root/tito"
logs=$root/build/selftest
mkdir -p "$logs" || exit 3
passed=0 failed=0 skipped=0 parts=''
trap 'echo; echo "interrupted"; exit 130' INT

# count N_PASSED N_FAILED N_SKIPPED NAME SECONDS: adds a part and prints its line.
count() {
  passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
  word=ok
  [ "$2" = 0 ] || word=FAIL
  printf '%-5s %-34s %5d passed %3d failed %3d skipped %5d s\n' "$word" "$4" "$1" "$2" "$3" "$5"
  parts="$parts${parts:+, }{\"name\": \"$4\", \"passed\": $1, \"failed\": $2, \"skipped\": $3,"
  parts="$parts \"seconds\": $5}"
}

now() { date +%s; }
matches() { grep -cE "$1" "$2"; }

# build PRESET TARGETS: 0 when they are built. A build that fails counts as one failed test.
build() {
  log=$logs/build-$1.log
  start=$(now)
  # shellcheck disable=SC2086
  if cmake --preset "$1" --log-level=WARNING >"$log" 2>&1 &&
    cmake --build "build/$1" --target $2 >>"$log" 2>&1; then
    count 0 0 0 "build $1" $(($(now) - start))
    return 0
  fi
  # Quiet about the hundreds of files that did compile.
  grep -vE '^\[[0-9]+/[0-9]+\] |^ninja: ' "$log" | head -n 100
  count 0 1 0 "build $1" $(($(now) - start))
  return 1
}

# unit PRESET: the GoogleTest cases of one build. A crash counts as one failed test.
unit() {
  log=$logs/unit-$1.log
  start=$(now)
  run_unit "$1" >"$log" 2>&1
  code=$?
  # Some kernels lay memory out in ways that ThreadSanitizer of this age cannot take.
  if grep -q 'ThreadSanitizer: unexpected memory mapping' "$log"; then
    run_unit "$1" setarch "$(uname -m)" -R >"$log" 2>&1
    code=$?
  fi
  n_ok=$(matches '^\[       OK \]' "$log")
  n_bad=$(matches '^\[  FAILED  \] .* \([0-9]+ ms\)$' "$log")
  n_skip=$(matches '^\[  SKIPPED \] .* \([0-9]+ ms\)$' "$log")
  [ "$code" = 0 ] || [ "$n_bad" != 0 ] || n_bad=1
  [ "$code" != 0 ] || [ "$n_ok" != 0 ] || n_bad=1  # it ran no test
  if [ "$n_bad" != 0 ]; then
    # All but the cases that passed without a word.
    awk '/^\[ RUN / { held = $0; next } /^\[       OK/ { held = ""; next } /^\[-----/ { next }
      held != "" { print held; held = "" } { print }' "$log" | tail -n 200
  fi
  count "$n_ok" "$n_bad" "$n_skip" "unit tests, $1" $(($(now) - start))
}

# The slow build runs as two processes, each with half of the cases.
run_unit() {
  preset=$1
  shift
  shards=1
  [ "$preset" != dev ] || shards=2
  pids='' shard=0
  while [ "$shard" -lt "$shards" ]; do
    GTEST_TOTAL_SHARDS=$shards GTEST_SHARD_INDEX=$shard \
      ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1} \
      UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1} \
      timeout -k 10 "${TINYTORCH_TEST_TIMEOUT:-1200}" \
      "$@" "build/$preset/tinytorch_tests" --gtest_color=no >"$logs/shard-$shard.log" 2>&1 &
    pids="$pids $!"
    shard=$((shard + 1))
  done
  status=0
  for pid in $pids; do wait "$pid" || status=$?; done
  shard=0
  while [ "$shard" -lt "$shards" ]; do
    cat "$logs/shard-$shard.log"
    rm "$logs/shard-$shard.log"
    shard=$((shard + 1))
  done
  return "$status"
}

# scripts FOLDER SECONDS: its scripts, each with a time limit and an own temporary folder.
scripts() {
  for script in tests/"$1"/*.sh; do
    [ -f "$script" ] || continue
    name=$(basename "$script" .sh)
    log=$logs/$1-$name.log
    start=$(now)
    TEST_TMP=$(mktemp -d) || exit 3
    export TEST_TMP
    timeout -k 10 "$2" sh "$script" >"$log" 2>&1 </dev/null
    code=$?
    rm -rf "$TEST_TMP"
    n_ok=$(matches '^ok - ' "$log")
    n_bad=$(matches '^not ok - ' "$log")
    n_skip=$(matches '^skip - ' "$log")
    if [ "$n_bad" = 0 ]; then
      [ "$code" = 0 ] || { n_bad=1; echo "not ok - $script left with $code" >>"$log"; }
      [ $((n_ok + n_bad + n_skip)) != 0 ] || { n_bad=1; echo "$script ran no test" >>"$log"; }
    fi
    [ "$n_bad" = 0 ] || grep -v '^ok - ' "$log" | tail -n 200
    grep '^skip - ' "$log"
    count "$n_ok" "$n_bad" "$n_skip" "$1/$name" $(($(now) - start))
  done
}

begin=$(now)
build release 'all lab' && release=yes || release=''
[ -z "$release" ] || unit release
build dev 'tinytorch_tests lab' && unit dev  # before e2e/lab, which links against it
[ -z "$release" ] || scripts e2e 900
build tsan tinytorch_tests && unit tsan
[ -z "$full" ] || scripts full 7200

printf 'logs: %s; %d s in all\n' "$logs" $(($(now) - begin))
line="$passed passed, $failed failed"
[ "$skipped" = 0 ] || line="$line, $skipped skipped"
if [ -n "$json" ]; then
  printf '{"passed": %d, "failed": %d, "skipped": %d, "parts": [%s]}\n' \
    "$passed" "$failed" "$skipped" "$parts" >&3
fi
echo "$line"
[ "$failed" = 0 ]
