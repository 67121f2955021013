#!/bin/sh
# The example of a language model reaches less than 1.6 nats a character on the last tenth of the
# novel, and writes words of it: 14 minutes of processor time.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$TEST_TMP" || exit 1
run "$TITO" train "$TINYTORCH_HOME/examples/persuasion-gpt.toml" train.out=novel --json
expect 'training' 0
one_object 'the held-out loss is below 1.6' '.test_loss < 1.6 and .test_samples == 364'
jq -r '"  loss \(.test_loss), \(.train_seconds | floor) s of training"' "$out"
run "$TITO" generate novel --prompt 'Captain ' --temperature 0.5 --max-tokens 2000
expect 'generate' 0
# Of the words it writes most are in the novel.
words() { tr -cs "[:alpha:]" '\n' <"$1" | tr '[:upper:]' '[:lower:]' | grep -E '^[a-z]{4,}$'; }
words "$TINYTORCH_HOME/datasets/persuasion.txt" | sort -u >known
words "$out" >written
check 'most of its words are those of the novel' sh -c \
  '[ $(($(grep -cxFf known written) * 10)) -gt $(($(wc -l <written) * 6)) ]'
finish
