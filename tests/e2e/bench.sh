#!/bin/sh
# tito bench: the report's shape, and that its numbers hang together. Speed itself is not judged.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

run "$TITO" bench --workloads a,g,h1 --threads 1 --seconds 0.2 --json
expect 'bench --json succeeds' 0
one_object 'it reports machine and workloads' \
  '(.machine | .cpu != "" and .threads == 1 and .peak_gflops > 0 and .dram_gb_per_s > 0) and
   ([.workloads[].id] == ["a", "g", "h1"]) and
   (.workloads | all(.threads == 1 and (.name | length > 0) and .min_us > 0 and
     .median_us >= .min_us and .runs > 0 and .limit_us > 0 and .peak_memory_bytes > 0))'
# 784-512-10: 406,528 weights, used twice forward; backward spares the input gradient of the first.
one_object 'a counts the operations of its three products' \
  '.workloads[0] | ((.gflops * .min_us * 1000 / (2 * 64 * (2 * 784 * 512 + 3 * 512 * 10)) - 1) |
    fabs) < 0.001'

run "$TITO" bench --workloads i --seconds 0.1 --json
expect 'decoding succeeds' 0
one_object 'decoding tells tokens a second' \
  '.workloads[0] | (.tokens_per_second * .min_us / 1e6 - 256 | fabs) < 0.01'

run "$TITO" bench --workloads i-bf16,i-int8 --seconds 0.1 --json
one_object 'decoding with weights in fewer bits is measured when it is named' \
  '[.workloads[] | select(.tokens_per_second > 0) | .id] == ["i-bf16", "i-int8"]'

run "$TITO" bench --workloads a --vs f32
expect 'f32 is no opponent of f32' 2 'compares variants'
run "$TITO" bench --workloads i-int8 --vs f32 --threads 1 --seconds 0.1 --json
one_object 'fewer bits are compared with f32 in turns' \
  '.workloads[0] | .id == "i-int8" and .peer == "ours in f32" and .peer_min_us > 0 and
    (.speedup * .ours_min_us / .peer_min_us - 1 | fabs) < 0.001'

run "$TITO" bench --workloads d-winograd --threads 1 --seconds 0.1 --json
one_object 'the limit of Winograd is that of fewer multiplications' \
  '.workloads[0] | .id == "d-winograd" and (.gflops * .min_us * 1000 | . > 4.5e9 and . < 5e9)'

run "$TITO" bench --steps --workloads a --threads 2 --seconds 0.1 --json
expect 'bench --steps succeeds' 0
one_object 'the steps lead from plain loops with one thread to all threads' \
  '.steps | .[0].step == "plain loops" and .[0].speedup == 1 and ([.[].threads] | min == 1) and
    any(.threads == 2) and all(.id == "a" and .min_us > 0 and .gflops > 0) and
    (.[0].min_us / .[-1].min_us / .[-1].speedup - 1 | fabs) < 0.001'
one_object 'and leave the loops far behind' '.steps | map(.speedup) | max > 3'

run "$TITO" bench --operations --workloads add,softmax --threads 1 --seconds 0.1 --json
expect 'bench --operations succeeds' 0
one_object 'an operation is a workload like the others' \
  '[.workloads[] | select(.min_us > 0 and .limit_us > 0) | .id] == ["add", "softmax"]'

run "$TITO" bench --curves --seconds 0.1 --json
expect 'bench --curves succeeds' 0
one_object 'the curves grow along batch, depth and length' \
  '([.curves[].axis] | unique) == ["batch", "depth", "length"] and
    (.curves | all((.points | length > 2 and (map(.value) | . == sort)) and .time_exponent > 0 and
      .memory_exponent > 0))'
one_object 'memory in backward and forking are part of it' \
  '(.backward | length > 3 and all(.live_bytes > 0)) and
    (.forking | length > 3 and all(.one_thread_us > 0 and .all_threads_us > 0))'

run "$TITO" bench --workloads a,z
expect 'an unknown workload is a usage error that names the known ones' 2 "'z'.*a, b, c"
run "$TITO" bench --workloads a --threads 0
expect 'no thread is a usage error' 2 'threads'
run "$TITO" bench --workloads a --threads 1000
expect 'more threads than cores are no measurement' 2 'usable cores'
for list in '' 'a,' ',a'; do
  run "$TITO" bench --workloads "$list" --seconds 0.1
  expect "'$list' is no list of workloads" 2 'workload'
