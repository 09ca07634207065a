#!/usr/bin/env bash
# Makes the root folder of a small Debian system, with debootstrap, from the mirror that this machine's apt uses.
# A folder that is there already is kept. Needs root; installs debootstrap where it is missing.
#
# usage: scripts/debian-root.sh SUITE FOLDER [PACKAGE...]
#   DEBIAN_MIRROR    a mirror of Debian's archive, in place of the one in apt's sources
set -euo pipefail

suite=$1
root=$2
shift 2
packages=$(IFS=, && printf '%s' "$*")

say() { printf '%s\n' "$*" >&2; }

# What was made completely says with which packages.
complete=etc/dynsec-root
if [[ -e $root/$complete ]]; then
    [[ $(<"$root/$complete") == "$suite $packages" ]] && exit 0
    say "$root has been made otherwise ($(<"$root/$complete")): remove it, or name another folder."
    exit 1
elif [[ -e $root ]]; then
    say "$root is there, but was not made by this script, or not to the end: remove it, or name another folder."
    exit 1
fi
if ((EUID != 0)); then
    say "A Debian system in $root can be made by root only."
    exit 1
fi
if ! command -v debootstrap >/dev/null; then
    command -v apt-get >/dev/null || { say 'debootstrap is missing: install it.'; exit 1; }
    say 'Installing with apt-get: debootstrap'
    bash "$(dirname "${BASH_SOURCE[0]}")/apt-install.sh" debootstrap >/dev/null
fi

mirror=$(bash "$(dirname "${BASH_SOURCE[0]}")/debian-mirror.sh")

# A suite younger than this debootstrap is made as sid is.
script=/usr/share/debootstrap/scripts/$suite
[[ -e $script ]] || script=/usr/share/debootstrap/scripts/sid

# Made beside its place and moved there when complete.
part=$root.part
log=$root.log
discard() {
    local mount
    # debootstrap mounts these, and leaves them mounted when it is interrupted.
    for mount in "$part/proc" "$part/sys"; do
        if mountpoint --quiet "$mount"; then umount "$mount"; fi
    done
    rm -rf --one-file-system "$part"
}
mkdir -p "$(dirname "$root")"
discard
trap discard EXIT

say "Making a Debian $suite system in $root (about half a minute; log: $log)"
if ! debootstrap --variant=minbase ${packages:+"--include=$packages"} "$suite" "$part" "$mirror" "$script" \
    >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    [[ -e $part/debootstrap/debootstrap.log ]] && tail -n 20 "$part/debootstrap/debootstrap.log" >&2
    say "debootstrap failed; its output is in $log"
    exit 1
fi

# No service starts in it, as in Debian's own images.
printf '#!/bin/sh\nexit 101\n' >"$part/usr/sbin/policy-rc.d"
chmod 755 "$part/usr/sbin/policy-rc.d"
# Whether this machine's apt believes an index that is past its date holds in there too: the mirror is the same.
apt-config dump 2>/dev/null | grep -E '^Acquire::Check-(Valid-Until|Date) ' \
    >"$part/etc/apt/apt.conf.d/90-as-on-the-host" || true
rm -rf "$part"/var/cache/apt/*.bin "$part"/var/cache/apt/archives/*.deb "$part"/var/lib/apt/lists/* \
    "$part"/var/log/bootstrap.log
printf '%s' "$suite $packages" >"$part/$complete"
mv "$part" "$root"
trap - EXIT
rm -f "$log"
