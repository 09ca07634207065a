#!/usr/bin/env bash
# Installs Debian packages without starting the services in them. Run as root, by dependencies.sh.
#
# usage: scripts/apt-install.sh PACKAGE...
set -euo pipefail

export DEBIAN_FRONTEND=noninteractive

# invoke-rc.d asks this program whether a service may be started. A system that has one has decided already.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

apt-get --quiet update
apt-get --quiet --yes --no-install-recommends install "$@" </dev/null

# Debian also makes a service start with the system.
if [[ -d /run/systemd/system && " $* " == *' mosquitto '* ]]; then
    systemctl --quiet disable mosquitto.service
    echo "The system's own broker is not running, and does not start with the system." \
        "To have both: systemctl enable --now mosquitto" >&2
fi
