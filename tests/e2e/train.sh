#!/bin/sh
# tito train, eval and infer: configurations and what is wrong with them, data, runs that are
# resumed, interrupted or damaged, and what the files of a run hold.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$TEST_TMP" || exit 1
datasets=$TINYTORCH_HOME/datasets
mlp=$TINYTORCH_HOME/examples/digits-mlp.toml

# train ARGUMENTS...: the small perceptron, one object on standard output.
train() { run "$TITO" train "$mlp" --json "$@"; }
# refused NAME CODE PATTERN ARGUMENTS...
refused() {
  refused_name=$1 refused_code=$2 refused_pattern=$3
  shift 3
  train "$@"
  expect "$refused_name" "$refused_code" "$refused_pattern"
}
# The lines of the steps without what a clock has measured.
losses() { sed -nE 's/,"samples_per_second".*//p' "$1/metrics.jsonl"; }
# same_losses NAME RUN RUN: some lines, and the same.
same_losses() {
  losses "$2" >"$TEST_TMP/losses.1"
  losses "$3" >"$TEST_TMP/losses.2"
  check "$1" sh -c 'test -s "$1" && cmp "$1" "$2"' sh "$TEST_TMP/losses.1" "$TEST_TMP/losses.2"
}
first_loss() { jq -s '.[0].loss' "$1/metrics.jsonl"; }
checkpoint() { echo "$1"/checkpoints/step-*; }

# --- what is wrong with a configuration ---------------------------------------------------------
refused 'an unknown key names the nearest' 2 "unknown key 'optim.lrr'.*'optim.lr'" optim.lrr=3
refused 'an unknown table names the nearest' 2 "table 'modle'.*'model'" modle.name=mlp
refused 'a value of the wrong type' 2 'optim.lr is the string "fast", expected a number' \
  optim.lr=fast
refused 'a value out of range' 2 'train.batch_size: 0 is too small' train.batch_size=0
refused 'an unknown choice names the nearest' 2 "'adan' is unknown.*'adam'" optim.name=adan
refused 'an unknown normalization' 2 "'standart'.*'standard'" data.normalize=standart
refused 'an unknown data set names the nearest' 2 "'digit' is unknown.*'digits'" data.name=digit
refused 'a data set without its folder' 2 "did you mean 'idx:DIR'" data.name=idx:
refused 'betas outside [0, 1)' 2 'betas' 'optim.betas=[0.9,1.5]'
refused 'no end of the training' 2 'epochs' train.epochs=0
refused 'a rate that is no number' 2 'schedule.min_lr: nan is out of range' schedule.name=cosine \
  schedule.min_lr=nan
refused 'a norm that is none' 2 'train.clip_norm: nan .*at least 0' train.clip_norm=nan
refused 'a value to clip at that is none' 2 'train.clip_value: nan' train.clip_value=nan
refused 'a memory of more than all' 2 'optim.alpha: 2 .*from 0 to 1' optim.name=rmsprop optim.alpha=2
refused 'an eps below 0' 2 'optim.eps: -1 .*at least 0' optim.eps=-1
refused 'more workers than can be meant' 2 'data.workers: 40000 is too large' data.workers=40000
one_object 'as one object, too' '.exit_code == 2'
run sh -c 'ulimit -v 1500000; exec "$@"' sh "$TITO" train "$mlp" --json data.workers=256 \
  train.out=crowd
expect 'workers that the system does not start' 2 'started [0-9]+ of 256 workers'
check 'leave no folder' test ! -e crowd
refused 'what is no setting' 2 "'lr' is no setting" lr
refused 'layers that do not take the data' 2 'model.layers: 63 does not fit' 'model.layers=[63,10]'
refused 'too few classes' 2 'model.layers: 9 does not fit' 'model.layers=[64,9]'
refused 'a perceptron on text' 2 'takes images' "data.name=text:$datasets/persuasion.txt"
refused 'a missing IDX folder' 4 '/nowhere.*train-images-idx3-ubyte' data.name=idx:/nowhere
refused 'a missing CIFAR folder' 4 '/nowhere: data_batch_1.bin' data.name=cifar10:/nowhere
refused 'a missing text' 4 '/nowhere.txt: cannot be read' data.name=text:/nowhere.txt
refused 'a missing train.init' 4 'nowhere.safetensors' train.init=nowhere.safetensors
refused 'a train.init of another format' 4 'digits-mlp.toml: at byte' "train.init=$mlp"
one_object 'an error is one object, too' '.exit_code == 4 and (.error | length > 0)'
check 'a refused experiment leaves no folder' sh -c '! ls runs 2>/dev/null | grep .'
refused 'a learning rate that explodes is named' 1 'loss of step .* is (nan|inf)' optim.lr=1e30 \
  optim.name=sgd train.out=explodes
