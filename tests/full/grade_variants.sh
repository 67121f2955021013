#!/bin/sh
# tito grade on what has points and what has none: every wrong variant of every module as a
# submission (one task each), the reference, and a class of a hundred.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$TEST_TMP" || exit 1
reference=$TINYTORCH_HOME/tinytorch
run "$TITO" init starter
mkdir variants class

# A line for each task of a module: ID FILE REGION[,REGION...], as its module.toml has them.
tasks() {
  awk -F'"' '
    function put() { if (id != "") print id, file, regions == "" ? id : regions }
    /^\[/ { put(); id = file = regions = ""; task = $0 == "[[task]]" }
    task && /^id = / { id = $2 }
    task && /^file = / { file = $2 }
    task && /^regions = / { for (i = 2; i < NF; i += 2) regions = regions (i > 2 ? "," : "") $i }
    END { put() }' "$TINYTORCH_HOME/modules/$1/module.toml"
}
head_of() { sed -n "s|^// $1: ||p" "$2" | head -n 1; }

# put FILE SUBMISSION_FILE REGIONS [NOTE [REGION VARIANT]]: the reference's bodies of the regions
# (the variant's in one), with a note above each.
put() {
  printf '%s\n' "$3" | tr ',' '\n' >ids
  while read -r id; do
    {
      [ -z "${4:-}" ] || printf '// %s\n' "$4"
      if [ "$id" = "${5:-}" ]; then
        sed -E '/^\/\/ (task|region|test|state|cause): /d' "$6"
      else
        region "$1" "$id"
      fi
    } >body
    write_region "$2" "$id" body
  done <ids
}

for manifest in "$TINYTORCH_HOME"/modules/*/module.toml; do
  module=$(basename "$(dirname "$manifest")")
  tasks "$module" >"tasks-$module"
  mkdir -p "variants/reference/modules"
  cp -r "starter/modules/$module" variants/reference/modules/
  while read -r _ file regions; do
    put "$reference/$file" "variants/reference/modules/$module/$file" "$regions"
  done <"tasks-$module"
  for variant in "$TINYTORCH_HOME/modules/$module/wrong"/*.cpp; do
    [ -f "$variant" ] || continue
    task=$(head_of task "$variant")
    read -r file regions <<EOF
$(sed -n "s|^$task ||p" "tasks-$module")
EOF
    of=$(head_of region "$variant")
    name=$module-$(basename "$variant" .cpp)
    mkdir -p "variants/$name/modules/$module/$(dirname "$file")"
    cp "starter/modules/$module/$file" "variants/$name/modules/$module/$file"
    put "$reference/$file" "variants/$name/modules/$module/$file" "$regions" '' \
      "${of:-${regions%%,*}}" "$variant"
    case $(head_of cause "$variant") in slow*) kind=slow ;; *) kind=wrong ;; esac
    printf '%s %s %s %s %s\n' "$name" "$task" "${of:-${regions%%,*}}" \
      "modules/$module/wrong/${variant##*/}" "$kind" >>list
  done
done

run "$TITO" grade variants/* --out variants-reports --seed 7 --json
expect 'grade judges every variant' 0
cp "$out" grades
cp "$err" said
check 'the reference gets all points' jq -e '.submissions[] | select(.name == "reference") |
  .score == .max_score' grades
jq -r '.submissions[] | select(.name == "reference") | .tasks[] | select(.score < .max_score) |
  "  \(.id) \(.state), \(.score) of \(.max_score): \(.text)"' grades
jq -r '.submissions[] | .name as $name | .tasks[] | [$name, .id, .state, .score, .max_score] | @tsv' \
  grades >got
# Points that a wrong variant got: none, or not those for speed where it is only slow.
awk -F'[\t ]' 'NR == FNR { task[$1] = $2; kind[$1] = $5; next }
  $1 in task && task[$1] "" == $2 "" {  # as text: 4.1 is not 4.10
    seen[$1] = 1
    if (kind[$1] == "slow" ? $4 >= $5 : $4 > 0 || $3 == "PASS" || $3 == "TODO")
      print $1 ": " $3 ", " $4 " of " $5
  }
  END { for (name in task) if (!seen[name]) print name ": not judged" }' list got >scored
cat scored
check "no wrong variant of $(wc -l <list) gets points for it" [ ! -s scored ]
# The share of inputs that do not tell a variant from the reference: at 0.68 all 24 of them miss it
# once in 10,000 gradings. (24 inputs show the share to about 0.1.)
jq -r '.submissions[] | select(.name != "reference") | .name as $name | .tasks[] |
  select(.state == "FAIL" or .state == "CRASH") | select(.exercises | length > 0) |
  [$name, (reduce .exercises[] as $e (1; . * $e.right / $e.cases))] | @tsv' grades |
  awk '$2 > 0.68' >odds
sed 's/^/  seldom told: /' odds
check 'and none comes through with another seed' awk '$2 > 0.85 { bad = 1 } END { exit bad }' odds
printf '  %s submissions in %.0f s\n' "$(jq '.submissions | length' grades)" "$(jq .seconds grades)"

# A class: the whole of module tensor, with one task wrong in two of three submissions. The number
# in every region sees to it that no two of them are the same text.
grep '^tensor-' list >wrong
count=$(wc -l <wrong)
i=0
while [ "$i" -lt 100 ]; do
  to=class/student-$i/modules
  mkdir -p "$to"
  cp -r starter/modules/tensor "$to/"
  read -r _ task of variant kind <<EOF
$(sed -n "$((i * 7 % count + 1))p" wrong)
EOF
  [ $((i % 3)) != 0 ] || of='' task=-
  while read -r id file regions; do
    put "$reference/$file" "$to/tensor/$file" "$regions" "student $i" "${of:-}" \
      "$TINYTORCH_HOME/$variant"
  done <tasks-tensor
  [ "$kind" != slow ] || task=-  # it passes, with less points
  printf 'student-%s %s\n' "$i" "$task" >>students
  i=$((i + 1))
done
# In $cpu, seconds of processor time that commands took so far: a busy machine adds few.
spent() {
  times >clock
  cpu=$(awk 'NR == 2 { for (i = 1; i <= 2; ++i) { split($i, t, "[ms]"); sum += 60 * t[1] + t[2] } }
    END { print int(sum) }' clock)
}
spent
before=$cpu
run "$TITO" grade class/* --modules tensor --out class-reports --seed 7 --json
expect 'grade judges a class' 0
spent
took=$((cpu - before))
printf '  100 submissions of module tensor in %.0f s, %s s of processor time\n' \
  "$(jq .seconds "$out")" "$took"
check 'in less than 10 minutes of two processors' [ "$took" -lt 1200 ]
jq -r '.submissions[] | .name as $name | .tasks[] | [$name, .id, .state] | @tsv' "$out" >got
awk -F'[\t ]' 'NR == FNR { wrong[$1] = $2; next }
  ($3 == "PASS") != (wrong[$1] "" != $2 "") { print $1 ": " $2 " " $3 }' students got >astray
cat astray
check 'and only the wrong task of a student is without points' [ ! -s astray ]
finish
