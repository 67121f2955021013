#!/bin/sh
# The course: a fifth of the starters and wrong variants, and all the rest, must hold together.
# (tests/full/course.sh runs all of them.)
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
run "$TITO" course check --sample --json
jq -r '.problems[]?' "$out"
expect 'the course holds together' 0
one_object 'starters are worth nothing, the reference all, each wrong variant is caught' \
  '.starter_score == 0 and .reference_score == 100 and .wrong_variants.total > 20 and
   .wrong_variants.total == .wrong_variants.caught and .chapters_ok and .independence_ok and
   .prefix_ok and .layout_ok and .structure_ok'
finish