refused 'a test loss that explodes is, too' 1 'test loss after step 1 is (nan|inf).*optim.lr' \
  optim.lr=1e30 optim.name=sgd train.max_steps=1 train.out=explodes-last
one_object 'as an error' '.exit_code == 1'
check 'and nothing that cannot be read is written' sh -c '! ls explodes-last/checkpoints 2>/dev/null'
run "$TITO" train nowhere.toml
expect 'a missing configuration' 4 'nowhere.toml: cannot be read'
run sh -c 'ulimit -v 1000000; exec "$@"' sh "$TITO" train "$mlp" --json 'model.layers=[64,9999999,10]' \
  train.out=large
expect 'no memory is what the machine lacks' 3 'out of memory.*Hint'
one_object 'as every error' '.exit_code == 3'
check 'it leaves no folder' test ! -e large
run "$TITO" train
expect 'no configuration' 2 'CONFIG.toml'
printf '[model]\nname = "mlp"\nlayers = [64, 64 10]\n' >bad.toml
run "$TITO" train bad.toml
expect 'bad TOML gives file and line' 2 'bad.toml:3:'
printf '[model]\nname = "mlp"\n[train]\nbatch_sise = 3\n[data]\nname = "digits"\n' >bad.toml
run "$TITO" train bad.toml
expect 'an unknown key of a file gives its line' 2 "bad.toml:4:.*'train.batch_size'"

# --- a run and its files -----------------------------------------------------------------------
train train.epochs=3 train.out=one schedule.name=cosine schedule.warmup_steps=10
expect 'train' 0
one_object 'train --json is one object with run_dir and the final metrics' \
  '.run_dir == "one" and .steps == 69 and .epochs == 3 and .test_accuracy > 0.8 and
   .test_loss < 1 and .train_samples == 1438 and .test_samples == 359 and .parameters == 4810 and
   .peak_memory_bytes > 0 and .finished'
cp "$out" one.json
check 'metrics.jsonl has a line a step' jq -e -s 'map(select(.event == null)) |
  map(.step) == [range(1; 70)] and map(.epoch) == [range(69) | . / 23 | floor + 1] and
  all((.loss | type == "number") and .samples_per_second > 0) and
  (.[0].lr - 0.0003 | fabs < 1e-9) and .[9].lr == 0.003 and .[68].lr < 0.001' one/metrics.jsonl
check 'and one an evaluation' jq -e -s 'map(select(.event == "eval")) |
  map(.step) == [23, 46, 69] and all(.samples == 359 and .loss > 0 and .accuracy > 0.5)' \
  one/metrics.jsonl
check 'the resolved configuration has the defaults' grep -q '^eps = 1e-08' one/config.toml
check 'the environment is kept' test -s one/environment.txt
run "$TITO" eval one --json
expect 'eval' 0
one_object 'eval --json' 'keys_unsorted == ["dataset", "samples", "loss", "accuracy"] and
  .dataset == "digits" and .samples == 359'
check 'eval gives what the training gave' jq -e -s \
  '.[0].loss == .[1].best_test_loss and .[0].accuracy == .[1].best_test_accuracy' "$out" one.json
run "$TITO" eval nowhere
expect 'eval of no run' 4 'no run folder'
train train.out=one
expect 'a folder with a run is not overwritten' 2 '--resume one'
run "$TITO" train one/config.toml train.out=again --json
same_losses 'the resolved configuration gives the same run' one again
TINYTORCH_NUM_THREADS=1 train train.epochs=3 train.out=single schedule.name=cosine \
  schedule.warmup_steps=10
same_losses 'one thread gives the same losses' one single

run "$TITO" train --resume one "$mlp"
expect 'a configuration beside --resume is refused' 2 'digits-mlp.toml beside --resume one'
cp -r one no-toml
head -c 100 one/config.toml >no-toml/config.toml
for command in eval 'train --resume' 'infer --input x.npy --output y.npy'; do
  # shellcheck disable=SC2086
  run "$TITO" $command no-toml
  expect "$command: a damaged configuration of a run is a bad file" 4 "run 'no-toml' is damaged"
done

# --- settings ----------------------------------------------------------------------------------
train train.out=2024 train.max_steps=30 train.epochs=9 optim.name=adamw optim.betas='[0.8,0.99]'
one_object 'an override of text needs no quotes; max_steps ends first' \
  '.run_dir == "2024" and .steps == 30 and .epochs == 1'
train train.out=epochs train.max_steps=30 train.epochs=1
one_object 'or epochs do' '.steps == 23'
TINYTORCH__TRAIN__MAX_STEPS=4 train train.out=environment
one_object 'the environment sets a key, too' '.steps == 4'
"$TITO" train "$mlp" --json train.epochs=9223372036854775807 train.batch_size=60 train.patience=1 \
  train.out=long optim.lr=0.5 >"$out" 2>"$err"
