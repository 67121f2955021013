#!/bin/sh
# The Python package: its command installs it, its tests pass, its page's example runs as it stands.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

if [ ! -e /usr/include/pybind11/pybind11.h ] || ! command -v /usr/bin/python3-config >/dev/null; then
  skip 'the Python package' 'python3-dev and pybind11-dev are not installed (./tito python install)'
  finish
fi
python=/usr/bin/python3
unset VIRTUAL_ENV PYTHONPATH
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE

site="$TEST_TMP/a site"
run "$TITO" python install --target "$site" --json
expect 'installs' 0
one_object 'and says where' '(.installed | endswith("a site/tinytorch")) and (.python != "")'
run "$TITO" python install --target "$site"
expect 'installs over itself' 0
check 'nothing is left beside it' [ "$(find "$site" -mindepth 1 -maxdepth 1 | wc -l)" = 2 ]
PYTHONPATH=$site
export PYTHONPATH
cd "$TEST_TMP" || exit 1
check 'the package imports' "$python" -c 'import tinytorch; print(tinytorch.ones(2))'
check 'Python knows its version' "$python" -c 'import importlib.metadata, tinytorch
assert importlib.metadata.version("tinytorch") == tinytorch.__version__'

if ! "$python" -c 'import numpy' 2>/dev/null; then
  skip 'the tests of the Python package' 'python3-numpy is not installed'
  finish
fi
"$python" -c 'import torch' 2>/dev/null || skip 'comparison with PyTorch' 'it is not installed'
for file in "$TINYTORCH_HOME"/python/tests/test_*.py; do
  check "$(basename "$file")" "$python" "$file"
done

# The page's example, as it stands there; it saves into the folder it runs in.
awk '/^```python$/ { on = 1; next } /^```$/ { on = 0 } on' "$TINYTORCH_HOME/docs/python.md" \
  >"$TEST_TMP/example.py"
check 'the example is there' [ "$(wc -l <"$TEST_TMP/example.py")" -gt 20 ]
run "$python" "$TEST_TMP/example.py"
expect "the page's example runs" 0
check 'and its network is right on 19 of 20 digits it never saw' awk '
  /^right: / { right = $2 } END { exit !(right > 0.95) }' "$out"

run "$TITO" python uninstall --target "$site"
expect 'uninstalls' 0
check 'nothing is left' [ -z "$(ls -A "$site")" ]
run "$TITO" python uninstall --target "$site"
expect 'nothing to uninstall' 1 'no package'
run "$TITO" python fly
expect 'an unknown action is a usage error' 2 "'fly'"
finish
