#!/usr/bin/env bash
# Runs every fuzz target of the module, two at a time, each for so many seconds, or less if all, the build included, would
# take longer than the total. Usage: fuzz.sh SECONDS TOTAL
#
# go test -fuzz compiles all dependencies anew, to see which of their code runs; with kubo among them that takes minutes. Here
# only our own packages are compiled so: the parsers under test are ours.
set -euo pipefail
cd "$(dirname "$0")/../.."
each=$1 total=$2
module=$(go list -m)
corpus=$(go env GOCACHE)/fuzz # where go test keeps inputs, too
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT

fail=0
# start runs a command beside one other.
start() {
	while (($(jobs -rp | wc -l) >= 2)); do
		wait -n || fail=1
	done
	"$@" &
}
# finish waits for all commands.
finish() {
	while (($(jobs -p | wc -l) > 0)); do
		wait -n || fail=1
	done
	((fail == 0)) || exit 1
}

program() { echo "$bin/${1//\//-}"; }

build() { go test -c -gcflags "$module/...=-d=libfuzzer" -ldflags '-s -w' -o "$(program "$1")" "./$1"; }

# fuzz runs a target of a package where its seeds are, and leaves an input that fails there. Making inputs small, which could
# take all of the time, is cut short.
fuzz() {
	local out
	if ! out=$(cd "$1" && GOMAXPROCS=1 timeout $((each + 120)) "$(program "$1")" -test.run '^$' -test.fuzz "^$2\$" \
		-test.fuzztime "${each}s" -test.fuzzminimizetime 1s -test.fuzzcachedir "$corpus/$module/$1" 2>&1); then
		echo "FAIL $1 $2"$'\n'"$out"
		return 1
	fi
	echo "$1 $2: $(grep -o 'execs: [0-9]*' <<<"$out" | tail -1)"
}

mapfile -t targets < <(git grep -oE --untracked '^func Fuzz[A-Za-z]+' -- '*_test.go' | sed -E 's#/[^/]*:func # #')
for package in $(printf '%s\n' "${targets[@]% *}" | sort -u); do
	start build "$package"
done
finish
share=$(((total - SECONDS) * 2 / ${#targets[@]})) # of the time that is left
((each <= share)) || each=$((share > 5 ? share : 5))
for target in "${targets[@]}"; do
	read -r package name <<<"$target"
	start fuzz "$package" "$name"
done
finish