code=$?
expect 'more epochs than steps can be counted' 0
one_object 'run until patience ends them' '.steps > 20 and .test_loss > 0'
train train.out=last train.epochs=1 train.batch_size=100
one_object 'a last batch that is not full counts' '.steps == 15'
train train.out=dropped train.epochs=1 train.batch_size=100 train.drop_last=true
one_object 'but for drop_last' '.steps == 14'
train train.out=plain train.max_steps=3 data.normalize=none
train train.out=standard train.max_steps=3 data.normalize=standard
check 'data.normalize is at work' test "$(first_loss plain)" != "$(first_loss standard)"
init=$(checkpoint one)/model.safetensors
train train.out=init train.max_steps=20 train.init="$init"
check 'train.init starts where the weights are' jq -e -s '.[0].loss < 1' init/metrics.jsonl
train train.out=ordered1 train.max_steps=20 train.init="$init" data.shuffle=false train.seed=1
train train.out=ordered2 train.max_steps=20 train.init="$init" data.shuffle=false train.seed=2
same_losses 'without shuffling the seed is not asked' ordered1 ordered2
train train.out=shuffled train.max_steps=20 train.init="$init" train.seed=2
check 'with shuffling it is' test "$(first_loss init)" != "$(first_loss shuffled)"
refused 'a train.init of another shape' 4 "'0.(weight|bias)' is" train.init="$init" 'model.layers=[64,32,10]'
train train.out=double train.max_steps=3 train.dtype=f64
check 'train.dtype=f64 computes in f64' jq -e -s \
  '.[0].loss - .[4].loss | fabs | . > 0 and . < 1e-5' double/metrics.jsonl standard/metrics.jsonl
check 'and keeps f64 weights' grep -qa '"F64"' "$(checkpoint double)/model.safetensors"

# --- data --------------------------------------------------------------------------------------
printf '[model]\nname = "cnn"\n[data]\nname = "digits"\n[train]\nmax_steps = 2\n' >cnn.toml
run "$TITO" train cnn.toml --json "data.name=idx:$datasets/fashion-mnist-small"
one_object 'idx:DIR' '.train_samples == 2000 and .test_samples == 500 and .parameters == 421642'
run "$TITO" train cnn.toml --json data.name=fashion-mnist-small
one_object 'fashion-mnist-small' '.dataset == "fashion-mnist-small" and .train_samples == 2000'
mkdir cifar
for file in data_batch_1 data_batch_2 data_batch_3 data_batch_4 data_batch_5 test_batch; do
  for label in 00 01 02 03 04 05 06 07 10 11; do # octal
    printf '%b' "\\00$label"
    tail -c "+1$label" "$datasets/persuasion.txt" | head -c 3072
  done >cifar/$file.bin
