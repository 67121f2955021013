#!/bin/sh
# tito onnx and tito infer M.onnx: ONNX's own tests, models that go out and come back.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$TEST_TMP" || exit 1
node_tests=/usr/share/libonnx-testdata/data

run "$TITO" onnx dance "$node_tests"
expect 'an unknown action is a usage error that names the known ones' 2 "'dance'.*export, show, conformance"
run "$TITO" onnx show missing.onnx
if [ "$code" = 3 ] && grep -q 'libonnx-dev' "$err"; then
  ok 'a build without ONNX says what to install'
  skip 'ONNX' 'this build is without it'
  finish
fi
expect 'a missing model' 4 'missing.onnx: cannot be read'
printf 'not a model' >bad.onnx
run "$TITO" onnx show bad.onnx
expect 'a damaged model' 4 'bad.onnx: this is no ONNX model'
run "$TITO" onnx conformance .
expect 'a folder without tests' 4 'no tests'

if [ -d "$node_tests" ]; then
  run "$TITO" onnx conformance "$node_tests/node" --json
  expect "ONNX's tests of nodes: none fails" 0
  one_object 'most pass; each skip has a reason' \
    '.passed >= 700 and .failed == 0 and .skipped == (.skips | length) and
     .passed == (.passes | length) and (.skips | all(.test != "" and (.reason | length > 9)))'
  one_object 'recurrent ones among them' \
    '[.passes[] | select(test("^test_(lstm|gru|rnn|simple_rnn)_"))] | length == 12'
  run "$TITO" onnx conformance "$node_tests/pytorch-operator" --json
  expect "models that PyTorch wrote: none fails" 0
  one_object 'most pass' '.passed >= 20 and .failed == 0'

  # A test that expects something else must fail.
  mkdir -p wrong && cp -r "$node_tests/node/test_add" wrong/
  cp wrong/test_add/test_data_set_0/input_0.pb wrong/test_add/test_data_set_0/output_0.pb
  run "$TITO" onnx conformance wrong --json
  expect 'a wrong expectation is a failed check' 1
  one_object 'which is named' '.failures[0].test == "test_add" and
    (.failures[0].reason | test("instead of"))'
  rm wrong/test_add/model.onnx
  cp -r "$node_tests/node/test_add_bcast" wrong/
  run "$TITO" onnx conformance wrong --json
  expect 'data without their model are a failed check' 1
  one_object 'which counts' '.passed == 1 and .failures[0].test == "test_add"'
else
  skip "ONNX's own tests" 'libonnx-testdata is not installed'
fi

# A run goes out, passes ONNX's own checker, and comes back with the same answers.
run "$TITO" train "$TINYTORCH_HOME/examples/digits-mlp.toml" train.epochs=1 train.out=mlp --json
expect 'a run' 0
run "$TITO" onnx export mlp --json
expect 'export without a file is a usage error' 2 '--output'
run "$TITO" onnx export mlp --output mlp.onnx --json
expect 'a run is exported' 0
one_object 'and read back' '.opset == 13 and .nodes > 3 and .bytes > 10000 and
  .max_difference < 1e-5'
run "$TITO" onnx show mlp.onnx --json
one_object 'its inputs and outputs' '.inputs == ["input f32 [?, 64]"] and
  .outputs == ["logits f32 [?, 10]"]'
python=/usr/bin/python3
# The other ready models and a stack of layers, after one step.
for name in cnn resnet20; do
  printf '[model]\nname = "%s"\n[data]\nname = "digits"\n' "$name" >"$name.toml"
done
printf '[model]\nname = "gpt"\nn_layer = 2\nn_head = 2\nn_embd = 16\nblock_size = 16\n' >gpt.toml
printf '[data]\nname = "persuasion"\n' >>gpt.toml
cp "$TINYTORCH_HOME/examples/digits-layers.toml" layers.toml
for name in cnn resnet20 gpt layers; do
  run "$TITO" train "$name.toml" train.max_steps=1 train.out="$name" --json
  run "$TITO" onnx export "$name" --output "$name.onnx" --json
  one_object "$name is exported, and read back" '.max_difference < 1e-5'
done
# Every other layer that a configuration can name, with images and with tokens; in f64 what ONNX
# keeps as float32 has its own bound.
stack() {  # NAME DATA LAYER[;key = value]...
  stack_name=$1
  printf '[data]\nname = "%s"\n' "$2" >"$1.toml"
  [ "$2" = digits ] || printf '[model]\nblock_size = 24\n' >>"$1.toml"
  shift 2
  for layer in "$@"; do
    printf '[[model.layers]]\ntype = "%s"\n' "${layer%%;*}"
    case $layer in *\;*) printf '%s\n' "${layer#*;}" ;; esac
  done >>"$stack_name.toml"
}
stack images digits 'Conv2d;out_channels = 6
kernel_size = 3' 'GroupNorm;num_groups = 2' 'ConvTranspose2d;out_channels = 4
kernel_size = 3
stride = 2' Softplus RMSNorm SELU Hardswish Hardsigmoid 'AdaptiveAvgPool2d;output_size = 1' Flatten \
  Linear
