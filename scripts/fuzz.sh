#!/usr/bin/env bash
# scripts/fuzz.sh SECONDS [TARGET…]: runs each fuzz target for that long; without targets all of them, and the
# comparison with the C plugin on cases that nobody has seen yet. As `cargo fuzz run` would, but without it: the
# flags are the compiler's own, and the stable compiler takes them when it is told to.
#
# What a target finds goes to target/fuzz/TARGET, the inputs that break it to target/fuzz/broken/.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=$1
shift
targets=("$@")
if ((${#targets[@]} == 0)); then
    targets=(control policy_file topics options differential)
fi

host=$(rustc -vV | sed -n 's/^host: //p')
flags=(
    --cfg fuzzing
    -Zsanitizer=address
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0
)

build() {
    # With a target of its own, though it is the same machine: the flags are then not for what only runs
    # while others are built, and that is there already.
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="${flags[*]}" cargo build \
        --manifest-path fuzz/Cargo.toml --target "$host" --target-dir target
}

fuzz() {
    local target=$1 found=target/fuzz/$1
    mkdir -p "$found" target/fuzz/broken
    # What takes long or much memory is a find too.
    "target/$host/debug/$target" "$found" "fuzz/corpus/$target" -dict=fuzz/json.dict \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=512 -max_len=16384 \
        -artifact_prefix="target/fuzz/broken/$target-" -print_final_stats=1 >"target/fuzz/$target.log" 2>&1 || {
        tail -n 60 "target/fuzz/$target.log"
        echo "fuzz: $target found something; the input is in target/fuzz/broken/" >&2
        return 1
    }
    echo "fuzz: $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "target/fuzz/$target.log") inputs in" \
        "$seconds s, nothing found; $(grep -o 'cov: [0-9]*' "target/fuzz/$target.log" | tail -n 1)"
}

differential() {
    local seed=$((SRANDOM * 1000))
    cargo build --workspace --locked --quiet
    DYNSEC_DIFF_SEED=$seed DYNSEC_DIFF_SECONDS=$((seconds / 2)) \
        cargo test --locked --quiet --package plugin-host --test differential -- ours_ --test-threads 1
}

failed=0
built=0
for target in "${targets[@]}"; do
    if [[ $target == differential ]]; then
        differential || failed=1
        continue
    fi
    if ((!built)); then
        build
        built=1
    fi
    fuzz "$target" || failed=1
done
exit "$failed"
