#!/usr/bin/env bash
# scripts/fuzz.sh SECONDS [TARGET…]: runs each fuzz target for that long; without targets all of them, and the
# comparison with the C plugin on cases that nobody has seen yet. As `cargo fuzz run` would, but without it: the
# flags are the compiler's own, and the stable compiler takes them when it is told to.
#
# FUZZ_SEED, a number up to 4294967295, is what chance begins with: with one seed the same code is given the same inputs, as
# far as time allows. Without it each run is another, and says which it was.
#
# As many targets are fuzzed at once as there are processors. What a target finds goes to target/fuzz/TARGET, the inputs
# that break it to target/fuzz/broken/. What failed is said at the very end.
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
# libFuzzer takes 0 for none.
seed=${FUZZ_SEED:-$((SRANDOM % 4294967295 + 1))}
echo "fuzz: FUZZ_SEED=$seed"
limits=(-rss_limit_mb=2048 -malloc_limit_mb=512)
# What is to be said at the end.
summary=target/fuzz/summary
mkdir -p target/fuzz
: >"$summary"

build() {
    # With a target of its own, though it is the same machine: the flags are then not for what only runs
    # while others are built, and that is there already.
    RUSTC_WRAPPER=$PWD/scripts/rustc-unstable.sh RUSTFLAGS="${flags[*]}" cargo build \
        --manifest-path fuzz/Cargo.toml --target "$host" --target-dir target
}

fuzz() {
    local target=$1 found=target/fuzz/$1 log=target/fuzz/$1.log code=0
    mkdir -p "$found" target/fuzz/broken
    # What takes long or much memory is a find too.
    "target/$host/debug/$target" "$found" "fuzz/corpus/$target" -dict=fuzz/json.dict -seed="$seed" \
        -max_total_time="$seconds" -timeout=10 "${limits[@]}" -max_len=16384 \
        -artifact_prefix="target/fuzz/broken/$target-" -print_final_stats=1 >"$log" 2>&1 || code=$?
    if ((code)); then
        tail -n 60 "$log"
        told "$(failure_of "$target" "$code" "$log")"
        return 1
    fi
    echo "fuzz: $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in" \
        "$seconds s, nothing found; $(grep -o 'cov: [0-9]*' "$log" | tail -n 1)"
}

# Shows what is said of a failure now, and at the end once more: what comes between may be long.
told() {
    printf '%s\n' "$1" >>"$summary"
    printf '%s\n' "$1" >&2
}

# failure_of TARGET CODE LOG: what ended a target, the lines that say why, and the input.
failure_of() {
    local target=$1 code=$2 log=$3 input
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    if [[ -s $input ]]; then
        echo "fuzz: $target found something (exit code $code)"
    else
        echo "fuzz: $target FAILED, and no input is to blame (exit code $code): $(why_without_input "$code" "$log")"
    fi
    # A panic's text is on the line after its place.
    awk '/panicked at/ { print; if (getline > 0) print; next }
        /^==[0-9]+==.*(ERROR|FATAL|fatal error)|^SUMMARY: [^l]|libFuzzer: run|No such file/' "$log" |
        cut -c 1-300 | sed -n '1,5s/^/    /p'
    if [[ -s $input ]]; then
        again "$target" "$input"
        show "$target" "$input"
    fi
    echo "  alone: make fuzz FUZZ_SECONDS=$seconds FUZZ_SEED=$seed FUZZ_TARGETS=$target; its whole output: $log"
}

# What is no find is told from what is: ASan that gets no memory to start with, a leak detector that may not look, a
# process that somebody else ended.
why_without_input() {
    local code=$1 log=$2
    if grep -qaE 'LeakSanitizer has encountered a fatal error' "$log"; then
        echo 'memory could not be looked through for leaks'
    elif grep -qaE 'LeakSanitizer: detected memory leaks' "$log"; then
        echo 'memory was lost, seen at the end'
    elif ((code > 128)); then
        echo "ended by signal $((code - 128)) from outside, as where memory runs short"
    elif ! grep -qaE '^INFO: Running with' "$log"; then
        echo 'it did not start'
    elif ! grep -qaE 'INITED' "$log"; then
        echo 'it ended before the first input of its own'
    else
        echo 'it ended without saying why'
    fi
}

# again TARGET FILE: whether the input alone does it too, which tells a find from a machine that was too slow.
again() {
    local target=$1 input=$2 log=target/fuzz/$1.again.log code=0 TIMEFORMAT='%R s, %U s of them computing'
    { time "target/$host/debug/$target" -timeout=60 "${limits[@]}" "$input" >"$log" 2>&1; } 2>"$log.time" || code=$?
    if ((code)); then
        echo "  again, alone: it fails too (exit code $code, $(<"$log.time"))"
    else
        echo "  again, alone: nothing ($(<"$log.time")): only after others, or where the machine had no time"
    fi
}

# show TARGET FILE: the input itself, if it is small, since the file may be gone before somebody looks.
show() {
    local target=$1 input=$2 size
    size=$(stat --format %s "$input")
    echo "  input: $input, $size bytes"
    if ((size < 4096)); then
        echo "  to have it: echo $(base64 --wrap 0 "$input") | base64 -d >fuzz/corpus/$target/$(basename "$input")"
    fi
}

# Real brokers are left out: what they do depends on the time that they are given.
differential() {
    local log=target/fuzz/differential.log
    mkdir -p target/fuzz
    cargo build --workspace --locked --quiet
    if ! DYNSEC_DIFF_SEED=$((seed * 1000)) DYNSEC_DIFF_SECONDS=$((seconds / 3)) \
        cargo test --locked --quiet --package plugin-host --test differential -- \
        ours_ of_several_acls_ --skip on_real_brokers_ --test-threads 1 2>&1 |
        tee "$log"; then
        told "fuzz: differential FAILED
$(sed -n '/panicked at/,/^$/p; /^error/p' "$log" | cut -c 1-1000 | sed '/^$/d; s/^/    /; 12q')
  alone: make fuzz FUZZ_SECONDS=$seconds FUZZ_SEED=$seed FUZZ_TARGETS=differential; its whole output: $log"
        return 1
    fi
}

failed=0
at_once=$(nproc)
fuzzed=()
for target in "${targets[@]}"; do
    [[ $target == differential ]] || fuzzed+=("$target")
done
if ((${#fuzzed[@]})); then
    build
fi
for target in "${fuzzed[@]}"; do
    if (($(jobs -rp | wc -l) >= at_once)); then
        wait -n || failed=1
    fi
    fuzz "$target" &
done
while [[ -n $(jobs -p) ]]; do
    wait -n || failed=1
done
# It takes all processors.
if [[ " ${targets[*]} " == *' differential '* ]]; then
    differential || failed=1
fi
if ((failed)) || [[ -s $summary ]]; then
    failed=1
    printf '\nfuzz: what failed:\n' >&2
    cat "$summary" >&2
fi
exit "$failed"
