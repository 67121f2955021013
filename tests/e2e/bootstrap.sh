#!/bin/sh
# The script ./tito: found from anywhere, quiet and quick once built, clear about what is missing.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$TEST_TMP" || exit 1

run "$TITO" kernels --json
expect 'starts from another folder' 0
check 'a start without work says nothing' [ ! -s "$err" ]
mkdir 'a folder'
ln -s "$TITO" 'a folder/direct'
(cd 'a folder' && ln -s direct relative)
run 'a folder/relative' kernels --json
expect 'starts through links in a folder with a space' 0
PATH="$TEST_TMP/a folder:$PATH" run relative kernels --json
expect 'starts by PATH' 0

# Processor time, the mean of 20 starts: other work may run beside this.
(
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    "$TITO" --version >/dev/null
  done
  times >times.txt
)
# The second line is of the children: 0m0.10s 0m0.05s
ms=$(awk -F '[ms ]+' 'NR == 2 { printf "%d", (60 * ($1 + $3) + $2 + $4) * 1000 / 20 }' times.txt)
check "a second start takes under 50 ms ($ms ms of the processor)" [ "$ms" -lt 50 ]

# A copy of the script with nothing around it, and a PATH that holds only what we put there.
mkdir -p 'copy of it/bin'
cp "$TITO" 'copy of it/tito'
cd 'copy of it' || exit 1
for tool in sh dirname readlink find mkdir rm cat grep flock env mv; do
  ln -s "$(command -v "$tool")" bin/
done
stub() {
  printf '#!/bin/sh\n%s\n' "$2" >"bin/$1"
  chmod +x "bin/$1"
}
stub id 'echo 1000'
bare() { run env PATH="$PWD/bin" "$PWD/tito" "$@"; }

bare kernels
expect 'without compiler and apt: exit code 3 and the names' 3 'g\+\+.*cmake.*ninja-build'
check 'nothing on standard output' [ ! -s "$out" ]
if grep -qE '^ID(_LIKE)?=.*(debian|ubuntu)' /etc/os-release; then
  stub apt-get 'echo "apt-get $*" >>apt.log; case "$*" in *update*) exit 0 ;; esac; exit 100'
  bare kernels
  expect 'not root and no sudo: apt is left alone' 3 'install them by hand'
  check 'apt was not called' [ ! -e apt.log ]
  stub sudo '[ "$1" = -n ] || exit 99; shift; exec "$@"'
  bare kernels
  expect 'with sudo, without a terminal: tries, and says what it could not get' 3 'by hand'
  check 'the line is printed first' grep -q 'sudo apt-get install' "$err"
  check 'and run without a question' grep -q 'install -qq -y --no-install-recommends.* g++' apt.log
  check 'package lists are fetched' grep -q 'update' apt.log
  rm -f apt.log
  stub id 'echo 0'
  rm bin/sudo
  bare kernels
  check 'root needs no sudo' grep -q 'install -qq' apt.log
else
  skip 'apt' 'not a Debian or Ubuntu'
fi
bare selftest
check 'a test run that cannot start still ends with its counts' \
  sh -c '[ "$(tail -n 1 "$1")" = "0 passed, 1 failed" ]' sh "$out"
stub c++ 'exit 1'
stub ninja 'exit 1'
stub cmake 'echo "CMake Error: too old"; exit 1'
stub apt-get 'exit 100'
bare kernels
expect 'a configuration that fails is exit code 3' 3 'configuring failed'
check 'what it said stays off standard output' [ ! -s "$out" ]
finish
