#!/bin/sh
# After an installation or an upgrade. The service is not started by itself, since it needs settings; one that runs is restarted,
# which drains it first.
set -e
if ! getent passwd underlay >/dev/null; then
	nologin=$(command -v nologin || echo /usr/sbin/nologin)
	useradd --system --user-group --home-dir /var/lib/underlay --no-create-home --shell "$nologin" underlay
fi
chown underlay:underlay /var/lib/underlay
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart underlay.service
fi
