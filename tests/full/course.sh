#!/bin/sh
# The whole course: every starter and every wrong variant.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
run "$TITO" course check --json
jq -r '.problems[]?' "$out"
expect 'the course holds together' 0
one_object 'every wrong variant is caught' '.wrong_variants.total == .wrong_variants.caught'
check 'within 8 minutes' jq -e '.seconds < 480' "$out"
finish
