#!/bin/sh
# How the framework bears company: small tensors do not lose by being shared out among threads, cost
# grows linearly, memory falls during backward, and nothing collapses when other programs want all
# cores.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

run "$TITO" bench --curves --seconds 1 --json
expect 'bench --curves succeeds' 0
# Attention's share of the work grows with the square of the length.
one_object 'time grows about linearly with batch, depth and length, memory no faster' \
  '.curves | length == 4 and all(.memory_exponent < 1.1 and
    .time_exponent < (if .axis == "length" then 1.5 else 1.3 end))'
one_object 'memory falls with each layer of backward' \
  '[.backward[1:][].live_bytes] | . == (sort | reverse) and (.[0] > 5 * .[-1])'
one_object 'no size of tensor loses more than the noise by threads' \
  '[.forking[] | select(.all_threads_us > 1.25 * .one_thread_us + 0.05)] == []'

# Fair shares of two cores under two other programs are half of each: twice the time. A thread that
# spins while the other one has lost its core, or a barrier that waits for a sleeper, costs many
# times that.
median() {
  "$TITO" bench --workloads a,c,g --threads "$1" --seconds 2 --json |
    jq -c '[.workloads[] | {id, us: .median_us}]'
}
median 1 >"$TEST_TMP/idle1"
median 2 >"$TEST_TMP/idle2"
burners=
for _ in $(seq "$(nproc)"); do
  sh -c 'while :; do :; done' &
  burners="$burners $!"
done
median 1 >"$TEST_TMP/busy1"
median 2 >"$TEST_TMP/busy2"
# shellcheck disable=SC2086
kill $burners
paste "$TEST_TMP/idle1" "$TEST_TMP/busy1" "$TEST_TMP/idle2" "$TEST_TMP/busy2"
check 'under load two threads take at most four times as long as alone' jq -ne \
  --slurpfile idle "$TEST_TMP/idle2" --slurpfile busy "$TEST_TMP/busy2" \
  '[range(3) | $busy[0][.].us / $idle[0][.].us] | max < 4'
check 'and are not much slower than one thread under the same load' jq -ne \
  --slurpfile one "$TEST_TMP/busy1" --slurpfile two "$TEST_TMP/busy2" \
  '[range(3) | $two[0][.].us / $one[0][.].us] | max < 1.5'
finish
