#!/usr/bin/env bash
# Fuzzes every target for SECONDS each, or those that are named: tests/fuzz/run.sh [SECONDS [TARGET…]].
# It begins with the seeds, and keeps what it learns in corpus/, so that the next run goes on from there. Prints a line a
# target: how many inputs were tried, how many edges of the code they reached, and whether anything broke.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-600}
shift || true
if [ $# = 0 ]; then
  set -- seeds/*
  set -- "${@#seeds/}"
fi
broken=0
for target in "$@"; do
  mkdir -p "corpus/$target" logs
  log=logs/$target.log
  says=sound
  cargo fuzz run -s none --fuzz-dir . --features libfuzzer "$target" "corpus/$target" "seeds/$target" -- \
    "-max_total_time=$seconds" -print_final_stats=1 > "$log" 2>&1 || { says="broken: see $PWD/$log"; broken=1; }
  tried=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  edges=$(grep -o 'cov: [0-9]*' "$log" | tail -1)
  printf '%-10s %12s inputs   %-12s %s\n' "$target" "${tried:-no}" "${edges:-cov: -}" "$says"
done
exit "$broken"
