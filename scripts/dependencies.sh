#!/usr/bin/env bash
# Installs the Debian packages that are missing of those named, and says so. Nothing else is touched: installing
# the broker does not start it, and does not make it start with the system.
#
# usage: scripts/dependencies.sh [--lint|--bench|--valgrind|--fuzz|--strace]
set -euo pipefail

# What the build needs (a linker, and what bindgen reads: libclang and Mosquitto's headers), the broker with the
# C plugin that the tests compare with, the clients, and what makes certificates for tests.
packages=(gcc libc6-dev libclang-dev libmosquitto-dev make mosquitto mosquitto-clients mosquitto-dev
    openssl)
if [[ ${1:-} == --lint ]]; then
    packages+=(shellcheck)
elif [[ ${1:-} == --bench || ${1:-} == --valgrind ]]; then
    packages+=(valgrind)
elif [[ ${1:-} == --strace ]]; then
    packages+=(strace)
elif [[ ${1:-} == --fuzz ]]; then
    # libFuzzer is C++.
    packages+=(g++)
fi

say() { printf '%s\n' "$*" >&2; }

if ! command -v cargo >/dev/null; then
    say 'There is no cargo: install a Rust toolchain (1.88 or newer) and put it in the PATH.'
    exit 1
fi

if ! command -v apt-get >/dev/null; then
    say "This is not Debian: install what these packages bring yourself: ${packages[*]}"
    exit 0
fi

missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $status == installed ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
    exit 0
fi

root=()
if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
        say "As root, install: apt-get install ${missing[*]}"
        exit 1
    fi
    root=(sudo)
fi

say "Installing with apt-get: ${missing[*]}"
"${root[@]}" bash "$(dirname "${BASH_SOURCE[0]}")/apt-install.sh" "${missing[@]}"
