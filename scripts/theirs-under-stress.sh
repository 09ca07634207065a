#!/usr/bin/env bash
# Puts the C plugins of Debian's suites through what ours has to stand, for the tables of docs/reliability.md: a broker is
# killed ROUNDS times in a stream of commands, and each system call of a save fails in each way. Nothing is expected of
# them; they are counted. They run in root folders, which scripts/chroots.sh makes (DYNSEC_CHROOTS names where). Needs root.
#
# usage: scripts/theirs-under-stress.sh ROUNDS [SUITE...]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
rounds=$1
shift
suites=("$@")
((${#suites[@]})) || suites=(bookworm trixie forky)
((EUID == 0)) || { echo 'The C plugins of other suites run by chroot, which only root may do.' >&2; exit 1; }

bash scripts/dependencies.sh --strace
bash scripts/chroots.sh "${suites[@]}"
unset DYNSEC_OURS DYNSEC_THEIRS DYNSEC_IMAGE
cargo build --workspace --locked --quiet
for suite in "${suites[@]}"; do
    root=$(realpath "${DYNSEC_CHROOTS:-target/chroots}/$suite")
    # Showing its help ends the broker as an error does.
    version=$({ chroot "$root" mosquitto -h || :; } | sed -n 's/^mosquitto version //p')
    printf '\nC %s, killed:\n' "$version"
    DYNSEC_ROOT=$root DYNSEC_ROUNDS=$rounds cargo test --locked --quiet --test broker -- \
        --ignored --nocapture --exact kills::the_c_plugin_is_counted | grep '^Theirs'
    printf 'C %s, faults:\n' "$version"
    library=$(find "$root/usr/lib" -name mosquitto_dynamic_security.so -type f | head -n 1)
    DYNSEC_FAULTS=all DYNSEC_FAULTS_ROOT=$root DYNSEC_FAULTS_OF=${library#"$root"} \
        cargo test --locked --quiet --package plugin-host --test faults -- \
        --ignored --nocapture --exact each_call_of_a_save_that_replaces_fails | grep '^Replaced'
done
