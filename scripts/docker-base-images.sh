#!/usr/bin/env bash
# Sees to it that the images debian:SUITE-slim are there: those that are not, and that the engine cannot pull, are
# made with debootstrap. Made images say so in their label `made-by`.
#
# usage: scripts/docker-base-images.sh [SUITE...]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
suites=("$@")
((${#suites[@]})) || suites=(bookworm trixie forky)

source scripts/docker-engine.sh
say() { printf '%s\n' "$*" >&2; }

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT

for suite in "${suites[@]}"; do
    image=debian:$suite-slim
    engine image inspect "$image" >/dev/null 2>&1 && continue
    # An engine that cannot reach a registry may take long to say so.
    if timeout --kill-after 10 120 docker pull --quiet "$image" >/dev/null 2>"$work/pull"; then
        say "Pulled $image"
        continue
    fi
    say "$image cannot be pulled: $(tail -n 1 "$work/pull")"
    bash scripts/debian-root.sh "$suite" "$work/$suite"
    tar --create --numeric-owner --one-file-system --directory "$work/$suite" . |
        engine import --change 'CMD ["bash"]' --change 'LABEL made-by=scripts/docker-base-images.sh' \
            - "$image" >/dev/null
    rm -rf --one-file-system "${work:?}/$suite"
    say "Made $image"
done
