#!/usr/bin/env bash
# Runs the real-broker suite, ours and theirs, against the broker of each Debian suite, with one and the same
# plugin, all suites at once, and prints a table at the end. What each run says is in target/matrix (or CARGO_TARGET_DIR's).
#
# usage: scripts/matrix.sh docker|chroot [SUITE...]
#   docker   the brokers run in containers, whose ports are published on 127.0.0.1. The images' own tests run too.
#   chroot   they run in root folders made by debootstrap; needs root. DYNSEC_CHROOTS names where the folders are.
#            How users of Debian's packages switch is tested too.
# `make build` has to have been run.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
place=$1
shift
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

tests=(broker)
columns=(ours theirs)
case $place in
    docker)
        docker version >/dev/null 2>&1 || { say 'No Docker engine answers.'; exit 1; }
        bash scripts/docker-images.sh "${suites[@]}"
        tests+=(images)
        columns+=(image)
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
    for id in $(docker ps --all --quiet --filter "label=mosquitto-dynsec-test=$run"); do
        docker rm --force --volumes "$id" >/dev/null 2>&1 || true
    done
    for id in $(docker volume ls --quiet --filter "label=mosquitto-dynsec-test=$run"); do
        docker volume rm "$id" >/dev/null 2>&1 || true
    done
}
run=$$-$(date +%s)
export DYNSEC_RUN=$run
trap clean_up EXIT

# Brokers mostly wait, so more of them run at once than there are cores.
threads=$((2 * $(nproc)))
# one COLUMN SUITE COMMAND...: writes `passed failed` to LOG.counts.
one() {
    local column=$1 suite=$2 log start=$SECONDS result counts
    log=$(log_of "$suite" "$column")
    shift 2
    RUST_BACKTRACE=0 RUST_TEST_THREADS=$threads "$@" >"$log" 2>&1 || true
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

# where SUITE: the variable that makes the tests of brokers run there.
where() {
    if [[ $place == docker ]]; then
        printf 'DYNSEC_IMAGE=mosquitto-dynsec:%s' "$1"
    else
        printf 'DYNSEC_ROOT=%s' "$DYNSEC_CHROOTS/$1"
    fi
}

# All there is to run of a suite, one after the other.
all_of() {
    local suite=$1 where
    where=$(where "$suite")
    if [[ $suite == all ]]; then
        one image all "${program[images]}" --ignored --skip bookworm:: --skip trixie:: --skip forky::
        return
    fi
    one ours "$suite" env "$where" "${program[broker]}" ours::
    one theirs "$suite" env "$where" "${program[broker]}" theirs::
    if [[ $place == docker ]]; then
        one image "$suite" "${program[images]}" --ignored "$suite::"
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

# Runs the failed cases of a suite once more, each alone: a dozen brokers in containers on two cores can make a
# client wait longer than a case does. What passes only then is named at the end. Sets `ok` and `bad`.
second_try() {
    local suite=$1 log=$2 names name
    mapfile -t names < <(sed -n 's/^test \([^ ]*\) \.\.\. FAILED$/\1/p' "$log")
    for name in "${names[@]}"; do
        if env "$(where "$suite")" RUST_BACKTRACE=0 RUST_TEST_THREADS=1 "${program[broker]}" --exact "$name" \
            >>"$log.again" 2>&1; then
            unsteady+=("$place, $suite: $name")
            ok=$((ok + 1))
            bad=$((bad - 1))
        fi
    done
}

# failures_in LOG: what failed in a run, and what it said.
failures_in() {
    sed -n '/^failures:$/,$p; /^test .* FAILED$/p' "$1" | sed -n '1,500p'
}

passed=0
failed=0
declare -A cell
unsteady=()
for suite in "${suites[@]}"; do
    for column in "${columns[@]}"; do
        log=$(log_of "$suite" "$column")
        [[ -e $log.counts ]] || continue
        read -r ok bad <"$log.counts"
        if ((bad)) && [[ $column == ours || $column == theirs ]]; then
            second_try "$suite" "$log"
        fi
        passed=$((passed + ok))
        failed=$((failed + bad))
        cell[$suite/$column]=$ok/$bad
        ((bad)) || continue
        printf '\n==== %s\n' "$log"
        failures_in "$log"
        if [[ -e $log.again ]]; then
            printf '\n==== %s: the same cases once more, each alone\n' "$log.again"
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
    printf '\nPassed at the second try only:\n'
    printf '  %s\n' "${unsteady[@]}"
fi
printf '\n%s passed, %s failed\n' "$passed" "$failed"
((failed == 0 && not_whole == 0))
