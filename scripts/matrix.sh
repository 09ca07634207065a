#!/usr/bin/env bash
# Runs the real-broker suite, ours and theirs, against the broker of each Debian suite, with one and the same
# plugin, and prints a table at the end. What each run says is in target/matrix (or CARGO_TARGET_DIR's).
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
clean_up() {
    local id
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
passed=0
failed=0
declare -A cell
# one COLUMN SUITE COMMAND...
one() {
    local column=$1 suite=$2 log=$logs/$place-$2-$1.log start=$SECONDS result counts
    shift 2
    RUST_BACKTRACE=0 RUST_TEST_THREADS=$threads "$@" >"$log" 2>&1 || true
    result=$(grep '^test result: ' "$log" || true)
    counts=$(sed -n 's/^test result: [a-zA-Z]*\. \([0-9]*\) passed; \([0-9]*\) failed; .*/\1 \2/p' <<<"$result")
    if [[ -z $counts || $counts == '0 0' ]]; then
        # Nothing ran, or not to the end.
        counts='0 1'
        printf '\nfailures:\nThe run ended without a result: %s\n' "$(tail -n 5 "$log")" >>"$log"
    fi
    read -r ok bad <<<"$counts"
    if ((bad)) && [[ $column == ours || $column == theirs ]]; then
        second_try "$log" "$@"
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
    cell[$suite/$column]=$ok/$bad
    say "$place, $suite, $column: $ok passed, $bad failed ($((SECONDS - start)) s)"
    if ((bad)); then
        problems+=("$log")
    fi
}

# Runs the failed cases of a suite once more, each alone: twelve brokers in containers on two cores can make a
# client wait longer than a case does. What passes only then is named at the end. Sets `ok` and `bad`.
second_try() {
    local log=$1 command=("${@:2:$#-2}") names name
    mapfile -t names < <(sed -n 's/^test \([^ ]*\) \.\.\. FAILED$/\1/p' "$log")
    for name in "${names[@]}"; do
        if RUST_BACKTRACE=0 RUST_TEST_THREADS=1 "${command[@]}" --exact "$name" >>"$log.again" 2>&1; then
            unsteady+=("$place, $suite: $name")
            ok=$((ok + 1))
            bad=$((bad - 1))
        fi
    done
}

problems=()
unsteady=()
for suite in "${suites[@]}"; do
    root=$DYNSEC_CHROOTS/$suite
    where=DYNSEC_IMAGE=mosquitto-dynsec:$suite
    [[ $place == docker ]] || where=DYNSEC_ROOT=$root
    one ours "$suite" env "$where" "${program[broker]}" ours::
    one theirs "$suite" env "$where" "${program[broker]}" theirs::
    if [[ $place == docker ]]; then
        one image "$suite" "${program[images]}" --ignored "$suite::"
    else
        one switch "$suite" bash scripts/test-switch.sh "$root" "$DYNSEC_OURS"
    fi
done
if [[ $place == docker ]]; then
    one image all "${program[images]}" --ignored --skip bookworm:: --skip trixie:: --skip forky::
fi

for log in "${problems[@]}"; do
    printf '\n%s\n' "==== $log"
    sed -n '/^failures:$/,$p; /^test .* FAILED$/p' "$log" | sed -n '1,500p'
done

printf '\nPassed/failed, %s:\n\n%-12s' "$place" suite
printf '%12s' "${columns[@]}"
printf '\n'
for suite in "${suites[@]}" all; do
    [[ -n ${cell[$suite/image]:-${cell[$suite/ours]:-}} ]] || continue
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
((failed == 0))
