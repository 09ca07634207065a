#!/usr/bin/env bash
# Says which mirror of Debian's archive this machine's apt uses, or the one that DEBIAN_MIRROR names.
set -euo pipefail

# The archive itself, not its security updates: that is what the label says.
mirror_of_apt() {
    # shellcheck disable=SC2016 # apt fills these in, not the shell.
    apt-get indextargets --format '$(SITE) $(LABEL)' 'Created-By: Packages' | sed -n 's/ Debian$//p' | head -n 1
}
mirror=${DEBIAN_MIRROR:-$(mirror_of_apt)}
if [[ -z $mirror ]]; then
    apt-get --quiet --quiet update >&2
    mirror=$(mirror_of_apt)
fi
if [[ -z $mirror ]]; then
    echo "apt's sources name no mirror of Debian: set DEBIAN_MIRROR." >&2
    exit 1
fi
echo "$mirror"
