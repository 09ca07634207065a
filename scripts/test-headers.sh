#!/usr/bin/env bash
# Looks that everything compiles with the headers of a Debian suite's Mosquitto, as it does where that is the system. They are
# taken from its packages, into target/headers/SUITE (or CARGO_TARGET_DIR's); those that are there are kept.
#
# usage: scripts/test-headers.sh SUITE
#   DEBIAN_MIRROR    a mirror of Debian's archive, in place of the one in apt's sources
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
suite=$1
target=$(cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
headers=$target/headers/$suite

if [[ ! -e $headers ]]; then
    part=$headers.part
    rm -rf "$part"
    mkdir -p "$part"/{lists,archives}/partial "$part/root"
    # As debootstrap trusts it.
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb [signed-by=$keys] $(bash scripts/debian-mirror.sh) $suite main" >"$part/sources.list"
    # An apt that knows nothing but this suite.
    apt=(apt-get --quiet --quiet -o "Dir::Etc::SourceList=$part/sources.list" -o Dir::Etc::SourceParts=-
        -o "Dir::State=$part" -o Dir::State::Status=/dev/null -o "Dir::Cache=$part" -o APT::Sandbox::User=root)
    "${apt[@]}" update
    # The headers of the latter are included by those of the others.
    (cd "$part/archives" && "${apt[@]}" download libmosquitto-dev mosquitto-dev libcjson-dev)
    for package in "$part"/archives/*.deb; do
        dpkg-deb --extract "$package" "$part/root"
    done
    mv "$part/root/usr/include" "$headers"
    rm -rf "$part"
fi

# The broker's tests compile this while they run.
cc -fsyntax-only -Wno-cpp -I"$headers" tests/broker/other_plugin.c
BINDGEN_EXTRA_CLANG_ARGS="-I$headers -Wno-#warnings" \
    cargo check --locked --package mosquitto-dynsec --package plugin-host --all-targets
