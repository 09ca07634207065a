# shellcheck shell=bash
# The Docker engine, which may hang: for the scripts that read this file.

# engine ARGUMENT...: the Docker client, for ten minutes at most.
engine() { timeout --kill-after 10 600 docker "$@"; }

# Whether the engine answers, and soon; says so where it does not. `.ci/run` reads what it says.
engine_answers() {
    timeout --kill-after 10 120 docker ps --all --quiet >/dev/null 2>&1 && return
    printf 'The Docker engine does not answer.\n' >&2
    return 1
}
