#!/bin/sh
# Before a removal, which deb calls "remove" and rpm 0; an upgrade leaves the service running until the new version is there.
set -e
case ${1:-} in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now underlay.service underlay-backup.timer
	fi
	;;
esac
