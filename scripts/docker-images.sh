#!/usr/bin/env bash
# Builds the images mosquitto-dynsec:SUITE, all with the same plugin: the one that `make build` made, or the file
# that DYNSEC_OURS names. Their base images are pulled, or made where there is no registry to pull from.
#
# usage: scripts/docker-images.sh [SUITE...]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
suites=("$@")
((${#suites[@]})) || suites=(bookworm trixie forky)

say() { printf '%s\n' "$*" >&2; }

plugin=${DYNSEC_OURS:-}
if [[ -z $plugin ]]; then
    target=$(cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
    plugin=$target/release/libmosquitto_dynsec.so
fi
[[ -f $plugin ]] || { say "$plugin is missing: run \`make build\`."; exit 1; }
cp "$plugin" docker/libmosquitto_dynsec.so

source scripts/docker-engine.sh
bash scripts/docker-base-images.sh "${suites[@]}" || { engine_answers || true; exit 1; }

output=$(mktemp)
trap 'rm -f "$output"' EXIT
for suite in "${suites[@]}"; do
    image=mosquitto-dynsec:$suite
    before=$(engine image inspect --format '{{.Id}}' "$image" 2>/dev/null || true)
    say "Building $image"
    if ! engine build --build-arg "SUITE=$suite" --tag "$image" docker >"$output" 2>&1; then
        tail -n 30 "$output" >&2
        engine_answers || true
        exit 1
    fi
    # The image that had the name is of no more use, unless a container still is made of it.
    if [[ -n $before && $before != "$(engine image inspect --format '{{.Id}}' "$image")" ]]; then
        engine image rm "$before" >/dev/null 2>&1 || true
    fi
done