done
run "$TITO" train cnn.toml --json data.name=cifar10:cifar model.name=resnet20 train.batch_size=8
one_object 'cifar10:DIR with three channels' '.train_samples == 50 and .test_samples == 10'
head -c 3000 cifar/data_batch_3.bin >cifar/data_batch_2.bin
run "$TITO" train cnn.toml data.name=cifar10:cifar
expect 'a cut CIFAR file is refused' 4 'data_batch_2.bin: at byte'
mkdir idx
cp "$datasets"/fashion-mnist-small/* idx
gzip -dc idx/train-images-idx3-ubyte.gz | head -c 5000 >idx/train-images-idx3-ubyte
run "$TITO" train cnn.toml data.name=idx:idx
expect 'a cut IDX file is refused' 4 'train-images-idx3-ubyte: at byte'
if [ -d /usr/share/datasets/fashion-mnist ]; then
  run "$TITO" train cnn.toml --json data.name=fashion-mnist model.name=mlp
  one_object 'fashion-mnist' '.train_samples == 60000 and .test_samples == 10000'
else
  skip 'fashion-mnist' 'dataset-fashion-mnist is not installed'
fi
cat >gpt.toml <<END
[model]
name = "gpt"
n_layer = 1
n_head = 2
n_embd = 32
block_size = 24
dropout = 0.1
[data]
name = "text:text.txt"
[optim]
name = "adamw"
[train]
batch_size = 8
END
head -c 20000 "$datasets/persuasion.txt" >text.txt
run "$TITO" train gpt.toml --json train.max_steps=12 train.out=gpt
expect 'text:FILE' 0
one_object 'a gpt on text' '.train_samples > 700 and .steps == 12'
run "$TITO" train gpt.toml model.block_size=19000
expect 'a text shorter than a window' 4 'block_size'
run "$TITO" train gpt.toml data.name=digits
expect 'a gpt on images' 2 'takes text'

# --- tokenizers and generation ---------------------------------------------------------------
check 'a run keeps its tokenizer' jq -e '.characters | length > 40' gpt/tokenizer/characters.json
run "$TITO" train gpt.toml --json train.max_steps=4 train.out=pairs data.tokenizer=bpe \
  data.vocab_size=300 data.name=persuasion train.eval_batch_size=256
one_object 'the novel ships; byte pairs are learnt from it' '.dataset == "persuasion"'
check 'as many as the configuration says' grep -q '^vocab_size = 300' pairs/config.toml
run "$TITO" train "$TINYTORCH_HOME/examples/persuasion-gpt.toml" --json train.max_steps=2 \
  train.out=novel model.n_layer=1 model.n_embd=16 train.batch_size=2
one_object 'the example of a language model' '.dataset == "persuasion" and .test_samples == 364'
run "$TITO" tokenize text.txt --with pairs --json
expect 'tokenize with the tokenizer of a run' 0
one_object 'gives ids' '.tokenizer == "bpe" and .vocab_size == 300 and (.ids | length < 19000 and all(. < 300))'
run "$TITO" tokenize text.txt --train bpe --vocab-size 310 --output tokens --json
one_object 'tokenize trains a tokenizer' '.vocab_size == 310'
run "$TITO" tokenize text.txt --train letters
expect 'of the kinds there are' 2 'char, bpe'
run "$TITO" tokenize text.txt
expect 'tokenize needs one of the two' 2 '--with FOLDER'
run "$TITO" train gpt.toml --json train.max_steps=3 train.out=loaded data.tokenizer=tokens
expect 'a tokenizer is loaded from a folder' 0
rm -r tokens
run "$TITO" eval loaded --json
expect 'eval takes the one of the run' 0
run "$TITO" train --resume loaded --json train.max_steps=5
one_object 'and so does a run that goes on' '.steps == 5'
run "$TITO" train gpt.toml data.tokenizer=tokens
expect 'a folder without one' 4 'holds no tokenizer'
run "$TITO" train gpt.toml data.tokenizer=bpe data.vocab_size=200
expect 'a vocabulary without all bytes' 2 'data.vocab_size: 200 is too small'

# generate RUN ARGUMENTS...: one object
generate() { run "$TITO" generate "$@" --json; }
generate gpt --prompt 'Anne ' --max-tokens 60 --seed 4
expect 'generate' 0
one_object 'goes on with the prompt' '.prompt == "Anne " and .prompt_tokens == 5 and .finished and
  (.tokens | length == 60) and (.completion | length == 60) and .tokens_per_second > 0'
first=$(jq -c .completion "$out")
generate gpt --prompt 'Anne ' --max-tokens 60 --seed 4 --threads 1
check 'the same seed gives the same text' [ "$first" = "$(jq -c .completion "$out")" ]
generate gpt --prompt 'Anne ' --max-tokens 60 --seed 5
check 'another seed another' [ "$first" != "$(jq -c .completion "$out")" ]
run "$TITO" generate gpt --prompt 'Anne ' --max-tokens 60 --seed 4
check 'without --json the text alone' sh -c \
  '[ "$(jq -rn --argjson t "$1" "\"Anne \" + \$t")" = "$(cat "$2")" ]' sh "$first" "$out"
generate gpt --prompt 'Anne ' --max-tokens 20 --top-k 1 --seed 1
cp "$out" greedy.json
generate gpt --prompt 'Anne ' --max-tokens 20 --temperature 0 --seed 2
check 'temperature 0 is top-k 1' jq -e -s '.[0].tokens == .[1].tokens' "$out" greedy.json
generate gpt --prompt 'Anne ' --max-tokens 20 --top-p 0.0001 --seed 3
check 'and so is a small top-p' jq -e -s '.[0].tokens == .[1].tokens' "$out" greedy.json
run "$TITO" train gpt.toml --json train.max_steps=2 train.out=roomy model.vocab_size=400
expect 'a model with room for more tokens' 0
generate roomy --max-tokens 200 --temperature 5
expect 'says only those that its tokenizer has' 0
one_object 'all of them' '.finished and (.completion | length == 200)'
generate pairs --prompt 'naïve ☃' --max-tokens 8
one_object 'byte pairs take any prompt' '.tokens | length == 8 and all(. < 300)'
generate gpt --prompt '☃'
expect 'characters only known ones' 2 "--prompt: .*'☃'"
generate gpt --prompt ''
expect 'an empty prompt' 2 'prompt is empty'
generate gpt --temperature -1
expect 'a negative temperature' 2 'temperature -1'
generate gpt --top-p 2
expect 'a top-p above 1' 2 'top_p 2'
generate gpt --top-k 99999999999999999999
expect 'a number that does not fit' 2 'top-k.*99999999999999999999 does not fit'
generate gpt --seed 18446744073709551615
expect 'nor does this seed' 2 'seed.*18446744073709551615 does not fit'
run "$TITO" generate gpt --prompt --json
expect 'an option is no prompt' 2 '--prompt needs a value before --json'
run "$TITO" generate gpt --prompt=--json --max-tokens 3
expect 'but for one that is said to be' 0
check 'the prompt' grep -q '^--json' "$out"
run "$TITO" tokenize text.txt --train char --vocab-size 10
expect 'characters are not counted' 2 'vocab-size goes with --train bpe'
generate gpt --max-tokens -3
expect 'a negative number of tokens' 2 'max-tokens -3'
generate one
expect 'generate with an mlp' 2 "'one' has the model 'mlp'"
cp -r gpt cut
head -c 100 gpt/tokenizer/characters.json >cut/tokenizer/characters.json
generate cut
expect 'a cut tokenizer is refused' 4 'characters.json: at byte'
rm -r cut/tokenizer
generate cut
expect 'generate without the tokenizer' 4 'cut/tokenizer: holds no tokenizer'

# --- extended -----------------------------------------------------------------------------------
# What a schedule takes from the run's length follows that of the longer run; what was given stays.
printf '[model]\nname = "mlp"\nlayers = [64, 64, 10]\n[data]\nname = "digits"\n' >extended.toml
for schedule in cosine one_cycle step multi_step; do
  run "$TITO" train extended.toml schedule.name=$schedule train.max_steps=10 train.out=ext-$schedule
  run "$TITO" train extended.toml schedule.name=$schedule train.max_steps=20 train.out=long-$schedule
  run "$TITO" train --resume ext-$schedule train.max_steps=20
  expect "$schedule: a run is extended" 0 'after step 10'
  check "$schedule: with the rates of a long one from there on" sh -c "
    tail -n 11 ext-$schedule/metrics.jsonl | jq -s '[.[] | .lr // empty]' >ext.json
    tail -n 11 long-$schedule/metrics.jsonl | jq -s '[.[] | .lr // empty]' >long.json
    jq -e 'length >= 10' ext.json && cmp ext.json long.json"
done
run "$TITO" train extended.toml schedule.name=cosine schedule.total_steps=10 train.max_steps=10 \
  train.out=ext-given
run "$TITO" train --resume ext-given train.max_steps=12
check 'a total that was given stays' sh -c \
  "jq -s -e '[.[] | select(.step == 12 and has(\"lr\"))][0].lr == 0' ext-given/metrics.jsonl"

# One process at a time trains in a folder.
"$TITO" train extended.toml train.epochs=100000 train.out=locked >locked.out 2>&1 &
trainer=$!
tries=0
while [ ! -s locked/metrics.jsonl ] && [ $tries -lt 200 ]; do sleep 0.1 && tries=$((tries + 1)); done
run "$TITO" train --resume locked
expect 'a second process is refused' 4 "another process is training in 'locked'"
kill -INT $trainer
wait $trainer
run "$TITO" train --resume locked train.epochs=1
expect 'after the first has ended it goes on' 0

TINYTORCH_NUM_THREADS=abc run "$TITO" train extended.toml train.out=no-threads
expect 'an environment that cannot be used is told' 2 'TINYTORCH_NUM_THREADS'
check 'before anything is written' test ! -e no-threads
TINYTORCH_KERNELS=matmull=loops run "$TITO" train extended.toml train.max_steps=1 train.out=no-kernel
expect 'so is a kernel that does not exist' 2 "no operation 'matmull'"

# --- resumed, interrupted, damaged -------------------------------------------------------------
run "$TITO" train gpt.toml --json train.max_steps=5 train.out=gpt-broken
run "$TITO" train --resume gpt-broken --json train.max_steps=12
expect 'a gpt resumes' 0 'after step 5'
same_losses 'with the losses of an unbroken run, dropout included' gpt gpt-broken

set -- train.init="$init" optim.name=sgd optim.momentum=0.9 optim.nesterov=true \
  schedule.name=cosine schedule.total_steps=80 train.clip_norm=1
printf '[model]\nname = "mlp"\nlayers = [64, 64, 10]\n[data]\nname = "digits"\n' >sgd.toml
run "$TITO" train sgd.toml --json "$@" train.max_steps=80 train.out=whole
expect 'a run of 80 steps' 0
cp "$init" copy.safetensors
run "$TITO" train sgd.toml --json "$@" train.init=copy.safetensors train.max_steps=30 \
  train.out=broken data.workers=2
rm copy.safetensors
run "$TITO" train --resume broken --json train.max_steps=61
expect 'a run resumes in mid-epoch, when train.init is gone' 0 'after step 30'
one_object 'and its object counts from the beginning' '.steps == 61 and .finished'
for word in train.seed=7 train.out=elsewhere train.init=other.safetensors 'train={seed=7}'; do
  run "$TITO" train --resume broken train.max_steps=80 "$word"
  expect "$word was decided when the run began" 2 'when the run began'
done
run "$TITO" train --resume broken train.max_steps=80 train.batch_size=32
expect 'in mid-epoch the batches keep their size' 2 'middle of an epoch'
run "$TITO" train --resume broken train.max_steps=80
same_losses 'twice resumed, with workers: the losses of an unbroken run' whole broken
run "$TITO" train --resume broken --json
one_object 'nothing is left to do: no loss of a step was measured' \
  '.steps == 80 and .test_accuracy > 0.8 and .train_loss == null and .samples_per_second == null'
cp -r broken/checkpoints/step-000000080 broken/checkpoints/step-000000079
mkdir broken/checkpoints/.part-79
run "$TITO" train --resume broken --json
check 'what a killed run left behind its last checkpoint is removed' sh -c \
  'test ! -e broken/checkpoints/step-000000079 && test ! -e broken/checkpoints/.part-79'
run "$TITO" train sgd.toml --json train.precision=bf16 train.max_steps=120 train.out=mixed
expect 'mixed precision trains' 0
one_object 'as well as f32' '.steps == 120 and .test_accuracy > 0.8'
run "$TITO" train sgd.toml train.precision=f16 train.out=none
expect 'another precision is refused with the known ones' 2 "f32.*bf16"
run "$TITO" train sgd.toml train.convolution=fft train.out=none
expect 'another way of convolution is refused with the known ones' 2 "direct.*winograd"
# What the plateau and an accumulation have come to is part of a checkpoint.
set -- optim.name=rmsprop optim.centered=true optim.momentum=0.5 optim.lr=0.01 train.batch_size=48 \
  train.accumulate=2 train.evaluate_every=7 schedule.name=plateau schedule.patience=0 \
  schedule.gamma=0.5 train.clip_value=0.01
run "$TITO" train sgd.toml --json "$@" train.max_steps=60 train.out=flat
expect 'rmsprop, plateau, accumulation' 0
check 'the rate fell' jq -se '[.[] | select(.lr) | .lr] | .[0] == 0.01 and .[-1] < 0.006' flat/metrics.jsonl
run "$TITO" train sgd.toml --json "$@" train.max_steps=35 train.out=flat-broken
run "$TITO" train --resume flat-broken train.max_steps=60
expect 'resumes' 0
same_losses 'with the losses of an unbroken run, and its rates' flat flat-broken
cp broken/config.toml before.toml
run "$TITO" train --resume broken 'model.layers=[64,9,10]'
expect 'a run keeps its model' 2 'goes on with the model that it has'
run "$TITO" train --resume broken optim.momentum=0 optim.nesterov=false train.max_steps=99
expect 'an optimizer that the checkpoint has no state for' 4 'another optimizer'
check 'what cannot go on is left as it was' cmp before.toml broken/config.toml
run "$TITO" train --resume nowhere
expect 'nothing to resume' 4 'no run folder'

# stopped SIGNAL RUN LINES ARGUMENTS...: a training that gets the signal after so many lines.
stopped() {
  stopped_signal=$1 stopped_run=$2 stopped_lines=$3
  shift 3
  "$TITO" train sgd.toml --json train.epochs=1000000 "train.out=$stopped_run" "$@" >"$out" 2>"$err" &
  pid=$!
  for _ in $(seq 200); do
    [ "$(grep -c . "$stopped_run/metrics.jsonl" 2>/dev/null)" -gt "$stopped_lines" ] 2>/dev/null && break
    sleep 0.05
  done
  kill "-$stopped_signal" $pid
  wait $pid
  code=$?
}
stopped TERM terminated 5 train.evaluate_every=1000000
expect 'SIGTERM is as Ctrl-C' 130 'tito train --resume terminated'
one_object 'what was not measured yet is null' '.finished == false and .steps > 5 and
  .train_loss > 0 and .best_step == 0 and
  ([.test_loss, .test_accuracy, .best_test_loss, .best_test_accuracy] | all(. == null))'
check 'and a checkpoint is there' test -s "$(checkpoint terminated)/state.json"
stopped INT stopped 60
expect 'Ctrl-C ends with 130 and says how to go on' 130 'tito train --resume stopped'
one_object 'and with --json prints its object' '.finished == false and .steps > 50'
steps=$(jq '.steps + 50' "$out")
run "$TITO" train --resume stopped train.epochs=0 "train.max_steps=$steps"
expect 'the interrupted run goes on' 0
run "$TITO" train sgd.toml "train.max_steps=$steps" train.out=unstopped
same_losses 'with the losses of an unbroken run' unstopped stopped

# So large a rate that of two checkpoints the first, at step 10, is the best.
set -- train.init="$init" optim.name=sgd optim.lr=0.5 optim.momentum=0.9
run "$TITO" train sgd.toml "$@" train.max_steps=40 train.out=undamaged
run "$TITO" train sgd.toml "$@" train.max_steps=20 train.evaluate_every=10 train.out=damaged
last=damaged/checkpoints/step-000000020
check 'the best and the last checkpoint are kept' [ -d damaged/checkpoints/step-000000010 ]
cp -r "$last" good
for file in model.safetensors optimizer.safetensors state.json; do
  head -c 200 "good/$file" >"$last/$file"
  run "$TITO" train --resume damaged train.max_steps=40
  expect "a cut $file is refused" 4 "$file' is damaged"
  : >"$last/$file"
  run "$TITO" train --resume damaged train.max_steps=40
  expect "an empty $file is refused" 4 "$file' is damaged"
  rm "$last/$file"
  run "$TITO" train --resume damaged train.max_steps=40
  expect "a missing $file is refused" 4 "$file' cannot be read"
  cp "good/$file" "$last/$file"
done
echo '{"format": 1}' >"$last/state.json"
run "$TITO" eval damaged
expect 'a state that lacks everything is refused' 4 "state.json' is damaged: step is missing"
jq '.step = -5' good/state.json >"$last/state.json"
run "$TITO" train --resume damaged train.max_steps=40
expect 'a step below 0 is refused' 4 "state.json' is damaged: step is -5, expected a whole number"
jq '.best.loss = "low"' good/state.json >"$last/state.json"
run "$TITO" eval damaged
expect 'and a loss that is a text' 4 'best/loss is "low", expected a number'
jq '.best.loss = null' good/state.json >"$last/state.json"
run "$TITO" eval damaged
expect 'but a NaN, which JSON writes as null, can be read' 0
cp good/state.json "$last/state.json"
printf 'x' | dd of="$last/model.safetensors" bs=1 seek=5000 conv=notrunc 2>/dev/null
run "$TITO" train --resume damaged train.max_steps=40
expect 'one changed byte is found' 4 'CRC-32'
rm -r "$last"
run "$TITO" train --resume damaged train.max_steps=40
expect 'without the damaged checkpoint the run goes on from the one before' 0 'after step 10'
same_losses 'to the same losses' undamaged damaged

# --- inference ---------------------------------------------------------------------------------
# npy DESCR SHAPE: the header of a .npy file; 128 bytes in all.
npy() {
  printf '\223NUMPY\001\000\166\000%-117s\n' \
    "{'descr': '$1', 'fortran_order': False, 'shape': ($2), }"
}
# octal: words of octal escapes become bytes.
octal() { while read -r line; do printf '%b' "$line"; done; }
# The test images: every fifth row, pixels from 0 to 16 as sixteenths in float32.
{
  npy '<f4' '359, 64'
  gzip -dc "$datasets/digits.csv.gz" | awk -F, '
    BEGIN {
      n = split("0000 000,0200 075,0000 076,0100 076,0200 076,0240 076,0300 076,0340 076," \
        "0000 077,0020 077,0040 077,0060 077,0100 077,0120 077,0140 077,0160 077,0200 077", t)
      for (i = 1; i <= n; i++) {
        split(t[i], part, " ")
        bytes[i - 1] = "\\0000\\0000\\0" substr(part[1], 2) "\\0" part[2]
      }
    }
    NR % 5 == 0 { for (i = 1; i <= 64; i++) printf "%s", bytes[$i + 0]; print "" }' | octal
} >x.npy
train train.out=plain16 train.epochs=8 data.normalize=none
run "$TITO" eval plain16 --json
cp "$out" eval.json
run "$TITO" infer plain16 --input x.npy --output y.npy --json
expect 'infer RUN_DIR' 0
one_object 'infer --json' '.input_shape == [359, 64] and .output_shape == [359, 10]'
check 'logits are float32 of n x classes' sh -c \
  'head -c 128 y.npy | grep -qa "<f4.*(359, 10)" && test $(wc -c <y.npy) = $((128 + 359 * 40))'
gzip -dc "$datasets/digits.csv.gz" | awk -F, 'NR % 5 == 0 { print $65 + 0 }' >labels
tail -c +129 y.npy | od -An -v -tf4 -w40 | awk '
  { best = 1; for (i = 2; i <= 10; i++) if ($i > $best) best = i; print best - 1 }' >answers
right=$(paste labels answers | awk '$1 == $2 { n++ } END { print n + 0 }')
check 'they name as many images as eval says' \
  jq -e --argjson right "$right" '.accuracy * 359 - $right | fabs < 1e-6' eval.json
for threads in 1 3; do
  run "$TITO" infer plain16 --input x.npy --output "y$threads.npy" --threads $threads
  check "the same bits with --threads $threads" cmp y.npy "y$threads.npy"
done
run "$TITO" infer "$mlp" --weights "$(checkpoint plain16)/model.safetensors" --input x.npy \
  --output weights.npy
expect 'infer CONFIG --weights' 0
check 'gives the same logits' cmp y.npy weights.npy
run "$TITO" infer double --input x.npy --output y8.npy
check 'a model in f64 gives f64' sh -c 'head -c 128 y8.npy | grep -qa "<f8.*(359, 10)"'

{ npy '<f4' '359, 1, 8, 8' && tail -c +129 x.npy; } >images.npy
run "$TITO" infer plain16 --input images.npy --output images-y.npy
check 'an mlp takes images, too' cmp y.npy images-y.npy
{ npy '<f4' '718, 32' && tail -c +129 x.npy; } >bad.npy
run "$TITO" infer plain16 --input bad.npy --output no.npy
expect 'an input of the wrong width' 4 'bad.npy: .*718, 32.*64'
head -c 5000 x.npy >bad.npy
run "$TITO" infer plain16 --input bad.npy --output no.npy
expect 'a cut input' 4 'bad.npy'
run "$TITO" infer plain16 --input "$mlp" --output no.npy
expect 'an input of another format' 4 'digits-mlp.toml'
run "$TITO" infer plain16 --input x.npy --output nowhere/no.npy
expect 'an output that cannot be written' 4 'nowhere/no.npy'
check 'no output is left by an error' test ! -e no.npy
run "$TITO" infer plain16 --input x.npy --output y.npz
expect 'logits as an archive' 0
run "$TITO" infer plain16 --input y.npz --array x --output no.npy
expect 'an array that the archive lacks' 4 "y.npz: has no array 'x'. It holds: 'logits'"
run "$TITO" infer plain16 --input y.npz --output no.npy
expect 'the only array of an archive' 4 'y.npz: holds .359, 10., but'
if /usr/bin/python3 -c 'import numpy' 2>/dev/null; then
  check 'NumPy reads it' /usr/bin/python3 -c \
    'import numpy; assert (numpy.load("y.npz")["logits"] == numpy.load("y.npy")).all()'
  /usr/bin/python3 -c \
    'import numpy; numpy.savez_compressed("x.npz", x=numpy.load("x.npy"), other=[1])'
  run "$TITO" infer plain16 --input x.npz --array x --output from-npz.npy
  check 'an array of NumPy by its name' cmp y.npy from-npz.npy
else
  skip 'archives of NumPy' 'numpy is not installed'
fi
run "$TITO" infer plain16 --input x.npy
expect 'infer without --output' 2 '--output'
run "$TITO" infer "$mlp" --input x.npy --output no.npy
expect 'infer CONFIG without --weights' 2 '--weights'
run "$TITO" infer cnn.toml --weights "$init" --input x.npy --output no.npy
expect 'weights of another model' 4 'in the file and'
run "$TITO" infer plain16 --input x.npy --output no.npy --threads 0
expect 'no threads' 2 'threads'

# tokens FILE LAST: two rows of 24 int64 tokens; the last of the second is LAST.
tokens() {
  {
    npy '<i8' '2, 24'
    for row in 1 2; do
      for t in $(seq 23); do printf '%03o\n' $(((t * row * 5) % 40)); done
      printf '%03o\n' "$([ $row = 1 ] && echo 3 || echo "$2")"
    done | sed 's/.*/\\0&\\0000\\0000\\0000\\0000\\0000\\0000\\0000/' | octal
  } >"$1"
}
tokens t1.npy 1
tokens t2.npy 2
run "$TITO" infer gpt --input t1.npy --output l1.npy --json
expect 'infer a gpt with int64 tokens' 0
one_object 'logits for each of them' '.input_shape == [2, 24] and .output_shape[0:2] == [2, 24]'
row=$(jq '.output_shape[2] * 4' "$out")
run "$TITO" infer gpt --input t2.npy --output l2.npy
check 'another last token changes nothing before it' cmp -n $((128 + 47 * row)) l1.npy l2.npy
check 'but its own logits' sh -c '! cmp l1.npy l2.npy'
run "$TITO" infer gpt --input t1.npy --output l3.npy --threads 1
check 'the same bits with one thread' cmp l1.npy l3.npy
tokens t3.npy 200
run "$TITO" infer gpt --input t3.npy --output no.npy
expect 'a token outside the vocabulary' 4 't3.npy: .*200'
run "$TITO" infer gpt --input x.npy --output no.npy
expect 'floats for a gpt' 4 'int64 tokens'
{ npy '<i8' '1, 48' && tail -c +129 t1.npy; } >long.npy
run "$TITO" infer gpt --input long.npy --output no.npy
expect 'more tokens than the block size' 4 'long.npy: holds .1, 48., but this gpt takes .n, up to 24. tokens'
finish
