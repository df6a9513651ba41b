#!/usr/bin/env bash
# Checks the direction of imports between our packages: cmd -> {config, gateway, proxy, peer}, {proxy, peer} -> consensus.
set -euo pipefail
cd "$(dirname "$0")/../.."
module=$(go list -m)

# Every package and what it may import of ours. Tests may import more.
declare -A allowed=(
	[config]="" [consensus]="" [gateway]="" [peer]="consensus"
	[gateway/forwarded]="" [gateway/hot]="" [gateway/limits]="" [gateway/pages]=""
	[proxy]="" [proxy/access]="consensus" [proxy/console]="consensus" [proxy/member]="consensus" [proxy/profile]="" [proxy/psa]="consensus" [proxy/rest]="consensus" [proxy/rpc]="consensus"
	[cmd/underlay]="config gateway gateway/policy proxy proxy/access proxy/console proxy/member proxy/overview proxy/profile proxy/psa proxy/rest proxy/rpc proxy/unfinished peer peer/denylist peer/genesis"
)

fail=0
while read -r pkg imports; do
	name=${pkg#"$module"/}
	for import in $imports; do
		[[ $import == "$module"/* ]] || continue
		dep=${import#"$module"/}
		[[ $dep == "$name"/* || $name == "${dep%/*}"/* ]] && continue # inside one folder
		[[ $dep == internal/* && $dep != internal/itest ]] && continue # small leaves that anybody may use
		if [[ -v allowed[$name] && " ${allowed[$name]} " != *" $dep "* ]]; then
			echo "$name must not import $dep" >&2
			fail=1
		fi
	done
done < <(go list -f '{{.ImportPath}} {{join .Imports " "}}' ./...)
exit $fail
