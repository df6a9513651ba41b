#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time, two at a time. Usage: fuzz.sh 30s
set -euo pipefail
cd "$(dirname "$0")/../.."
limit=$1

fuzz() {
	echo "fuzz $2 of $1 for $limit"
	GOMAXPROCS=1 go test -run '^$' -fuzz "^$2\$" -fuzztime "$limit" "$1"
}

fail=0
while IFS=: read -r file target; do
	while (($(jobs -rp | wc -l) >= 2)); do
		wait -n || fail=1
	done
	fuzz "./$(dirname "$file")" "$target" &
done < <(git grep -oE '^func Fuzz[A-Za-z]+' -- '*_test.go' | sed 's/func //')
while (($(jobs -p | wc -l) > 0)); do
	wait -n || fail=1
done
exit $fail
