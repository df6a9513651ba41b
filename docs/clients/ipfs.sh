#!/bin/sh
# The stock command line: add, find, read and unpin a file. Usage: ipfs.sh MULTIADDR, for example /ip4/127.0.0.1/tcp/9095
set -eu
api=$1

cid=$(echo "hello from the command line" | ipfs --api "$api" add --quieter --cid-version=1 --pin-name=example)
ipfs --api "$api" pin ls --names --type=recursive "$cid"
ipfs --api "$api" cat "$cid"
ipfs --api "$api" pin rm "$cid"
