#!/bin/sh
# A training that is killed (SIGKILL) at KILLS (200) random times and resumed after each, against
# the same training left alone: every loss, learning rate and evaluation must be bit-equal.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$TEST_TMP" || exit 1
"$TITO" --version >/dev/null || exit 1
tool=$TINYTORCH_HOME/build/release/tito # not the script before it: kills shall meet the training
[ -x "$tool" ] || tool=$TITO
kills=${KILLS:-200}

# Checkpoints at most steps, so that many kills fall into one; the loader works ahead in a thread.
cat >config.toml <<'END'
[model]
name = "cnn"
[data]
name = "digits"
workers = 1
[optim]
name = "adamw"
lr = 0.002
[schedule]
name = "step"
step_size = 400
gamma = 0.7
[train]
batch_size = 32
clip_norm = 1.0
checkpoint_every = 2
evaluate_every = 15
END

# life ARGUMENTS...: trains until it is killed, 20 to 275 ms after its start. False when it ended by
# itself.
life() {
  "$tool" train "$@" >"$out" 2>"$err" </dev/null &
  pid=$!
  sleep "$(od -An -N1 -tu1 /dev/urandom | awk '{ printf "%.3f", 0.02 + $1 / 1000 }')"
  kill -KILL $pid
  wait $pid 2>/dev/null
  code=$?
  [ $code = 137 ]
}

# What is known of a run without what a clock has measured.
history() { sed -E 's/,"samples_per_second".*//' "$1/metrics.jsonl"; }

early=0 torn=0 ended=0
for n in $(seq "$kills"); do
  if [ -f killed/config.toml ]; then
    life --resume killed
  else
    life config.toml train.out=killed train.epochs=0 train.max_steps=1000000
  fi || {
    ended=1
    break
  }
  [ -n "$(ls -d killed/checkpoints/step-* 2>/dev/null)" ] || early=$((early + 1))
  [ -z "$(ls -d killed/checkpoints/.part-* 2>/dev/null)" ] || torn=$((torn + 1))
done
[ $ended = 0 ] || echo "  life $n ended by itself with $code:" "$(cat "$err")"
check "killed $kills times, each time it had gone on" [ $ended = 0 ]
last=$(sed -nE 's/^\{"step":([0-9]+),.*,"samples_per_second":.*\}$/\1/p' killed/metrics.jsonl | tail -n 1)
steps=$((${last:-0} + 40))
echo "  steps reached: ${last:-0}; killed before a checkpoint: $early, while writing one: $torn"
check 'the lives came on together' [ "$steps" -gt 100 ]

run "$tool" train --resume killed "train.max_steps=$steps"
expect 'the last life ends by itself' 0 "resuming killed after step [0-9]+"
run "$tool" train config.toml train.out=alone train.epochs=0 "train.max_steps=$steps"
expect 'the same training, left alone' 0
history killed >killed.txt
history alone >alone.txt
check "the history of all $steps steps is bit-equal" cmp killed.txt alone.txt
check 'and not empty' [ "$(grep -c '"lr"' alone.txt)" = "$steps" ]
check 'the weights are bit-equal' cmp "$(echo killed/checkpoints/step-*"$steps")/model.safetensors" \
  "$(echo alone/checkpoints/step-*"$steps")/model.safetensors"
finish