done
run "$TITO" bench --workloads g,g --threads 1 --seconds 0.1 --json
one_object 'what is named twice is measured once' '[.workloads[].id] == ["g"]'
run "$TITO" bench --steps --workloads b-bf16
expect 'bench --steps takes no variants' 2 'b-bf16 is none'
run "$TITO" bench --workloads b-bf16 --vs peers
expect 'no peer has variants' 2 'vs f32'
for seconds in 0 -1 nan 1e-310 601; do
  run "$TITO" bench --workloads a --seconds "$seconds"
  expect "$seconds is no time to measure" 2 '0.001 to 600'
done
run "$TITO" bench --workloads a --seconds never
expect 'a time that is no number is a usage error' 2 'seconds'
for options in '--steps --curves' '--steps --vs peers' '--curves --workloads a' \
  '--operations --steps'; do
  # shellcheck disable=SC2086
  run "$TITO" bench $options --seconds 0.1
  expect "bench $options: what would be ignored is refused" 2 'do not go together'
done
run "$TITO" bench --workloads a --vs friends
expect 'an unknown opponent is a usage error' 2 "'friends'"

if [ -d /usr/lib/python3/dist-packages/torch ]; then
  run "$TITO" bench --workloads a,h1 --vs peers --threads 1 --seconds 0.2 --json
  expect 'bench --vs peers succeeds' 0
  one_object 'and compares minima' \
    '.workloads | all((.peer | test("^(PyTorch|libtorch|ONNX Runtime)")) and .peer_median_us >= .peer_min_us and
      (.speedup * .ours_min_us / .peer_min_us - 1 | fabs) < 0.001 and
      .peer_peak_memory_bytes > 0 and (.peer_min_us == ([.peers[].min_us] | min)) and
      .ours_peak_memory_bytes > 0 and .ours_median_us >= .ours_min_us and
      (.over_limit * .limit_us / .ours_min_us - 1 | fabs) < 0.001)'
  run "$TITO" bench --workloads g --vs peers --seconds 0.4 --json
  one_object 'beside peers one thread is a row of its own' \
    '([.workloads[].threads] | .[0] == 1 and (. == unique)) and
     ([.machine.limits[].threads] == [.workloads[].threads])'
  if [ -d "$TINYTORCH_HOME/build/peers/node_modules/onnxruntime-node" ]; then
    check 'ONNX Runtime is one of the peers' \
      jq -e '.workloads[0].peers | any(.peer == "ONNX Runtime" and .min_us > 0)' "$out"
  else
    skip 'ONNX Runtime' 'npm has not installed it'
  fi
  # Peers of every kind of failure; the others are compared. (The program itself: ./tito always takes
  # the checkout that it stands in.)
  mkdir -p "$TEST_TMP/less/bench/peers"
  with_peers() {  # with_peers PYTHON: its lines come first in torch_worker.py
    {
      printf 'import os, sys\n%s\n' "$1"
      cat "$TINYTORCH_HOME/bench/peers/torch_worker.py"
    } >"$TEST_TMP/less/bench/peers/torch_worker.py"
    run env TINYTORCH_HOME="$TEST_TMP/less" "$TINYTORCH_HOME/build/release/tito" bench \
      --workloads g --vs peers --threads 1 --seconds 0.1 --json
  }
  with_peers 'if sys.argv[2] == "traced": sys.exit("none here")'
  expect 'a peer that cannot be had is named' 0 'g: without PyTorch traced'
  one_object 'and the others are compared' '.workloads[0].peers | map(.peer) == ["PyTorch"]'
  with_peers 'if sys.argv[2] == "traced": print("hello", flush=True)'
  expect 'so is one that says something else' 0 "without PyTorch traced .*says 'hello', not 'ready'"
  with_peers 'if sys.argv[2] == "traced":
    print("ready", flush=True)
    sys.stdin.readline()
    os.abort()'
  expect 'so is one that dies while it is measured' 0 'without PyTorch traced .*ended early'
  one_object 'without loss for the others' '.workloads[0].peers | map(.peer) == ["PyTorch"]'
  with_peers 'if len(sys.argv) > 1: os.abort()'
  expect 'where all of them fail the machine lacks something' 3 'no peer could run'
  one_object 'and what could be measured is reported' \
    '.workloads[0] | .ours_min_us > 0 and .peer == null and .speedup == null and
      has("peer_min_us") and has("peer_median_us") and has("peer_peak_memory_bytes")'
else
  skip 'bench --vs peers' 'PyTorch is not installed'
fi
finish
