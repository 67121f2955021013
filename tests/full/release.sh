#!/bin/sh
# A course that was handed out, on a machine without this repository: it builds, and init, test,
# export and the solution of a task work there. (Where namespaces can be made, the repository is
# hidden meanwhile.)
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
place=$(mktemp -d /var/tmp/tito-course-XXXXXX) || exit 1
trap 'rm -rf "$place"' EXIT
cd "$place" || exit 1
check 'a release' "$TITO" release --out "$place/course"
hidden=''
if bwrap --bind / / --tmpfs "$TINYTORCH_HOME" true 2>/dev/null; then
  hidden="bwrap --bind / / --dev /dev --proc /proc --tmpfs $TINYTORCH_HOME"
else
  skip 'without the repository' 'this host makes no namespaces'
fi
there() { # COMMAND...: in the course, without what this test run has set
  # shellcheck disable=SC2086 # several words, or none
  run env -u TINYTORCH_HOME -u TITO $hidden "$@"
}
there "$place/course/tito" init "$place/lab"
expect 'it builds and makes a lab' 0
lab=$place/lab mine=$place/lab/modules/tensor/core/tensor.cpp
check 'the lab has starters' grep -q NotImplemented "$mine"
there "$lab/tito" test 1.5 --json
one_object 'which are TODO' '.modules[0].tasks[0].state == "TODO"'
region "$TINYTORCH_HOME/tinytorch/core/tensor.cpp" 1.5 >body
write_region "$mine" 1.5 body
there "$lab/tito" test 1.5 --json
one_object 'a body that is right passes' '.modules[0].tasks[0].state == "PASS"'
there "$lab/tito" solution 1.5
check 'the solution is there after it' grep -q "$(head -n 1 body | sed 's/[][\.*^$]/\\&/g')" "$out"
there "$lab/tito" export tensor --json
expect 'export works' 0
check 'with the reference where nothing is written' sh -c \
  '! grep -rq NotImplemented "$1"/tinytorch/core' sh "$lab"
there "$lab/tito" debug tensor --json
expect 'its hunts build' 0
finish
