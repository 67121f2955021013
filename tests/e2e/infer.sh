#!/bin/sh
# tito infer: what a run and its file of ONNX take, convert, refuse and warn of, in the same words;
# --normalize; archives.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$TEST_TMP" || exit 1
python=/usr/bin/python3
if ! "$python" -c 'import numpy' 2>/dev/null; then
  skip 'tito infer on arrays of NumPy' 'numpy is not installed'
  finish
fi

run "$TITO" train "$TINYTORCH_HOME/examples/digits-mlp.toml" train.epochs=2 train.out=run --json
expect 'a run' 0
check 'whose config has the mean and the deviation' \
  grep -Eq '^(mean|std) = \[ ?0\.[0-9]+ ?\]' run/config.toml
models=run
run "$TITO" onnx export run --output m.onnx
if [ "$code" = 0 ]; then
  models='run m.onnx'
  run "$TITO" onnx show m.onnx --json
  one_object 'the file notes them' '.metadata["normalize.mean"] | fromjson[0] > 0.1'
else
  skip 'infer M.onnx' 'this build has no ONNX'
fi

# Test images as pixels from 0 to 1, and normalised by hand; every kind of number.
digits=$TINYTORCH_HOME/datasets/digits.csv.gz
"$python" - "$digits" <<'PYTHON'
import re, sys
import numpy as np
rows = np.loadtxt(sys.argv[1], delimiter=",")[4::5]
pixels = (rows[:, :64] / 16).astype("float32")
text = open("run/config.toml").read()
mean, std = (float(re.search(r"^%s = \[ ?([-0-9.e]+)" % key, text, re.M).group(1))
             for key in ("mean", "std"))
np.save("pixels.npy", pixels)
np.save("ready.npy", ((pixels.astype("float64") - mean) / std).astype("float32"))
np.save("labels.npy", rows[:, 64])
for kind in ("uint8", "int8", "int32", "int64", "bool", "float64"):
    np.save(kind + ".npy", rows[:, :64].astype(kind))
broken = pixels.copy()
broken[0, 0], broken[1, 5], broken[2, 7] = np.nan, np.inf, -np.inf
np.save("broken.npy", broken)
np.savez("one.npz", x=pixels)
np.savez("two.npz", x=pixels, other=[1])
PYTHON
cat >same.py <<'PYTHON'
import sys
import numpy as np
a, b = (np.load(f) for f in sys.argv[1:3])
a, b = (v if isinstance(v, np.ndarray) else v["logits"] for v in (a, b))
assert a.shape == (359, 10) and abs(a - b).max() < 1e-4
PYTHON

for model in $models; do
  for kind in uint8 int8 int32 int64 bool; do
    run "$TITO" infer "$model" --input $kind.npy --output no.npy
    expect "$model refuses $kind, and says how to convert" 4 "$kind.npy: holds .*float32"
  done
  check 'and writes nothing' test ! -e no.npy
  run "$TITO" infer "$model" --input float64.npy --output wide.npy
  expect "$model takes f64 with a note" 0 'float64.npy: f64 is rounded to f32'
  run "$TITO" infer "$model" --input broken.npy --output broken-y.npy --json
  expect "$model warns of numbers that are not finite" 0 \
    'warning: broken.npy: 3 of 22976 values are not finite'
  run "$TITO" infer "$model" --input ready.npy --output by-hand.npy
  expect "$model on what was normalised by hand" 0
  check 'says nothing' test ! -s "$err"
  run "$TITO" infer "$model" --input pixels.npy --normalize --output y.npy
  expect "$model --normalize" 0
  check 'is the same' "$python" same.py by-hand.npy y.npy
  check 'and right' "$python" -c 'import numpy as np
assert (np.load("y.npy").argmax(1) == np.load("labels.npy")).mean() > 0.8'
  run "$TITO" infer "$model" --input one.npz --normalize --output y.npz
  expect "$model takes and gives an archive" 0
  check 'of the same logits' "$python" same.py y.npz y.npy
  run "$TITO" infer "$model" --input two.npz --array x --normalize --output y2.npy
  expect "$model takes an array by its name" 0
  check 'which is that array' cmp y2.npy y.npy
  run "$TITO" infer "$model" --input two.npz --output no.npy
  expect "$model asks which of two arrays" 4 'holds 2 arrays'
  run "$TITO" infer "$model" --input pixels.npy --array foo --output no.npy
  expect "$model: a .npy has no array of a name" 4 "has no array 'foo'"
done

# What --normalize cannot do it refuses.
run "$TITO" train "$TINYTORCH_HOME/examples/digits-mlp.toml" data.normalize=none train.max_steps=1 \
  train.out=plain --json
expect 'a run without normalisation' 0
check 'has no mean' sh -c '! grep -q "^mean" plain/config.toml'
run "$TITO" infer plain --input pixels.npy --output a.npy
run "$TITO" infer plain --input pixels.npy --normalize --output b.npy
check '--normalize does there what training did: nothing' cmp a.npy b.npy
run "$TITO" train "$TINYTORCH_HOME/examples/digits-mlp.toml" 'data.mean=[0.5]' 'data.std=[0.25]' \
  train.max_steps=1 train.out=given --json
expect 'a mean and a deviation may be given' 0
"$python" -c 'import numpy as np
np.save("half.npy", ((np.load("pixels.npy") - 0.5) / 0.25).astype("float32"))'
run "$TITO" infer given --input half.npy --output a.npy
run "$TITO" infer given --input pixels.npy --normalize --output b.npy
check 'and are those of --normalize' "$python" same.py a.npy b.npy
run "$TITO" train "$TINYTORCH_HOME/examples/digits-mlp.toml" 'data.mean=[0.5,0.5]' \
  'data.std=[1,1]' train.max_steps=1 train.out=no
expect 'but one a channel' 2 'has 1 channels, but 2 means'
run "$TITO" train "$TINYTORCH_HOME/examples/digits-mlp.toml" 'data.mean=[0.5]' train.out=no
expect 'and both' 2 'data.mean.*data.std'
finish
