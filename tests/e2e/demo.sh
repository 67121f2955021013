#!/bin/sh
# tito demo: the whole of Fashion-MNIST where it is installed, the digits that ship elsewhere; the
# same number for any number of threads.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$TEST_TMP" || exit 1
fields='(.dataset | type == "string") and .run_dir != "" and
  ([.train_samples, .test_samples, .parameters, .epochs, .train_seconds, .samples_per_second,
    .peak_memory_bytes] | all(. > 0))'

# No folder of the system's data: as on a machine where the package cannot be installed.
XDG_DATA_DIRS=$TEST_TMP run "$TITO" demo --json
expect 'demo without Fashion-MNIST says so' 0 'Fashion-MNIST.*not on this machine'
one_object 'and trains on the digits' "$fields"' and .dataset == "digits" and
  .test_accuracy > 0.97 and .train_samples == 1438 and .test_samples == 359'
cp "$out" two.json
run "$TITO" eval "$(jq -r .run_dir two.json)" --json
check 'its run can be evaluated' jq -e -s '.[0].accuracy == .[1].best_test_accuracy' "$out" two.json
XDG_DATA_DIRS=$TEST_TMP TINYTORCH_NUM_THREADS=1 run "$TITO" demo --json
check 'one thread learns the same' jq -e -s \
  'map([.test_accuracy, .test_loss]) | .[0] == .[1]' "$out" two.json
XDG_DATA_DIRS=$TEST_TMP run "$TITO" demo
check 'in words, too' grep -q 'It names .* % of 359 images' "$out"

if [ ! -d /usr/share/datasets/fashion-mnist ]; then
  skip 'Fashion-MNIST' 'dataset-fashion-mnist is not installed'
  finish
fi
run "$TITO" demo --json
expect 'demo' 0
one_object 'on all of Fashion-MNIST: more than 90 %' "$fields"' and .dataset == "fashion-mnist" and
  .train_samples == 60000 and .test_samples == 10000 and .test_accuracy >= 0.9'
finish
