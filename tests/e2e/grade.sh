#!/bin/sh
# tito grade: points for what is right, none for what is not, and nothing that a submission tries
# gets it points or gets out.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$TEST_TMP" || exit 1
file=modules/tensor/core/tensor.cpp
source=$TINYTORCH_HOME/tinytorch/core/tensor.cpp

run "$TITO" init starter
# copy NAME: a submission with one file, in which task 1.4 is right and 1.5 is put from standard
# input, with `// helpers` and what follows as helpers of the file.
copy() {
  mkdir -p "subs/$1/modules/tensor/core"
  cp "starter/$file" "subs/$1/$file"
  region "$source" 1.4 >body
  write_region "subs/$1/$file" 1.4 body
  awk -v helpers=helpers -v body=body '/^\/\/ helpers$/ { on = 1; next }
    { print > (on ? helpers : body) } BEGIN { printf "" > helpers; printf "" > body }'
  write_region "subs/$1/$file" 1.5 body
  write_region "subs/$1/$file" 1.0 helpers
}
# The reference's body, after an attack that is on standard input.
attack() {
  { cat; region "$source" 1.5; [ -z "${2:-}" ] || printf '// helpers\n%s\n' "$2"; } | copy "$1"
}

copy right <<EOF
$(region "$source" 1.5)
EOF
copy wrong <<'EOF'
return Dims::filled(shape.rank(), 1);
EOF
attack crash <<'EOF'
*static_cast<volatile int*>(nullptr) = 1;
EOF
attack endless <<'EOF'
for (volatile int forever = 1; forever;) {
}
EOF
attack forks '#include <unistd.h>' <<'EOF'
while (true) fork();
EOF
attack memory '#include <vector>' <<'EOF'
volatile char first = std::vector<char>(size_t{10} << 30, 1)[0];
static_cast<void>(first);
EOF
attack socket '#include <sys/socket.h>' <<'EOF'
static_cast<void>(socket(AF_INET, SOCK_STREAM, 0));
EOF
attack reads '#include <fstream>' <<EOF
std::ifstream hidden("$TINYTORCH_HOME/modules/tensor/grade/layout.cpp");
EOF
attack writes '#include <cstdio>' <<EOF
if (FILE* f = std::fopen("$TEST_TMP/escaped", "w")) std::fclose(f);
EOF
attack runs '#include <cstdlib>' <<EOF
static_cast<void>(std::system("touch $TEST_TMP/escaped"));
EOF
copy leaves <<'EOF'
return Dims::filled(shape.rank(), 1);
// helpers
#include <cstdlib>
struct Leave {
  ~Leave() { std::exit(0); }
};
static Leave leave;
EOF
copy forges <<'EOF'
static const char kReply[] = "strides ok 4\n0 0\n";
for (int i = 0; i < 100; ++i) static_cast<void>(!write(3, kReply, sizeof kReply - 1));
return Dims::filled(shape.rank(), 1);
// helpers
#include <unistd.h>
EOF
copy calls <<'EOF'
return empty(shape).strides();
// helpers
#include "tinytorch/ops/ops.h"
EOF
copy includes <<EOF
$(region "$source" 1.5)
// helpers
#include "$source"
EOF
copy throws <<'EOF'
throw 42;
EOF
attack alone '#include <unistd.h>' <<'EOF'
_exit(0);
EOF
mkdir -p subs/link/modules/tensor/core subs/nothing
ln -s "$source" subs/link/$file
cp -r starter subs/starter

