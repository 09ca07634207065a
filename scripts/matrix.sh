#!/usr/bin/env bash
# Runs the real-broker suite, ours and theirs, against the broker of each Debian suite, with one and the same
# plugin, all suites at once, and prints a table at the end. What each run says is in target/matrix (or CARGO_TARGET_DIR's).
#
# usage: scripts/matrix.sh docker|chroot [--ours] [SUITE...]
#   --ours   the cases against theirs are left out.
#   docker   the brokers run in containers, whose ports are published on 127.0.0.1. The images' own tests run too; and
#            in forky's root folder, as root, the cases that mount something or look at a process.
#   chroot   they run in root folders made by debootstrap; needs root. DYNSEC_CHROOTS names where the folders are.
#            How users of Debian's packages switch is tested too.
# `make build` has to have been run.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
place=$1
shift
sides=(ours theirs)
[[ ${1-} != --ours ]] || { sides=(ours); shift; }
suites=("$@")
((${#suites[@]})) || suites=(bookworm trixie forky)

say() { printf '%s\n' "$*" >&2; }

target=$(cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
# Absolute, for who runs it from elsewhere.
DYNSEC_OURS=$(realpath "${DYNSEC_OURS:-$target/release/libmosquitto_dynsec.so}")
export DYNSEC_OURS
[[ -f $DYNSEC_OURS ]] || { say "$DYNSEC_OURS is missing: run \`make build\`."; exit 1; }
unset DYNSEC_THEIRS DYNSEC_ROOT DYNSEC_IMAGE MOSQUITTO MOSQUITTO_CTRL
export DYNSEC_CHROOTS=${DYNSEC_CHROOTS:-$PWD/target/chroots}
logs=$target/matrix
mkdir -p "$logs"

source scripts/docker-engine.sh

tests=(broker)
columns=("${sides[@]}")
case $place in
    docker)
        engine_answers || exit 1
        bash scripts/docker-images.sh "${suites[@]}"
        tests+=(images)
        columns+=(image)
        if ((EUID == 0)) && [[ " ${suites[*]} " == *' forky '* ]]; then
            bash scripts/chroots.sh forky
            columns+=(mounts)
        fi
        ;;
    chroot)
        ((EUID == 0)) || { say 'chroot needs root.'; exit 1; }
        bash scripts/chroots.sh "${suites[@]}"
        columns+=(switch)
        ;;
    *)
        say "no place called $place"
        exit 1
        ;;
esac

declare -A program
for test in "${tests[@]}"; do
    program[$test]=$(cargo test --no-run --locked --test "$test" --message-format json --quiet |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
done

# What a run that was ended by force left behind: containers by their ids, which this script's tests label.
running=()
clean_up() {
    local id
    for id in "${running[@]}"; do
        kill -- "-$id" 2>/dev/null || true
    done
    [[ $place == docker ]] || return 0
    for id in $(engine ps --all --quiet --filter "label=mosquitto-dynsec-test=$run"); do
        engine rm --force --volumes "$id" >/dev/null 2>&1 || true
    done
    for id in $(engine volume ls --quiet --filter "label=mosquitto-dynsec-test=$run"); do
        engine volume rm "$id" >/dev/null 2>&1 || true
    done
}
run=$$-$(date +%s)
export DYNSEC_RUN=$run
trap clean_up EXIT

# Brokers mostly wait, so more of them run at once than there are cores.
threads=$((2 * $(nproc)))
# limited COMMAND...: not beyond the deadline, in containers: an engine that hangs would hold all up for ever.
deadline=$((SECONDS + 2400))
limited() {
    local left=$((deadline - SECONDS))
    if [[ $place == chroot ]]; then
        "$@"
    else
        timeout --foreground --kill-after 10 "$((left > 0 ? left : 1))" "$@"
    fi
}

# one COLUMN SUITE COMMAND...: writes `passed failed` to LOG.counts.
one() {
    local column=$1 suite=$2 log start=$SECONDS result counts
    log=$(log_of "$suite" "$column")
    shift 2
    RUST_BACKTRACE=0 RUST_TEST_THREADS=$threads limited "$@" >"$log" 2>&1 || true
    result=$(grep '^test result: ' "$log" || true)
    counts=$(sed -n 's/^test result: [a-zA-Z]*\. \([0-9]*\) passed; \([0-9]*\) failed; .*/\1 \2/p' <<<"$result")
    if [[ -z $counts || $counts == '0 0' ]]; then
        # Nothing ran, or not to the end.
        counts='0 1'
        printf '\nfailures:\nThe run ended without a result: %s\n' "$(tail -n 5 "$log")" >>"$log"
    fi
    echo "$counts" >"$log.counts"
    say "$place, $suite, $column: ${counts% *} passed, ${counts#* } failed ($((SECONDS - start)) s)"
}

log_of() {
    printf '%s/%s-%s-%s.log' "$logs" "$place" "$1" "$2"
}

# where SUITE COLUMN: the variable that makes the tests of brokers run there.
where() {
    if [[ $place == docker && $2 != mounts ]]; then
        printf 'DYNSEC_IMAGE=mosquitto-dynsec:%s' "$1"
    else
        printf 'DYNSEC_ROOT=%s' "$DYNSEC_CHROOTS/$1"
    fi
}

# All there is to run of a suite, one after the other.
all_of() {
    local suite=$1 where side
    if [[ $suite == all ]]; then
        one image all "${program[images]}" --ignored --skip bookworm:: --skip trixie:: --skip forky::
        return
    fi
    where=$(where "$suite" all)
    for side in "${sides[@]}"; do
        one "$side" "$suite" env "$where" "${program[broker]}" "$side::"
    done
    if [[ $place == docker ]]; then
        one image "$suite" "${program[images]}" --ignored "$suite::"
        if [[ $suite == forky && " ${columns[*]} " == *' mounts '* ]]; then
            one mounts forky env "$(where forky mounts)" "${program[broker]}" places:: wakes::
        fi
    else
        one switch "$suite" bash scripts/test-switch.sh "$DYNSEC_CHROOTS/$suite" "$DYNSEC_OURS"
    fi
}

# Suites know nothing of each other, and are run at once, each in a process group of its own.
[[ $place == chroot ]] || suites+=(all)
rm -f "$logs/$place"-*
set -m
for suite in "${suites[@]}"; do
    all_of "$suite" </dev/null &
    running+=($!)
done
set +m
not_whole=0
for group in "${running[@]}"; do
    wait "$group" || not_whole=1
done
running=()

# How often a case of ours that has failed must pass then, to be taken for one that the machine has disturbed.
proofs=10

# passes WHERE CASE TIMES LOG: whether a case passes so many times in a row, alone. What it says is added to the log.
passes() {
    local where=$1 name=$2 times=$3 log=$4
    for ((; times; times--)); do
        limited env "$where" RUST_BACKTRACE=0 RUST_TEST_THREADS=1 "${program[broker]}" --exact "$name" \
            >>"$log" 2>&1 || return 1
    done
}

# Runs the failed cases of a suite again, each alone: a dozen brokers in containers on two cores can make a client wait
# longer than a case does. One of theirs has to pass once, one of ours many times: what fails now and then is a race, and
# that of a login or a takeover shows in nothing else. What passes then is named at the end. Sets `ok` and `bad`.
second_try() {
    local suite=$1 column=$2 log names name times
    log=$(log_of "$suite" "$column")
    mapfile -t names < <(sed -n 's/^test \([^ ]*\) \.\.\. FAILED$/\1/p' "$log")
    for name in "${names[@]}"; do
        times=1
        [[ $name != *ours::* ]] || times=$proofs
        if passes "$(where "$suite" "$column")" "$name" "$times" "$log.again"; then
            unsteady+=("$place, $suite: $name, which passed $times times of $times then. At first: $(said_by "$name" "$log")")
            ok=$((ok + 1))
            bad=$((bad - 1))
        fi
    done
}

# said_by CASE LOG: what a case failed with.
said_by() {
    awk -v "name=---- $1 stdout ----" '$0 == name { here = 1; next } /^---- / { here = 0 }
        here && /panicked at/ { print; if (getline > 0) print; exit }' "$2" | tr '\n' ' ' | cut -c 1-400
}

# failures_in LOG: what failed in a run, and what it said.
failures_in() {
    sed -n '/^failures:$/,$p; /^test .* FAILED$/p' "$1" | sed -n '1,500p'
}

# Where the engine hangs, nothing is worth a second try.
deadline=$((SECONDS + 900))
answers=1
[[ $place == chroot ]] || engine_answers || answers=0
passed=0
failed=0
declare -A cell
unsteady=()
for suite in "${suites[@]}"; do
    for column in "${columns[@]}"; do
        log=$(log_of "$suite" "$column")
        [[ -e $log.counts ]] || continue
        read -r ok bad <"$log.counts"
        at_first=$bad
        if ((bad && answers)) && [[ $column != image && $column != switch ]]; then
            second_try "$suite" "$column"
        fi
        passed=$((passed + ok))
        failed=$((failed + bad))
        cell[$suite/$column]=$ok/$bad
        # Also what passed then: nobody would see it otherwise.
        ((at_first)) || continue
        printf '\n==== %s\n' "$log"
        failures_in "$log"
        if [[ -e $log.again ]]; then
            printf '\n==== %s: the same cases again, each alone\n' "$log.again"
            failures_in "$log.again"
        fi
    done
done

printf '\nPassed/failed, %s:\n\n%-12s' "$place" suite
printf '%12s' "${columns[@]}"
printf '\n'
for suite in "${suites[@]}"; do
    printf '%-12s' "$suite"
    for column in "${columns[@]}"; do
        printf '%12s' "${cell[$suite/$column]:--}"
    done
    printf '\n'
done
if ((${#unsteady[@]})); then
    printf '\nFailed at first, with others beside it:\n'
    printf '  %s\n' "${unsteady[@]}"
fi
if [[ $place == docker && " ${columns[*]} " != *' mounts '* ]]; then
    printf '\nNOT TESTED: disks that are full or read-only, mounts, wakes: that takes root, and forky among the suites.\n'
fi
printf '\n%s passed, %s failed\n' "$passed" "$failed"
((answers == 0)) || [[ $place == chroot ]] || engine_answers || answers=0
((failed == 0 && not_whole == 0 && answers))
