#!/usr/bin/env bash
# Makes a Debian system with its broker for each suite, to run the broker in by chroot: target/chroots/SUITE, or
# SUITE in the folder that DYNSEC_CHROOTS names. Those that are there are kept. Needs root.
#
# usage: scripts/chroots.sh [SUITE...]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
suites=("$@")
((${#suites[@]})) || suites=(bookworm trixie forky)

for suite in "${suites[@]}"; do
    bash scripts/debian-root.sh "$suite" "${DYNSEC_CHROOTS:-$PWD/target/chroots}/$suite" \
        mosquitto mosquitto-clients
done