chmod 755 "$TEST_TMP" && mkdir tmp
export TMPDIR="$TEST_TMP/tmp"
run "$TITO" grade subs/* --modules tensor --out reports --seed 7 --json
expect 'grade judges them all' 0
cp "$out" grades
cp "$err" said
# task NAME ID FILTER: a task of a submission.
task() {
  check "$1: $4" jq -e --arg name "$1" --arg id "$2" \
    ".submissions[] | select(.name == \$name) | .tasks[] | select(.id == \$id) | $3" grades
}
task right 1.5 '.state == "PASS" and .score == .max_score' 'full points'
task right 1.4 '.state == "PASS" and .score == .max_score' 'in every task'
task right 1.6 '.state == "TODO" and .score == 0' 'nothing for what is not begun'
task wrong 1.5 '.state == "FAIL" and .score == 0 and (.text | test("expected"))' 'no points, and why'
for name in crash endless forks memory socket reads writes runs leaves forges calls includes throws \
  alone; do
  task "$name" 1.5 '.score == 0 and .state != "PASS" and .state != "TODO" and .text != ""' 'no points'
done
for name in crash endless forks memory socket reads writes runs calls throws alone wrong; do
  task "$name" 1.4 '.state == "PASS" and .score == .max_score' 'the task beside it is none the worse'
done
task calls 1.5 '.state == "REFUSED" and (.text | test("tinytorch::empty"))' 'names what is called'
task includes 1.5 '.state == "REFUSED"' 'somebody else'"'"'s file is no helper'
task endless 1.5 '.text | test("endless")' 'is told so'
task link 1.5 '.score == 0 and (.text | test("link"))' 'a link is no file'
task starter 1.4 '.state == "TODO" and .exercises == []' 'untouched, nothing is begun'
check 'an untouched lab has 0 points' jq -e \
  '.submissions[] | select(.name == "starter") | .score == 0' grades
check 'a folder that is no lab has 0 points and a reason' jq -e \
  '.submissions[] | select(.name == "nothing") | .score == 0 and (.problem | test("modules"))' grades
check 'nothing got out' [ ! -e "$TEST_TMP/escaped" ]
if pgrep -f 'tito grade ' >/dev/null; then
  skip 'nothing is left running' 'somebody else is grading on this machine'
else
  check 'nothing is left running' sh -c '! ps -eo uid,stat,ppid,args | awk "\$1 >= 65600 && \$1 < 65800" | grep .'
fi
check 'nor lies about' sh -c '! ls "$TMPDIR" | grep .'
check 'the sandbox is told' jq -e '.sandbox == "bubblewrap" or .sandbox == "none"' grades
if jq -e '.sandbox == "none"' grades >/dev/null; then
  check 'loudly where there is none' grep -q 'sandbox: none' said
fi
check 'the reports are there' sh -c 'cd reports && test -s grades.csv && test -s report.html && test -s similarity.csv'
check 'a results.json as Gradescope reads it' jq -e '.score == 15 and (.tests | length) > 5 and
  ([.tests[].max_score] | add) == 100 and all(.tests[]; .status == "passed" or .status == "failed") and
  .extra_data.sandbox' reports/right/results.json
check 'and a line in the table' grep -q '^right,15,100,' reports/grades.csv

# A host that makes no namespaces: nothing is pretended, and the filter still holds.
chmod 755 "$TEST_TMP" && mkdir fake && printf '#!/bin/sh\nexit 1\n' >fake/bwrap && chmod 755 fake fake/bwrap
run env PATH="$TEST_TMP/fake:$PATH" "$TITO" grade subs/right subs/socket subs/reads --modules tensor \
  --out bare --json
one_object 'without namespaces it says so' '.sandbox == "none"'
cp "$out" grades
check 'on standard error, too' grep -q 'sandbox: none' "$err"
task right 1.5 '.state == "PASS" and .score == .max_score' 'full points without a sandbox'
task socket 1.5 '.score == 0 and .state == "CRASH"' 'no socket without a sandbox'
task reads 1.5 '.score == 0 and .state == "CRASH"' 'no file without a sandbox'
check 'and in the report' grep -q 'sandbox: none' bare/report.html

run "$TITO" grade subs/right --modules tensor --out reports
expect 'reports are not overwritten' 2 'not empty'
run "$TITO" grade nowhere --out out2
expect 'a submission that is not there' 2 'nowhere'
run "$TITO" grade subs/right --modules 17 --out out2
expect 'a module that is not there' 2 'Modules: '
finish
