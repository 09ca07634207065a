#!/usr/bin/env bash
# Compares the plugin with the C plugin of each Debian suite's broker, on random cases. Both run by chroot in the
# suite's root folder, which scripts/chroots.sh makes; DYNSEC_CHROOTS names where the folders are. Needs root.
# What each run says is in target/differential (or CARGO_TARGET_DIR's).
#
# usage: scripts/differential-matrix.sh CASES [--brokers] [--debug] [SUITE...]
#   --brokers   only the cases with real brokers, of which DYNSEC_DIFF_BROKER_CASES says how many; half as many more with
#               certificates
#   --debug     what compares them is what `make test` has built, which is slower, but is there already
# `cargo build --release --workspace` has to have been run; with --debug `make build` is enough.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
cases=$1
shift
tests=()
if [[ ${1:-} == --brokers ]]; then
    shift
    tests=(on_real_brokers_)
    cases=${DYNSEC_DIFF_BROKER_CASES:-500}
    export DYNSEC_DIFF_BROKER_CASES=$cases
fi
profile=(--release)
if [[ ${1:-} == --debug ]]; then
    shift
    profile=()
fi
suites=("$@")
((${#suites[@]})) || suites=(bookworm trixie forky)

say() { printf '%s\n' "$*" >&2; }

((EUID == 0)) || { say 'The C plugins of other suites run by chroot, which only root may do.'; exit 1; }
bash scripts/chroots.sh "${suites[@]}"

target=$(cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
logs=$target/differential${tests[*]:+-brokers}
mkdir -p "$logs"
program=$(cargo test "${profile[@]}" --no-run --locked --package plugin-host --test differential \
    --message-format json --quiet | sed -n '/"kind":\["test"\]/s/.*"executable":"\([^"]*\)".*/\1/p')
unset DYNSEC_THEIRS DYNSEC_DIFF_COMPAT
export DYNSEC_DIFF_CASES=$cases RUST_BACKTRACE=0

# in_root SUITE: with its /tmp in memory where that is permitted, since the plugins sync each save. The mount is
# this process's own, and ends with it.
in_root() {
    export DYNSEC_DIFF_ROOT=${DYNSEC_CHROOTS:-$PWD/target/chroots}/$1
    # shellcheck disable=SC2016 # The inner shell fills these in.
    if unshare --mount true 2>/dev/null; then
        unshare --mount bash -c 'mount -t tmpfs tmpfs "$DYNSEC_DIFF_ROOT/tmp" && exec "$0" --nocapture "$@"' "$program" "${tests[@]}"
    else
        "$program" --nocapture "${tests[@]}"
    fi
}

failed=()
for suite in "${suites[@]}"; do
    say "Comparing with the C plugin of $suite: $cases cases (log: $logs/$suite.log)"
    if in_root "$suite" >"$logs/$suite.log" 2>&1; then
        sed -n '/^ours against the C plugin,.* seeds/,/^$/p' "$logs/$suite.log" | grep -E '^ours|cases$|known difference'
    else
        failed+=("$suite")
        sed -n '/^failures:$/,$p' "$logs/$suite.log" | sed -n '1,200p'
        grep -E 'differences that are not known' -B 1 -A 40 "$logs/$suite.log" | sed -n '1,120p' || true
    fi
done
((${#failed[@]} == 0)) || { say "Not as documented: ${failed[*]}"; exit 1; }