stack rows digits 'Linear;out_features = 12' SELU Linear
stack tokens persuasion 'Embedding;embedding_dim = 8' 'LSTM;hidden_size = 4
bidirectional = true' 'MultiheadAttention;num_heads = 2' 'GRU;hidden_size = 6
num_layers = 2' 'RNN;hidden_size = 8' LayerNorm Linear
stack sequences persuasion 'Embedding;embedding_dim = 8' 'Conv1d;out_channels = 24
kernel_size = 1' Linear
for name in images rows tokens sequences; do
  for dtype in f32 f64; do
    run "$TITO" train "$name.toml" train.max_steps=1 train.dtype=$dtype \
      train.out="$name-$dtype" --json
    run "$TITO" onnx export "$name-$dtype" --output "$name-$dtype.onnx" --json
    expect "$name of $dtype are exported" 0
    one_object 'and read back' ".max_difference < $([ $dtype = f32 ] && echo 1e-4 || echo 1e-6)"
  done
done
run "$TITO" onnx show tokens-f32.onnx --json
one_object 'tokens of any length' '.inputs == ["tokens i64 [?, ?]"] and
  (.outputs[0] | startswith("logits f32 [?, ?, "))'
run "$TITO" onnx show sequences-f32.onnx --json
one_object 'but of one where a layer counts them' '.inputs == ["tokens i64 [?, 24]"]'
if "$python" -c 'import onnx, numpy' 2>/dev/null; then
  check "ONNX's checker takes them" "$python" -c 'import onnx, sys
for name in sys.argv[1:]:
    m = onnx.load(name)
    onnx.checker.check_model(m, full_check=True)
    assert m.opset_import[0].version == 13' mlp.onnx cnn.onnx resnet20.onnx gpt.onnx layers.onnx \
    images-f32.onnx images-f64.onnx rows-f32.onnx tokens-f32.onnx sequences-f32.onnx
  "$python" -c 'import numpy; numpy.save("t.npy", numpy.random.RandomState(0).randint(0, 40, (3, 100)))'
  run "$TITO" infer tokens-f32 --input t.npy --output run-t.npy
  expect 'a run takes more tokens than it was trained on' 0
  run "$TITO" infer tokens-f32.onnx --input t.npy --output file-t.npy
  expect 'its file, too' 0
  check 'with the same logits' "$python" -c 'import numpy
a, b = numpy.load("run-t.npy"), numpy.load("file-t.npy")
assert a.shape[:2] == (3, 100) and abs(a).max() > 0.01 and abs(a - b).max() < 1e-5'
  "$python" -c 'import numpy; r = numpy.random.RandomState(0)
numpy.save("x.npy", r.randn(5, 64).astype("float32")); numpy.save("wide.npy", r.randn(5, 64))
numpy.save("short.npy", r.randn(5, 63).astype("float32"))'
  run "$TITO" infer mlp --input x.npy --output run.npy
  expect 'the run answers' 0
  run "$TITO" infer mlp.onnx --input x.npy --output file.npy --json
  expect 'the file answers' 0
  one_object 'for any batch' '.output_shape == [5, 10] and .output == "file.npy"'
  check 'with the same logits' "$python" -c 'import numpy
a, b = numpy.load("run.npy"), numpy.load("file.npy")
assert a.shape == (5, 10) and abs(a).max() > 0.1 and abs(a - b).max() < 1e-5'
  run "$TITO" infer mlp.onnx --input input=wide.npy --output logits=named.npy
  expect 'inputs and outputs by name; f64 is converted' 0
  check 'and gives the same dtype' "$python" -c 'import numpy
assert numpy.load("named.npy").dtype == numpy.float32'
  run "$TITO" infer mlp.onnx --input short.npy --output y.npy
  expect 'an input that does not fit is named' 4 \
    'input f32 \[\?, 64\] does not fit f32 \[5, 63\]'
  run "$TITO" infer mlp.onnx --input image=x.npy --output y.npy
  expect 'an unknown input is a usage error that names the known ones' 2 "'image=x.npy'.*input"
else
  skip "ONNX's own checker" 'python3-onnx is not installed'
fi
finish
