#!/usr/bin/env bash
# Builds a plugin with the feature `panic-injection`, optimised as a release is, and lets it panic in each callback of
# a real broker: of this system's, and of 2.1.2, in a root folder that scripts/chroots.sh makes (DYNSEC_CHROOTS names
# where), which takes root. Then looks that what `make build` makes has nothing of the feature in it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
host=$(rustc -vV | sed -n 's/^host: //p')
# What the feature reads, and nothing else has.
trace=DYNSEC_PANIC_FILE

# With a target of its own, though it is the same machine: so it is never taken for the release.
cargo build --release --locked --package mosquitto-dynsec --features panic-injection --target "$host" --target-dir target
prone=$PWD/target/$host/release/libmosquitto_dynsec.so
grep --quiet --text "$trace" "$prone" || { echo "$prone has no panic-injection in it" >&2; exit 1; }

export DYNSEC_OURS=$prone
cargo test --locked --test broker -- --ignored panics
if ((EUID == 0)); then
    bash scripts/chroots.sh forky
    DYNSEC_ROOT=${DYNSEC_CHROOTS:-$PWD/target/chroots}/forky cargo test --locked --test broker -- --ignored panics
else
    echo 'PANICS WITH 2.1.2 WERE NOT TESTED, logins that wait among them: that takes root.' >&2
fi
unset DYNSEC_OURS

cargo build --release --locked --package mosquitto-dynsec --target-dir target
release=target/release/libmosquitto_dynsec.so
if grep --quiet --text "$trace" "$release" || grep --quiet --text 'a test has asked for a panic' "$release"; then
    echo "$release has panic-injection in it: a release must not" >&2
    exit 1
fi
echo "panics: $release has nothing of them"
