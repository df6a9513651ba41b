#!/usr/bin/env bash
# Puts bin/underlay into a .deb and an .rpm in the given directory. The version is the program's own.
set -euo pipefail
cd "$(dirname "$0")/../.."
VERSION=$(bin/underlay --version | awk '{print $NF}')
ARCH=$(go env GOARCH)
export VERSION ARCH
for kind in deb rpm; do
	bin/nfpm package --config deploy/package/nfpm.yaml --packager $kind --target "$1/underlay_${VERSION}_$ARCH.$kind"
done
(cd "$1" && sha256sum "underlay_${VERSION}_$ARCH".*)
