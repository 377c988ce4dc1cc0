#!/bin/sh
# Frama-C proves that these functions have no runtime errors and keep their ACSL contracts.
# Exit 1 if a goal is not proved.  PROOF.md says what this covers and what it does not.
#
# Needs Debian's frama-c-base, why3, z3 and cvc4 (900 MB).
set -eu
cd "$(dirname "$0")"
FUNCTIONS=is_current,check_charger,depth_of,lb_check,merge,as_key,product,phasor_within,phasor_ma
FUNCTIONS=$FUNCTIONS,conductor,on_phase,limit_of,risen_ma,level_of
FUNCTIONS=$FUNCTIONS,scaled_square,phasor_above,overloaded,is_lawful

command -v frama-c >/dev/null || { echo "make prove needs: apt-get install frama-c-base why3 z3 cvc4" >&2; exit 2; }
[ -e "$HOME/.why3.conf" ] || why3 config detect >/dev/null 2>&1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
frama-c -c11 -machdep gcc_x86_64 balance.c -wp -wp-rte -wp-prover z3,cvc4 \
    -wp-timeout "${TIMEOUT:-60}" -wp-par "${JOBS:-2}" -wp-fct "$FUNCTIONS" >"$log" 2>&1 || { cat "$log"; exit 1; }
grep -E 'Failed|Proved goals|Qed: |Z3 |CVC4 ' "$log" | grep -v ': Valid'
grep -Eq 'Proved goals: +([0-9]+) / \1$' "$log"
